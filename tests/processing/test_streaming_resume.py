"""Stopped at any row and gone on with in a new process, on any number of nodes, every row comes exactly once."""

import itertools
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s1_mmalign import training_stream
from s1_mmalign.processing.streaming.order import Consumer
from tests.processing.stream_dataset import write_ids

LAYOUT = ((5, 1, 7), (3,), (8, 8), (2, 2, 2, 2), (11,))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ids")
    return folder, write_ids(folder, LAYOUT)


def stream(folder, **options):
    return training_stream(folder, image="none", **options)


def go_on(folder, stops, **options) -> list[str]:
    """Iterate, stop after each number of rows, and go on in a new stream from the state as JSON."""
    seen: list[str] = []
    state = None
    for stop in (*stops, None):
        rows = stream(folder, **options)
        if state is not None:
            rows.load_state_dict(json.loads(state))
        seen += [row["image_path"] for row in itertools.islice(rows, stop)]
        state = json.dumps(rows.state_dict())
    return seen


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shuffle=st.integers(0, 70),
    seed=st.integers(0, 3),
    world_size=st.sampled_from([1, 2, 4]),
    stops=st.lists(st.integers(0, 30), max_size=3),
    epochs=st.integers(1, 2),
)
def test_stopped_at_any_rows_the_nodes_together_see_every_row_once_an_epoch(
    folder, shuffle, seed, world_size, stops, epochs
):
    path, ids = folder
    counts: Counter[str] = Counter()
    for rank in range(world_size):
        options = {"shuffle": shuffle, "seed": seed, "rank": rank, "world_size": world_size, "epochs": epochs}
        seen = go_on(path, stops, **options)
        assert seen == [row["image_path"] for row in stream(path, **options)], "the order is that without a stop"
        counts.update(seen)
    assert counts == dict.fromkeys(ids, epochs)


@settings(max_examples=15, deadline=None)
@given(
    layout=st.lists(st.lists(st.integers(1, 6), min_size=1, max_size=4), min_size=1, max_size=20),
    shuffle=st.integers(0, 20),
    world_size=st.integers(1, 7),
)
def test_however_rows_lie_in_shards_every_row_comes_once(layout, shuffle, world_size):
    with tempfile.TemporaryDirectory() as path:
        ids = write_ids(Path(path), layout)
        counts = Counter(
            row["image_path"]
            for rank in range(world_size)
            for row in stream(path, shuffle=shuffle, rank=rank, world_size=world_size)
        )
        assert counts == dict.fromkeys(ids, 1)


@given(rows=st.integers(0, 10_000), world_size=st.integers(1, 9), workers=st.integers(1, 9))
def test_shares_of_nodes_and_workers_are_even_and_cover_all_rows(rows, world_size, workers):
    places = itertools.product(range(world_size), range(workers))
    shares = [Consumer(rank, world_size, worker, workers).share(rows) for rank, worker in places]
    assert [start for start, _ in shares] == [0, *(stop for _, stop in shares[:-1])]
    assert shares[-1][1] == rows
    nodes = [sum(stop - start for start, stop in shares[n * workers : (n + 1) * workers]) for n in range(world_size)]
    assert max(nodes) - min(nodes) <= 1


def test_each_epoch_and_seed_has_an_order_of_its_own_and_equal_ones_have_the_same(folder):
    path, ids = folder
    orders = []
    for seed, epoch in ((0, 0), (0, 1), (1, 0), (0, 0)):
        rows = stream(path, shuffle=20, seed=seed)
        rows.set_epoch(epoch)
        orders.append([row["image_path"] for row in rows])
    assert orders[0] == orders[3]
    assert len({tuple(order) for order in orders}) == 3
    assert all(set(order) == ids for order in orders)
    assert [row["image_path"] for row in stream(path)] == sorted(ids)


