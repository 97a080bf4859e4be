"""What the model is asked: versioned templates, the budget of context, and text that stays in its place.

A template is a TOML file with the keys `name`, `context_chars`, `system`, `context` and `question`; the last
three are Jinja2. It is chosen by name (a file of `processing/prompts/`) or by path. The order of a prompt is
system, context, image, question: what stays the same over the figures of one paper comes first, so an engine
with a prefix cache reads it once.

The budget, in characters (about four to a token):

1. The title, at most 300.
2. The abstract, at most a quarter of the budget, cut at a sentence. Its share does not depend on the figure,
   or the prefix would differ from figure to figure.
3. The paragraphs that cite the figure, in reading order, get the rest. A paragraph that does not fit is cut to
   whole sentences, those nearest to the mention of the figure.
4. Caption and panel caption have a budget of their own, half as large.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from bisect import bisect
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from s1_mmalign.processing.sentences import cut_at_sentence, mentions, split_sentences

PROMPTS_FOLDER = Path(__file__).parent / "prompts"
DEFAULT_PROMPT = "context-v1"
TITLE_CHARS = 300
LONGEST_TEXT = 1 << 18
"""Characters of one text that are looked at: a paragraph beyond this is no paragraph."""
REMEMBERED_TEXTS = 1024
"""Texts whose cleaned form is kept: the figures of a paper share title and abstract, panels also the rest."""


class PromptError(ValueError):
    """A template that is missing or wrong; the text names the file and the way out."""


@dataclass(frozen=True, slots=True)
class FigureText:
    """The words that go with one image: what a captioner may use beside the pixels."""

    caption: str
    title: str | None = None
    abstract: str | None = None
    contexts: tuple[str, ...] = ()
    subcaption: str | None = None
    number: str | None = None
    panel: str | None = None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> FigureText:
        """Take the words out of a row of the dataset; columns that are missing count as empty."""
        return cls(
            caption=row.get("caption") or "",
            title=row.get("title"),
            abstract=row.get("abstract"),
            contexts=tuple(row.get("citation_contexts") or ()),
            subcaption=row.get("subcaption"),
            number=row.get("figure_number"),
            panel=row.get("panel"),
        )

    def as_json(self) -> str:
        """Return all of it as one line of JSON, equal for equal words."""
        return json.dumps([getattr(self, name) for name in self.__slots__], ensure_ascii=False)


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
    """A prompt with places for a figure's words. `context_chars` is the budget of the paper's words."""

    name: str
    system: str
    context: str
    question: str
    context_chars: int = 6000

    @cached_property
    def prompt_hash(self) -> str:
        """The sha256 (hex) of all that shapes the prompt."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    @property
    def label(self) -> str:
        """What rows record: the name and the first eight digits of the hash."""
        return f"{self.name}:{self.prompt_hash[:8]}"

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

        fitted = fit(text, self.context_chars)
        words = {name: getattr(fitted, name) for name in FigureText.__slots__}
        try:
            return Prompt(*(part(words) for part in self._parts))
        except jinja2.TemplateError as error:
            known = ", ".join(words)
            raise PromptError(f"prompt {self.name}: {error}; a template may use {known}") from error


def load_template(name_or_path: str, context_chars: int | None = None) -> Template:
    """Read a template by name (`context-v1`) or by the path of a TOML file, with another budget if given.

    Raises:
        PromptError: no such template, or a key is missing or wrong.
    """
    by_path = name_or_path.endswith(".toml") or "/" in name_or_path
    path = Path(name_or_path) if by_path else PROMPTS_FOLDER / f"{name_or_path}.toml"
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        template = Template(**content)
    except FileNotFoundError:
        raise PromptError(
            f"prompt {name_or_path!r}: no such template. There are {', '.join(names())}; "
            "or give the path of a TOML file of your own."
        ) from None
    except (tomllib.TOMLDecodeError, TypeError, UnicodeDecodeError) as error:
        raise PromptError(
            f"{path}: no prompt template ({error}). Its keys are name, system, context, question and context_chars."
        ) from error
    return template if context_chars is None else replace(template, context_chars=context_chars)


def names() -> list[str]:
    """Return the names of the templates that come with the program."""
    return sorted(path.stem for path in PROMPTS_FOLDER.glob("*.toml"))


_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)
_CHAT_TOKEN = re.compile(r"<[|｜][^<>\s]{1,48}[|｜]>")
_TAG = re.compile(r"<(?=[A-Za-z/|｜!?_])")
_BRACKET_TOKEN = re.compile(r"\[(?=/?[A-Z_]{3,16}\])")


@lru_cache(REMEMBERED_TEXTS)
def clean(text: str | None) -> str:
    """Return a paper's text as one line that cannot be taken for a part of the prompt's frame.

    Characters that are not seen go first (they could hide a token), then tokens of chat templates
    (`<|im_start|>`); what else begins like a tag (`</paper>`, `<image>`, `[INST]`) is broken by a space.
    """
    if not text:
        return ""
    text = _UNSEEN.sub("", text[:LONGEST_TEXT])
    text = _CHAT_TOKEN.sub(" ", text)
    text = _BRACKET_TOKEN.sub("[ ", _TAG.sub("< ", text))
    return " ".join(text.split())


@lru_cache(REMEMBERED_TEXTS)
def _clean_and_cut(text: str | None, limit: int) -> str:
    return cut_at_sentence(clean(text), limit)


def fit(text: FigureText, budget: int) -> FigureText:
    """Clean all words and cut them to a budget in characters, by the rule at the head of this file."""
    title = _clean_and_cut(text.title, TITLE_CHARS)
    abstract = _clean_and_cut(text.abstract, budget // 4)
    contexts = fit_contexts(text.contexts, text.number, budget - len(title) - len(abstract))
    caption = _clean_and_cut(text.caption, budget // 2)
    subcaption = _clean_and_cut(text.subcaption, budget // 2)
    return FigureText(
        caption=caption,
        title=title or None,
        abstract=abstract or None,
        contexts=tuple(contexts),
        subcaption=subcaption if subcaption and subcaption not in caption else None,
        number=clean(text.number)[:20] or None,
        panel=clean(text.panel)[:20] or None,
    )


def fit_contexts(contexts: tuple[str, ...], number: str | None, budget: int) -> list[str]:
    """Return the citing paragraphs that fit into `budget` characters, the last one perhaps cut to sentences."""
    kept = []
    for context in contexts:
        paragraph = clean(context)
        if not paragraph or paragraph in kept:
            continue
        if len(paragraph) > budget:
            paragraph = _around_mention(paragraph, number, budget)
        if not paragraph:
            break
        kept.append(paragraph)
        budget -= len(paragraph)
    return kept


def _around_mention(paragraph: str, number: str | None, budget: int) -> str:
    """Cut a paragraph to the whole sentences nearest to where it cites the figure, in their order."""
    sentences = split_sentences(paragraph)
    pattern = mentions(number)
    citing = [index for index, sentence in enumerate(sentences) if pattern.search(sentence)] or [0]
    nearest = sorted(range(len(sentences)), key=lambda index: (_distance(index, citing), index))
    chosen = []
    for index in nearest:
        budget -= len(sentences[index]) + 1
        if budget < 0:
            break
        chosen.append(index)
    return " ".join(sentences[index] for index in sorted(chosen))


def _distance(index: int, citing: list[int]) -> int:
    """Return how many sentences lie between one and the nearest of a sorted list."""
    right = bisect(citing, index)
    return min(abs(index - other) for other in citing[max(right - 1, 0) : right + 1])
