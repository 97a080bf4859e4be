"""Metadata of many papers by name, without holding them in memory."""

import json
import os

import pytest

from s1_mmalign.builder.options import BuildOptions
from s1_mmalign.builder.sources.errors import InputError
from s1_mmalign.builder.sources.inventory import Inventory
from s1_mmalign.builder.sources.metadata_index import MetadataIndex
from s1_mmalign.builder.unit_plan import plan_units


def write_lines(path, records) -> None:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


@pytest.mark.parametrize(
    "paper_id",
    ["10.26434_chemrxiv-2021-abc", "10.26434-chemrxiv-2021-abc", "chemrxiv-2021-abc", "60c7", "CHEMRXIV_2021_ABC"],
)
def test_a_file_named_by_doi_or_id_in_any_spelling_finds_its_record(tmp_path, paper_id):
    item = {"item": {"id": "60c7", "doi": "10.26434/chemrxiv-2021-abc", "title": "T", "license": {"name": "CC BY"}}}
    write_lines(tmp_path / "metadata.jsonl", [{"id": "other", "title": "O"}, item])
    index = MetadataIndex([tmp_path / "metadata.jsonl"], tmp_path / "index")
    assert (index[paper_id].title, index[paper_id].licence, index[paper_id].source) == ("T", "CC BY", "chemrxiv")
    assert index.digest(paper_id)


def test_the_later_record_counts_and_the_digest_is_of_what_is_used(tmp_path):
    path = tmp_path / "a.jsonl"
    write_lines(
        path, [{"id": "2301.00001", "title": "old"}, {"id": "2301.00001", "title": "new", "comments": "5 pages"}]
    )
    first = MetadataIndex([path], tmp_path / "index")
    assert first["2301.00001v2"].title == "new" and first.digest("2301.00009") == ""
    write_lines(path, [{"id": "2301.00001", "title": "new", "comments": "6 pages"}])
    os.utime(path, ns=(5, 5))
    assert MetadataIndex([path], tmp_path / "index").digest("2301.00001") == first.digest("2301.00001")
    assert len(list((tmp_path / "index").glob("*.sqlite"))) == 1, "the index of the old file is gone"


def test_a_line_of_biorxivs_api_is_read(tmp_path):
    record = {
        "doi": "10.1101/2021.01.01.1234", "title": "T", "date": "2021-01-05", "license": "cc_by_nc",
        "server": "medrxiv", "category": "oncology", "jatsxml": "https://x/early/2021/01/05/2021.01.01.1234.source.xml",
    }  # fmt: skip
    write_lines(tmp_path / "m.jsonl", [record])
    metadata = MetadataIndex([tmp_path / "m.jsonl"], tmp_path)["2021.01.01.1234"]
    assert (metadata.source, metadata.licence, metadata.categories) == ("medrxiv", "cc_by_nc", ["oncology"])
    assert metadata.published == "2021-01-05"


def test_both_headings_of_pmcs_list_are_understood(tmp_path):
    (tmp_path / "old.csv").write_text("File,Article Citation,Accession ID,License\na/PMC1.tar.gz,Nature. 1,PMC1,CC0\n")
    (tmp_path / "new.csv").write_text(
        "Key,Article Citation,AccessionID,License\nb/PMC2.tar.gz,Nat Commun. 1,PMC2,CC BY\n"
    )
    index = MetadataIndex([tmp_path / "old.csv", tmp_path / "new.csv"], tmp_path / "index")
    assert (index["PMC1"].licence, index["PMC1"].source) == ("CC0", None)
    assert (index["PMC2"].licence, index["PMC2"].source) == ("CC BY", "nature_communications")


def test_a_compressed_or_broken_file_is_told(tmp_path):
    (tmp_path / "snapshot.zip").write_bytes(b"PK\x03\x04" + bytes(50))
    with pytest.raises(InputError, match=r"snapshot\.zip, line 1.*unpack it"):
        MetadataIndex([tmp_path / "snapshot.zip"], tmp_path)
    (tmp_path / "half.jsonl").write_text('{"id": "a"}\n{"id": "b", "ti')
    with pytest.raises(InputError, match=r"half\.jsonl, line 2.*not be finished"):
        MetadataIndex([tmp_path / "half.jsonl"], tmp_path)
    assert not list(tmp_path.glob("*.sqlite"))


def test_changed_metadata_makes_its_units_anew_unless_told_not_to(tmp_path):
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "2301.00001.gz").write_bytes(b"x")
    path = tmp_path / "papers" / "metadata.jsonl"

    def name(title: str, **options) -> str:
        write_lines(path, [{"id": "2301.00001", "title": title}])
        os.utime(path, ns=(hash(title) % 10**9, hash(title) % 10**9))
        settings = BuildOptions(papers=(tmp_path / "papers",), **options)
        inventory = Inventory(settings, tmp_path / "work")
        (unit,) = plan_units(inventory, settings, tmp_path / "units")
        inventory.close()
        return unit.name

    (tmp_path / "units").mkdir()
    first = name("A title")
    assert name("A title") == first != name("Another title")
    (tmp_path / "units" / f"{first}.json").write_text("{}")
    assert name("Another title", refresh_metadata=False) == first
