"""Is a text English? By its script, and by the little words that every sentence of a language needs."""

from __future__ import annotations

import re
import unicodedata

OTHER_SCRIPT_SHARE = 0.2
"""Share of letters that are neither Latin nor Greek (symbols of science)."""
LEAST_WORDS = 20
"""Of fewer, nothing is said but by the script."""
LEAST_ENGLISH = 0.08
"""Share of English function words; of 456 captions, abstracts and paragraphs of papers, all with 20 words lie above."""

_ENGLISH_WORDS = (
    "the of and in is are to a an for with as on by that from at this be which was were it its or between "
    "their these than while each into not has have both shows show"
)
_ENGLISH = frozenset(_ENGLISH_WORDS.split())
_OTHERS = {
    "German": "der die das und ist sind mit von den dem des ein eine einer im zu auf für nicht auch sich wird als",
    "French": "le la les des du un une et est sont dans par pour que qui sur avec au aux ce cette ces ne pas plus",
    "Spanish": "el la los las de del y en es son con por para que una un se al como más su entre lo esta este",
    "Portuguese": "o a os as de do da dos das e em é são com por para que uma um se ao como mais sua entre no na",
    "Italian": "il lo la gli le di del della dei e è sono con per che una un si al come più nel nella tra questo",
    "Dutch": "de het een en is zijn met van voor op dat die niet ook als wordt worden bij aan door uit naar te",
    "Polish": "i w na z się jest są do nie od dla oraz przez po przy jako które który tym tego za lub",
    "Indonesian": "yang dan di dari dengan untuk pada ini itu adalah dalam tidak ke oleh sebagai atau antara juga",
    "Turkish": "ve bir bu ile için olarak olan da de daha en çok gibi göre ise ya her",
}
_WORD_SETS = [frozenset(words.split()) for words in _OTHERS.values()]
_WORD = re.compile(r"[^\W\d_]+")
_MATHS = re.compile(r"\$[^$]*\$")


def is_english(text: str) -> bool:
    """Say whether a text is English, or too short to say."""
    text = _MATHS.sub(" ", text)
    if not text.isascii() and _other_script(text) > OTHER_SCRIPT_SHARE:
        return False
    words = [word for word in _WORD.findall(text.lower()) if len(word) < 20]
    if len(words) < LEAST_WORDS:
        return True
    english = sum(word in _ENGLISH for word in words) / len(words)
    others = max(sum(word in known for word in words) / len(words) for known in _WORD_SETS)
    return english >= LEAST_ENGLISH or english >= others


def _other_script(text: str) -> float:
    """Return the share of letters that are neither Latin nor Greek."""
    letters = [letter for letter in text if letter.isalpha()]
    beyond = [letter for letter in letters if not letter.isascii()]
    if not beyond:
        return 0.0
    other = sum(not unicodedata.name(letter, "").startswith(("LATIN", "GREEK", "MATHEMATICAL")) for letter in beyond)
    return other / len(letters)
