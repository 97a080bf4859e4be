"""What a caption states that a paper can bear out: numbers with their units, named entities, symbols."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .plain import plain

_PREFIXED = {
    "m", "g", "s", "A", "K", "mol", "Hz", "N", "Pa", "J", "W", "C", "V", "F", "Ω", "S", "T", "H", "L", "l", "eV", "bar",
    "pc", "yr", "Da", "M", "B", "G", "b", "cal", "Wh", "Ah", "bp", "Jy", "Gy", "Sv", "Bq", "FLOPS",
}  # fmt: skip
_PREFIXES = ("", "da", *"fpnμmcdkhMGTPE")
_UNITS = {prefix + unit for unit in _PREFIXED for prefix in _PREFIXES} | {
    "%", "‰", "°", "°C", "°F", "Å", "ppm", "ppb", "rpm", "atm", "au", "AU", "px", "dpi", "dB", "min", "h", "d", "rad",
    "mag", "dex", "Torr", "wt%", "vol%", "at%", "mol%", "a.u.", "kg", "fps", "σ",
}  # fmt: skip
_SAME_UNIT = {
    "percent": "%", "um": "μm", "hour": "h", "hours": "h", "hr": "h", "hrs": "h", "minute": "min", "minutes": "min",
    "second": "s", "seconds": "s", "sec": "s", "day": "d", "days": "d", "year": "yr", "years": "yr", "degree": "°",
    "degrees": "°", "kelvin": "K", "pixel": "px", "pixels": "px", "micron": "μm", "microns": "μm", "ohm": "Ω",
    "nanometers": "nm", "nanometer": "nm", "micrometers": "μm", "millimeters": "mm", "meters": "m", "liter": "L",
}  # fmt: skip

_NUMBER = re.compile(
    r"(?<![A-Za-z0-9_.^])(?<![A-Za-z]-)"
    r"(?:10\^(?P<power>[-+]?\d+)|(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
    r"(?:e(?P<e>[-+]?\d+)|\s?[×x·*]\s?10\s?\^?\s?(?P<ten>[-+]?\s?\d+))?)",
)
_UNIT = re.compile(r"[ \t]?-?([A-Za-zμΩÅ°%‰][A-Za-zμΩ%.]*|σ)(?:\^?-?\d)?(?![A-Za-z0-9_])")
_INDEX = re.compile(
    r"\b(?:fig(?:ure)?s?|tab(?:le)?s?|eq(?:uation|n)?s?|sec(?:tion)?s?|refs?|panels?|supplementary|appendix|scheme|chapter)"
    r"\.?[ \t]*\(?$",
    re.IGNORECASE,
)
"""A number right after one of these names a place and states nothing."""

_TOKEN = re.compile(r"[A-Za-z0-9]+(?:[-/'][A-Za-z0-9]+)*")
_SENTENCE_START = re.compile(r"(?:^|[.!?:;()\[\]\"“”])\s*$")
_COMMON = {
    "figure", "fig", "figs", "figures", "table", "panel", "panels", "the", "this", "these", "left", "right", "top",
    "bottom", "middle", "upper", "lower", "inset", "note", "section", "each", "data",
}  # fmt: skip
"""Capitalised in captions without being a name."""

_GREEK = "α-ωΑ-Ω"
_MATH = re.compile(r"\$([^$]+)\$")
_MATH_SYMBOL = re.compile(rf"(?<![A-Za-z{_GREEK}])[A-Za-z{_GREEK}](?:_[A-Za-z0-9{_GREEK}]+)?(?![A-Za-z{_GREEK}])")
_GREEK_SYMBOL = re.compile(rf"(?<![A-Za-z0-9_{_GREEK}])[{_GREEK}](?:_[A-Za-z0-9]+|\d+)?(?![A-Za-z0-9_{_GREEK}])")


@dataclass(frozen=True, slots=True)
class Claims:
    """The distinct statements of one text: numbers as (absolute value, unit or ""), entities, symbols."""

    numbers: frozenset[tuple[float, str]]
    entities: frozenset[str]
    symbols: frozenset[str]


@dataclass(frozen=True, slots=True)
class Sources:
    """What the paper says, looked up: `values` are the numbers without their units."""

    numbers: frozenset[tuple[float, str]]
    values: frozenset[float]
    tokens: frozenset[str]
    symbols: frozenset[str]

    def bear_out_number(self, number: tuple[float, str]) -> bool:
        """Say whether the paper has this value: with the same unit, or with any where the claim names none."""
        return number in self.numbers if number[1] else number[0] in self.values

    def bear_out_entity(self, entity: str) -> bool:
        """Say whether the paper has this name: as a token, or as all of its hyphenated parts."""
        return entity in self.tokens or all(part in self.tokens for part in re.split(r"[-/]", entity))


def find_claims(text: str) -> Claims:
    """Return the statements of a caption."""
    text = plain(text)
    return Claims(frozenset(_numbers(text)), frozenset(_entities(text)), frozenset(_symbols(text)))


def find_numbers(text: str, indices: bool = False) -> frozenset[tuple[float, str]]:
    """Return only the numbers of a text, as (absolute value, unit or ""); with `indices` also those of "Figure 3"."""
    return frozenset(_numbers(plain(text), indices))


def find_sources(texts: list[str]) -> Sources:
    """Return everything of the paper's texts that may bear out a claim; wider than `find_claims` by intent."""
    text = plain("\n".join(texts))
    numbers = frozenset(_numbers(text, indices=True))
    tokens: set[str] = set()
    letters: set[str] = set()
    for match in _TOKEN.finditer(text):
        token = match[0]
        tokens.add(_one_spelling(token))
        tokens.update(_one_spelling(part) for part in re.split(r"[-/]", token))
        if len(token) <= 3:
            letters.add(token)
    return Sources(
        numbers, frozenset(value for value, _ in numbers), frozenset(tokens), frozenset({*_symbols(text), *letters})
    )


