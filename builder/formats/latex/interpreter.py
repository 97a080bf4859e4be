"""The main loop: tokens in, the author's macros expanded, events and paragraphs out.

Every command that matters is a handler in `commands`, the author's macros among them; any other token is passed
on as it is to the paragraph, caption or float that is being read, for `to_text` to print.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from s1_mmalign.builder.formats.latex.events import Document, Event, Paragraph, Reference
from s1_mmalign.builder.formats.latex.graphics import GraphicsFinder
from s1_mmalign.builder.formats.latex.macros import Macro
from s1_mmalign.builder.formats.latex.numbering import Counters
from s1_mmalign.builder.formats.latex.sources import SourceTree
from s1_mmalign.builder.formats.latex.tokens import CALLBACK, FILE_END, Token, TokenStack, show, spell

Handler = Callable[["Interpreter", str], None]

BUDGET = 500_000
"""Tokens that macros may expand to in one document: many times what the largest honest papers need."""
_COST_OF_ENVIRONMENT = 20
MAX_FRAMES = 100
"""Environments open at once: one more ends the innermost."""
MAX_DEPTH = 30
"""Captions in captions and files in files that are followed."""

_UNALTERABLE = re.compile(
    r"\\(?:begin|end|[gex]?def|let|(?:new|renew|provide)command|par|item|fi|else|or|input|include|documentclass|usepackage|"
    r"csname|expandafter|relax|appendix|label|bibliography)"
)
"""What the author cannot give a new meaning."""


@dataclass(slots=True)
class Frame:
    """An open environment."""

    name: str
    kind: str
    out: list[Token] | None = None
    """Where text went before, if this environment has its own place for it."""
    references: list[Reference] | None = None
    on_close: Callable[[], None] | None = None
    definitions: dict[str, Handler | None] = field(default_factory=dict)
    """What names meant outside that were redefined inside."""
    start: int = 0
    """Where in the text its content begins."""
    counter: str = ""
    """What a caption in it counts as, where it is a float."""
    captioned: bool = False
    """Whether the float's own caption has been read."""


@dataclass(frozen=True, slots=True)
class Abbreviation:
    """What an acronym or glossary entry prints."""

    short: list[Token]
    long: list[Token]


