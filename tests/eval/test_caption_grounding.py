from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s1_mmalign.eval.caption_grounding.caption_grounding import CaptionGrounding
from s1_mmalign.eval.caption_grounding.claims import find_claims
from s1_mmalign.eval.caption_grounding.grounding import ground, longest_run
from s1_mmalign.eval.caption_grounding.plain import words


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("grains of 5 nm at 1,200 K", {(5, "nm"), (1200, "K")}),
        ("5nm, 300K, 95.3%, 5-nm", {(5, "nm"), (300, "K"), (95.3, "%")}),
        (r"$3\times10^{-4}$ Pa and 10$^{-3}$ s, $2.5 \times 10^5$", {(3e-4, "Pa"), (1e-3, "s"), (2.5e5, "")}),
        ("10⁻³ mol, 3.2e-5 eV, 10^5 cells", {(1e-3, "mol"), (3.2e-5, "eV"), (1e5, "")}),
        (r"5 $\mu$m, 5 µm, 5 μm, 5 um, 5\,$\mu\mathrm{m}$", {(5, "μm")}),
        (r"30$^\circ$C, 30 °C, 20~\AA, 20 Å", {(30, "°C"), (20, "Å")}),
        ("1–10 keV", {(1, ""), (10, "keV")}),
        ("3D plot, 2nd panel, CO2, ResNet-50, p53", set()),
        ("Figure 3 and Fig. 4(a), Table 2, Eq. (7), Refs. 12", set()),
        ("温度为300K，长度5µm", {(300, "K"), (5, "μm")}),
        ("8 hours, 8 h, 50 percent", {(8, "h"), (50, "%")}),
        ("12 groups of mice", {(12, "")}),
    ],
)
def test_numbers_are_found_with_their_units_in_every_spelling(text, numbers):
    assert find_claims(text).numbers == numbers


def test_entities_are_acronyms_marked_names_and_capitals_inside_a_sentence():
    text = "The SEM image of BaTiO3. Training uses ResNet-50, CNNs and the Gaussian kernel. (Left) Figure. A plot."
    assert find_claims(text).entities == {"sem", "batio3", "resnet-50", "cnn", "gaussian"}


def test_symbols_are_letters_of_mathematics_in_every_spelling():
    assert find_claims(r"$T_{\rm c}$ and $\sigma_{xy}$").symbols == {"Tc", "σxy"}
    assert find_claims("σ_xy of β1, 5 μm").symbols == {"σxy", "β1"}
    assert find_claims("a plot of I, x and y").symbols == set()


def test_a_number_needs_its_unit_and_a_bare_number_needs_none():
    assert ground("It is 5 nm.", ["5 nm"]).missing == ()
    assert ground("It is 5 nm.", ["5 K, 6 nm"]).missing == ("5 nm",)
    assert ground("There are 5.", ["5 nm"]).missing == ()


def test_entities_are_found_whatever_their_case_plural_or_hyphen():
    source = ["We use resnet 50 and a CNN in the MILKY way; the Sérsic profile"]
    assert ground("They show ResNet-50, CNNs and the Milky Way.", source).missing == ()


def test_support_is_the_share_of_claims_that_the_sources_have():
    found = ground("The SEM image shows BaTiO3 grains of 5 nm; the bar is 7 nm.", ["SEM of grains (5 nm).", "BaTiO3"])
    assert (found.claims, found.support, found.number_support, found.entity_support) == (4, 0.75, 0.5, 1.0)
    assert found.symbol_support is None
    assert found.missing == ("7 nm",)


def test_a_caption_without_claims_has_no_support_rather_than_full_support():
    assert ground("A plot of the loss.", ["anything"]).support is None


def test_copied_run_and_novelty_count_words():
    found = ground("a b c d e", ["x a b c y", "d e"])
    assert (found.copied_run, found.words, found.copied_share) == (3, 5, 0.6)
    assert found.novelty == (0.0, 0.25, 2 / 3, 1.0)
    assert ground("a b", ["a b"]).novelty == (0.0, 0.0, None, None)


def test_chinese_words_are_its_characters():
    assert words("温度 is 5K") == ["温", "度", "is", "5k"]
    assert ground("显示温度变化", ["温度变化图"]).copied_run == 4


@given(
    st.lists(st.sampled_from("abc"), max_size=12), st.lists(st.lists(st.sampled_from("abc"), max_size=12), max_size=3)
)
def test_longest_run_is_what_trying_every_run_finds(own, sources):
    def inside(run, source):
        return any(source[start : start + len(run)] == run for start in range(len(source) - len(run) + 1))

    runs = [own[start:end] for start in range(len(own)) for end in range(start + 1, len(own) + 1)]
    expected = max((len(run) for run in runs if any(inside(run, source) for source in sources)), default=0)
    assert longest_run(own, sources) == expected


@given(st.text(max_size=200), st.lists(st.text(max_size=100), max_size=3))
def test_any_text_is_judged_and_its_own_source_bears_it_out(text, sources):
    assert 0 <= ground(text, sources).copied_share <= 1
    assert ground(text, [*sources, text]).support in (None, 1.0)


def test_metric_gives_means_counts_and_skips(tmp_path):
    metric = CaptionGrounding(cache_dir=str(tmp_path))
    result = metric.compute(
        predictions=["It is 5 nm.", "It is 7 nm and 8 nm.", None, float("nan"), "A plot.", "😀"],
        references=[["5 nm"], ["7 nm"], ["x"], ["x"], None, []],
    )
    assert result["support"] == pytest.approx((1 + 0.5) / 2)
    assert result["micro_support"] == pytest.approx(2 / 3)
    assert (result["n"], result["claims"], result["skipped"]) == (4, 3, {"text_empty": 2})
    assert result["rows"][1]["missing"] == ["8 nm"]
    assert result["rows"][2] is None
