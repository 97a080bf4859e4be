"""Which masked copies a text needs: one for each of its tokens, in a window where the text is too long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

Method = Literal["original", "within_word_l2r"]
METHODS: tuple[str, ...] = get_args(Method)


@dataclass(frozen=True, slots=True)
class Tokens:
    """A text as token ids without special tokens; `words[i]` numbers the word that token i is a piece of."""

    ids: tuple[int, ...]
    words: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Copy:
    """One masked copy: tokens `start` to `end` of the text, `masked` of them hidden, one of them asked for.

    All positions count from the start of the text.
    """

    text: int
    start: int
    end: int
    target: int
    masked: tuple[int, ...]

    def __len__(self) -> int:
        return self.end - self.start


def copies(text: int, tokens: Tokens, limit: int, method: Method) -> Iterator[Copy]:
    """Yield the masked copies of text number `text`, in the order of its tokens.

    Each token is asked for once. A text over `limit` tokens is read through a window of `limit` tokens
    around the token that is asked for, so that it has as much context on both sides as the model can read.

    "original" (Salazar et al. 2020) hides the token alone; "within_word_l2r" (Kauf & Ivanova 2023) hides
    the later pieces of its word with it, which otherwise give a word of many pieces away.
    """
    count = len(tokens.ids)
    for target in range(count):
        start = min(max(target - limit // 2, 0), max(count - limit, 0))
        end = min(start + limit, count)
        masked: Sequence[int] = (target,)
        if method == "within_word_l2r" and tokens.words[target] is not None:
            last = target
            while last + 1 < end and tokens.words[last + 1] == tokens.words[target]:
                last += 1
            masked = range(target, last + 1)
        yield Copy(text, start, end, target, tuple(masked))


def batches(texts: Sequence[Tokens], limit: int, method: Method, tokens_per_batch: int) -> Iterator[list[Copy]]:
    """Yield batches of copies, over all texts, of at most `tokens_per_batch` tokens with padding (one copy at least).

    `texts` come longest first: a batch's first copy is then its longest, and padding is little.
    """
    batch: list[Copy] = []
    for number, tokens in enumerate(texts):
        for copy in copies(number, tokens, limit, method):
            if batch and (len(batch) + 1) * len(batch[0]) > tokens_per_batch:
                yield batch
                batch = []
            batch.append(copy)
    if batch:
        yield batch
