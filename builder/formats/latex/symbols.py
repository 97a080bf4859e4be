"""What text commands print: tables from LaTeX's source documentation and the packages named beside them."""

from __future__ import annotations

_LETTERS = r"""
\o ø \O Ø \l ł \L Ł \ae æ \AE Æ \oe œ \OE Œ \ss ß \SS ẞ \aa å \AA Å \i ı \j ȷ \dh ð \DH Ð \th þ \TH Þ \dj đ
\DJ Đ \ng ŋ \NG Ŋ
"""

_SIGNS = r"""
\textendash – \textemdash — \textquoteleft ‘ \textquoteright ’ \textquotedblleft “ \textquotedblright ” \lq ‘
\rq ’ \textquotesingle ' \textquotedbl " \quotedblbase „ \quotesinglbase ‚ \guillemotleft « \guillemotright »
\og « \fg » \ldots … \dots … \textellipsis … \S § \P ¶ \textsection § \textparagraph ¶ \dag † \ddag ‡
\textdagger † \textdaggerdbl ‡ \copyright © \textcopyright © \textregistered ® \texttrademark ™ \pounds £
\textsterling £ \euro € \texteuro € \EUR € \textyen ¥ \textdegree ° \degree ° \degrees ° \celsius °C
\textcelsius °C \textohm Ω \ohm Ω \textmu µ \micro µ \textpm ± \texttimes × \textdiv ÷ \textminus −
\textonehalf ½ \textonequarter ¼ \textthreequarters ¾ \textasteriskcentered ∗ \textbullet •
\textperiodcentered · \textcdot · \textasciitilde ~ \textasciicircum ^ \textunderscore _ \textless <
\textgreater > \textbar | \textbraceleft { \textbraceright } \textdollar $ \textordmasculine º
\textordfeminine ª \textexclamdown ¡ \textquestiondown ¿ \textvisiblespace ␣ \textleftarrow ← \textrightarrow →
\textuparrow ↑ \textdownarrow ↓ \checkmark ✓ \cmark ✓ \xmark ✗ \textnumero № \textalpha α \textbeta β
\textgamma γ \textdelta δ \textmugreek μ \textpi π \textsigma σ \textomega ω \textchi χ \LaTeX LaTeX \TeX TeX
\LaTeXe LaTeX2e \BibTeX BibTeX \figurename Figure \tablename Table \slash / \arcdeg ° \degr ° \arcmin ′
\arcsec ″ \fdg .° \farcm .′ \farcs .″ \fd .d \fh .h \fm .m \fs .s \sun ☉ \micron µm \angstrom Å \Angstrom Å
\permil ‰ \textperthousand ‰ \perthousand ‰ \percent % \upmu µ \bullet • \male ♂ \female ♀
"""

# Commands of mathematics that authors also use outside it.
_MATHEMATICS_IN_TEXT = r"""
\alpha α \beta β \gamma γ \delta δ \epsilon ϵ \varepsilon ε \zeta ζ \eta η \theta θ \iota ι \kappa κ \lambda λ
\mu μ \nu ν \xi ξ \pi π \rho ρ \sigma σ \tau τ \upsilon υ \phi φ \chi χ \psi ψ \omega ω \Gamma Γ \Delta Δ
\Theta Θ \Lambda Λ \Xi Ξ \Pi Π \Sigma Σ \Phi Φ \Psi Ψ \Omega Ω \times × \pm ± \mp ∓ \sim ∼ \approx ≈ \leq ≤
\geq ≥ \le ≤ \ge ≥ \neq ≠ \infty ∞ \rightarrow → \to → \leftarrow ← \cdot · \circ ° \prime ′ \deg ° \ll ≪ \gg ≫
\propto ∝ \lesssim ≲ \gtrsim ≳ \odot ⊙ \triangle △ \square □ \blacksquare ■ \blacktriangle ▲ \bigcirc ○
\diamond ⋄ \star ⋆ \ast ∗ \Box □ \equiv ≡ \in ∈
"""


def words(text: str) -> tuple[str, ...]:
    """Split `text` at blanks: how the tables of this package are written."""
    return tuple(text.split())


def _table(text: str) -> dict[str, str]:
    entries = words(text)
    return dict(zip(entries[::2], entries[1::2], strict=True))


LETTERS: dict[str, str] = _table(_LETTERS)
"""Letters of Latin alphabets."""

SYMBOLS: dict[str, str] = {
    **_table(_MATHEMATICS_IN_TEXT), **_table(_SIGNS), **LETTERS, "\\&": "&", "\\%": "%", "\\$": "$", "\\#": "#",
    "\\_": "_", "\\{": "{", "\\}": "}", "\\": " ", "\\,": " ", "\\;": " ", "\\:": " ", "\\>": " ", "\\!": "",
    "\\/": "", "\\-": "", "\\@": "", "\\\\": " ", "\\quad": " ", "\\qquad": " ", "\\enspace": " ",
    "\\thinspace": " ", "\\space": " ", "\\newline": " ", "\\hfill": " ", "\\linebreak": " ", "\\par": " ",
    "\\hfil": " ", "\\tabularnewline": " ", "\\nobreakspace": " ", "\\textbackslash": "\\", "\\today": "",
    "\\nobreakdash": "", "\\and": ", ", "\\AND": ", ", "\\cr": " ", "\\break": " ", "\\allowbreak": "", "\\hss": "",
    "\\null": "", "\\textcompwordmark": "",
}  # fmt: skip
"""Commands that print a fixed text."""

