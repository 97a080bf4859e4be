"""What the two LaTeX parsers need before and after parsing: included files, paragraphs, plain captions."""

from __future__ import annotations

import bisect
import re
from pathlib import Path

REFERENCES = ("ref", "autoref", "cref", "Cref", "subref", "figref")
INCLUDES = re.compile(r"(?<!\\)%[^\n]*|\\(?:input|include|subfile)\s*\{([^}]+)\}")
NO_WORDS = re.compile(r"\\(?:cite\w*|label|ref|eqref|autoref|[cC]ref)\*?\s*(?:\[[^\]]*\])*\{[^}]*\}|(?<!\\)%[^\n]*")


def source_of(request: dict, depth: int = 5) -> str:
    """The main file with its comments removed and its included files in place."""
    folder = Path(request["folder"])
    return _with_included(folder, request["main"], depth)


def _with_included(folder: Path, name: str, depth: int) -> str:
    path = folder / name
    path = path if path.is_file() else path.with_name(path.name + ".tex")
    if not path.is_file() or not depth:
        return ""
    text = path.read_text(encoding="utf-8", errors="replace")
    return INCLUDES.sub(lambda match: _with_included(folder, match[1].strip(), depth - 1) if match[1] else "", text)


class Paragraphs:
    """The paragraphs of a source, by position."""

    def __init__(self, source: str) -> None:
        self.starts = [0, *(match.end() for match in re.finditer(r"\n\s*\n", source))]

    def at(self, position: int) -> str:
        """A name for the paragraph at `position`."""
        return f"paragraph {bisect.bisect_right(self.starts, position)}"


def plain(latex: str) -> str:
    """A caption's source without what prints no words of its own."""
    return NO_WORDS.sub(" ", latex)


def cite(figures: list[dict], references: list[tuple[str, int]], source: str) -> list[dict]:
    """Add the citing paragraphs to figures that have `labels` and a `span`; references are (labels, position)."""
    paragraphs = Paragraphs(source)
    spans = [figure.pop("span") for figure in figures]
    for figure in figures:
        own = set(figure.pop("labels"))
        figure["contexts"] = sorted(
            {
                paragraphs.at(position)
                for labels, position in references
                if own & {label.strip() for label in labels.split(",")}
                and not any(start <= position < end for start, end in spans)
            }
        )
    return figures
