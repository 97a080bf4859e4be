"""What the model is asked: versioned templates, filled with a paper's words.

A template is a TOML file with the keys `name`, `context_tokens`, `system`, `context` and `question`; the last
three are Jinja2. It is chosen by name (a file of `processing/prompts/`) or by path. The order of a prompt is
system, context, image, question: what stays the same over the figures of one paper comes first, so an engine
with a prefix cache reads it once.

`context_budget` says which words go in, `prompt_safety` how they are kept in their place.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from s1_mmalign.processing.context_budget import fit
from s1_mmalign.processing.figure_text import FigureText
from s1_mmalign.processing.prompt_safety import delimiters_of

__all__ = ["DEFAULT_PROMPT", "FigureText", "Prompt", "PromptError", "Template", "load_template", "names"]

PROMPTS_FOLDER = Path(__file__).parent / "prompts"
DEFAULT_PROMPT = "context-v1"


class PromptError(ValueError):
    """A template that is missing or wrong; the text names the file and the way out."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A rendered prompt. The image stands between `context` and `question`."""

    system: str
    context: str
    question: str

    @property
    def rendered(self) -> str:
        """All of the text, the image's place marked: what the journal's key is made of."""
        return f"{self.system}\0{self.context}\0<image>\0{self.question}"


@dataclass(frozen=True)
class Template:
    """A prompt with places for a figure's words. `context_tokens` is the budget of the paper's words."""

    name: str
    system: str
    context: str
    question: str
    context_tokens: int = 1500

    @cached_property
    def prompt_hash(self) -> str:
        """The sha256 (hex) of all that shapes the prompt."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    @property
    def label(self) -> str:
        """What rows record: the name and the first eight digits of the hash."""
        return f"{self.name}:{self.prompt_hash[:8]}"

    @cached_property
    def delimiters(self) -> tuple[str, ...]:
        """The marks between the template's parts, which no text of a paper may contain."""
        return delimiters_of(self.system, self.context, self.question)

    @cached_property
    def _parts(self) -> tuple[Callable[[Mapping[str, Any]], str], ...]:
        """What renders system, context and question; a part without places is rendered once for all."""
        import jinja2
        from jinja2.meta import find_undeclared_variables
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        environment = ImmutableSandboxedEnvironment(
            undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
        )

        def part(source: str) -> Callable[[Mapping[str, Any]], str]:
            template = environment.from_string(source)
            if find_undeclared_variables(environment.parse(source)):
                return lambda words: template.render(words).strip()
            text = template.render().strip()
            return lambda words: text

        try:
            return part(self.system), part(self.context), part(self.question)
        except jinja2.TemplateError as error:
            raise PromptError(f"prompt {self.name}: {error}") from error

    def render(self, text: FigureText) -> Prompt:
        """Fill in one figure's words, cleaned and cut to the budget.

        Raises:
            PromptError: the template is no Jinja2, or uses a name that does not exist.
        """
        import jinja2

        fitted = fit(text, self.context_tokens, self.delimiters)
        words = {name: getattr(fitted, name) for name in FigureText._fields}
        try:
            return Prompt(*(part(words) for part in self._parts))
        except jinja2.TemplateError as error:
            known = ", ".join(words)
            raise PromptError(f"prompt {self.name}: {error}; a template may use {known}") from error


_PROBE = FigureText("c", "t", "a", ("p",), "s", "1", "a")


def load_template(name_or_path: str, context_tokens: int | None = None) -> Template:
    """Read a template by name (`context-v1`) or by the path of a TOML file, with another budget if given.

    Raises:
        PromptError: no such template, a key is missing or wrong, or it cannot be filled in.
    """
    by_path = name_or_path.endswith(".toml") or "/" in name_or_path
    path = Path(name_or_path) if by_path else PROMPTS_FOLDER / f"{name_or_path}.toml"
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        template = Template(**content)
    except (FileNotFoundError, IsADirectoryError):
        raise PromptError(
            f"prompt {name_or_path!r}: no such template. There are {', '.join(names())}; "
            "or give the path of a TOML file of your own."
        ) from None
    except (tomllib.TOMLDecodeError, TypeError, UnicodeDecodeError) as error:
        raise PromptError(
            f"{path}: no prompt template ({error}). Its keys are name, system, context, question and context_tokens."
        ) from error
    _check(path, template)
    return template if context_tokens is None else replace(template, context_tokens=context_tokens)


def _check(path: Path, template: Template) -> None:
    """Reject values of the wrong type, and what cannot be rendered, before an engine is started for it."""
    for key in ("name", "system", "context", "question"):
        if not isinstance(getattr(template, key), str):
            raise PromptError(f"{path}: {key} = {getattr(template, key)!r}: text is expected")
    if isinstance(template.context_tokens, bool) or not isinstance(template.context_tokens, int):
        raise PromptError(f"{path}: context_tokens = {template.context_tokens!r}: a whole number is expected")
    template.render(_PROBE)


def names() -> list[str]:
    """Return the names of the templates that come with the program."""
    return sorted(path.stem for path in PROMPTS_FOLDER.glob("*.toml"))
