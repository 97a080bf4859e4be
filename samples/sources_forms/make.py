"""Write the samples of every source's form: `python -m s1_mmalign.samples.sources_forms.make [FOLDER]`.

    arxiv/     arXiv_src_2601_001.tar (arXiv_src_manifest.xml beside it), metadata.jsonl: arXiv's metadata snapshot
    biorxiv/   Current_Content/January_2026/<uuid>.meca, two versions of one paper
    pmc/       oa_package/<xx>/<yy>/PMC….tar.gz and oa_file_list.csv
    chemrxiv/  PDFs named by item or DOI, metadata.jsonl: items of ChemRxiv's public API
    osf/       PDFs named by preprint id, metadata.jsonl: preprints of the OSF API (PsyArXiv)
    engrxiv/   PDFs named by DOI, metadata.jsonl: works of the Crossref API

Identifiers are made up: arXiv gives out no number 00000 and none that begins with 9, and 10.5555 is set aside for
examples; where a source is told by its prefix, the rest cannot be a real one.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from s1_mmalign.samples.packing import meca, tar, tar_gz
from s1_mmalign.samples.sources_forms.papers import jats, latex, pdf, picture

_HERE = Path(__file__).parent
_CC_BY = "http://creativecommons.org/licenses/by/4.0/"


def make() -> dict[str, bytes]:
    """Return every file by its path."""
    return {**_arxiv(), **_biorxiv(), **_pmc(), **_chemrxiv(), **_osf(), **_engrxiv()}


def bulk_tar(folder: str, packages: dict[str, bytes]) -> bytes:
    """A bulk tar of packages by name, in the folder of the month."""
    return tar({f"{folder}/{name}": data for name, data in packages.items()})


def manifest_of(tars: dict[str, bytes]) -> bytes:
    """arXiv's manifest of these tars."""
    entries = "".join(
        f"<file><content_md5sum/><filename>src/{name}</filename><md5sum>{hashlib.md5(data).hexdigest()}</md5sum>"
        f"<num_items>1</num_items><size>{len(data)}</size><timestamp>2026-02-03 00:00:00</timestamp></file>"
        for name, data in tars.items()
    )
    return f'<?xml version="1.0" standalone="yes"?><arXivSRC>{entries}</arXivSRC>\n'.encode()


def _arxiv() -> dict[str, bytes]:
    one = gzip.compress(latex("a single file of TeX", 0)["ms.tex"], mtime=0)
    packages = {
        "2601.90001.gz": tar_gz(latex("the paper in a tar in a gzip", 1)),  # what most are
        "2601.90002.gz": one,  # a paper of one file: no tar inside, and its figures are lost
        "2601.90003.pdf": pdf("the paper that was sent as PDF", 3),
        "math9901234.gz": tar_gz(latex("the paper of an old identifier", 4)),
        "2601.90005.gz": tar_gz(latex("the paper that the snapshot lacks", 5)),
    }
    data = bulk_tar("2601", packages)
    records = [
        _snapshot("2601.90001", "the paper in a tar in a gzip", "hep-th"),
        _snapshot("2601.90002", "a single file of TeX", "math.AG"),
        _snapshot("2601.90003", "the paper that was sent as PDF", "astro-ph.CO"),
        _snapshot("math/9901234", "the paper of an old identifier", "math.AG math.GT"),
    ]
    return {
        "arxiv/arXiv_src_2601_001.tar": data,
        "arxiv/arXiv_src_manifest.xml": manifest_of({"arXiv_src_2601_001.tar": data}),
        "arxiv/metadata.jsonl": _lines(records),
    }


def _biorxiv() -> dict[str, bytes]:
    files = {}
    for version, uuid in ((1, "0b1c2d3e-6f00-1014-9a00-000000000001"), (2, "0b1c2d3e-6f00-1014-9a00-000000000002")):
        names = (f"5555v{version}_fig1.tif", f"5555v{version}_fig2.tif")
        xml = jats("the patterns of a preprint in biology", "10.1101/5555.01.01.555555", "bioRxiv", "Ecology", names)
        content = {f"content/5555v{version}.xml": xml} | {
            f"content/{name}": picture(10 + index, "TIFF") for index, name in enumerate(names)
        }
        files[f"biorxiv/Current_Content/January_2026/{uuid}.meca"] = meca(content)
    return files


