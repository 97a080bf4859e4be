"""Changed papers give rows or drops, never an error of the reader. The long form: `tests/campaigns/fuzz.py`."""

import io
import json
import tarfile
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s1_mmalign.builder.archives import ArchiveLimits, open_bytes
from s1_mmalign.builder.extract import read_paper
from s1_mmalign.builder.options import ExtractOptions
from s1_mmalign.builder.records import PackageError, Paper
from s1_mmalign.builder.sources.bulk_tars import is_bulk_tar, members_of
from s1_mmalign.builder.sources.errors import InputError
from s1_mmalign.builder.sources.metadata import join_metadata, metadata_beside
from tests.hostile.mutants import mutant

QUICK = settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
SMALL = ArchiveLimits(max_bytes=32 << 20)


def read(name: str, data: bytes) -> Paper | None:
    try:
        return read_paper(open_bytes(data, name, SMALL), ExtractOptions())[1]
    except PackageError:
        return None


@pytest.mark.parametrize("kind", ["latex", "jats", "pdf"])
@QUICK
@given(seed=st.integers(0, 1 << 32))
def test_a_changed_paper_is_read_or_refused(kind, seed) -> None:
    paper = read(*mutant(kind, seed))
    for figure in paper.figures if paper else ():
        assert isinstance(figure.caption, str) and isinstance(figure.figure_id, str)


@st.composite
def headers(draw) -> bytes:
    """Tars of arbitrary headers whose checksums are right, so that readers get past them."""
    blocks = []
    for _ in range(draw(st.integers(1, 5))):
        fields = bytearray(draw(st.binary(min_size=512, max_size=512)))
        if draw(st.booleans()):
            fields[:] = tarfile.TarInfo("main.tex").tobuf(tarfile.GNU_FORMAT)
        fields[124:136] = draw(
            st.sampled_from([b"00000000000\0", b"00000001000\0", b"\xff" * 12, b"\x80" + b"\xff" * 11])
        )
        fields[156:157] = draw(st.sampled_from([b"0", b"5", b"L", b"K", b"x", b"g", b"S", b"X", b"1", b"2", b"\0"]))
        fields[257:265] = draw(st.sampled_from([b"ustar\00000", b"ustar  \0", bytes(8)]))
        fields[148:156] = b" " * 8
        fields[148:156] = b"%06o\0 " % sum(fields)
        blocks.append(bytes(fields) + draw(st.binary(max_size=64)).ljust(512, b"\0"))
    return b"".join(blocks)


@settings(QUICK, max_examples=300)
@given(data=headers())
def test_any_tar_header_gives_members_or_a_package_error(data) -> None:
    try:
        archive = open_bytes(data, "a.tar", SMALL)
        assert sum(len(archive.read(name)) for name in archive.names()) <= SMALL.max_bytes
    except PackageError as error:
        assert error.detail
    is_bulk_tar("a.tar", io.BytesIO(data))
    try:
        assert all(member.bytes >= 0 for member in members_of(io.BytesIO(data), len(data), "a.tar"))
    except InputError as error:
        assert "a.tar" in str(error)


@settings(QUICK, max_examples=200)
@given(data=st.data())
def test_any_zip_gives_members_or_a_package_error(data) -> None:
    out = io.BytesIO()
    method = data.draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]))
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("main.tex", b"x" * 2000)
        archive.writestr("fig.png", data.draw(st.binary(max_size=100)))
    content = bytearray(out.getvalue())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=6)):
        content[place] = data.draw(st.integers(0, 255))
    try:
        opened = open_bytes(bytes(content), "a.zip", SMALL)
    except PackageError:
        return
    for name in opened.names():
        try:
            assert len(opened.read(name)) <= opened.size(name)
        except PackageError as error:
            assert error.detail


KEYS = """
id doi DOI title abstract categories subjects license versions created published names item attributes jatsxml
server posted date-parts relationships embeds url source
""".split()  # noqa: SIM905
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(KEYS), inner, max_size=5,
    ),
    max_leaves=8,
)  # fmt: skip


@settings(QUICK, max_examples=60)
@given(record=anything, tail=st.binary(max_size=20))
def test_any_record_of_metadata_is_used_passed_over_or_named(record, tail, tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp("m")
    path = folder / "metadata.jsonl"
    path.write_bytes(json.dumps(record).encode() + b"\n" + tail)
    try:
        join_metadata([path], ["2301.00001"])
    except InputError as error:
        assert str(path) in str(error)
    path.write_bytes(b"[" * 100_000)
    with pytest.raises(InputError, match="line 1"):
        join_metadata([path], ["2301.00001"])
    (folder / "a.json").write_bytes(json.dumps(record).encode() + tail)
    assert metadata_beside(folder / "a.pdf") is not None
