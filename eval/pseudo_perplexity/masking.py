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
    """One masked copy: tokens `start` to `end` of the text, `masked` of them hidden, `targets` of those asked for.

    All positions count from the start of the text.
    """

    text: int
    start: int
    end: int
    targets: tuple[int, ...]
    masked: tuple[int, ...]

    def __len__(self) -> int:
        return self.end - self.start


def copies(text: int, tokens: Tokens, limit: int, method: Method, stride: int = 1) -> Iterator[Copy]:
    """Yield the masked copies of text number `text`; each of its tokens is asked for once.

    "original" (Salazar et al. 2020) hides the token alone; "within_word_l2r" (Kauf & Ivanova 2023) hides
    the later pieces of its word with it, which otherwise give a word of many pieces away.

    Args:
        text: number of the text.
        tokens: the text.
        limit: tokens that the model reads. A longer text is read through a window of `limit` tokens around the
            token that is asked for, so that it has as much context on both sides as the model can read.
        method: which tokens are hidden with the one that is asked for.
        stride: 1 is exact. With s > 1, an approximation, every s-th token is hidden and asked for at once: s copies a
            text (of each half window where it is long), whatever its length.
    """
    count = len(tokens.ids)
    block = 1 if stride == 1 else (count if count <= limit else max(limit // 2, 1))
    for first in range(0, count, block):
        last = min(first + block, count)
        middle = (first + last) // 2
        start = min(max(middle - limit // 2, 0), max(count - limit, 0))
        end = min(start + limit, count)
        for offset in range(min(stride, last - first)):
            targets = tuple(range(first + offset, last, stride))
            yield Copy(text, start, end, targets, _masked(tokens, targets, end, method))


def _masked(tokens: Tokens, targets: tuple[int, ...], end: int, method: Method) -> tuple[int, ...]:
    if method == "original":
        return targets
    masked = set(targets)
    for target in targets:
        word = tokens.words[target]
        following = target + 1
        while word is not None and following < end and tokens.words[following] == word:
            masked.add(following)
            following += 1
    return tuple(sorted(masked))


def batches(
    texts: Sequence[Tokens], limit: int, method: Method, tokens_per_batch: int, stride: int = 1
) -> Iterator[list[Copy]]:
    """Yield batches of copies, over all texts, of at most `tokens_per_batch` tokens with padding (one copy at least).

    `texts` come longest first: a batch's first copy is then its longest, and padding is little.
    """
    batch: list[Copy] = []
    for number, tokens in enumerate(texts):
        for copy in copies(number, tokens, limit, method, stride):
            if batch and (len(batch) + 1) * len(batch[0]) > tokens_per_batch:
                yield batch
                batch = []
            batch.append(copy)
    if batch:
        yield batch
