"""Abbreviations that packages print for a key: glossaries, acronym, acro."""

from __future__ import annotations

from s1_mmalign.builder.formats.latex.arguments import commands
from s1_mmalign.builder.formats.latex.graphics import split_outside_braces
from s1_mmalign.builder.formats.latex.interpreter import Abbreviation, Handler, Interpreter
from s1_mmalign.builder.formats.latex.tokens import Token, lex, spell


def new_acronym(tex: Interpreter, token: str) -> None:
    """`\\newacronym[options]{key}{short}{long}` and `\\newabbreviation` of glossaries."""
    tex.optional()
    key, short, long = tex.words(tex.argument()), tex.argument(), tex.argument()
    tex.abbreviations[key] = Abbreviation(short, long)


def acro(tex: Interpreter, token: str) -> None:
    """`\\acro{key}[short]{long}`, `\\newacro`, `\\acrodef`; with one argument, `\\acro{dna}` sets capitals."""
    name = tex.argument()
    short = tex.optional()
    if tex.peek() != "{":
        tex.push(name)
        return
    tex.abbreviations[tex.words(name)] = Abbreviation(short or name, tex.argument())


def declare_acronym(tex: Interpreter, token: str) -> None:
    """`\\DeclareAcronym{key}{short=…, long=…}`, `\\newglossaryentry{key}{name=…}`, in braces that may hold commas."""
    key, settings = tex.words(tex.argument()), _settings(tex.argument())
    short = settings.get("short") or settings.get("text") or settings.get("name") or settings.get("first") or []
    tex.abbreviations[key] = Abbreviation(short, settings.get("long") or short)


def _settings(tokens: list[Token]) -> dict[str, list[Token]]:
    settings: dict[str, list[Token]] = {}
    for part in split_outside_braces(spell(tokens)):
        key, _, value = part.partition("=")
        value = value.strip()
        settings[key.strip()] = lex(value[1:-1] if value[:1] == "{" and value[-1:] == "}" else value)
    return settings


COMMANDS: dict[str, Handler] = {
    **commands("newacronym newabbreviation", new_acronym),
    **commands("acro newacro acrodef", acro),
    **commands("DeclareAcronym newglossaryentry", declare_acronym),
}
