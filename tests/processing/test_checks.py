import json
import re
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s1_mmalign.processing.check_form import loops, strip_preamble
from s1_mmalign.processing.check_source import copied, longest_run, points_outside, unsupported_numbers
from s1_mmalign.processing.checks import FLAGS, MENDED, check, parse_flags, retried_flags
from s1_mmalign.processing.prompt import FigureText
from s1_mmalign.processing.sentences import split_sentences

FIGURE = FigureText(
    abstract="Rates were taken at 250, 290 and 320 K.",
    caption="Rate against temperature for three samples, with error bars of one standard deviation over five runs.",
    contexts=("As Fig. 2 shows, the rate grows with temperature until it saturates near the melting point of ice.",),
)
GOOD = (
    "Line plot of the reaction rate, in inverse seconds, as a function of temperature between 250 and 320 K. Three "
    "curves, in blue, green and orange, stand for samples of growing purity; all climb exponentially below 290 K and "
    "flatten above it. The purest one lies highest by a factor of about two. The flattening marks where transport "
    "takes over from the reaction itself as the slowest step, which is the paper's argument for a second barrier."
)


def test_a_good_caption_passes_unchanged():
    checked = check(GOOD, "stop", FIGURE)
    assert checked.text == GOOD and checked.flags == ()


def test_a_caption_that_was_cut_off_ends_at_its_last_sentence():
    checked = check(GOOD + " And then the curve", "length", FIGURE)
    assert checked.text == GOOD and checked.flags == ("cut_off",)
    assert check(GOOD + " Is it $T_c$ in Fig. 2 and the", "length", FIGURE).text == GOOD


@pytest.mark.parametrize(
    "preamble",
    [
        "Here is the caption: ",
        "Sure! Here's a dense description of the figure:\n\n",
        "Certainly, here is a detailed description for the image:\n",
        "**Caption:** ",
        "Caption: ",
        "### Description: ",
        "Below is the paragraph you asked for: ",
    ],
)
def test_preambles_are_taken_off(preamble):
    checked = check(preamble + GOOD, "stop", FIGURE)
    assert checked.text == GOOD and checked.flags == ("preamble",)


@pytest.mark.parametrize(
    "text",
    [
        "Here, the rate is shown as a function of time: it grows.",
        "Description of the setup with two lasers: the first pumps.",
        "This is a plot of rates. Caption rows follow: none.",
        "Surely the curve: it grows.",
    ],
)
def test_sentences_that_only_begin_like_a_preamble_stay(text):
    assert strip_preamble(text) == text


def test_quotation_marks_round_the_caption_are_taken_off():
    assert strip_preamble(f'"{GOOD}"') == GOOD


@pytest.mark.parametrize(
    "text",
    [
        "the rate of the rate of the rate of the rate of the rate of the rate of",
        GOOD + " The value is 3. 3. 3. 3. 3. 3. 3.",
        "The curve grows with time in all cases. " * 3,
        "blue line, red line, " * 40,
        "a" * 900,
    ],
)
def test_loops_are_seen(text):
    assert loops(text)
    assert "repetition" in check(text, "stop", FIGURE).flags


def test_panels_that_are_described_alike_are_no_loop():
    text = " ".join(
        f"Panel ({letter}) shows the {thing} of the film at {kelvin} K, with a peak at {peak} nm."
        for letter, thing, kelvin, peak in zip(
            "abcdef",
            ["absorbance", "reflectance", "emission", "thickness", "roughness", "density"],
            [100, 150, 200, 250, 300, 350],
            [412, 455, 501, 533, 587, 640],
            strict=True,
        )
    )
    assert not loops(text)


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I cannot describe this figure.",
        "As an AI language model, I have no view on this.",
        "I am unable to determine what is shown.",
    ],
)
def test_refusals_are_seen(text):
    assert "refusal" in check(text, "stop", FIGURE).flags


@pytest.mark.parametrize(
    "text",
    [
        "No image was provided, so only the text can be described.",
        "I don't see an image. Please share it.",
        "There is no image attached to this request.",
        "Please provide the figure you want described.",
    ],
)
def test_answers_without_an_image_are_seen(text):
    assert "no_image" in check(text, "stop", FIGURE).flags