class Interpreter(TokenStack):
    """Reads one root document. `document` holds the result after `read`."""

    def __init__(
        self,
        files: SourceTree,
        commands: dict[str, Handler],
        environments: dict[str, Handler],
        unknown_environment: Handler,
    ) -> None:
        super().__init__(BUDGET)
        self.files = files
        self.images = GraphicsFinder(files)
        self.builtins = commands
        self.commands: dict[str, Handler] = dict(commands)
        self.environments = environments
        self.unknown_environment = unknown_environment
        self.document = Document()
        self.counters = Counters()
        self.out: list[Token] = []
        self.references: list[Reference] = []
        self.frames: list[Frame] = []
        self.in_body = False
        self.in_package = False
        self.in_math = False
        self.depth = 0
        self.current: tuple[str, str] = ("section", "")
        """Counter and printed number that a `\\label` here would refer to."""
        self.rotation = 0.0
        """Degrees that `\\rotatebox` turns the pictures being read by."""
        self.continued = False
        """Whether the next caption keeps the number of the last."""
        self.forced_number: str | None = None
        """The number that the next caption is given by hand."""
        self.guessed: set[str] = set()
        """Commands that nobody has defined but whose name says what they do."""
        self.package_names: set[str] = set()
        self.drawing_settings: list[str] = []
        """What the body has set for the drawings that follow, as written."""
        self.abbreviations: dict[str, Abbreviation] = {}
        self.document_class = ""
        self.included_only: set[str] = set()
        """What `\\includeonly` restricts `\\include` to, if anything."""
        self.used_levels: set[str] = set()
        """Sectioning commands that occurred."""
        self.abstract_start: int | None = None
        """The paragraph that an abstract set as a section begins with."""
        self.file_ends: list[Callable[[], None]] = []
        """What is to be done at the end of each file being read, innermost last."""
        self._callbacks = 0
        self._floor = 0  # environments under it were opened outside the tokens being read

    # -- the loop ---------------------------------------------------------------------------------------------------

    def read(self) -> Document:
        """Read what is on the stack, a root file, to its end."""
        self._loop()
        while self.frames:
            self.close_frame()
        self.end_paragraph()
        return self.document

    def _loop(self) -> None:
        items = self.items
        pop, meaning = items.pop, self.commands.get
        while items:
            token = pop()
            handler = meaning(token)
            if handler is None:
                self.out.append(token)
            else:
                handler(self, token)

    def run(self, tokens: Sequence[Token]) -> list[Token]:
        """Expand `tokens` on their own (a caption, a file name) and return what is left for printing."""
        if self.depth >= MAX_DEPTH:
            return []
        outer = self.items, self.out, self.references, self._floor
        self.items, self.out, self.references = list(reversed(tokens)), [], []
        self._floor = len(self.frames)
        self.depth += 1
        self._loop()
        while len(self.frames) > self._floor:
            self.close_frame()
        result = self.out
        self.depth -= 1
        self.items, self.out, self.references, self._floor = outer
        return result

    def words(self, tokens: Sequence[Token]) -> str:
        """Expand `tokens` to a name: a label, a file, a key. Braces go, blanks are single."""
        if any(isinstance(token, str) and token[0] in "\\\x02" for token in tokens):
            tokens = self.run(tokens)
        return show(" ".join(spell(token for token in tokens if token not in ("{", "}")).split()))

    def emit(self, node: Token) -> None:
        """Pass a node on to the text being read."""
        if node != "":
            self.out.append(node)

    def note(self, event: Event) -> None:
        """Note an event of the document, not of a package."""
        if not self.in_package:
            self.document.events.append(event)

    def after(self, tokens: Sequence[Token], then: Callable[[], None]) -> None:
        """Read `tokens` next, then call `then`."""
        self.spend(len(tokens))
        self._callbacks += 1
        name = f"{CALLBACK}{self._callbacks}"

        def call(tex: Interpreter, token: str) -> None:
            tex.commands.pop(token, None)
            then()

        self.commands[name] = call
        self.items.append(name)
        self.push(tokens)

    # -- definitions ------------------------------------------------------------------------------------------------

    def define(self, name: str, meaning: Handler, *, globally: bool = False) -> None:
        """Give `name` a meaning until the innermost environment ends.

        A command that this reader knows better is left alone: by packages unless they set a figure by it, by the
        document where the new meaning needs commands of LaTeX's inside that nothing here explains.
        """
        if name in self.builtins and isinstance(meaning, Macro):
            sets_figures = "\\begin{figure}" in meaning.body and "\\includegraphics" in meaning.body
            if (
                (self.in_package and not sets_figures)
                or _UNALTERABLE.fullmatch(name)
                or not self.spend(len(meaning.body))
            ):
                return
            if any(self._is_internal(token) for token in meaning.body):
                return
        if self.frames and not globally:
            self.frames[-1].definitions.setdefault(name, self.commands.get(name))
        self.commands[name] = meaning
        self.guessed.discard(name)

    def _is_internal(self, token: Token) -> bool:
        """Whether a token is a command of LaTeX's inside that nothing here explains."""
        if not isinstance(token, str) or token[0] != "\\" or "@" not in token or token.startswith("\\c@"):
            return False
        return token not in self.commands

    def is_defined(self, name: str) -> bool:
        """Whether a control sequence has a meaning here, not only a guessed one."""
        return name in self.commands and name not in self.guessed

    # -- environments -----------------------------------------------------------------------------------------------

    def environment(self, token: str) -> None:
        """Read `\\begin{name}` or `\\end{name}` of an environment that the author has not defined."""
        name = token[token.index("{") + 1 : -1]
        if token.startswith("\\end"):
            self.end(name)
            return
        handler = self.environments.get(name) or self.environments.get(name.rstrip("*"))
        (handler or self.unknown_environment)(self, name)

    def begin(
        self, name: str, kind: str, *, own_text: bool = False, on_close: Callable[[], None] | None = None
    ) -> Frame:
        """Open an environment; with `own_text`, what it holds is kept out of the paragraph around it."""
        self.spend(_COST_OF_ENVIRONMENT)
        if len(self.frames) >= MAX_FRAMES:
            self.close_frame()
        frame = Frame(name, kind, on_close=on_close, start=len(self.out))
        if own_text:
            frame.out, frame.references = self.out, self.references
            self.out, self.references = [], []
        self.frames.append(frame)
        return frame

    def end(self, name: str) -> None:
        """Close the innermost environment of that name, and what was left open inside it."""
        for index in range(len(self.frames) - 1, self._floor - 1, -1):
            if self.frames[index].name == name:
                while len(self.frames) > index:
                    self.close_frame()
                return
        if name.endswith(("array", "matrix", "cases", "ed", "split")):
            self.out.append(f"\\end{{{name}}}")

    def close_frame(self) -> None:
        """Close the innermost environment."""
        frame = self.frames.pop()
        if frame.on_close:
            frame.on_close()
        if frame.out is not None:
            self.out = frame.out
            self.references = frame.references or []
        for name, meaning in frame.definitions.items():
            if meaning is None:
                self.commands.pop(name, None)
            else:
                self.commands[name] = meaning

    def innermost(self, *kinds: str) -> Frame | None:
        """Return the innermost open environment of one of these kinds."""
        return next((frame for frame in reversed(self.frames) if frame.kind in kinds), None)

    # -- text -------------------------------------------------------------------------------------------------------

    def end_paragraph(self) -> None:
        """End the paragraph of the body; inside a caption or float a blank line is only a blank."""
        if self.depth or any(frame.out is not None or frame.kind == "formula" for frame in self.frames):
            self.out.append(" ")
            return
        if self.in_body and not self.in_package and self.out:
            self.document.paragraphs.append(Paragraph(self.out, self.references))
        self.out, self.references = [], []

    def refer(self, reference: Reference) -> None:
        """Note a reference where it stands."""
        self.out.append(reference)
        self.references.append(reference)

    def printed(self, counter: str) -> str:
        """Return how a counter prints now: by the author's `\\the<counter>` or by LaTeX's."""
        own = self.commands.get(f"\\the{counter}")
        if isinstance(own, Macro):
            return self.words([f"\\the{counter}"])
        return self.counters.printed(counter)

    def step(self, counter: str) -> str:
        """Do `\\refstepcounter` and return the number."""
        self.counters.step(counter)
        number = self.printed(counter)
        self.current = (counter, number)
        return number

    def finish_file(self) -> None:
        """Skip what is left of the file being read (`\\endinput`)."""
        while self.items and self.items[-1] != FILE_END:
            self.items.pop()
