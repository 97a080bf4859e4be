"""All commands and environments that the interpreter knows, gathered from the modules that explain them."""

from __future__ import annotations

from s1_mmalign.builder.formats.latex import (
    acronyms,
    booleans,
    captions,
    conditionals,
    crossrefs,
    definitions,
    drawings,
    environments,
    floats,
    formulas,
    inputs,
    pictures,
    primitives,
    structure,
)
from s1_mmalign.builder.formats.latex.interpreter import Handler, Interpreter
from s1_mmalign.builder.formats.latex.sources import SourceTree

_MODULES = (
    acronyms, primitives, definitions, conditionals, booleans, inputs, structure, environments, formulas, crossrefs,
    pictures, drawings, captions, floats,
)  # fmt: skip
ENVIRONMENTS: dict[str, Handler] = {
    name: handler for module in _MODULES for name, handler in getattr(module, "ENVIRONMENTS", {}).items()
}
COMMANDS: dict[str, Handler] = {
    f"\\{end}{{{name}}}": crossrefs.environment for name in ENVIRONMENTS for end in ("begin", "end")
} | {name: handler for module in _MODULES for name, handler in getattr(module, "COMMANDS", {}).items()}


def new_interpreter(files: SourceTree) -> Interpreter:
    """Return an interpreter that knows LaTeX and the packages that papers use, and nothing of the paper yet."""
    return Interpreter(files, COMMANDS, ENVIRONMENTS, floats.unknown_environment)