def test_science_that_cannot_be_is_no_refusal():
    text = GOOD + " A single barrier cannot explain the data, and no image charges are needed."
    assert check(text, "stop", FIGURE).flags == ()


def test_a_copy_of_the_caption_or_the_context_is_flagged_unless_copying_is_the_way():
    assert "copied_caption" in check(FIGURE.caption, "stop", FIGURE).flags
    assert "copied_context" in check(FIGURE.contexts[0], "stop", FIGURE).flags
    assert "copied_caption" not in check(FIGURE.caption, "stop", FIGURE, copies=True).flags
    assert not copied(GOOD, [FIGURE.caption, None, *FIGURE.contexts])


def test_longest_run_counts_words():
    assert longest_run("we saw the rate grow with temperature", "The rate grow with age") == 4
    assert longest_run("nothing", "else") == 0


def test_short_and_empty_answers_are_flagged():
    assert check("A plot.", "stop", FIGURE).flags == ("too_short",)
    assert check(" \n\0", "stop", FIGURE).flags == ("empty",)
    assert check("", "stop", FIGURE).text == ""


def test_characters_that_arrow_cannot_hold_are_replaced():
    assert check("x\ud800y\0z" + GOOD, "stop", FIGURE).text.startswith("x?yz")


def test_flags_come_from_the_vocabulary_in_its_order():
    flags = check("Caption: I cannot. I cannot. I cannot. I cannot. I cannot. And", "length", FIGURE).flags
    assert set(flags) <= set(FLAGS) and list(flags) == sorted(flags, key=FLAGS.index) and len(flags) > 2


@pytest.mark.parametrize(
    "text",
    [
        "<think>The user wants a caption. I see curves.</think>\n\n" + GOOD,
        GOOD + "\n\nLet me know if you would like a shorter one!",
        GOOD + " I hope this helps with your paper.",
    ],
)
def test_words_to_the_asker_are_taken_off_at_both_ends(text):
    checked = check(text, "stop", FIGURE)
    assert checked.text == GOOD and checked.flags == ("preamble",)


def test_thoughts_without_end_leave_the_answer_as_it_is_and_flagged():
    assert check("<think>Hm. I see curves and curves.", "length", FIGURE).flags


GERMAN = (
    "Das Liniendiagramm zeigt die Reaktionsrate als Funktion der Temperatur zwischen 250 und 320 K. Drei Kurven in "
    "Blau, Grün und Orange stehen für Proben wachsender Reinheit; alle steigen unter 290 K an und werden darüber "
    "flacher. Die Kurve der reinsten Probe liegt am höchsten, was für eine zweite Barriere spricht."
)
CHINESE = "该图显示了反应速率随温度的变化，三条曲线分别代表不同纯度的样品。" * 6


@pytest.mark.parametrize(
    "text", [GERMAN, CHINESE, "График показывает зависимость скорости реакции от температуры. " * 5]
)
def test_another_language_is_seen(text):
    assert "wrong_language" in check(text, "stop", FIGURE).flags


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        "Maps of α, β and γ for Löwenstein’s Réaumur series: α in blue, β in red, γ in green, with σ = 2.",
        "Bar chart: Xe, Kr, Ar, Ne, He, Rn, Cs, Rb, K, Na, Li, Fr, Ba, Sr, Ca, Mg, Be, Ra, In, Ga, Al, of the samples.",
    ],
)
def test_english_with_symbols_names_and_lists_is_english(text):
    assert "wrong_language" not in check(text, "stop", FIGURE).flags