def _numbers(text: str, indices: bool = False) -> list[tuple[float, str]]:
    """Find numbers; without `indices` those that only name a figure or a table are left out."""
    text = text.replace("$", "")
    found = []
    for match in _NUMBER.finditer(text):
        if not indices and _INDEX.search(text[max(match.start() - 20, 0) : match.start()]):
            continue
        after = _UNIT.match(text, match.end())
        unit = _unit(after[1]) if after else ""
        if not unit and match.end() < len(text) and re.match(r"[A-Za-z_]", text[match.end()]):
            continue  # 3D, 2nd, 5th: a part of a word
        power = int((match["power"] or match["e"] or match["ten"] or "0").replace(" ", ""))
        if abs(power) < 300:  # a float's range
            found.append((float(f"{(match['digits'] or '1').replace(',', '')}e{power}"), unit))
    return found


def _unit(word: str) -> str:
    """Return the unit in one spelling, "" for a word that is none."""
    for spelling in (word, word.rstrip(".")):
        spelling = _SAME_UNIT.get(spelling, spelling)
        if spelling in _UNITS:
            return spelling
    return ""


def _entities(text: str) -> list[str]:
    """Find acronyms, names with digits or inner capitals, and capitalised words inside a sentence."""
    text = _MATH.sub(" ", text)
    found = []
    for match in _TOKEN.finditer(text):
        token = match[0]
        letters = re.sub(r"[^A-Za-z]", "", token)
        if not letters or len(token) < 2 or token[0].isdigit():
            continue
        marked = sum(letter.isupper() for letter in letters) >= 2 or any(letter.isdigit() for letter in token)
        named = token[0].isupper() and len(token) >= 3 and not _SENTENCE_START.search(text[: match.start()][-5:])
        if (marked or named) and token.casefold() not in _COMMON:
            found.append(_one_spelling(token))
    return found


def _symbols(text: str) -> list[str]:
    """Find the letters that mathematics is about: in `$…$` any, outside Greek ones; `T_c` is spelled `Tc`."""
    found = [match[0] for math in _MATH.finditer(text) for match in _MATH_SYMBOL.finditer(math[1])]
    found += [match[0] for match in _GREEK_SYMBOL.finditer(_MATH.sub(" ", text))]
    return [symbol.replace("_", "") for symbol in found]


def _one_spelling(token: str) -> str:
    """Lower case, without a possessive or plural s."""
    token = re.sub(r"'s?$", "", token.casefold())
    return token[:-1] if len(token) > 3 and token.endswith("s") and not token.endswith("ss") else token
