"""What the interpreter notes while it reads: floats and their parts as a flat list, paragraphs, references, labels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from s1_mmalign.builder.formats.latex.tokens import Token

Scope = Literal["figure", "other", "box", "panel"]
"""`figure`: a float of figures; `other`: a float of tables, algorithms…; `box`: a minipage, table cell or any
environment that can hold a picture with its own caption; `panel`: one panel, as `subfigure`."""


@dataclass(slots=True)
class Open:
    """A scope begins. `name` is the environment or command; `counter` the number that its captions step."""

    scope: Scope
    name: str
    counter: str = "figure"
    caption: list[Token] | None = None
    """The panel's caption where the command takes it as an argument."""
    letter: str | None = None
    """The panel's letter as counted."""


@dataclass(slots=True)
class Close:
    """The innermost scope ends. `text` is what a float held beside its captions and pictures."""

    text: list[Token] = field(default_factory=list)


@dataclass(slots=True)
class Picture:
    """An image asked for. `path` is its name in the archive, None where it has none."""

    asked: str
    path: str | None
    trim: tuple[float, float, float, float] | None = None
    viewport: tuple[float, float, float, float] | None = None
    clip: bool = False
    angle: float = 0.0
    page: int = 1
    spare: bool = False
    """Whether it counts only where the float has no other picture."""
    caption: list[Token] | None = None
    """A caption that came with the picture in one command (`\\fig{file}{width}{(a)}`)."""
    paragraph: int = 0
    """The index of the paragraph that the picture stands in, or after which its float does."""


@dataclass(slots=True)
class Caption:
    """A caption. `counter` is what it stepped; `number` what was printed, None for a starred one."""

    nodes: list[Token]
    counter: str
    number: str | None
    starred: bool = False


@dataclass(slots=True, eq=False)
class Label:
    """A label set inside a float or box."""

    name: str


@dataclass(slots=True, eq=False)
class Drawn:
    """Something that the source draws or sets itself: TikZ, a picture environment, a table."""

    name: str
    source: str = ""
    """The code that draws it, where a TeX could be asked to."""
    file: str = ""
    """The file of the package that holds it."""


@dataclass(slots=True)
class Break:
    """A section begins: pictures and captions outside floats on its two sides do not belong together."""


Event = Open | Close | Picture | Caption | Label | Drawn | Break


@dataclass(slots=True, eq=False)
class Reference:
    """A reference in the text: `command` without its backslash, `labels` as written between the braces."""

    command: str
    labels: str
    to: str | None = None
    """The second label of a range."""


@dataclass(slots=True)
class Paragraph:
    """A paragraph of the body, and the references that it makes."""

    nodes: list[Token]
    references: list[Reference]


@dataclass(slots=True)
class Target:
    """What a label stands for: the counter that was stepped last before it, and how that printed."""

    counter: str
    number: str


@dataclass(slots=True)
class Document:
    """All that was noted of one root file."""

    events: list[Event] = field(default_factory=list)
    paragraphs: list[Paragraph] = field(default_factory=list)
    labels: dict[str, Target] = field(default_factory=dict)
    title: list[Token] = field(default_factory=list)
    abstract: list[Token] = field(default_factory=list)
