import pytest

from s1_mmalign.processing.captioners.extractive import compose
from s1_mmalign.processing.prompt import FigureText
from s1_mmalign.processing.sentences import split_sentences

RICH = FigureText(
    caption="Melting curve of iron under pressure. Circles: this work; dashed line: theory",
    title="Melting of iron in the Earth's core",
    abstract=(
        "The temperature of the core is fixed by the melting of iron. We melt iron in a diamond anvil cell. "
        "Bananas are rich in potassium. The melting curve is steeper than theory at high pressure."
    ),
    contexts=(
        "We used a laser to heat the sample. Figure 2 shows the melting curve of iron up to 300 GPa. "
        "Above 200 GPa our points lie 400 K over the theory of Smith et al. (2019). The cell was closed by hand.",
        "The difference in Fig. 2 means that the inner core is hotter. This raises the heat flow into the mantle.",
    ),
    number="2",
)


def test_caption_opens_and_the_sentences_about_the_figure_follow():
    text = compose(RICH)
    assert text.startswith("Melting curve of iron under pressure. Circles: this work; dashed line: theory.")
    assert "Figure 2 shows the melting curve of iron up to 300 GPa." in text
    assert "The difference in Fig. 2 means that the inner core is hotter." in text


def test_length_is_500_to_1000_where_the_paper_says_enough():
    assert 500 <= len(compose(RICH)) <= 1000


def test_all_sentences_are_whole_and_of_the_paper():
    material = " ".join([RICH.caption + ".", RICH.abstract or "", *RICH.contexts])
    for sentence in split_sentences(compose(RICH)):
        assert sentence in material or sentence.startswith("The work is titled")


def test_nothing_is_said_twice():
    again = FigureText(RICH.caption, RICH.title, RICH.abstract, RICH.contexts * 3 + (RICH.caption,), number="2")
    sentences = split_sentences(compose(again))
    assert len(sentences) == len(set(sentences))
    assert sum("Melting curve of iron under pressure" in sentence for sentence in sentences) == 1


def test_the_same_words_give_the_same_caption():
    assert compose(RICH) == compose(RICH)


def test_a_panel_names_its_own_caption():
    text = compose(FigureText("Two maps.", subcaption="Summer temperatures.", panel="b"))
    assert text == "Two maps. Panel b: Summer temperatures."


@pytest.mark.parametrize(
    ("text", "caption"),
    [
        (FigureText(""), ""),
        (FigureText("Only this"), "Only this."),
        (FigureText("", title="Iron"), "The work is titled “Iron”."),
        (FigureText("Only this.", abstract="", contexts=("", " ")), "Only this."),
    ],
)
def test_little_material_gives_what_there_is(text, caption):
    assert compose(text) == caption


def test_a_long_caption_is_cut_to_whole_sentences():
    text = compose(FigureText("This is one sentence of the caption. " * 100))
    assert len(text) <= 1000 and text.endswith("caption.")
    assert len(compose(FigureText("word " * 1000))) <= 1000


def test_ten_megabytes_of_context_are_read_in_bounded_time():
    huge = " ".join(f"Sentence {number} on the melting of iron in Fig. 2." for number in range(200_000))
    text = compose(FigureText(RICH.caption, contexts=(huge, huge), number="2"))
    assert len(text) <= 1000
