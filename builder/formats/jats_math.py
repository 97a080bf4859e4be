"""Formulas of JATS as TeX: `<tex-math>` without its document, and MathML turned into TeX.

MathML is presentation markup (https://www.w3.org/TR/MathML3/chapter3.html); each element has one TeX
spelling here, and an element that has none gives its content.
"""

from __future__ import annotations

import re
import unicodedata

from lxml import etree

MAX_DEPTH = 100
"""Levels of nesting that are followed; what lies deeper gives its bare letters."""

_COMMANDS = {
    "×": "times", "·": "cdot", "⋅": "cdot", "÷": "div", "±": "pm", "∓": "mp", "≤": "leq", "⩽": "leq", "≥": "geq",
    "⩾": "geq", "≠": "neq", "≈": "approx", "≃": "simeq", "≅": "cong", "∼": "sim", "∝": "propto", "≡": "equiv",
    "≪": "ll", "≫": "gg", "∞": "infty", "∂": "partial", "∇": "nabla", "∑": "sum", "∏": "prod", "∫": "int",
    "∬": "iint", "∮": "oint", "∈": "in", "∉": "notin", "⊂": "subset", "⊆": "subseteq", "∪": "cup", "∩": "cap",
    "∅": "emptyset", "∀": "forall", "∃": "exists", "→": "rightarrow", "←": "leftarrow", "↔": "leftrightarrow",
    "⇒": "Rightarrow", "⇔": "Leftrightarrow", "↦": "mapsto", "…": "ldots", "⋯": "cdots", "⟨": "langle",
    "〈": "langle", "⟩": "rangle", "〉": "rangle", "⊗": "otimes", "⊕": "oplus", "∘": "circ", "⊥": "perp", "†": "dagger",
    "ℏ": "hbar", "ℓ": "ell", "ϵ": "epsilon", "ϕ": "phi", "ϑ": "vartheta", "ϖ": "varpi", "ϱ": "varrho",
}  # fmt: skip
_PLAIN = {"−": "-", "∗": "*", "′": "'", "″": "''", "∣": "|", "∥": r"\|", "°": r"^{\circ}", "‖": r"\|"}
_SPECIAL = {character: "\\" + character for character in "{}%#&$_"}
_INVISIBLE = "\u2061\u2062\u2063\u2064\u200b"
_ACCENTS = {
    "¯": "bar", "‾": "bar", "ˉ": "bar", "_": "bar", "^": "hat", "ˆ": "hat", "~": "tilde", "˜": "tilde", "∼": "tilde",
    "→": "vec", "⃗": "vec", "˙": "dot", ".": "dot", "¨": "ddot", "̂": "hat", "̃": "tilde", "̄": "bar",
}  # fmt: skip
_FUNCTIONS = frozenset({
    "arccos", "arcsin", "arctan", "arg", "cos", "cosh", "cot", "coth", "csc", "deg", "det", "dim", "exp",
    "gcd", "inf", "lim", "liminf", "limsup", "ln", "log", "max", "min", "Pr", "sec", "sin", "sinh", "sup",
    "tan", "tanh",
})  # fmt: skip
_VARIANTS = {"bold": "mathbf", "bold-italic": "mathbf", "double-struck": "mathbb", "script": "mathcal"}
_LIMITS = frozenset({
    r"\sum", r"\prod", r"\int", r"\iint", r"\oint", r"\lim", r"\max", r"\min", r"\sup", r"\inf", r"\limsup",
    r"\liminf",
})  # fmt: skip

_DOCUMENT = re.compile(r"\\begin\{document\}(.*?)(?:\\end\{document\}|$)", re.DOTALL)
_WRAPPERS = (
    re.compile(r"\$\$(.*)\$\$", re.DOTALL),
    re.compile(r"\$(.*)\$", re.DOTALL),
    re.compile(r"\\\((.*)\\\)", re.DOTALL),
    re.compile(r"\\\[(.*)\\\]", re.DOTALL),
    re.compile(r"\\begin\{((?:equation|displaymath|math)\*?)\}(?P<inner>.*)\\end\{\1\}", re.DOTALL),
)


def tex_of(source: str) -> str:
    r"""Return the formula of a `<tex-math>` element without delimiters, `\documentclass` and preamble."""
    document = _DOCUMENT.search(source)
    tex = (document.group(1) if document else source).strip()
    for wrapper in _WRAPPERS:
        if match := wrapper.fullmatch(tex):
            tex = match.groupdict().get("inner", match.group(1)).strip()
    return " ".join(tex.split())


def mathml_to_tex(math: etree._Element) -> str:
    """Return the TeX of a MathML element; its own TeX annotation where it carries one."""
    for annotation in math.iter("{*}annotation"):
        if "tex" in (annotation.get("encoding") or "").lower() and annotation.text:
            return tex_of(annotation.text)
    tex = " ".join(_convert(math, 0).split())
    return re.sub(r" (?=[}_^),;])", "", tex)


def letters_of(element: etree._Element) -> str:
    """Return all text inside an element, markup or not."""
    return "".join(map(str, element.itertext()))


