"""LaTeX's counters: what number a section, equation or figure is printed with."""

from __future__ import annotations

from collections.abc import Callable

_PARENTS = {
    "section": "chapter",
    "subsection": "section",
    "subsubsection": "subsection",
    "paragraph": "subsubsection",
    "subparagraph": "paragraph",
    "subfigure": "figure",
    "subtable": "table",
    "enumii": "enumi",
}
_CHAPTER_CLASSES = ("book", "report", "memoir", "scrbook", "scrreprt", "amsbook", "thesis", "svmono", "svmult")
# How a class prints a float's number in the appendix, and whether it starts anew with each one
# (mnras.cls, aa.cls, elsarticle.cls, sn-jnl.cls, copernicus.cls: their \appendix).
_APPENDIX_FLOATS = {
    "mnras": ("", True),
    "aa": (".", True),
    "sn-jnl": ("", True),
    "copernicus": ("", True),
    "elsarticle": (".", False),
    "cas-dc": (".", False),
    "cas-sc": (".", False),
}
_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"),
          (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))  # fmt: skip


def roman(number: int) -> str:
    """Return a number from 1 to 3999 in small Roman numerals, any other as digits."""
    if not 0 < number < 4000:
        return str(number)
    text = ""
    for value, numeral in _ROMAN:
        times, number = divmod(number, value)
        text += numeral * times
    return text


def letter(number: int) -> str:
    """Return a number from 1 to 26 as a small letter, any other as digits."""
    return chr(96 + number) if 0 < number <= 26 else str(number)


STYLES: dict[str, Callable[[int], str]] = {
    "arabic": str,
    "alph": letter,
    "Alph": lambda number: letter(number).upper(),
    "roman": roman,
    "Roman": lambda number: roman(number).upper(),
    "fnsymbol": lambda number: "*†‡§¶"[number - 1] if 0 < number <= 5 else str(number),
}
"""What `\\arabic`, `\\alph`… print."""


class Counters:
    """The values of all counters, which reset which, and how each prints where the author does not say."""

    def __init__(self) -> None:
        self.values: dict[str, int] = dict.fromkeys(
            ("part", "chapter", "section", "subsection", "subsubsection", "paragraph", "figure", "table", "equation",
             "subfigure", "subtable", "footnote", "enumi", "enumii", "page", "algorithm"), 0
        )  # fmt: skip
        self.values["\\figno"] = 1  # as harvmac.tex sets it
        self._parents = dict(_PARENTS)
        self._within: dict[str, str] = {"subsection": "section", "subsubsection": "subsection"}
        self._styles: dict[str, str] = {"subfigure": "alph", "subtable": "alph", "part": "Roman"}
        self._separators: dict[str, str] = {}
        self._class = ""

    def use_class(self, name: str) -> None:
        """Take over what a document class counts otherwise than `article`."""
        self._class = name
        if name in _CHAPTER_CLASSES or "thesis" in name:
            for counter in ("section", "figure", "table", "equation"):
                self.count_within(counter, "chapter")
        if name.startswith(("revtex", "IEEE", "aip")):
            self._styles["section"] = "Roman"
            self._within.pop("subsection", None)
            self._styles["subsection"] = "Alph"

    def count_within(self, counter: str, parent: str, *, prefix: bool = True) -> None:
        """Restart `counter` whenever `parent` steps, and print the parent's number before it (`\\numberwithin`)."""
        self.values.setdefault(counter, 0)
        self.values.setdefault(parent, 0)
        ancestor: str | None = parent
        for _ in range(len(self._parents) + 1):
            if ancestor == counter:
                return  # a counter that restarts itself
            ancestor = self._parents.get(ancestor) if ancestor else None
        self._parents[counter] = parent
        if prefix:
            self._within[counter] = parent

    def count_without(self, counter: str) -> None:
        """Let `counter` run through the document (`\\counterwithout`)."""
        self._parents.pop(counter, None)
        self._within.pop(counter, None)

    def set(self, counter: str, value: int) -> None:
        """Give a counter a value; a number that no paper counts to is taken for a slip."""
        self.values[counter] = max(-1_000_000, min(value, 1_000_000))

    def step(self, counter: str) -> None:
        """Add one, and set back all that count within it."""
        self.values[counter] = self.values.get(counter, 0) + 1
        self._reset_children(counter, depth=0)

    def _reset_children(self, counter: str, depth: int) -> None:
        if counter not in self._parents.values() or depth > 10:
            return
        for child in [child for child, parent in self._parents.items() if parent == counter]:
            self.values[child] = 0
            self._reset_children(child, depth + 1)

    def start_appendix(self) -> None:
        """Letter the sections (or chapters) from A on, and what the class numbers by them."""
        top = "chapter" if self.values["chapter"] else "section"
        self.values[top] = 0
        self._reset_children(top, depth=0)
        self._styles[top] = "Alph"
        self._within.pop(top, None)
        if self._class in _APPENDIX_FLOATS:
            separator, restarts = _APPENDIX_FLOATS[self._class]
            for counter in ("figure", "table"):
                if restarts:
                    self.count_within(counter, "section")
                    self.values[counter] = 0
                else:
                    self._within[counter] = "section"
                self._separators[counter] = separator

    def printed(self, counter: str) -> str:
        """Return `\\the<counter>` as LaTeX and the class define it."""
        text = STYLES[self._styles.get(counter, "arabic")](self.values.get(counter, 0))
        parent = self._within.get(counter)
        for _ in range(4):
            if parent is None or not self.values.get(parent):
                break
            text = (
                STYLES[self._styles.get(parent, "arabic")](self.values[parent])
                + self._separators.get(counter, ".")
                + text
            )
            parent = self._within.get(parent)
        return text
