"""Damaged, random, nasty and real figure files."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s1_mmalign.builder.images import ImageDrop, ImageOptions
from s1_mmalign.builder.records import DROP_REASONS
from tests.builder.pictures import HAS_GHOSTSCRIPT, OPTIONS, SVG, drawing, encode, photograph, reason, saved

CORPUS = Path(__file__).parents[2] / "../shared/corpus"


SEEDS = [
    saved(drawing("RGBA", (64, 64)), "PNG"),
    saved(photograph(size=(64, 64)), "JPEG"),
    saved(drawing(size=(64, 64)), "TIFF", compression="tiff_lzw"),
    saved(drawing("P", (64, 64)), "GIF"),
    saved(drawing(size=(64, 64)), "ICO", sizes=[(64, 64)]),
    saved(drawing(size=(64, 64)), "BMP"),
    SVG,
]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.sampled_from(SEEDS),
    edits=st.lists(st.tuples(st.integers(4, 4000), st.binary(min_size=1, max_size=4)), min_size=1, max_size=5),
    keep=st.one_of(st.just(1.0), st.floats(0.02, 1)),
)
def test_damaged_file_ends_in_a_picture_or_a_drop(seed: bytes, edits: list, keep: float) -> None:
    data = bytearray(seed)
    for position, patch in edits:
        start = position % len(data)
        data[start : start + len(patch)] = patch
    try:
        encode(bytes(data[: int(keep * len(data))]), options=replace(OPTIONS, timeout_s=10, max_pixels=4_000_000))
    except ImageDrop as drop:
        assert drop.reason in DROP_REASONS


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_end_in_a_drop(data: bytes) -> None:
    reason(data)


def test_nasty_files_end_in_a_picture_or_a_drop() -> None:
    files = sorted((CORPUS / "nasty").glob("*"))
    if not files:
        pytest.skip("the corpus of nasty files is not beside this checkout")
    outcomes = {}
    for file in files:
        try:
            outcomes[file.name] = encode(file.read_bytes())[0].format
        except ImageDrop as drop:
            outcomes[file.name] = drop.reason
    pictures = {name for name, outcome in outcomes.items() if outcome in ("PNG", "JPEG")}
    expected = {"12bit.cropped.tif", "16bit.cropped.tif", "hopper.Lab.tif", "hopper_bigtiff.tif", "pil_sample_cmyk.jpg",
                "total-pages-zero.tif", "rgb_trns_ycbc.jp2", "junk_jpeg_header.jpg"}  # fmt: skip
    if HAS_GHOSTSCRIPT:
        expected |= {"eps_illu10_preview.eps", "eps_zero_bb.eps", "eps_1_boundingbox_after_imagedata.eps"}
    assert {f"pillow__{name}" for name in expected if f"pillow__{name}" in outcomes} <= pictures
    assert outcomes.get("pillow__decompression_bomb.ico", "image_too_large") == "image_too_large"
    assert outcomes.get("pillow__truncated_jpeg.jpg", "image_unreadable") == "image_unreadable"


def corpus_figures(folder: str, suffixes: set[str]) -> Iterator[tuple[str, bytes]]:
    for package in sorted((CORPUS / folder).glob("*")):
        if zipfile.is_zipfile(package):
            with zipfile.ZipFile(package) as archive:
                for name in archive.namelist():
                    if "/" in name and not name.endswith("/") and Path(name).suffix.lower() in suffixes:
                        yield f"{package.name}:{name}", archive.read(name)
        else:
            with tarfile.open(package) as archive:
                for member in archive:
                    if member.isfile() and Path(member.name).suffix.lower() in suffixes:
                        yield f"{package.name}:{member.name}", archive.extractfile(member).read()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("folder", "suffixes"),
    [
        ("latex", {".pdf", ".eps", ".ps", ".png", ".jpg", ".jpeg"}),
        ("jats", {"", ".tif", ".tiff", ".png", ".jpg", ".jpeg", ".gif"}),
    ],
)
def test_every_figure_file_of_real_papers_becomes_a_picture(folder: str, suffixes: set[str]) -> None:
    figures = list(corpus_figures(folder, suffixes))
    if not figures:
        pytest.skip("the corpus of real papers is not beside this checkout")
    for name, data in figures:
        try:
            encoded, _ = encode(data, options=ImageOptions())
        except ImageDrop as drop:
            assert drop.reason == "renderer_missing" and not HAS_GHOSTSCRIPT, f"{name}: {drop}"
            continue
        assert max(encoded.width, encoded.height) <= ImageOptions().max_side
