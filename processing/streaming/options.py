"""The options of a training stream: one object, checked when it is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

ImageForm = Literal["pil", "array", "bytes", "none"]
View = Literal["full", "sentence"]
Fit = Literal["longer", "shorter"]
OnError = Literal["skip", "error"]

SPLITS = ("train", "validation", "test")
Filter = tuple[str, str, Any]
"""(column, operator, value); the operators are ==, !=, <, <=, >, >=, in, not in."""

_CHOICES = {"image": ImageForm, "view": View, "fit": Fit, "on_error": OnError}


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """Which rows, in which order, and what of each.

    Raises:
        ValueError: a value that cannot be meant; the message names the option.
    """

    split: str = "train"
    sources: tuple[str, ...] = ()
    """Sources to read ("arxiv", …); none named: all. Shards of others are not opened."""
    licences: tuple[str, ...] = ()
    """Licence classes to read ("open", "noncommercial", "restricted", "unknown"); none named: all. As `sources`."""
    drop_flags: tuple[str, ...] | Literal["all"] = ()
    """Rows whose recaption has one of these flags are left out; "all": rows with any flag."""
    filters: tuple[Filter, ...] = ()
    """More conditions, all of which a row must meet, such as `("width", ">=", 128)`. The columns that they name are
    read first; of a row group in which no row is left, nothing else is read."""

    text: str | Mapping[str, float] = "recaption"
    """The column that `text` is taken from (`recaption`, `caption`, `abstract`, a second model's `recaption_NAME`, …),
    or weights of several: each row draws one of those that it has. Where it has none of them: its recaption, else its
    caption, its subcaption, its title."""
    view: View = "full"
    """`sentence`: one sentence of the text, drawn; encoders of 77 tokens read no more."""
    columns: tuple[str, ...] = ()
    """More columns to hand on as they are (class labels as names). `image_path` is always there."""

    image: ImageForm = "pil"
    """`pil`: RGB; `array`: uint8, height x width x 3; `bytes`: the file as stored; `none`: no image is read."""
    size: int | None = None
    """Pixels that the side named by `fit` is brought to where it is longer; None: as stored. JPEG is decoded at a
    fraction of its size where that suffices."""
    fit: Fit = "longer"
    transform: Callable[[Any], Any] | None = None
    """Called with each image, in the worker."""

    shuffle: int = 0
    """Rows that are mixed with each other, in an order that `seed` and the epoch give; 0: the order of the shards.
    About so many stored images are in memory, twice."""
    seed: int = 0
    """Of the order, the choice of texts and of sentences."""
    epochs: int | None = 1
    """Times the rows are gone through in one iteration; None: without end."""

    rank: int | None = None
    """Which of `world_size` nodes this is; None: what `torch.distributed` or the variables RANK and WORLD_SIZE say."""
    world_size: int | None = None

    revision: str | None = None
    """Of a repository: branch, tag or commit; None: `main`. What it means is looked up once."""
    token: str | None = field(default=None, repr=False)
    """None: that of HF_TOKEN, or of the login."""
    on_error: OnError = "skip"
    """An image that cannot be decoded: `skip` leaves the row out and counts it, `error` raises."""

    def __post_init__(self) -> None:
        """Reject what cannot be meant; take one name for a tuple of one."""
        for name in ("sources", "licences", "columns"):
            object.__setattr__(self, name, _names(getattr(self, name)))
        if self.drop_flags != "all":
            object.__setattr__(self, "drop_flags", _names(self.drop_flags))
        object.__setattr__(self, "filters", tuple(tuple(one) for one in self.filters))
        for name, kinds in _CHOICES.items():
            if getattr(self, name) not in get_args(kinds):
                raise ValueError(f"{name}={getattr(self, name)!r}: one of {', '.join(get_args(kinds))} is expected")
        if self.split not in SPLITS:
            raise ValueError(f"split={self.split!r}: one of {', '.join(SPLITS)} is expected")
        if any(len(one) != 3 for one in self.filters):
            raise ValueError(f'filters={self.filters!r}: triples like ("width", ">=", 128) are expected')
        if self.size is not None and self.size <= 0:
            raise ValueError(f"size={self.size!r}: a positive number of pixels, or None, is expected")
        if self.shuffle < 0:
            raise ValueError(f"shuffle={self.shuffle!r}: a number of rows, 0 or more, is expected")
        if self.epochs is not None and self.epochs <= 0:
            raise ValueError(f"epochs={self.epochs!r}: a positive number, or None (without end), is expected")
        if (self.rank is None) != (self.world_size is None):
            raise ValueError("rank and world_size: both or neither are expected")
        if self.rank is not None and self.world_size is not None and not 0 <= self.rank < self.world_size:
            raise ValueError(f"rank={self.rank!r}: 0 to {self.world_size - 1} is expected with {self.world_size} nodes")
        _check_weights(self.weights)

    @property
    def weights(self) -> dict[str, float]:
        """`text` as weights by column."""
        return {self.text: 1.0} if isinstance(self.text, str) else dict(self.text)


def _names(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _check_weights(weights: Mapping[str, float]) -> None:
    for name, weight in weights.items():
        if not isinstance(name, str):
            raise ValueError(f"text: {name!r} is no column's name")
        if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not 0 <= weight < float("inf"):
            raise ValueError(f"text: the weight of {name} is {weight!r}; a number of 0 or more is expected")
    if sum(weights.values()) <= 0:
        raise ValueError("text: at least one weight over 0 is expected")
