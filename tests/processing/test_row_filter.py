"""Rows chosen by an expression: what it means, and how a mistake in it is told."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s1_mmalign.builder.records import DISCIPLINES, FEATURES, SOURCES
from s1_mmalign.processing.row_filter import FilterError, parse_filter

TABLE = pa.table(
    {
        "source": pa.array([SOURCES.index("arxiv"), SOURCES.index("biorxiv"), SOURCES.index("arxiv"), 0]),
        "discipline": pa.array([DISCIPLINES.index("Physics"), None, None, DISCIPLINES.index("Biology")]),
        "recaption": pa.array(["a loop", None, None, "It's “fine”"]),
        "recaption_flags": pa.array([["repetition", "too_short"], None, [], ["cut_off"]], pa.list_(pa.string())),
        "width": pa.array([10, 200, None, 4000], pa.int32()),
        "published": pa.array(["2019-01-02", "2024", None, "2021-05"]),
        "recaption_support": pa.array([0.5, None, 1.0, 0.0], pa.float32()),
    }
)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("source == 'arxiv' and recaption is null", [2]),
        ("source = 'arxiv'", [0, 2, 3]),
        ("not source == 'arxiv'", [1]),
        ("source != 'arxiv' or width >= 4000", [1, 3]),
        ("recaption is not null and not recaption contains 'fine'", [0]),
        ("recaption_flags contains 'cut_off'", [3]),
        ("recaption_flags not contains 'cut_off'", [0, 2]),
        ("recaption_flags is null", [1]),
        ("discipline in ('Physics', 'Biology')", [0, 3]),
        ("discipline not in ['Physics']", [3]),
        ("width in (10, 200)", [0, 1]),
        ("width < 200", [0]),
        ("not width < 200", [1, 3]),
        ("published >= '2021'", [1, 3]),
        ("recaption_support > .25", [0, 2]),
        ("(width == 10 or width == 200) and (source == \"biorxiv\")", [1]),
        ("width == 10 or width == 200 and source == 'arxiv'", [0]),
        ("recaption == 'It\\'s “fine”'", [3]),
        ("not (not (width == 10))", [0]),
        ("width is null OR NOT width > 10", [0, 2]),
    ],
)  # fmt: skip
def test_an_expression_chooses_rows(text, rows):
    assert parse_filter(text, FEATURES).mask(TABLE).nonzero()[0].tolist() == rows
    assert parse_filter(text, FEATURES).mask(TABLE.slice(0, 0)).tolist() == []


@pytest.mark.parametrize(
    ("text", "words", "place"),
    [
        ("WIDTH == 1", "is 'width' meant?", 0),
        ("sorce == 'arxiv'", "no column 'sorce'; is 'source' meant?", 0),
        ("source == 'arxive'", "one of arxiv, biorxiv", 10),
        ("source == arxiv", "'arxiv' is expected", 10),
        ("source > 'arxiv'", "== or != is expected", 7),
        ("width == '10'", "width is a number", 9),
        ("recaption == null", "recaption is null", 13),
        ("recaption is nil", "'null' is expected", 13),
        ("recaption_flags == 'x'", "is a list", 16),
        ("recaption_flags in ('x')", "is a list", 19),
        ("width contains 'x'", "neither a text nor a list", 15),
        ("recaption contains ''", "contained in all", 19),
        ("source in 'arxiv'", "'(' is expected", 10),
        ("source in ('arxiv'", "',' or ')' is expected", 18),
        ("(source == 'arxiv'", "')' is expected", 18),
        ("source == 'arxiv", "does not end", 10),
        ("source == 'arxiv' recaption", "'and', 'or' or the end", 18),
        ("and source == 'arxiv'", "name of a column", 0),
        ("", "name of a column", 0),
        ("source", "is null, in or contains is expected", 6),
        ("source not == 'arxiv'", "'in' or 'contains'", 11),
        ("width == 10; drop", "has no meaning", 11),
        ("image is null", "no column 'image'", 0),
        ("__import__ == 1", "no column '__import__'", 0),
        ("not " * 60 + "width == 1", "too deep", None),
    ],
)
def test_a_mistake_is_pointed_at(text, words, place):
    with pytest.raises(FilterError) as told:
        parse_filter(text, FEATURES)
    assert words in str(told.value)
    if place is not None:
        assert str(told.value).splitlines()[-1] == "  " + " " * place + "^"


@given(
    st.text(max_size=60)
    | st.lists(st.sampled_from(["source", "==", "'arxiv'", "not", "(", ")", "and", "in", ",", "1"])).map(" ".join)
)
@settings(deadline=None)
def test_any_text_is_an_expression_or_told_as_none(text):
    try:
        rule = parse_filter(text, FEATURES)
    except FilterError:
        return
    assert len(rule.mask(TABLE)) == TABLE.num_rows
