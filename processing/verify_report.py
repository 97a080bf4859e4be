"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: the file it is in, and what it is."""

    path: str
    what: str

    def __str__(self) -> str:
        return f"{self.path}: {self.what}"


@dataclass(slots=True)
class VerifyReport:
    """What was looked at, and what is wrong with it."""

    shards: int = 0
    rows: int = 0
    bytes: int = 0
    images: int = 0
    """Images that were decoded."""
    problems: list[Problem] = field(default_factory=list)
    caption_sets: list[str] | None = None
    """Names of the caption columns beside the dataset's own that the shards have; None before the first shard."""

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def add(self, path: str, what: str) -> None:
        """Note a problem."""
        self.problems.append(Problem(path, what))
