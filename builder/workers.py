"""Read packages in confined processes: whatever a paper does to its process costs that paper alone."""

from __future__ import annotations

import os
import time
import traceback

from s1_mmalign.builder.confined_pool import ConfinedPool, TaskLost
from s1_mmalign.builder.extract import extract_package
from s1_mmalign.builder.extraction import Extraction
from s1_mmalign.builder.images import EncodedImage, ImageDrop, ImageOptions, encode_image
from s1_mmalign.builder.options import BuildOptions, ExtractOptions
from s1_mmalign.builder.records import Drop
from s1_mmalign.builder.sources.errors import InputError
from s1_mmalign.builder.sources.package import Package


def reading_pool(options: BuildOptions, processes: int | None = None) -> ConfinedPool:
    """Return a pool, still to be entered, with the limits of a build: `options.worker_count` processes, or so many."""
    return ConfinedPool(processes or options.worker_count, options.memory_bytes, options.timeout_s, options.papers)


def read_package(
    pool: ConfinedPool, package: Package, options: ExtractOptions, *, keep_figures: bool = False
) -> Extraction:
    """Read one package in a process of the pool, to bring its figures as they were read, too, if asked for.

    Raises:
        InputError: the package cannot be fetched.
    """
    try:
        extraction: Extraction = pool.run(_extract, package, options, keep_figures)
    except TaskLost as lost:
        return Extraction(drops=[Drop(package.paper_id, "", lost.reason, lost.detail)])
    return extraction


def convert_image(
    pool: ConfinedPool, paper_id: str, path: str, data: bytes, options: ImageOptions
) -> EncodedImage | Drop:
    """Turn one image that belongs to no package into a PNG or JPEG, in a process of the pool."""
    try:
        answer: EncodedImage | Drop = pool.run(_convert, paper_id, path, data, options)
    except TaskLost as lost:
        return Drop(paper_id, path, lost.reason, lost.detail)
    return answer


def _extract(package: Package, options: ExtractOptions, keep_figures: bool) -> Extraction:
    """Read one package; this is where a fault of our own becomes a drop instead of the end of a long run."""
    began = time.perf_counter()
    try:
        extraction = extract_package(package, options, keep_figures=keep_figures)
        extraction.seconds = time.perf_counter() - began
        return extraction
    except InputError:  # what could not be fetched is no fault of the paper: the build stops and can go on
        raise
    except Exception as error:  # noqa: BLE001 - the isolation boundary: one paper, one drop, named as our fault
        return Extraction(drops=[_drop_for(error, package.paper_id, "")])


def _convert(paper_id: str, path: str, data: bytes, options: ImageOptions) -> EncodedImage | Drop:
    try:
        return encode_image(data, path, options)
    except ImageDrop as error:
        return Drop(paper_id, path, error.reason, error.detail)
    except Exception as error:  # noqa: BLE001 - as above, for one image
        return _drop_for(error, paper_id, path)


def _drop_for(error: Exception, paper_id: str, where: str) -> Drop:
    if isinstance(error, MemoryError):
        return Drop(paper_id, where, "out_of_memory", "over the worker's limit")
    frame = traceback.extract_tb(error.__traceback__)[-1]
    detail = f"{type(error).__name__}: {error} ({os.path.basename(frame.filename)}:{frame.lineno})"  # noqa: PTH119
    return Drop(paper_id, where, "reader_error", detail[:500])