def test_shuffling_mixes_shards_with_each_other(folder):
    path, _ = folder
    numbers = [int(row["image_path"].split("/")[1]) for row in stream(path, shuffle=30)]
    jumps = sum(abs(a - b) > 8 for a, b in itertools.pairwise(numbers))
    assert jumps > len(numbers) / 3


def test_an_epoch_that_a_state_is_of_is_gone_on_with_and_the_next_begins_at_its_start(folder):
    path, ids = folder
    first = stream(path, shuffle=10)
    first.set_epoch(2)
    seen = [row["image_path"] for row in itertools.islice(first, 20)]
    again = stream(path, shuffle=10)
    again.load_state_dict(first.state_dict())
    assert again.epoch == 2
    again.set_epoch(2)
    assert sorted(seen + [row["image_path"] for row in again]) == sorted(ids)
    again.set_epoch(3)
    assert {row["image_path"] for row in again} == ids


def test_a_stream_without_end_goes_through_all_rows_again_in_another_order(folder):
    path, ids = folder
    rows = [row["image_path"] for row in itertools.islice(stream(path, shuffle=10, epochs=None), 3 * len(ids))]
    assert Counter(rows) == dict.fromkeys(ids, 3)
    assert rows[: len(ids)] != rows[len(ids) : 2 * len(ids)]


NODES = """
import itertools, json, os, sys, warnings
warnings.simplefilter("ignore")
from torchdata.stateful_dataloader import StatefulDataLoader
from s1_mmalign import training_stream

def leg(place, stop):
    stream = training_stream(sys.argv[1], image="array", size=16, shuffle=12)
    loader = StatefulDataLoader(stream, batch_size=3, num_workers=2, collate_fn=list)
    if os.path.exists(place):
        state, seen = json.load(open(place))
        loader.load_state_dict(state)
    else:
        seen = []
    for batch in itertools.islice(loader, stop):
        seen += [row["image_path"] for row in batch]
    json.dump([loader.state_dict(), seen], open(place, "w"))

for world_size in (1, 2, 4):
    for rank in range(world_size):
        os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(world_size)}
        for stop in (1, 2, None):
            child = os.fork()  # a new process, which spares the import of torch
            if child == 0:
                leg(f"{sys.argv[2]}/{world_size}-{rank}.json", stop)
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
"""


def test_with_workers_and_a_new_process_after_each_stop_every_node_count_sees_every_row_once(folder, tmp_path):
    path, ids = folder
    subprocess.run([sys.executable, "-c", NODES, str(path), str(tmp_path)], check=True, timeout=300)
    for world_size in (1, 2, 4):
        parts = [json.loads((tmp_path / f"{world_size}-{rank}.json").read_text())[1] for rank in range(world_size)]
        assert Counter(itertools.chain(*parts)) == dict.fromkeys(ids, 1)


def test_a_plain_dataloader_with_workers_gives_every_row_once(folder):
    from torch.utils.data import DataLoader

    path, ids = folder
    loader = DataLoader(stream(path, shuffle=9), batch_size=4, num_workers=2, collate_fn=list)
    assert Counter(row["image_path"] for batch in loader for row in batch) == dict.fromkeys(ids, 1)


def test_a_state_of_other_data_order_or_place_is_refused(folder, tmp_path):
    path, _ = folder
    rows = stream(path, shuffle=10)
    next(iter(rows))
    state = rows.state_dict()
    write_ids(tmp_path, ((3,),))
    with pytest.raises(ValueError, match="other data"):
        stream(tmp_path, shuffle=10).load_state_dict(state)
    with pytest.raises(ValueError, match="shuffle=10"):
        stream(path, shuffle=11).load_state_dict(state)
    with pytest.raises(ValueError, match="version"):
        stream(path).load_state_dict({})
    other = stream(path, shuffle=10, rank=1, world_size=2)
    other.load_state_dict(state)
    with pytest.raises(ValueError, match="as many nodes and workers as before"):
        next(iter(other))
