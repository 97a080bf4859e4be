"""What the card says of each column, drop reason and licence class, in words."""

from __future__ import annotations

from s1_mmalign.builder.records import RECAPTION_COLUMNS

COLUMNS: dict[str, str] = {
    "image": "the picture, bytes embedded: PNG for line art, JPEG for photographs",
    "image_path": "`<source>/<paper>/<file>`, unique over the dataset",
    "caption": "the author's caption as plain text, mathematics as `$…$`, without the leading “Figure 3:”",
    "subcaption": "the panel's own caption",
    "recaption": "the caption written anew from the figure and its paper; null until recaptioned",
    "paper_id": "the paper's id within its source",
    "doi": "the paper's DOI",
    "arxiv_id": "the paper's arXiv id",
    "title": "the paper's title",
    "abstract": "the paper's abstract",
    "categories": "the source's own subject categories",
    "discipline": "one of nine disciplines",
    "published": "date of publication, as the source gives it",
    "url": "where the paper can be read",
    "source": "where the paper comes from",
    "licence": "the paper's licence, as the source gives it",
    "licence_class": "what that licence allows: see Licences",
    "figure_id": "unique within the paper; the panels of a figure share it",
    "figure_label": "the author's label",
    "figure_number": "the number as printed",
    "panel": "which panel of the figure the row is",
    "panels": "how many image files the figure has",
    "image_source": "the file's path inside the paper's archive, or `page:N`",
    "citation_contexts": "the paragraphs of the body that refer to the figure, in reading order",
    "width": "pixels",
    "height": "pixels",
    "image_sha256": "SHA-256 of the image's bytes",
    "phash": "perceptual hash, for finding near duplicates",
    "recaption_model": "what wrote the recaption; `extractive` is no model",
    "recaption_prompt": "name of the prompt",
    "recaption_key": "hash of everything that decides the recaption",
    "recaption_finish_reason": "why generation ended",
    "recaption_flags": "checks that the recaption did not pass",
    "caption_clip_score": "CLIPScore of figure and caption, mean over the windows that a long text is read in",
    "recaption_clip_score": "CLIPScore of figure and recaption, likewise",
    "caption_log10_pppl": "log10 of the caption's pseudo-perplexity",
    "recaption_log10_pppl": "log10 of the recaption's pseudo-perplexity",
    "recaption_support": "share of the recaption's numbers, names and symbols that the paper's text bears out",
    "scored_by": "models and settings of the scores; null until scored",
}


def column(name: str) -> str:
    """Return what a column holds; one of a further set of captions is told by the column that it is like."""
    if name in COLUMNS:
        return COLUMNS[name]
    endings = [own.removeprefix("recaption") for own in reversed(RECAPTION_COLUMNS)]  # the last one, "", fits all
    like = next(ending for ending in endings if name.endswith(ending))
    return f"as `recaption{like}`, for a second set of captions"


DROPS: dict[str, str] = {
    "package_unreadable": "no archive, corrupt, truncated, encrypted, or empty",
    "package_too_large": "unpacked size, number of files or compression ratio over the limit",
    "no_source": "neither LaTeX, JATS nor PDF inside",
    "source_unreadable": "the LaTeX, XML or PDF is there but cannot be read",
    "no_figures": "read to its end, and has no figure",
    "duplicate_paper": "a second package with the id of an earlier one, or the same paper by DOI or title",
    "timeout": "reading took longer than the limit",
    "out_of_memory": "reading took more memory than the limit",
    "worker_crashed": "the process that read it died",
    "reader_error": "a fault of the reading program",
    "image_missing": "the paper names a file that its package lacks",
    "image_unreadable": "corrupt, truncated, or in a format that cannot be decoded",
    "image_too_small": "file or picture under the limits",
    "image_too_large": "more pixels than may be decoded",
    "image_blank": "one colour only",
    "image_timeout": "rendering took longer than the limit",
    "renderer_missing": "needs a program that was not installed (Ghostscript for EPS)",
    "drawn_in_source": "drawn by the paper's source (TikZ, pgfplots): there is no file",
    "table_as_image": "a table set as a picture",
    "no_region": "PDF: a caption without a picture that could be cut out",
    "not_a_figure": "logos, marks, graphical decoration",
    "no_caption": "a picture that the paper gives no caption",
    "duplicate_image": "the same bytes as an earlier image",
    "near_duplicate_image": "a perceptual hash close to that of an earlier image",
    "evaluation_set": "the paper or image is on the list of evaluation sets",
    "removed": "the paper was taken out for good: `removed.jsonl`",
    "image_without_row": "the published release: an image that no row names",
    "duplicate_row": "the published release: a second row, or a second image, of one path",
}

LICENCE_CLASSES: dict[str, str] = {
    "open": "may be used, changed and passed on, commercially too (attribution or share-alike at most)",
    "noncommercial": "may be passed on, but not for profit; some of these licences allow no changes",
    "restricted": "no changes allowed, only the source may distribute, or all rights reserved",
    "unknown": "the paper names no licence that was recognised: treat as restricted",
}
