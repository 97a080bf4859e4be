"""Croissant metadata (MLCommons, format 1.0): `croissant.json` of a dataset folder, as `mlcroissant` reads it.

https://docs.mlcommons.org/croissant/docs/croissant-spec.html

A `FileObject` for the repository, a `FileSet` of its Parquet shards, and a `RecordSet` of the rows with their split.
Whatever changes from day to day (dates, the machine) stays out: equal datasets give equal bytes. A copy on disk is read
with `mlcroissant.Dataset("croissant.json", mapping={"repo": "path/to/the/folder"})`.
"""

from __future__ import annotations

import json
from typing import Any

from datasets import ClassLabel, Image, List
from huggingface_hub import constants

from s1_mmalign.builder.caption_columns import features_with, names_in
from s1_mmalign.builder.records import SPLITS
from s1_mmalign.builder.shards import Manifest
from s1_mmalign.dataset_card import descriptions
from s1_mmalign.dataset_card.metadata import licence_fields, tags
from s1_mmalign.dataset_card.statistics import Statistics

CROISSANT_NAME = "croissant.json"
CONFORMS_TO = "http://mlcommons.org/croissant/1.0"
CITATION = (
    "Wang, H., Guo, L., Huo, P., Lin, X., Yuan, Y., Jiang, J., Liu, J. (2026). S1-MMAlign: A Large-Scale, "
    "Multi-Disciplinary Dataset for Scientific Figure-Text Understanding. arXiv:2601.00264."
)
PAPER = "https://arxiv.org/abs/2601.00264"
LICENCE_PAGE = "https://spdx.org/licenses/{}"
NO_HASH = "https://github.com/mlcommons/croissant/issues/80"
"""What stands for the sha256 of a repository, which has none; the format asks for one."""
PER_ROW = "each row under its paper's licence: columns licence and licence_class"

_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataBiases": "cr:dataBiases",
    "dataCollection": "cr:dataCollection",
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isEnumeration": "cr:isEnumeration",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "personalSensitiveInformation": "cr:personalSensitiveInformation",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
    "rai": "http://mlcommons.org/croissant/RAI/",
}
_TYPES = {
    "string": "sc:Text",
    "int32": "sc:Integer",
    "int64": "sc:Integer",
    "float32": "sc:Float",
    "float64": "sc:Float",
}


def croissant(manifest: Manifest, statistics: Statistics, pretty_name: str, repo_id: str | None = None) -> str:
    """Return the metadata as JSON text.

    Args:
        manifest: of the dataset.
        statistics: of its rows.
        pretty_name: the dataset's name.
        repo_id: `user/name` on the Hub; None: the folder in which `croissant.json` lies.
    """
    place = f"{constants.ENDPOINT}/datasets/{repo_id}" if repo_id else "./"
    licence = licence_fields(statistics)["license"]
    content: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": pretty_name,
        "description": (
            f"{statistics.rows:,} images from the figures of {manifest.papers.get('with_rows', 0):,} papers, "
            "each with its caption, the paragraphs that refer to it, the paper's title and abstract, and a recaption."
        ),
        "url": place if repo_id else PAPER,
        "license": PER_ROW if licence == "other" else LICENCE_PAGE.format(licence.upper()),
        "citeAs": CITATION,
        "keywords": tags(statistics),
        "inLanguage": "en",
        "isLiveDataset": False,
        "rai:dataCollection": "Figures and texts were taken out of the files of open-access papers by a program.",
        "rai:dataBiases": "Sources and disciplines are as uneven as the papers that were put in; nothing was balanced.",
        "rai:personalSensitiveInformation": "Figures can show people where the papers did; nothing was looked for.",
        "distribution": [_repository(place), _SHARDS],
        "recordSet": [_splits(manifest), _rows(statistics)],
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _repository(place: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": "repo",
        "name": "repo",
        "description": "The dataset's repository or folder.",
        "contentUrl": place,
        "encodingFormat": "git+https",
        "sha256": NO_HASH,
    }


_SHARDS: dict[str, Any] = {
    "@type": "cr:FileSet",
    "@id": "shards",
    "name": "shards",
    "description": "data/<source>/<licence class>/<split>-NNNNN-of-NNNNN.parquet",
    "containedIn": {"@id": "repo"},
    "encodingFormat": "application/x-parquet",
    "includes": "data/*/*/*.parquet",
}


def _splits(manifest: Manifest) -> dict[str, Any]:
    present = {shard.split for shard in manifest.shards if shard.rows}
    return {
        "@type": "cr:RecordSet",
        "@id": "splits",
        "name": "splits",
        "dataType": "cr:Split",
        "key": {"@id": "splits/name"},
        "field": [{"@type": "cr:Field", "@id": "splits/name", "name": "name", "dataType": "sc:Text"}],
        "data": [{"splits/name": split} for split in SPLITS if split in present],
    }


def _rows(statistics: Statistics) -> dict[str, Any]:
    features = features_with(names_in(statistics.filled))
    split = {
        "@type": "cr:Field",
        "@id": "rows/split",
        "name": "split",
        "dataType": "sc:Text",
        "source": {
            "fileSet": {"@id": "shards"},
            "extract": {"fileProperty": "fullpath"},
            "transform": {"regex": r"^(?:.*/)?([a-z]+)(?:-\d+-of-\d+\.parquet)?$"},
        },
        "references": {"field": {"@id": "splits/name"}},
    }
    return {
        "@type": "cr:RecordSet",
        "@id": "rows",
        "name": "rows",
        "description": "One row is one image file of a figure.",
        "key": {"@id": "rows/image_path"},
        "field": [split, *(_field(name, feature) for name, feature in features.items())],
    }


def _field(name: str, feature: Any) -> dict[str, Any]:
    listed = isinstance(feature, List)
    inner = feature.feature if listed else feature
    extract: dict[str, Any] = {"extract": {"column": name}}
    if isinstance(inner, Image):
        extract["transform"] = {"jsonPath": "bytes"}
    field = {
        "@type": "cr:Field",
        "@id": f"rows/{name}",
        "name": name,
        "description": _meaning(name, inner),
        "dataType": _data_type(inner),
        "source": {"fileSet": {"@id": "shards"}, **extract},
    }
    return field | ({"repeated": True} if listed else {})


def _meaning(name: str, feature: Any) -> str:
    text = descriptions.column(name)
    if isinstance(feature, ClassLabel):
        text += ": " + ", ".join(f"{number} {label}" for number, label in enumerate(feature.names))
    return text


def _data_type(feature: Any) -> str:
    if isinstance(feature, Image):
        return "sc:ImageObject"
    return "sc:Integer" if isinstance(feature, ClassLabel) else _TYPES[feature.dtype]
