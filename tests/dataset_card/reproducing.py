"""What the tests of `reproduce` share: the sample papers, and packages of them that are changed a little."""

from __future__ import annotations

import io
import os
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
from PIL import Image

from s1_mmalign.builder.folder_lock import locked
from s1_mmalign.builder.shards import SCHEMA, Manifest, iter_tables
from s1_mmalign.dataset_card.reproduce.outcome import Outcome
from s1_mmalign.dataset_card.reproduce.recorded import open_recorded
from s1_mmalign.dataset_card.reproduce.run import ReproduceOptions, Reproduction, reproduce
from s1_mmalign.processing.captioners.base import Caption, CaptionerError
from s1_mmalign.processing.captioners.identity import ModelIdentity
from s1_mmalign.processing.captioners.options import RecaptionOptions
from s1_mmalign.processing.captioners.sampling import Sampling
from s1_mmalign.processing.shard_columns import put_in_place
from s1_mmalign.samples import papers_folder
from tests.processing.scripted_captioner import Scripted

MECA = "sample-gray-scott.meca"


def again(dataset: Path | str, out: Path, read: Path | None = None, **options: object) -> Reproduction:
    """Reproduce a dataset of the sample papers; what the build of `read` has read of them is not read again."""
    out.mkdir(exist_ok=True)
    if read is not None:
        shutil.copytree(read / ".s1-mmalign" / "units", out / ".s1-mmalign" / "units", dirs_exist_ok=True)
    work = out.with_name(f"{out.name}-work")
    work.mkdir(exist_ok=True)
    given = {"inputs": papers_folder()} | options
    recorded = open_recorded(str(dataset), given.pop("part", None), work)  # type: ignore[arg-type]
    return reproduce(recorded, ReproduceOptions(**given), out, lambda *_: None)  # type: ignore[arg-type]


def verdicts(done: Reproduction) -> dict[str, str]:
    return {outcome.stage: outcome.verdict for outcome in done.outcomes}


def outcome_of(done: Reproduction, stage: str) -> Outcome:
    return next(outcome for outcome in done.outcomes if outcome.stage == stage)


def papers_with(folder: Path, change: Callable[[str, bytes], bytes]) -> Path:
    """The sample papers, with the members of the MECA changed."""
    shutil.copytree(papers_folder(), folder)
    path = folder / MECA
    with zipfile.ZipFile(path) as archive:
        members = [(entry, change(entry.filename, archive.read(entry))) for entry in archive.infolist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry, data in members:
            archive.writestr(entry, data)
    return folder


def with_another_pixel(data: bytes) -> bytes:
    """A picture in its own format of which one pixel is another."""
    with Image.open(io.BytesIO(data)) as image:
        kind = image.format
        changed = image.convert("RGB") if image.mode == "P" else image.copy()
    value = changed.getpixel((5, 5))
    other = tuple(255 - part for part in value) if isinstance(value, tuple) else 255 - value
    changed.putpixel((5, 5), other)
    out = io.BytesIO()
    changed.save(out, kind)
    return out.getvalue()


def edit_row(folder: Path, column: str, text: str) -> str:
    """Write another text into the first row of a dataset's first shard, as if by hand; return the row's name."""
    with locked(folder):
        manifest = Manifest.load(folder)
        table = pa.concat_tables(iter_tables(folder / manifest.shards[0].path))
        values = [text, *table[column].to_pylist()[1:]]
        place = table.schema.get_field_index(column)
        table = table.set_column(place, table.schema.field(place), pa.array(values, pa.string()))
        put_in_place(folder, manifest, 0, [table], SCHEMA)
    return str(table["image_path"][0].as_py())


class Moody(Scripted):
    """Stands for a model: what it says of every second figure depends on the mood of the day; "away" it is not here."""

    name = "moody"

    @classmethod
    def identify(cls, options: RecaptionOptions) -> ModelIdentity:
        if os.environ["MOOD"] == "away":
            raise CaptionerError("model 'moody' is not in the local cache.")
        return ModelIdentity(options.model or "moody", options.revision or "abc123")

    def _answer(self, key: str, sample: int, sampling: Sampling, times: int) -> Caption:
        caption = super()._answer(key, int(key[:6], 16) * 10, sampling, times)
        return replace(caption, text=f"{caption.text} {os.environ['MOOD'] if int(key[0], 16) % 2 else ''}".strip())


MOODY = f"{__name__}:Moody"
