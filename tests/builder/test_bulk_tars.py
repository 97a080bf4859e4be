"""Bulk tars: read where they lie, and told from half and wrong ones before anything is built."""

import hashlib
import io
import os
import tarfile

import pytest

from s1_mmalign.builder.options import BuildOptions
from s1_mmalign.builder.sources.bulk_tars import is_bulk_tar, members_of, read_manifest
from s1_mmalign.builder.sources.inventory import Inventory
from s1_mmalign.builder.sources.package import check_unchanged, load_package
from s1_mmalign.builder.sources.packages import InputError, find_packages
from s1_mmalign.builder.unit_plan import batches
from s1_mmalign.samples.packing import tar
from s1_mmalign.samples.sources_forms.make import bulk_tar, manifest_of

NAME = "arXiv_src_2301_001.tar"
LIMITS = BuildOptions(papers=(".",)).extract.limits  # type: ignore[arg-type]


def small_tar(count: int = 5, month: str = "2301") -> bytes:
    return bulk_tar(
        month, {f"{month}.{index:05d}.gz": b"\\documentclass{article}" * (index + 1) for index in range(count)}
    )


def write_month(folder, data: bytes, name: str = NAME, listed: bytes | None = None) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(data)
    (folder / "arXiv_src_manifest.xml").write_bytes(manifest_of({name: listed or data}))


def inventory(tmp_path, **options) -> Inventory:
    return Inventory(BuildOptions(papers=(tmp_path / "papers",), **options), tmp_path / "work")


def test_packages_are_read_out_of_the_tar_by_their_bytes(tmp_path):
    write_month(tmp_path / "papers", small_tar())
    packages = list(inventory(tmp_path).packages())
    assert [package.paper_id for package in packages] == [f"2301.{index:05d}" for index in range(5)]
    for index, package in enumerate(packages):
        archive = load_package(package).open(LIMITS)
        assert archive.read(archive.names()[0]) == b"\\documentclass{article}" * (index + 1)
    assert not list(tmp_path.rglob("*.gz")), "nothing is unpacked to disk"