def _pmc() -> dict[str, bytes]:
    files = {}
    lines = ["File,Article Citation,Accession ID,Last Updated (YYYY-MM-DD HH:MM:SS),PMID,License"]
    for accession, journal, folder, licence in (
        ("PMC99900001", "Nat Commun", "08/e0", "CC BY"),
        ("PMC99900002", "PLoS One", "aa/01", "CC BY-NC"),
    ):
        name = f"oa_package/{folder}/{accession}.tar.gz"
        pictures = ("x-g001", "x-g002")
        title = f"the results of an article in {journal}"
        doi = f"10.5555/{accession.lower()}"
        xml = jats(title, doi, journal, "Article", pictures, licensed=False)
        members = {f"{accession}/x.nxml": xml} | {
            f"{accession}/{picture_name}.jpg": picture(int(accession[-1]) * 10 + index, "JPEG")
            for index, picture_name in enumerate(pictures)
        }
        files[f"pmc/{name}"] = tar_gz(members)
        lines.append(f'{name},"{journal}. 2026 Jan 5; 1:1",{accession},2026-01-06 00:00:00,,{licence}')
    return files | {"pmc/oa_file_list.csv": ("\n".join(lines) + "\n").encode()}


def _chemrxiv() -> dict[str, bytes]:
    title = "the rates of a reaction that nobody ran"
    item = {
        "id": "60c7000000000000000000ff", "doi": "10.26434/chemrxiv-5555-xxxxx", "title": title,
        "abstract": "A paper of two figures.", "categories": [{"id": "1", "name": "Catalysis", "count": 1}],
        "license": {"id": "1", "name": "CC BY 4.0", "url": _CC_BY}, "publishedDate": "2026-01-05T00:00:00.000Z",
        "asset": {"original": {"fileName": "main.pdf"}},
    }  # fmt: skip
    return {
        "chemrxiv/10.26434_chemrxiv-5555-xxxxx.pdf": pdf(title, 40),
        "chemrxiv/metadata.jsonl": _lines([{"item": item}]),
    }


def _osf() -> dict[str, bytes]:
    title = "the answers of people who were not asked"
    record = {
        "id": "zzzz9_v1", "type": "preprints",
        "attributes": {
            "title": title, "description": "A paper of two figures.", "date_published": "2026-01-05T00:00:00.000000",
            "subjects": [[{"id": "a", "text": "Social and Behavioral Sciences"}, {"id": "b", "text": "Neuroscience"}]],
        },
        "relationships": {"provider": {"data": {"id": "psyarxiv", "type": "preprint-providers"}}},
        "embeds": {"license": {"data": {"attributes": {"name": "CC-By Attribution 4.0 International", "url": _CC_BY}}}},
        "links": {"preprint_doi": "https://doi.org/10.31234/osf.io/zzzz9_v1"},
    }  # fmt: skip
    return {"osf/zzzz9_v1.pdf": pdf(title, 50), "osf/metadata.jsonl": _lines([record])}


def _engrxiv() -> dict[str, bytes]:
    title = "the loads on a bridge that was never built"
    record = {
        "DOI": "10.31224/55555", "title": [title], "abstract": "<jats:p>A paper of two figures.</jats:p>",
        "license": [{"URL": _CC_BY}], "group-title": "Civil Engineering", "posted": {"date-parts": [[2026, 1, 5]]},
    }  # fmt: skip
    return {"engrxiv/10.31224_55555.pdf": pdf(title, 60), "engrxiv/metadata.jsonl": _lines([record])}


def _snapshot(identifier: str, title: str, categories: str) -> dict[str, Any]:
    return {
        "id": identifier, "submitter": "The S1-MMAlign project", "title": title, "doi": None, "categories": categories,
        "abstract": "  A paper of two figures.\n", "license": _CC_BY, "update_date": "2026-01-05",
        "versions": [{"version": "v1", "created": "Mon, 5 Jan 2026 09:00:00 GMT"}],
    }  # fmt: skip


def _lines(records: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()


def main(folder: Path = _HERE) -> None:
    """Write the samples under a folder."""
    for name, data in make().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    sys.stdout.write(f"written to {folder}\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
