"""A caption without a model: the raw caption, and the sentences of the paper that say most about the figure.

It works anywhere and invents nothing, but it sees no image: it is the placeholder that makes the whole pipeline
run, and the baseline that a model must beat.

1. The caption (and the panel's own) opens the text; of a long one its first sentences, so that there is room for
   the paragraphs that cite the figure.
2. Sentences of the citing paragraphs, the abstract and the title are weighed by the words that they share with
   the caption, rare words counting more (inverse document frequency over all sentences at hand); a mention of
   the figure itself, and standing beside one, count extra.
3. The best are taken while there is room under 1,000 characters, and stand in the order of the paper. A sentence
   that says again what is already there is passed over.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from s1_mmalign.processing.captioners.base import Caption, Captioner
from s1_mmalign.processing.captioners.identity import ModelIdentity
from s1_mmalign.processing.captioners.options import RecaptionOptions
from s1_mmalign.processing.prompt import FigureText, Template
from s1_mmalign.processing.prompt_safety import clean
from s1_mmalign.processing.sentences import cut_at_sentence, mentions, split_sentences

NAME = "extractive"
VERSION = "extractive-v1"
MOST_CHARS = 1000
ENOUGH_CHARS = 500
"""Below this, sentences that share no word with the caption are taken too."""
OPENING_CHARS = 700
"""What caption and panel caption may take where there are citing paragraphs."""
LONGEST_SENTENCE = 400
SAME_SHARE = 0.7
"""A sentence of whose words so many are in one taken before says the same again."""
MENTION_WEIGHT = 4.0
NEIGHBOUR_WEIGHT = 1.5
CITING_WEIGHT = 1.0
SENTENCES_READ = 400
"""Of one figure's material: a hostile paper may have a million."""

