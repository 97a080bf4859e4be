"""Windows read ahead of their use, and their rows brought into order."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import TypeVar

from s1_mmalign.processing.streaming.options import StreamOptions
from s1_mmalign.processing.streaming.order import Window
from s1_mmalign.processing.streaming.reader import Block, Blocks, ShardReader

Item = TypeVar("Item")


def loaded_windows(
    windows: Iterator[Window], reader: ShardReader, options: StreamOptions, remote: bool, position: int
) -> Iterator[tuple[int, Block, int]]:
    """Yield (position in the epoch, block, number in the block) of each row from `position` on.

    Shuffled or remote windows are read by a thread, one ahead; local ones in order come out of the page cache as fast.
    """
    if not options.shuffle and not remote:
        for window in windows:
            place = window.position
            for piece in window.pieces:
                for block in reader.read(piece):
                    for number in range(max(position - place, 0), len(block)):
                        yield place + number, block, number
                    place += len(block)
        return
    loaded = ((window, [block for piece in window.pieces for block in reader.read(piece)]) for window in windows)
    for window, read in read_ahead(loaded):
        blocks = Blocks(read)
        order = window.order or range(window.rows)
        for place in range(max(position - window.position, 0), window.rows):
            yield window.position + place, *blocks.find(order[place])


def read_ahead(items: Iterator[Item]) -> Iterator[Item]:
    """Yield items that a thread of its own makes, one ahead; its errors are raised here."""
    ready: queue.SimpleQueue[tuple[bool, Item | BaseException | None]] = queue.SimpleQueue()
    room = threading.Semaphore()  # a queue with room for one would let a third item be made beside it
    stopped = threading.Event()

    def work() -> None:
        try:
            while True:
                room.acquire()
                if stopped.is_set():
                    return
                ready.put((True, next(items)))
        except StopIteration:
            ready.put((False, None))
        except BaseException as error:  # noqa: BLE001 - handed over to the thread that iterates, and raised there
            ready.put((False, error))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while True:
            going, item = ready.get()
            room.release()
            if going:
                yield item  # type: ignore[misc]
            elif item is not None:
                raise item  # type: ignore[misc]
            else:
                return
    finally:
        stopped.set()
        room.release()
        thread.join()
