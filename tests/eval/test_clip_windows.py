from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from s1_mmalign.eval.clip_score.windows import pack, sentences


def count_words(texts: list[str]) -> list[int]:
    """One token a word, and one more for every four letters of it."""
    return [sum(1 + len(word) // 4 for word in text.split()) for text in texts]


def test_abbreviations_and_decimals_end_no_sentence():
    text = "See Fig. 3 of Smith et al. for details. The value is 0.5 mm. J. Doe (cf. Eq. 2) agrees! Why?"
    assert sentences(text) == [
        "See Fig. 3 of Smith et al. for details.",
        "The value is 0.5 mm.",
        "J. Doe (cf. Eq. 2) agrees!",
        "Why?",
    ]


def test_chinese_sentences_are_told_apart_without_spaces():
    assert sentences("图中显示温度。压力随之变化！") == ["图中显示温度。", "压力随之变化！"]


def test_windows_hold_whole_sentences_in_order():
    text = " ".join(f"Sentence {number} is here." for number in range(12))
    windows = pack(text, 20, count_words)
    assert " ".join(windows) == text
    assert all(window.endswith(".") for window in windows)
    assert max(count_words(windows)) <= 20


def test_the_last_window_is_no_short_remainder():
    text = " ".join(["One two three."] * 7)  # 4 tokens each: 6 fit, one would be left over
    assert count_words(pack(text, 26, count_words)) == [16, 12]


def test_a_sentence_over_the_limit_is_cut_between_words_and_a_word_over_it_between_letters():
    windows = pack("word " * 50 + "x" * 400, 16, count_words)
    assert max(count_words(windows)) <= 16
    assert "".join(windows).replace(" ", "") == "word" * 50 + "x" * 400


@given(st.text(max_size=300), st.integers(2, 40))
def test_no_letter_is_lost_whatever_the_text(text, limit):
    windows = pack(text, limit, count_words)
    assert "".join("".join(windows).split()) == "".join(text.split())
    assert all(size <= limit for size in count_words(windows))