_WORD = re.compile(r"[^\W\d_][\w-]+")
_COMMON = frozenset({
    "the", "and", "for", "that", "this", "with", "are", "was", "were", "from", "which", "have", "has", "been", "can",
    "our", "their", "these", "those", "its", "not", "but", "also", "than", "then", "into", "between", "both", "each",
    "such", "using", "used", "shown", "shows", "show", "figure", "fig", "figs", "figures", "see", "respectively",
    "one", "two", "all", "more", "most", "other", "when", "where", "while", "may", "will", "they", "here", "there",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence of the paper that might be taken; `place` is its rank in the order of the paper."""

    text: str
    words: frozenset[str]
    place: int
    bonus: float


@cache
def _rules() -> str:
    return f"{VERSION}:{hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]}"


def compose(text: FigureText) -> str:
    """Compose the caption of one figure; the same words give the same caption. "" where there are no words."""
    opening = _opening(text)
    taken = [candidate for sentence in split_sentences(opening) if (candidate := _candidate(sentence, 0, 0.0))]
    length = len(opening)
    caption_words = frozenset().union(*(sentence.words for sentence in taken))
    chosen: list[Candidate] = []
    for candidate, relevant in _by_relevance(_candidates(text), caption_words):
        if length >= ENOUGH_CHARS and not relevant:
            break
        if length + 1 + len(candidate.text) > MOST_CHARS or _says_again(candidate, taken):
            continue
        taken.append(candidate)
        chosen.append(candidate)
        length += 1 + len(candidate.text)
    chosen.sort(key=lambda candidate: candidate.place)
    return " ".join(part for part in (opening, *(candidate.text for candidate in chosen)) if part)


def _opening(text: FigureText) -> str:
    """The caption and the panel's own, as sentences, within the limit."""
    limit = OPENING_CHARS if text.contexts else MOST_CHARS
    caption, subcaption = _closed(clean(text.caption)), _closed(clean(text.subcaption))
    if subcaption and subcaption[:-1] not in caption:
        panel = f"Panel {clean(text.panel)}: " if text.panel else ""
        own = cut_at_sentence(panel + subcaption, limit)
        room = limit - len(own) - 1
        first = cut_at_sentence(caption, room) if caption and room > 80 else ""
        return f"{first} {own}".strip()
    return cut_at_sentence(caption, limit)


def _closed(text: str) -> str:
    """End a text with a full stop where nothing ends it."""
    return text if not text or text[-1] in ".!?…。！？" else text.rstrip(" ,;:") + "."


def _candidates(text: FigureText) -> list[Candidate]:
    """All sentences beside the caption's, in the order: title and abstract, then the citing paragraphs."""
    candidates: list[Candidate] = []
    mention = mentions(clean(text.number) or None)
    title = clean(text.title)
    lead = [f"The work is titled “{title.rstrip('.')}”."] if title else []
    for sentence in [*lead, *_sentences(text.abstract)]:
        _append(candidates, sentence, 0.0)
    for paragraph in text.contexts:
        sentences = _sentences(paragraph)
        citing = [bool(mention.search(sentence)) for sentence in sentences]
        for index, sentence in enumerate(sentences):
            near = any(citing[max(index - 1, 0) : index + 2])
            weight = MENTION_WEIGHT if citing[index] else NEIGHBOUR_WEIGHT if near else 0.0
            _append(candidates, sentence, CITING_WEIGHT + weight)
    return candidates


def _sentences(text: str | None) -> list[str]:
    return split_sentences(cut_at_sentence(clean(text), 20_000))


def _append(candidates: list[Candidate], sentence: str, bonus: float) -> None:
    if len(candidates) < SENTENCES_READ and (candidate := _candidate(sentence, len(candidates), bonus)):
        candidates.append(candidate)


def _candidate(sentence: str, place: int, bonus: float) -> Candidate | None:
    words = frozenset(word.lower() for word in _WORD.findall(sentence)) - _COMMON
    whole = sentence[-1:] in (".", "!", "?", "…", "。", ")", "”", '"')
    if not words or (bonus and (len(sentence) > LONGEST_SENTENCE or not whole)):
        return None
    return Candidate(sentence, words, place, bonus)


def _by_relevance(candidates: list[Candidate], wanted: Iterable[str]) -> list[tuple[Candidate, bool]]:
    """Sort sentences, best first, and say of each whether it has anything to do with the figure."""
    wanted = frozenset(wanted)
    seen = Counter(word for candidate in candidates for word in candidate.words)

    def weight(candidate: Candidate) -> float:
        shared = sum(math.log(1 + len(candidates) / seen[word]) for word in candidate.words & wanted)
        return shared / math.sqrt(len(candidate.words)) + candidate.bonus

    weighed = sorted(((weight(candidate), candidate) for candidate in candidates), key=lambda pair: _rank(*pair))
    return [(candidate, value > 0) for value, candidate in weighed]


def _rank(weight: float, candidate: Candidate) -> tuple[float, int]:
    return -round(weight, 9), candidate.place


def _says_again(candidate: Candidate, taken: list[Candidate]) -> bool:
    return any(len(candidate.words & other.words) >= SAME_SHARE * len(candidate.words) for other in taken)


class ExtractiveCaptioner(Captioner):
    """Composes captions of the paper's own sentences. Needs no image, no model, no network."""

    name = NAME
    needs_image = False
    prepares_images = False
    uses_prompt = False
    copies = True
    can_die = False
    notice = (
        "captioner: extractive. No model looks at the images: each recaption is composed of the raw caption and the "
        "most relevant sentences of the paper, and says so (recaption_model: extractive). For captions by a "
        "vision-language model: --captioner vllm (pip install 's1-mmalign[vllm]', a GPU), or "
        "--captioner openai --base-url http://HOST:8000/v1 --model NAME for any server."
    )

    def __init__(self, options: RecaptionOptions, identity: ModelIdentity) -> None:
        super().__init__(options, identity)
        self._waiting: deque[tuple[str, FigureText]] = deque()

    @classmethod
    def identify(cls, options: RecaptionOptions) -> ModelIdentity:
        """There is no model; rows say so."""
        return ModelIdentity(NAME)

    @classmethod
    def sampling(cls, options: RecaptionOptions) -> dict[str, Any]:
        """Nothing is drawn by chance, and nothing is cut by tokens."""
        return {}

    @classmethod
    def prompt_label(cls, label: str) -> str:
        """The rules take the place of a prompt: their version, and the hash of this file."""
        return _rules()

    @classmethod
    def key_text(cls, template: Template, text: FigureText) -> str:
        """All words of the figure decide, and the rules."""
        return f"{_rules()}\0{json.dumps(text, ensure_ascii=False)}"

    def prepare(self, request: Any) -> FigureText:
        """Only the words are needed."""
        return request.text

    def _submit(self, key: str, prepared: FigureText) -> None:
        self._waiting.append((key, prepared))

    def _poll(self, wait_s: float | None) -> list[Caption]:
        captions = [Caption(key, compose(text), "stop") for key, text in self._waiting]
        self._waiting.clear()
        return captions