def test_a_half_downloaded_tar_is_told_with_or_without_a_manifest(tmp_path):
    whole = small_tar()
    write_month(tmp_path / "papers", whole[: len(whole) // 2], listed=whole)
    with pytest.raises(InputError, match=rf"{len(whole) // 2:,} of {len(whole):,} bytes.*not finished"):
        inventory(tmp_path)
    (tmp_path / "papers" / "arXiv_src_manifest.xml").unlink()
    for cut in (len(whole) // 2, whole.rindex(b"ass{article}") + 12):  # in a member; where the closing zeros lack
        (tmp_path / "papers" / NAME).write_bytes(whole[:cut])
        with pytest.raises(InputError, match="breaks off"):
            inventory(tmp_path)


def test_a_wrong_tar_is_told_by_its_md5(tmp_path):
    whole = small_tar()
    write_month(tmp_path / "papers", whole.replace(b"article", b"artikel", 1), listed=whole)
    with pytest.raises(InputError, match=r"md5.*Download it again"):
        inventory(tmp_path)


def test_all_bad_tars_are_told_at_once_or_left_out_on_request(tmp_path):
    write_month(tmp_path / "papers", small_tar())
    for number in (2, 3):
        (tmp_path / "papers" / f"arXiv_src_2301_00{number}.tar").write_bytes(small_tar(month="2302")[:1500])
    with pytest.raises(InputError, match=r"(?s)2301_002.*2301_003"):
        inventory(tmp_path)
    found = inventory(tmp_path, on_bad_tar="skip")
    assert (found.kept, len(found)) == (5, 7)
    assert [(drop.reason, drop.paper_id[-7:]) for drop in found.drops()] == [
        ("package_unreadable", "002.tar"),
        ("package_unreadable", "003.tar"),
    ]


def test_what_is_no_tar_at_all_is_told(tmp_path):
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / NAME).write_bytes(b"<html>Access denied</html>" * 100)
    with pytest.raises(InputError, match="no tar or is damaged"):
        inventory(tmp_path)


def test_the_same_tar_downloaded_again_is_the_same_by_the_manifest_and_another_one_is_not(tmp_path):
    write_month(tmp_path / "papers", small_tar())
    first = [package.state for package in inventory(tmp_path).packages()]
    os.utime(tmp_path / "papers" / NAME, ns=(1, 1))
    assert [package.state for package in inventory(tmp_path).packages()] == first
    changed = small_tar().replace(b"article", b"artikel", 1)
    write_month(tmp_path / "papers", changed)
    assert {package.state for package in inventory(tmp_path).packages()} == {hashlib.md5(changed).hexdigest()}


def test_a_tar_that_changes_while_it_is_read_does_not_become_rows(tmp_path):
    write_month(tmp_path / "papers", small_tar())
    package = next(inventory(tmp_path).packages())
    check_unchanged(package)
    (tmp_path / "papers" / NAME).write_bytes(small_tar(3))
    with pytest.raises(InputError, match="changed while it was read"):
        check_unchanged(package)


def test_of_versions_the_latest_and_of_equal_ids_the_first_is_read(tmp_path):
    folder = tmp_path / "papers"
    folder.mkdir()
    for name in ("2301.00001v1.gz", "2301.00001v2.gz", "2301.00002.gz", "sub/2301.00002.gz", "math0106220v3.gz"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"x")
    found = inventory(tmp_path)
    assert [package.key for package in found.packages()] == ["2301.00001v2.gz", "2301.00002.gz", "math0106220v3.gz"]
    assert {drop.paper_id: drop.reason for drop in found.drops()} == {
        "2301.00001v1": "duplicate_paper",
        "2301.00002": "duplicate_paper",
    }


def test_a_papers_own_tar_is_not_taken_for_one_of_many():
    assert not is_bulk_tar("2301.00001.tar", io.BytesIO(tar({"ms.tex": b"x", "figures/1.png": b"y"})))
    assert is_bulk_tar("renamed.tar", io.BytesIO(small_tar()))
    assert is_bulk_tar(NAME)


def test_units_are_of_bounded_bytes_and_alike_and_cover_a_tar_in_order(tmp_path):
    (tmp_path / NAME).write_bytes(
        bulk_tar("2301", {f"2301.{index:05d}.gz": bytes(1 + 997 * index % 5000) for index in range(200)})
    )
    packages = find_packages([tmp_path]).packages
    options = BuildOptions(papers=(tmp_path,), unit_papers=30, unit_bytes=60_000)
    cut = list(batches(packages, options))
    assert [package for batch in cut for package in batch] == packages
    sizes = [sum(package.bytes for package in batch) for batch in cut]
    assert max(sizes) <= 60_000 and max(map(len, cut)) <= 30
    assert min(sizes) > 0.7 * max(sizes)


def test_a_package_that_is_added_to_a_folder_changes_few_units(tmp_path):
    for index in range(0, 400, 2):
        (tmp_path / f"{index:03d}.pdf").write_bytes(b"x")
    options = BuildOptions(papers=(tmp_path,), unit_papers=8)
    keys = {tuple(package.key for package in batch) for batch in batches(find_packages([tmp_path]).packages, options)}
    (tmp_path / "201.pdf").write_bytes(b"x")
    again = {tuple(package.key for package in batch) for batch in batches(find_packages([tmp_path]).packages, options)}
    assert len(again - keys) <= 4 < len(again) / 2


def test_members_with_long_and_odd_names_are_found(tmp_path):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in ("2301", "2301/" + "a" * 150 + ".gz", "2301/ünï.gz"):
            entry = tarfile.TarInfo(name)
            entry.type = tarfile.DIRTYPE if "/" not in name else tarfile.REGTYPE
            archive.addfile(entry)
    data = out.getvalue()
    assert [member.name[-6:] for member in members_of(io.BytesIO(data), len(data), "x")] == ["aaa.gz", "ünï.gz"]


def test_a_manifest_that_is_none_is_named(tmp_path):
    (tmp_path / "arXiv_src_manifest.xml").write_text("<arXivSRC><file><size>1</size></file></arXivSRC>")
    with pytest.raises(InputError, match=r"arXiv_src_manifest\.xml"):
        read_manifest(tmp_path / "arXiv_src_manifest.xml")
