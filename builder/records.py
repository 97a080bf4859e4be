"""The records that every stage shares: a paper, its figures, the drops, and the row of the dataset.

A *package* is one paper as its source hands it out (an archive, a folder, a PDF). A reader of
`builder.formats` turns it into a `Paper` of `Figure`s; each figure holds one `Graphic` for every image
file; each graphic becomes one row (`FEATURES`) or one `Drop`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from datasets import ClassLabel, Features, Image, List, Value

Source = Literal[
    "arxiv", "biorxiv", "medrxiv", "chemrxiv", "nature_communications",
    "engrxiv", "psyarxiv", "edrxiv", "metarxiv", "other",
]  # fmt: skip
SOURCES: tuple[str, ...] = get_args(Source)

DISCIPLINES: tuple[str, ...] = (
    "Mathematics", "Physics", "Chemistry", "Biology", "Astronomy",
    "Earth Science", "Medicine", "Engineering", "Computer Science",
)  # fmt: skip

LicenceClass = Literal["open", "noncommercial", "restricted", "unknown"]
LICENCE_CLASSES: tuple[str, ...] = get_args(LicenceClass)

SPLITS: tuple[str, ...] = ("train", "validation", "test")

Format = Literal["latex", "jats", "pdf"]

DropReason = Literal[
    # of a whole paper
    "package_unreadable",  # no archive, corrupt, truncated, encrypted, or empty
    "package_too_large",  # unpacked size, member count or compression ratio over the limit
    "no_source",  # neither LaTeX, JATS nor PDF inside
    "source_unreadable",  # the LaTeX, XML or PDF is there but cannot be read
    "no_figures",  # read to its end, and has no figure
    "duplicate_paper",  # a second package with the id of an earlier one, or the same paper by DOI or title
    "timeout",  # reading took longer than the limit
    "out_of_memory",  # reading took more memory than the limit
    "worker_crashed",  # the process that read it died
    "reader_error",  # a fault of this program; detail names the exception
    # of a figure or an image of it
    "image_missing",  # the source names a file that the package lacks
    "image_unreadable",  # corrupt, truncated, or in a format that nothing here decodes
    "image_too_small",  # file or picture under the limits of ImageOptions
    "image_too_large",  # more pixels than may be decoded
    "image_blank",  # one colour only
    "image_timeout",  # rendering took longer than the limit
    "renderer_missing",  # needs a program that is not installed (Ghostscript for EPS)
    "drawn_in_source",  # TikZ, pgfplots, picture: there is no file
    "table_as_image",  # a table set as a picture
    "no_region",  # PDF: a caption without a picture that could be cut out
    "not_a_figure",  # logos, ORCID marks, graphical decoration
    "no_caption",  # a picture that the paper gives no caption
    # of what was read but must not be there (or not twice)
    "duplicate_image",  # the same bytes as an earlier image
    "near_duplicate_image",  # a perceptual hash close to that of an earlier image
    "evaluation_set",  # the paper or image is on the list of evaluation sets
    "removed",  # the paper is on the list of those that were taken out for good
    # of the published release
    "image_without_row",  # an image that no row names
    "duplicate_row",  # a second row, or a second image, of one path
]
DROP_REASONS: tuple[str, ...] = get_args(DropReason)


@dataclass(slots=True)
class Drop:
    """A paper, figure or image that gives no row, and why: one line of the drop ledger.

    `where` is empty for a whole paper, else the figure id and, after a space, the image's path.
    """

    paper_id: str
    where: str
    reason: DropReason
    detail: str = ""


@dataclass(slots=True)
class Graphic:
    """One image file of a figure, as the source names it.

    `source` is the path inside the archive (as the archive spells it), or `page:N` / `page:N#k`
    (N 1-based) for the k-th region of a PDF page. `data` holds the picture where the reader already
    has it (a region cut out of a PDF); otherwise it is read from the archive under `source`.
    `page` is the 1-based page of a multi-page file. `trim` (left, bottom, right, top) and `viewport`
    (x0, y0, x1, y1) are in PDF points (1/72 inch), `angle` in degrees counter-clockwise, all as
    `\\includegraphics` means them; `trim` and `viewport` apply only with `clip`.
    """

    source: str
    panel: str | None = None
    subcaption: str | None = None
    data: bytes | None = None
    page: int = 1
    trim: tuple[float, float, float, float] | None = None
    viewport: tuple[float, float, float, float] | None = None
    clip: bool = False
    angle: float = 0.0


@dataclass(slots=True)
class Figure:
    """One captioned float: everything but the pixels.

    `figure_id` is unique within the paper and stable (`fig1`, `fig2`… in source order, or the JATS id).
    `number` is as printed ("3", "A1", "SI.2"), None where none is printed. `caption` is plain Unicode
    with inline mathematics as `$…$` and no leading "Figure 3:". `contexts` are the body paragraphs
    that refer to the figure, in reading order, as plain text of the same kind.
    """

    figure_id: str
    caption: str
    label: str | None = None
    number: str | None = None
    graphics: list[Graphic] = field(default_factory=list)
    contexts: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Metadata:
    """What is known of a paper beside its figures. Empty fields are None or empty, never guessed."""

    title: str | None = None
    abstract: str | None = None
    doi: str | None = None
    arxiv_id: str | None = None
    categories: list[str] = field(default_factory=list)
    discipline: str | None = None
    published: str | None = None
    url: str | None = None
    licence: str | None = None
    source: str | None = None

    def over(self, other: Metadata) -> Metadata:
        """Return a copy in which every field that is empty here is filled from `other`."""
        names = self.__dataclass_fields__
        return Metadata(**{name: getattr(self, name) or getattr(other, name) for name in names})


@dataclass(slots=True)
class Paper:
    """What a reader found in one package. `drops` have an empty `paper_id`; the caller fills it in."""

    metadata: Metadata = field(default_factory=Metadata)
    figures: list[Figure] = field(default_factory=list)
    drops: list[Drop] = field(default_factory=list)


class PackageError(Exception):
    """A package that gives no paper at all. `reason` is the drop that stands for it."""

    def __init__(self, reason: DropReason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason: DropReason = reason
        self.detail = detail


TEXT_COLUMNS: dict[str, Value | ClassLabel | List] = {
    "image_path": Value("string"),
    "caption": Value("string"),
    "subcaption": Value("string"),
    "paper_id": Value("string"),
    "doi": Value("string"),
    "arxiv_id": Value("string"),
    "title": Value("string"),
    "abstract": Value("string"),
    "categories": List(Value("string")),
    "discipline": ClassLabel(names=list(DISCIPLINES)),
    "published": Value("string"),
    "url": Value("string"),
    "source": ClassLabel(names=list(SOURCES)),
    "licence": Value("string"),
    "licence_class": ClassLabel(names=list(LICENCE_CLASSES)),
    "figure_id": Value("string"),
    "figure_label": Value("string"),
    "figure_number": Value("string"),
    "panel": Value("string"),
    "panels": Value("int32"),
    "image_source": Value("string"),
    "citation_contexts": List(Value("string")),
    "width": Value("int32"),
    "height": Value("int32"),
    "image_sha256": Value("string"),
    "phash": Value("string"),
    "recaption": Value("string"),  # with its companions at the end: see `shards.write_shard`
    "recaption_model": Value("string"),
    "recaption_prompt": Value("string"),
    "recaption_key": Value("string"),
    "recaption_finish_reason": Value("string"),
    "recaption_flags": List(Value("string")),
    "caption_clip_score": Value("float32"),
    "recaption_clip_score": Value("float32"),
    "caption_log10_pppl": Value("float32"),
    "recaption_log10_pppl": Value("float32"),
    "recaption_support": Value("float32"),
    "scored_by": Value("string"),
}

FEATURES = Features({"image": Image(), **TEXT_COLUMNS})
"""The row: one image file (a panel is a row of its own). `image_path` is unique over the dataset."""

RECAPTION_COLUMNS: tuple[str, ...] = (
    "recaption", "recaption_model", "recaption_prompt", "recaption_key",
    "recaption_finish_reason", "recaption_flags",
)  # fmt: skip
"""The columns that `recaption` writes; null (flags: null) until then."""

SCORE_COLUMNS: tuple[str, ...] = (
    "caption_clip_score", "recaption_clip_score", "caption_log10_pppl", "recaption_log10_pppl",
    "recaption_support", "scored_by",
)  # fmt: skip
"""The columns that `evaluate --write-columns` writes; null until then, and again where a recaption is replaced."""
