"""One spelling for what LaTeX, Unicode and typewriters write differently: `$\\mu$m`, `µm` and `μm` are one unit."""

from __future__ import annotations

import re
import unicodedata

_GREEK = (
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu", "xi",
    "omicron", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega",
)  # fmt: skip

_COMMANDS = {name: chr(code) for name, code in zip(_GREEK, [*range(0x3B1, 0x3C2), *range(0x3C3, 0x3CA)], strict=True)}
_COMMANDS |= {name.capitalize(): letter.upper() for name, letter in _COMMANDS.items()}
_COMMANDS |= {f"var{name}": _COMMANDS[name] for name in ("epsilon", "theta", "pi", "rho", "sigma", "phi")}
_COMMANDS |= {
    "times": "×", "cdot": "·", "pm": "±", "sim": "~", "approx": "≈", "circ": "°", "degree": "°", "AA": "Å",
    "angstrom": "Å", "micro": "μ", "ell": "l", "%": "%", ",": " ", ";": " ", ":": " ", "!": "", " ": " ", "_": "_",
    "$": "$", "&": "&", "#": "#", "{": "", "}": "",
}  # fmt: skip
_COMMANDS |= dict.fromkeys(("mathrm", "mathit", "mathbf", "mathsf", "mathcal", "text", "textrm", "textit", "mbox"), "")
"""LaTeX commands that stand for a character or only for a font; the others (`\\frac`, `\\left`) leave a space."""

_COMMAND = re.compile(r"\\([A-Za-z]+|.)", re.DOTALL)
_SUPERSCRIPT = re.compile(r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻]+")
_DASHES = str.maketrans({"‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "−": "-", "’": "'", "‘": "'"})
_TIE = re.compile(r"(?<=\S)~(?=\S)")
_SUBSCRIPT = re.compile(r"_\s+")
_MICRO = re.compile(r"\$\s*μ\s*\$(?=[A-Za-z])")
_THIN = re.compile(r"[\u2009\u202f\u00a0]")


def plain(text: str) -> str:
    """Return the text with LaTeX commands as characters, no braces, ASCII dashes, superscripts as `^…`, and NFKC.

    `$` stays: it says where mathematics is.
    """
    text = _SUPERSCRIPT.sub(lambda match: "^" + unicodedata.normalize("NFKC", match[0]).translate(_DASHES), text)
    text = _COMMAND.sub(lambda match: _COMMANDS.get(match[1], " "), text)
    text = text.replace("{", "").replace("}", "").replace("^°", "°")
    text = _TIE.sub(" ", _SUBSCRIPT.sub("_", text))
    text = unicodedata.normalize("NFKC", _THIN.sub(" ", text)).translate(_DASHES)
    return _MICRO.sub("μ", text)


_WORD = re.compile(r"[぀-ヿ㐀-䶿一-鿿가-힯]|[^\W_぀-ヿ㐀-䶿一-鿿가-힯]+(?:[-'][^\W_぀-ヿ㐀-䶿一-鿿가-힯]+)*")


def words(text: str) -> list[str]:
    """Return the words in order, in lower case; a Chinese, Japanese or Korean character is a word."""
    return _WORD.findall(plain(text).casefold())