def _convert(element: etree._Element, depth: int) -> str:
    if not isinstance(element.tag, str):
        return ""
    tag = etree.QName(element).localname
    if tag in _TOKENS:
        return _token(tag, element)
    if depth > MAX_DEPTH:
        return _symbols(letters_of(element))
    if tag in ("annotation", "annotation-xml", "none", "mprescripts", "mspace", "maligngroup", "mphantom"):
        return " "
    parts = []
    for child in element:  # a loop, as a comprehension costs a frame of Python's stack for each level
        if isinstance(child.tag, str):
            parts.append(_convert(child, depth + 1))
    if tag in _LAYOUTS and len(parts) == _LAYOUTS[tag]:
        return _layout(tag, parts)
    if tag == "mfenced":
        inner = (element.get("separators") or ",").strip()[:1].join(parts)
        return _symbols(element.get("open", "(")) + inner + _symbols(element.get("close", ")"))
    if tag == "msqrt":
        return rf"\sqrt{{{''.join(parts).strip()}}}"
    if tag == "mtable":
        return r"\begin{matrix} " + r" \\ ".join(parts) + r" \end{matrix}"
    if tag in ("mtr", "mlabeledtr"):
        return " & ".join(parts)
    return "".join(parts)


_TOKENS = frozenset(("mi", "mn", "mo", "mtext", "ms"))
_LAYOUTS = {"msub": 2, "msup": 2, "msubsup": 3, "mfrac": 2, "mroot": 2, "mover": 2, "munder": 2, "munderover": 3}


def _token(tag: str, element: etree._Element) -> str:
    text = " ".join(letters_of(element).split())
    if tag in ("mtext", "ms"):
        return rf"\text{{{text}}}" if text else " "
    if tag == "mi" and text in _FUNCTIONS:
        return rf"\{text} "
    tex = _symbols(text)
    variant = element.get("mathvariant", "")
    if tag == "mi" and variant in _VARIANTS and text.isalpha() and text.isascii():
        return rf"\{_VARIANTS[variant]}{{{text}}}"
    if tag == "mi" and len(text) > 1 and text.isalpha() and text.isascii():
        return rf"\mathrm{{{text}}}"
    if tag == "mo" and len(text) == 1 and text in "=<>":
        return f" {tex} "
    return tex


def _layout(tag: str, parts: list[str]) -> str:
    """Spell an element whose children have a place each."""
    first, second, third = ([part.strip() for part in parts] + [""])[:3]
    if tag == "mfrac":
        return rf"\frac{{{first}}}{{{second}}}"
    if tag == "mroot":
        return rf"\sqrt[{second}]{{{first}}}"
    if tag == "msup" and second.strip("'") == "":
        return first + second
    if tag in ("msub", "munder") and (tag == "msub" or first in _LIMITS):
        return f"{_base(first)}_{_script(second)}"
    if tag == "msup":
        return f"{_base(first)}^{_script(second)}"
    if tag == "munder":
        return rf"\underset{{{second}}}{{{first}}}"
    if tag == "mover":
        mark = {_symbols(character).strip(): name for character, name in _ACCENTS.items()}.get(second)
        return rf"\{mark}{{{first}}}" if mark else rf"\overset{{{second}}}{{{first}}}"
    return f"{_base(first)}_{_script(second)}^{_script(third)}"


def _base(tex: str) -> str:
    """Group a base of several symbols, so that its script belongs to all of it."""
    simple = len(tex) <= 1 or tex.isdigit() or re.fullmatch(r"\\[A-Za-z]+(\{[^{}]*\})?", tex)
    return tex if simple else f"{{{tex}}}"


def _script(tex: str) -> str:
    return tex if len(tex) == 1 else f"{{{tex}}}"


def _symbols(text: str) -> str:
    """Spell each character as TeX does; letters and digits of the mathematical alphabets by their plain form."""
    out = []
    for character in text:
        if character in _INVISIBLE:
            continue
        if 0x1D400 <= ord(character) <= 0x1D7FF:
            character = unicodedata.normalize("NFKC", character)
        if character in _COMMANDS:
            out.append(f"\\{_COMMANDS[character]} ")
        elif character in _PLAIN or character in _SPECIAL:
            out.append(_PLAIN.get(character) or _SPECIAL[character])
        else:
            out.append(_greek(character) or character)
    return "".join(out)


def _greek(character: str) -> str | None:
    """Return the TeX command of a Greek letter, None for others and for those that TeX has no command for."""
    kind, _, name = unicodedata.name(character, "").partition(" LETTER ")
    if kind == "GREEK SMALL" and name in _GREEK_SMALL:
        return f"\\{name.lower().replace('lamda', 'lambda')} "
    if kind == "GREEK CAPITAL" and name in _GREEK_CAPITAL:
        return f"\\{name.capitalize().replace('Lamda', 'Lambda')} "
    return None


_GREEK_CAPITAL = frozenset({
    "GAMMA", "DELTA", "THETA", "LAMDA", "XI", "PI", "SIGMA", "UPSILON", "PHI", "PSI", "OMEGA",
})  # fmt: skip
_GREEK_SMALL = _GREEK_CAPITAL | frozenset({
    "ALPHA", "BETA", "EPSILON", "ZETA", "ETA", "IOTA", "KAPPA", "MU", "NU", "RHO", "TAU", "CHI",
})  # fmt: skip
