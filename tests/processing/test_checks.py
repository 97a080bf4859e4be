import pytest

from s1_mmalign.processing.checks import FLAGS, check, copied, longest_run, loops, strip_preamble
from s1_mmalign.processing.prompt import FigureText

FIGURE = FigureText(
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
