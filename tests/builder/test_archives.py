"""Packages open by their bytes, and hostile ones end in a `PackageError` without touching the disk."""

import gzip
import io
import tarfile
import zipfile

import pytest

from s1_mmalign.builder.archives import ArchiveLimits, open_archive, open_bytes
from s1_mmalign.builder.records import PackageError


def tar_bytes(members: dict[str, bytes], **changes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            for key, value in changes.items():
                setattr(info, key, value)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def zip_bytes(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


MEMBERS = {"ms.tex": b"\\documentclass{article}", "figures/a.png": b"picture"}


@pytest.mark.parametrize(
    "data",
    [
        tar_bytes(MEMBERS),
        gzip.compress(tar_bytes(MEMBERS), mtime=0),
        zip_bytes(MEMBERS),
        gzip.compress(zip_bytes(MEMBERS), mtime=0),
    ],
    ids=["tar", "tar.gz", "zip", "zip.gz"],
)
def test_every_form_of_archive_gives_the_same_members(data):
    archive = open_bytes(data, "paper.gz")
    assert {name: archive.read(name) for name in archive.names()} == MEMBERS
    assert archive.size("figures/a.png") == 7


def test_a_single_gzipped_file_keeps_its_name_without_gz():
    archive = open_bytes(gzip.compress(b"\\documentclass{article}"), "2301.00001.gz")
    assert archive.names() == ["2301.00001"]


def test_a_folder_is_an_archive_and_links_in_it_are_not_followed(tmp_path):
    (tmp_path / "secret").write_text("outside")
    paper = tmp_path / "paper"
    (paper / "figures").mkdir(parents=True)
    (paper / "ms.tex").write_text("x")
    (paper / "figures" / "a.png").write_text("y")
    (paper / "link.tex").symlink_to(tmp_path / "secret")
    (paper / "up").symlink_to(tmp_path)
    archive = open_archive(paper)
    assert sorted(archive.names()) == ["figures/a.png", "ms.tex"]
    with pytest.raises(KeyError):
        archive.read("../secret")


def test_links_and_devices_of_a_tar_are_no_members():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, kind in (("passwd", tarfile.SYMTYPE), ("hard", tarfile.LNKTYPE), ("null", tarfile.CHRTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
        tar.addfile(tarfile.TarInfo("ms.tex"))
    assert open_bytes(out.getvalue(), "x.tar").names() == ["ms.tex"]


def test_odd_names_are_spelt_plainly():
    archive = open_bytes(tar_bytes({"./a//b.png": b"1", "caf\udce9.png": b"2"}), "x.tar")
    assert archive.names() == ["a/b.png", "caf?.png"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        gzip.compress(b"x" * 100_000, mtime=0)[:-20],
        zip_bytes(MEMBERS)[:-30],
        tar_bytes({}),
        gzip.compress(tar_bytes({"a": b"x" * 5000})[:2000], mtime=0),
    ],
    ids=["empty", "gzip cut off", "zip cut off", "tar without members", "tar cut off"],
)
def test_broken_packages_are_unreadable(data):
    with pytest.raises(PackageError) as error:
        open_bytes(data, "paper.gz")
    assert error.value.reason == "package_unreadable"


@pytest.mark.parametrize(
    ("data", "limits"),
    [
        (gzip.compress(bytes(10 << 20), mtime=0), ArchiveLimits(max_bytes=1 << 20)),
        (gzip.compress(bytes(10 << 20), mtime=0), ArchiveLimits(ratio_floor=1 << 20)),
        (zip_bytes({"a": bytes(10 << 20)}), ArchiveLimits(ratio_floor=1 << 20)),
        (tar_bytes({str(i): b"" for i in range(50)}), ArchiveLimits(max_members=20)),
        (zip_bytes({str(i): b"" for i in range(50)}), ArchiveLimits(max_members=20)),
    ],
    ids=["bytes", "gzip ratio", "zip ratio", "tar members", "zip members"],
)
def test_bombs_stop_at_the_limits(data, limits):
    with pytest.raises(PackageError) as error:
        open_bytes(data, "bomb.gz", limits)
    assert error.value.reason == "package_too_large"


def test_a_zip_member_without_a_name_is_none():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("x", b"nameless")
        archive.writestr("main.tex", b"source")
    directory = out.getvalue().rindex(b"PK\x01\x02", 0, out.getvalue().rindex(b"PK\x01\x02"))
    data = bytearray(out.getvalue())
    data[directory + 28 : directory + 34] = b"\0\0\1\0\0\0"  # no name, and its letter is an extra field
    assert open_bytes(bytes(data), "a.zip").names() == ["main.tex"]


def test_a_corrupt_zip_member_is_an_error_of_that_read():
    data = bytearray(zip_bytes({"a.png": bytes(range(256)) * 40, "b.png": b"fine"}))
    data[60] ^= 0xFF
    archive = open_bytes(bytes(data), "x.zip")
    assert archive.read("b.png") == b"fine"
    with pytest.raises(PackageError):
        archive.read("a.png")


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(PackageError, match="No such file"):
        open_archive(tmp_path / "nothing.tar.gz")
