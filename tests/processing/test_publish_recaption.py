"""Captioning a published dataset anew costs its captions: the images' bytes stay in place and are not sent again."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from s1_mmalign.builder.shards import SCHEMA
from tests.benchmarks.recaption_bytes import (
    RECAPTION_COLUMNS,
    SHARD,
    as_published,
    column_bytes,
    new_captions,
    recaption_as_published,
    upload,
)
from tests.dataset_card.small_dataset import row
from tests.hub.server import LoopbackHub

ROWS, IMAGE_BYTES = 80, 200_000
WORDS = [f"{prefix}{stem}" for prefix in ("", "re", "un", "over") for stem in ("axis", "curve", "peak", "panel", "bar")]


@pytest.fixture
def folder(tmp_path):
    """A dataset of 16 MB of images; their bytes only have to be bytes here."""
    pixels = np.random.default_rng(0)
    rows = [row(number) | {"image": {"bytes": pixels.bytes(IMAGE_BYTES), "path": "a.png"}} for number in range(ROWS)]
    as_published(tmp_path / "dataset", pa.Table.from_pylist(rows, schema=SCHEMA))
    recaption_as_published(tmp_path / "dataset", new_captions(ROWS, 1, WORDS))
    return tmp_path / "dataset"


def image_pages(folder):
    """The bytes of the image column chunks."""
    data = (folder / SHARD).read_bytes()
    metadata = pq.read_metadata(folder / SHARD)
    chunks = [metadata.row_group(group).column(0) for group in range(metadata.num_row_groups)]
    assert {chunk.path_in_schema for chunk in chunks} == {"image.bytes"}
    return [data[chunk.data_page_offset :][: chunk.total_compressed_size] for chunk in chunks]


def test_recaptioning_leaves_the_image_pages_as_they_are_byte_for_byte(folder):
    before = image_pages(folder)
    recaption_as_published(folder, new_captions(ROWS, 2, WORDS))
    assert image_pages(folder) == before
    assert sum(map(len, before)) > ROWS * IMAGE_BYTES


def test_the_push_after_recaptioning_every_row_sends_little_more_than_the_captions(folder, tmp_path):
    with LoopbackHub(tmp_path / "hub") as hub:
        first = upload(hub, folder, tmp_path / "own")
        assert first > ROWS * IMAGE_BYTES
        recaption_as_published(folder, new_captions(ROWS, 2, WORDS))
        text = column_bytes(folder, RECAPTION_COLUMNS)
        second = upload(hub, folder, tmp_path / "other")  # a machine that never saw the data
    assert text < second < 1.2 * text + 0.02 * ROWS * IMAGE_BYTES, f"{second:,} bytes for {text:,} of captions"
