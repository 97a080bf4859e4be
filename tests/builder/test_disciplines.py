"""Which discipline a paper's categories mean."""

from __future__ import annotations

import json

import pytest

from s1_mmalign.builder.disciplines import TABLE, discipline_of
from s1_mmalign.builder.records import DISCIPLINES

# Every archive of arxiv.org/category_taxonomy.
ARCHIVES = (
    "astro-ph cond-mat cs econ eess gr-qc hep-ex hep-lat hep-ph hep-th math math-ph nlin nucl-ex nucl-th physics "
    "q-bio q-fin quant-ph stat"
)


@pytest.mark.parametrize(
    ("category", "discipline"),
    [
        ("astro-ph.CO", "Astronomy"),
        ("astro-ph", "Astronomy"),
        ("cond-mat.mtrl-sci", "Physics"),
        ("hep-th", "Physics"),
        ("physics.optics", "Physics"),
        ("physics.ao-ph", "Earth Science"),
        ("physics.chem-ph", "Chemistry"),
        ("physics.med-ph", "Medicine"),
        ("cs.LG", "Computer Science"),
        ("stat.ML", "Computer Science"),
        ("stat.ME", "Mathematics"),
        ("math.PR", "Mathematics"),
        ("eess.IV", "Engineering"),
        ("q-bio.NC", "Biology"),
        ("alg-geom", "Mathematics"),
        ("cmp-lg", "Computer Science"),
        ("econ.EM", None),
        ("nonsense.XY", None),
    ],
)
def test_arxiv_codes(category: str, discipline: str | None) -> None:
    assert discipline_of("arxiv", [category]) == discipline


def test_every_archive_of_arxiv_is_mapped_or_named_as_outside_the_nine() -> None:
    table = json.loads(TABLE.read_text(encoding="utf-8"))["arxiv"]
    listed = {code for codes in table.values() for code in codes}
    assert set(ARCHIVES.split()) <= listed


@pytest.mark.parametrize(
    ("source", "category", "discipline"),
    [
        ("biorxiv", "Neuroscience", "Biology"),
        ("biorxiv", "Pharmacology and Toxicology", "Medicine"),
        ("biorxiv", "Scientific Communication and Education", None),
        ("medrxiv", "Cardiovascular Medicine", "Medicine"),
        ("medrxiv", "HIV/AIDS", "Medicine"),
        ("chemrxiv", "Materials Science", "Chemistry"),
        ("other", "Materials Science", "Engineering"),
        ("other", "Chromosomes and Gene Expression", "Biology"),
        ("other", "Medicine & Health Sciences", "Medicine"),
        ("nature_communications", "  CLIMATE sciences ", "Earth Science"),
        ("engrxiv", "Mechanical Engineering", "Engineering"),
        ("other", "Bio-inspired robotics", "Engineering"),
        ("other", "Insect Ecology", "Biology"),
        ("other", "Basket weaving", None),
    ],
)
def test_subjects_in_words(source: str, category: str, discipline: str | None) -> None:
    assert discipline_of(source, [category]) == discipline


def test_the_first_category_that_has_a_discipline_decides() -> None:
    assert discipline_of("arxiv", ["math.PR", "cs.LG"]) == "Mathematics"
    assert discipline_of("other", ["Physical Sciences", "Chemistry", "Biology"]) == "Chemistry"
    assert discipline_of("arxiv", []) is None
    assert discipline_of("arxiv", ["", "  "]) is None


def test_the_table_names_each_entry_once_and_only_the_nine_disciplines() -> None:
    table = json.loads(TABLE.read_text(encoding="utf-8"))
    for lists in (table["arxiv"], table["subjects"], table["last_words"], *table["sources"].values()):
        assert set(lists) <= {*DISCIPLINES, "none"}
        entries = [entry.lower() for names in lists.values() for entry in names]
        assert len(entries) == len(set(entries))
