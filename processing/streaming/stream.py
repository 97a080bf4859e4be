"""Rows of a published dataset for training: `s1_mmalign.training_stream`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from s1_mmalign.processing.streaming.decode import BadImage, decode_array, decode_picture
from s1_mmalign.processing.streaming.errors import StreamError
from s1_mmalign.processing.streaming.options import StreamOptions
from s1_mmalign.processing.streaming.order import Consumer, Order
from s1_mmalign.processing.streaming.reader import Block, ShardReader
from s1_mmalign.processing.streaming.skipped import Skipped
from s1_mmalign.processing.streaming.store import Store, open_store
from s1_mmalign.processing.streaming.texts import choose_text, draws, one_sentence
from s1_mmalign.processing.streaming.windows import loaded_windows

try:
    from torch.utils.data import IterableDataset
except ImportError:  # iterating needs no torch; its DataLoader wants this class

    class IterableDataset:  # type: ignore[no-redef]
        """Stands in where torch is not installed."""


STATE_VERSION = 1


def training_stream(repo_or_dir: str | os.PathLike[str], **options: Any) -> TrainingStream:
    """Stream the rows of a dataset for training.

    Args:
        repo_or_dir: a dataset folder, or a repository on the Hub that `s1-mmalign push` made.
        options: the fields of `StreamOptions`.

    Returns:
        an iterable of rows: dicts with `image_path`, `text`, `image` (unless `image="none"`) and `columns`. It
        goes into `torch.utils.data.DataLoader` and torchdata's `StatefulDataLoader`.

    Raises:
        ValueError: an option that cannot be meant.
        StreamError: no such dataset or revision, or no row of what is asked for.
    """
    chosen = StreamOptions(**options)
    return TrainingStream(open_store(repo_or_dir, chosen), chosen)


class TrainingStream(IterableDataset):
    """An iterable of rows that knows where it is; made by `training_stream`.

    `state_dict()` after a row, loaded into a new stream of the same options on the same dataset, goes on with the
    row after it. With workers the state lives in them: `StatefulDataLoader` collects it. Each (node, worker) has its
    own part of the rows, and all parts together are the dataset, each row once an epoch.
    """

    def __init__(self, store: Store, options: StreamOptions) -> None:
        self._store, self._options = store, options
        self._rank, self._world_size = _place(options)
        self._epoch = 0
        self._position = 0
        self._resume_at: int | None = None
        self._loaded: Consumer | None = None
        self._skipped = Skipped(options.on_error)

    @property
    def skipped(self) -> int:
        """Rows that were left out because their image cannot be decoded, since the start (resumes included)."""
        return self._skipped.count

    @property
    def commit(self) -> str | None:
        """The commit of the repository that is read: pass it as `revision` to read the same again."""
        return self._store.commit

    @property
    def rows(self) -> int:
        """Rows of an epoch over all nodes, before flags and filters."""
        return sum(shard.rows for shard in self._store.shards)

    @property
    def epoch(self) -> int:
        """The epoch that the next iteration begins with."""
        return self._epoch

    def set_epoch(self, epoch: int) -> None:
        """Have the next iteration begin with this epoch: another order, and other draws of texts.

        In the epoch that a loaded state is of, the iteration still goes on where that state says.
        """
        if epoch != self._epoch:
            self._epoch, self._position, self._resume_at = epoch, 0, None

    def state_dict(self) -> dict[str, Any]:
        """Return where the iteration is, as JSON can hold it."""
        return {
            "version": STATE_VERSION,
            "dataset": self._store.fingerprint,
            "commit": self._store.commit,
            "order": {"seed": self._options.seed, "shuffle": self._options.shuffle},
            "consumer": list(self._consumer()),
            "epoch": self._epoch,
            "position": self._position if self._resume_at is None else self._resume_at,
            "skipped": self._skipped.count,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Have the next iteration go on after the row that this state was taken at.

        Raises:
            ValueError: a state of another version, dataset or order.
        """
        if state.get("version") != STATE_VERSION:
            raise ValueError(f"the state has version {state.get('version')!r}; this program reads {STATE_VERSION}")
        if state["dataset"] != self._store.fingerprint:
            way_out = f"pass revision={state['commit']!r}" if state["commit"] else "stream the dataset as it was"
            raise ValueError(
                f"the state is of other data (or another selection of it) than {self._store.name}: {way_out}"
            )
        for name, value in state["order"].items():
            if getattr(self._options, name) != value:
                raise ValueError(f"the state is of {name}={value!r}; the stream has {getattr(self._options, name)!r}")
        self._loaded = Consumer(*state["consumer"])
        self._epoch, self._resume_at = state["epoch"], state["position"]
        self._skipped.count = state["skipped"]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield rows; see `training_stream`."""
        consumer = self._consumer()
        if self._resume_at is not None and self._loaded != consumer:
            raise ValueError(
                f"the state is of {self._loaded}, this is {consumer}: go on with as many nodes and workers as before, "
                "and with workers load the state into torchdata's StatefulDataLoader"
            )
        position = self._resume_at or 0
        self._position, self._resume_at = position, None
        with closing(ShardReader(self._store, self._options)) as reader:
            yield from self._rows(consumer, reader, position)

    def _rows(self, consumer: Consumer, reader: ShardReader, position: int) -> Iterator[dict[str, Any]]:
        options = self._options
        rows = [shard.rows for shard in self._store.shards]
        order = Order(rows, consumer, options.shuffle, options.seed, reader.group_rows)
        if not order.rows:
            return
        last = None if options.epochs is None else options.epochs * order.rows
        while last is None or position < last:
            passed, offset = divmod(position, order.rows)
            epoch, first = self._epoch + passed, passed * order.rows
            given = 0
            windows = order.windows(epoch, offset)
            for place, block, number in loaded_windows(windows, reader, options, self._store.folder is None, offset):
                self._position = first + place + 1
                if block.taken[number] and (row := self._row(block, number, epoch)) is not None:
                    given += 1
                    yield row
            position = self._position = first + order.rows
            if last is None and not given and not offset:
                raise StreamError(f"{self._store.name}: no row meets the filters, so a stream without end has none.")

    def _row(self, block: Block, number: int, epoch: int) -> dict[str, Any] | None:
        """One row as it is handed on; None where it is skipped."""
        options = self._options
        values = block.row(number)
        path = values["image_path"]
        row: dict[str, Any] = {"image_path": path}
        if options.image != "none":
            try:
                row["image"] = self._image(block.image(number))
            except BadImage as error:
                self._skipped.note(path, error)
                return None
        which, where = draws(path, options.seed, epoch)
        text = choose_text(values, options.weights, which)
        row["text"] = one_sentence(text, where) if options.view == "sentence" else text
        row.update({name: values[name] for name in options.columns})
        if "image" in row and options.transform is not None:
            row["image"] = options.transform(row["image"])
        return row

    def _image(self, data: bytes | None) -> Any:
        options = self._options
        if not data:
            raise ValueError("the row has no image")
        if options.image == "bytes":
            return data
        decode = decode_array if options.image == "array" else decode_picture
        return decode(data, options.size, options.fit)

    def _consumer(self) -> Consumer:
        worker, workers = _worker()
        return Consumer(self._rank, self._world_size, worker, workers)


def _place(options: StreamOptions) -> tuple[int, int]:
    """This node and how many there are. Asked for where the stream is made: workers of a DataLoader do not know."""
    if options.rank is not None and options.world_size is not None:
        return options.rank, options.world_size
    try:
        import torch.distributed as distributed

        if distributed.is_available() and distributed.is_initialized():
            return distributed.get_rank(), distributed.get_world_size()
    except ImportError:
        pass
    return int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))


def _worker() -> tuple[int, int]:
    """This worker of a DataLoader and how many there are; (0, 1) outside of one."""
    try:
        from torch.utils.data import get_worker_info
    except ImportError:
        return 0, 1
    info = get_worker_info()
    return (0, 1) if info is None else (info.id, info.num_workers)
