"""Which of a paper's words go into a prompt: a budget in tokens, and the rule by which it is kept.

1. The title, at most 80 tokens.
2. The abstract, at most a quarter of the budget, cut at a sentence. Its share does not depend on the figure, or the
   prefix would differ from figure to figure and no engine could keep it.
3. The paragraphs that cite the figure get the rest. Where they do not fit, whole sentences are taken, nearest first:
   those that name the figure, then their neighbours, and so on outwards; of equally near ones those of the earlier
   paragraph, as a figure stands where it is first mentioned. A sentence that does not fit is passed over. What is
   taken stands in the order of the paper.
4. Caption and panel caption have a budget of their own, each half as large.

Tokens are those of `token_count`, so a prompt is the same for every model.
"""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass
from functools import lru_cache

from s1_mmalign.processing.figure_text import FigureText
from s1_mmalign.processing.prompt_safety import LONGEST_TEXT, REMEMBERED_TEXTS, clean
from s1_mmalign.processing.sentences import mentions, split_sentences
from s1_mmalign.processing.token_count import count_tokens, cut_to_tokens

TITLE_TOKENS = 80
UNNAMED = 1
"""Sentences that a paragraph in which the figure's number is not found counts as further away."""


@dataclass(frozen=True, slots=True)
class _Sentence:
    text: str
    paragraph: int
    place: int
    distance: int
    """Sentences between this one and the nearest that names the figure."""


def fit(text: FigureText, budget: int, delimiters: tuple[str, ...] = ()) -> FigureText:
    """Clean all words and cut them to a budget in tokens, by the rule at the head of this file."""
    title = _clean_and_cut(text.title, TITLE_TOKENS, delimiters)
    abstract = _clean_and_cut(text.abstract, budget // 4, delimiters)
    contexts = fit_contexts(
        text.contexts, text.number, budget - count_tokens(title) - count_tokens(abstract), delimiters
    )
    caption = _clean_and_cut(text.caption, budget // 2, delimiters)
    subcaption = _clean_and_cut(text.subcaption, budget // 2, delimiters)
    return FigureText(
        caption=caption,
        title=title or None,
        abstract=abstract or None,
        contexts=contexts,
        subcaption=subcaption if subcaption and subcaption not in caption else None,
        number=clean(text.number, delimiters)[:20] or None,
        panel=clean(text.panel, delimiters)[:20] or None,
    )


@lru_cache(REMEMBERED_TEXTS)
def fit_contexts(
    contexts: tuple[str, ...], number: str | None, budget: int, delimiters: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """Return the citing paragraphs, cut to the sentences nearest to the figure where they exceed `budget` tokens."""
    paragraphs: list[str] = []
    left, characters = budget, LONGEST_TEXT
    for context in contexts:
        paragraph = clean(context, delimiters)[: max(characters, 0)]
        if paragraph and paragraph not in paragraphs:
            paragraphs.append(paragraph)
            left -= count_tokens(paragraph)
            characters -= len(paragraph)
    return tuple(paragraphs) if left >= 0 else _nearest(paragraphs, number, budget)


def _nearest(paragraphs: list[str], number: str | None, budget: int) -> tuple[str, ...]:
    """Take the sentences that are nearest to a mention of the figure while the budget lasts."""
    sentences = [
        sentence for index in range(len(paragraphs)) for sentence in _measured(paragraphs[index], index, number)
    ]
    chosen: list[_Sentence] = []
    left = budget
    for sentence in sorted(sentences, key=lambda each: (each.distance, each.paragraph, each.place)):
        tokens = count_tokens(f" {sentence.text}")  # the blank between two counts, too
        if tokens <= left:
            chosen.append(sentence)
            left -= tokens
    if not chosen and sentences:
        first = min(sentences, key=lambda each: each.distance)
        part = cut_to_tokens(first.text, budget)
        return (part,) if part else ()
    texts: dict[int, list[str]] = {}
    for sentence in sorted(chosen, key=lambda each: (each.paragraph, each.place)):
        texts.setdefault(sentence.paragraph, []).append(sentence.text)
    return tuple(" ".join(parts) for parts in texts.values())


def _measured(paragraph: str, index: int, number: str | None) -> list[_Sentence]:
    """Cut a paragraph into sentences, each with its distance to where the figure is named."""
    texts = split_sentences(paragraph)
    pattern = mentions(number)
    named = [place for place, text in enumerate(texts) if pattern.search(text)]
    further = 0 if named else UNNAMED
    citing = named or [0]
    return [_Sentence(text, index, place, _distance(place, citing) + further) for place, text in enumerate(texts)]


def _distance(place: int, citing: list[int]) -> int:
    """Return how far a place is from the nearest of a sorted list."""
    right = bisect(citing, place)
    return min(abs(place - other) for other in citing[max(right - 1, 0) : right + 1])


@lru_cache(REMEMBERED_TEXTS)
def _clean_and_cut(text: str | None, limit: int, delimiters: tuple[str, ...]) -> str:
    return cut_to_tokens(clean(text, delimiters), limit)