def test_numbers_that_nothing_bears_out_are_seen_with_their_units():
    figure = FigureText(
        "Rate at 300 K.", title="Two barriers", abstract="We use 1.5 eV light.", contexts=("Films of 20 nm.",)
    )
    assert unsupported_numbers("At 300 K, films of 20 nm absorb 1.5 eV.", figure) == []
    assert unsupported_numbers("At 310 K, films of 20 μm absorb.", figure) == [(20.0, "μm"), (310.0, "K")]
    assert unsupported_numbers("Three of 9 curves cross 2 others.", figure) == []
    assert unsupported_numbers("There are 47 points.", figure) == [(47.0, "")]
    assert "unsupported_number" in check(GOOD + " It peaks at 812 nm.", "stop", FIGURE).flags


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("as shown in Figure 3, it grows", "Figure 3"),
        ("the same as Fig. S2 (a)", "Fig. S2"),
        ("see Table 2", "Table 2"),
        ("by Eq. (4)", "Eq. (4"),
        ("as measured before [12].", "[12]"),
        ("as measured before [3, 5-7].", "[3, 5-7]"),
        ("following Smith et al. (2019)", "Smith et al. (2019"),
        ("as in the previous section", None),
        ("in Extended Data Fig. 4", "Extended Data Fig"),
    ],
)
def test_references_that_mean_nothing_outside_the_paper_are_seen(text, found):
    if found is None:
        assert points_outside(text)
    else:
        assert points_outside(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "a figure of merit of 3",
        "values in the range [2, 5] and within [1, 10]",
        "x in [0, 1]",
        "panel (a) shows the first of 3 tables of contents",
        "the reference curve at 12 K",
        "no equation is needed",
    ],
)
def test_intervals_panels_and_plain_words_are_no_references(text):
    assert points_outside(text) is None


def test_captions_of_real_papers_are_english_and_hold_no_unsupported_numbers():
    from s1_mmalign.processing.check_language import is_english

    corpus = Path(__file__).parents[2] / ".." / "shared" / "corpus" / "truth"
    if not corpus.is_dir():
        pytest.skip("the corpus of real papers is not at ../shared/corpus")
    captions = [caption for path in corpus.rglob("*.json") for caption in _captions(json.loads(path.read_text()))]
    assert len(captions) > 100
    assert all(is_english(caption) for caption in captions)
    assert not any(unsupported_numbers(caption, FigureText(caption)) for caption in captions)


def _captions(value):
    if isinstance(value, dict):
        found = [value["caption"]] if isinstance(value.get("caption"), str) else []
        return found + [caption for item in value.values() for caption in _captions(item)]
    return [caption for item in value for caption in _captions(item)] if isinstance(value, list) else []


def test_flags_are_read_by_name():
    assert parse_flags("cut_off, repetition,cut_off") == ("cut_off", "repetition")
    assert parse_flags("") == parse_flags("none") == () and parse_flags("any") == ("any",)
    with pytest.raises(ValueError, match="'cutoff' is no flag: cut_off"):
        parse_flags("cutoff")
    assert retried_flags(["any"]).isdisjoint({"preamble", "unsupported_number", "image_missing", "engine_error"})
    assert retried_flags(["refusal", "image_missing"]) == {"refusal"}
    assert set(MENDED) <= set(FLAGS)


@given(st.text(max_size=400), st.sampled_from(["stop", "length", None]), st.booleans())
@settings(deadline=None)
def test_any_answer_is_checked_without_harm(text, reason, copies):
    checked = check(text, reason, FIGURE, copies=copies)
    checked.text.encode("utf-8")
    assert "\0" not in checked.text and set(checked.flags) <= set(FLAGS)


WORDS = st.lists(st.sampled_from(["Rate", "of", "the", "growth", "one", "two", "three"]), min_size=1, max_size=9)
PHRASES = st.lists(st.tuples(WORDS, st.sampled_from([".", "!", "", "?"]), st.integers(1, 6)), min_size=1, max_size=8)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(phrases=PHRASES)
def test_what_is_passed_over_to_be_quick_is_no_loop(phrases):
    """Against the definition: a phrase of up to ten words five times running, a sentence three times."""
    text = " ".join(" ".join(words) + end for words, end, times in phrases for _ in range(times))
    words = re.findall(r"\w+", text.lower())
    running = any(
        words[start : start + size] * 5 == words[start : start + 5 * size]
        for size in range(1, 11)
        for start in range(len(words) - 5 * size + 1)
    )
    sentences = [sentence.lower() for sentence in split_sentences(text) if len(sentence) > 20]
    again = any(sentences.count(sentence) > 2 for sentence in sentences)
    data = text.encode()
    assert loops(text) == (running or again or (len(data) >= 300 and len(zlib.compress(data)) < 0.22 * len(data)))
