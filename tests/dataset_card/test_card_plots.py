"""The plots: the same bytes for the same numbers, and none of what is not there."""

from collections import Counter

import pytest

from s1_mmalign.builder.funnel_plot import plot_funnel
from s1_mmalign.builder.records import DISCIPLINES
from s1_mmalign.dataset_card.card import write_card
from s1_mmalign.dataset_card.plots import plot_disciplines
from s1_mmalign.dataset_card.statistics import Statistics
from tests.dataset_card.small_dataset import make_folder

pytest.importorskip("matplotlib", reason="matplotlib is not installed")
FUNNEL = {
    "total": {"packages": 9, "readable": 8, "with_figures": 7, "with_rows": 7}
    | {"figures": 30, "rows": 44, "rows_kept": 40},
    "figures_per_paper": {"0": 1, "3": 5, "60": 2},
}  # fmt: skip


def shares() -> Statistics:
    return Statistics(rows=1000, disciplines=Counter(dict.fromkeys(DISCIPLINES, 100) | {None: 100}))


def test_equal_numbers_give_equal_bytes(tmp_path) -> None:
    for name in ("a", "b"):
        plot_funnel(FUNNEL, tmp_path / name / "funnel")
        plot_disciplines(tmp_path / name, shares())
    files = sorted(path.relative_to(tmp_path / "a").as_posix() for path in (tmp_path / "a").rglob("*.*"))
    assert files == ["funnel.png", "funnel.svg", "plots/disciplines.png", "plots/disciplines.svg"]
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_a_plot_holds_no_date_and_no_program(tmp_path) -> None:
    for path in plot_disciplines(tmp_path, shares()):
        data = path.read_bytes()
        assert not [mark for mark in (b"<dc:date>", b"Matplotlib v", b"tEXt") if mark in data]


def test_the_card_shows_the_disciplines_and_nothing_of_a_dataset_without_rows(tmp_path) -> None:
    folder = make_folder(tmp_path / "d")
    assert "![Share of each discipline](plots/disciplines.png)" in write_card(folder).read_text("utf-8")
    assert (folder / "plots" / "disciplines.svg").is_file()
    assert plot_disciplines(tmp_path / "empty", Statistics()) == []
