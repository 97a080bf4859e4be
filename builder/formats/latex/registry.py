"""All commands and environments that the interpreter knows, gathered from the modules that explain them."""

from __future__ import annotations

from s1_mmalign.builder.formats.latex import (
    conditionals,
    crossrefs,
    definitions,
    floats,
    formulas,
    pictures,
    structure,
)
from s1_mmalign.builder.formats.latex.interpreter import Handler, Interpreter
from s1_mmalign.builder.formats.latex.sources import SourceTree

ENVIRONMENTS: dict[str, Handler] = {
    **structure.environments(),
    **formulas.ENVIRONMENTS,
    **pictures.ENVIRONMENTS,
    **floats.environments(),
}
COMMANDS: dict[str, Handler] = {
    **{f"\\{end}{{{name}}}": crossrefs.environment for name in ENVIRONMENTS for end in ("begin", "end")},
    **definitions.COMMANDS,
    **conditionals.COMMANDS,
    **structure.COMMANDS,
    **crossrefs.COMMANDS,
    **pictures.COMMANDS,
    **floats.COMMANDS,
}


def new_interpreter(files: SourceTree) -> Interpreter:
    """Return an interpreter that knows LaTeX and the packages that papers use, and nothing of the paper yet."""
    return Interpreter(files, COMMANDS, ENVIRONMENTS, floats.unknown_environment)