ACCENTS: dict[str, str] = {
    "\\`": "\u0300", "\\'": "\u0301", "\\^": "\u0302", "\\~": "\u0303", "\\=": "\u0304", "\\u": "\u0306",
    "\\.": "\u0307", '\\"': "\u0308", "\\r": "\u030a", "\\H": "\u030b", "\\v": "\u030c", "\\d": "\u0323",
    "\\c": "\u0327", "\\k": "\u0328", "\\b": "\u0331", "\\t": "\u0361",
}  # fmt: skip
"""Accent commands and the combining character that each puts on its letter."""

_SKIPPED_BY_SPEC = {
    "m": "label index glossary bibliographystyle pagestyle thispagestyle phantom vphantom hphantom fontfamily "
    "fontseries fontshape selectlanguage foreignlanguage hypertarget hyperlink captionsetup thanks nocite "
    "ead corref fnref tnoteref altaffilmark altaffiltext inst affilnum tablenotemark eqnum linespread "
    "addvspace setcaptionwidth captionstyle rowcolor epsscale figsetplot noalign sisetup pagenumbering "
    "enlargethispage floatsetup thisfloatsetup colorbox tnote sethlcolor cline tooltip pdfcomment "
    "setstretch citestyle graphicspath",
    "sm": "vspace hspace",
    "om": "lstinputlisting verbatiminput inputminted mintinline footnote color textcolor cellcolor footnotetext "
    "marginpar todo tablefootnote endnote sidenote marginnote bibitem href includesvg rotatebox",
    "mm": "setlength addtolength setcounter addtocounter fontsize settowidth markboth colorlet fcolorbox "
    "crefname Crefname DeclareCaptionLabelFormat multicolumn",
    "mmm": "addcontentsline definecolor",
    "o": "footnotemark item linebreak pagebreak nopagebreak nolinebreak",
    "oo": "makebox framebox",
    "omm": "rule",
    "mo": "scalebox",
    "smm": "resizebox",
    "moo": "raisebox",
    "ooom": "parbox",
    "omom": "multirow",
    "soom": "includegraphics",
    "oa": "cmidrule",
    "d": "vskip hskip kern raise lower penalty",
}
SKIPPED_ARGUMENTS: dict[str, str] = {name: spec for spec, names in _SKIPPED_BY_SPEC.items() for name in words(names)}
"""Commands, without backslash, whose arguments are not printed: `m` mandatory, `o` optional, `s` star,
`a` in parentheses, `d` a length. What follows them (the text of `\\textcolor{red}{text}`) is printed."""

UNITS: dict[str, str] = {
    "meter": "m", "metre": "m", "gram": "g", "kilogram": "kg", "second": "s", "ampere": "A", "kelvin": "K",
    "mole": "mol", "candela": "cd", "hertz": "Hz", "newton": "N", "pascal": "Pa", "joule": "J", "watt": "W",
    "coulomb": "C", "volt": "V", "farad": "F", "ohm": "Ω", "siemens": "S", "weber": "Wb", "tesla": "T",
    "henry": "H", "celsius": "°C", "degreeCelsius": "°C", "lumen": "lm", "lux": "lx", "becquerel": "Bq",
    "gray": "Gy", "sievert": "Sv", "radian": "rad", "steradian": "sr", "minute": "min", "hour": "h", "day": "d",
    "degree": "°", "arcminute": "′", "arcsecond": "″", "litre": "L", "liter": "L", "tonne": "t",
    "electronvolt": "eV", "dalton": "Da", "atomicmassunit": "u", "angstrom": "Å", "bar": "bar", "decibel": "dB",
    "bel": "B", "astronomicalunit": "au", "parsec": "pc", "percent": "%", "bit": "bit", "byte": "B", "yocto": "y",
    "zepto": "z", "atto": "a", "femto": "f", "pico": "p", "nano": "n", "micro": "µ", "milli": "m", "centi": "c",
    "deci": "d", "deca": "da", "hecto": "h", "kilo": "k", "mega": "M", "giga": "G", "tera": "T", "peta": "P",
    "exa": "E", "per": "/", "squared": "²", "cubed": "³", "square": "", "cubic": "", "of": " ", "nm": "nm",
    "um": "µm", "mm": "mm", "cm": "cm", "km": "km", "m": "m", "kg": "kg", "mg": "mg", "ug": "µg", "ns": "ns",
    "us": "µs", "ms": "ms", "s": "s", "ps": "ps", "fs": "fs", "Hz": "Hz", "kHz": "kHz", "MHz": "MHz", "GHz": "GHz",
    "THz": "THz", "eV": "eV", "meV": "meV", "keV": "keV", "MeV": "MeV", "GeV": "GeV", "TeV": "TeV", "K": "K",
    "mK": "mK", "V": "V", "mV": "mV", "A": "A", "mA": "mA", "uA": "µA", "W": "W", "mW": "mW", "kW": "kW", "J": "J",
    "mol": "mol", "mL": "mL", "ml": "ml", "uL": "µL", "dB": "dB", "Pa": "Pa", "kPa": "kPa", "MPa": "MPa",
    "GPa": "GPa", "N": "N", "T": "T", "pm": "pm", "atm": "atm", "parsecs": "pc", "year": "yr", "molar": "M",
    "barn": "b", "gauss": "G", "rpm": "rpm", "px": "px", "pixel": "px",
}  # fmt: skip
"""siunitx's units and prefixes, without backslash."""
