"""`--engine ray`: two nodes of a Ray cluster on this machine, with the same journal and checks as without."""

import os
from pathlib import Path

import pytest

from s1_mmalign.processing.captioners.base import CaptionerError
from s1_mmalign.processing.recaption import RecaptionOptions, recaption_dataset
from s1_mmalign.processing.run_status import RunStatus
from s1_mmalign.processing.turns import Turns
from tests.processing.caption_server import asked, caption_server
from tests.processing.figure_rows import figure_row, read_rows, write_dataset

ROWS = 48


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'ray[data]'")
    pytest.importorskip("ray.data", reason="Ray Data is not installed: pip install 'ray[data]'")
    from ray.cluster_utils import Cluster

    os.environ["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] = "0"
    node = {"num_cpus": 1, "object_store_memory": 80 << 20}
    cluster = Cluster(initialize_head=True, head_node_args=node | {"include_dashboard": False})
    cluster.add_node(**node)
    yield cluster.address
    cluster.shutdown()


def test_two_nodes_share_the_rows_and_the_journal(cluster: str, tmp_path: Path):
    folder = write_dataset(tmp_path / "dataset", [figure_row(index) for index in range(ROWS)], shards=3)
    seen: list[RunStatus] = []
    writers: set[str] = set()

    def watch(status: RunStatus) -> None:
        seen.append(status)
        writers.update(path.name for path in (folder / ".s1-mmalign" / "journal").glob("*.jsonl"))

    def run(log: str, *arguments: str, **changes):
        with caption_server(tmp_path / log, *arguments) as url:
            options = {"base_url": (url,), "backend": "ray", "ray_address": cluster, "num_proc": 2, "in_flight": 2}
            return recaption_dataset(
                folder, RecaptionOptions("openai", model="m", **(options | changes)), say=lambda text: None, watch=watch
            )

    summary = run("first", "--delay", "1.0", limit=32)  # so long that the second node starts before all is taken
    assert (summary.rows, summary.engine, summary.failed) == (32, 32, 0)
    assert sorted(asked(tmp_path / "first")) == list(range(32)) and len(writers) == 2, "one node did all the work"
    assert seen[-1].rows == 32 and seen[-1].completion_tokens == 32 * 50
    assert summary.completion_tokens == 32 * 50

    summary = run("second")
    assert (summary.kept, summary.engine) == (32, ROWS - 32) and len(asked(tmp_path / "second")) == ROWS - 32
    rows = read_rows(folder)
    assert all(f"for sample {index}," in row["recaption"] for index, row in enumerate(rows))
    summary = run("third", backend="map", num_proc=1)
    assert summary.kept == ROWS and asked(tmp_path / "third") == [], "without Ray the run is the same"


def test_an_error_of_a_worker_on_the_cluster_reaches_the_user(cluster: str, tmp_path: Path):
    folder = write_dataset(tmp_path / "dataset", [figure_row(index) for index in range(4)])
    url = "http://127.0.0.1:9/v1"
    options = RecaptionOptions(
        "openai", model="m", base_url=(url,), request_retries=0, backend="ray", ray_address=cluster
    )
    with pytest.raises(CaptionerError, match="cannot be reached"):
        recaption_dataset(folder, options, say=lambda text: None)


def test_turns_come_in_the_order_of_waiting():
    import threading
    import time

    turns, order = Turns(), []

    def work(name: int) -> None:
        with turns:
            order.append(name)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(5)]
    with turns:
        for thread in threads:
            thread.start()
            while len(turns._waiting) <= threads.index(thread):
                time.sleep(0.001)
    with turns:
        order.append(99)
    for thread in threads:
        thread.join()
    assert order == [0, 1, 2, 3, 4, 99]
