"""What was pushed loads with plain `datasets` and `huggingface_hub`, over Xet, and no more is read than asked for."""

import hashlib
import io
import json

import numpy as np
import pytest
from PIL import Image

from s1_mmalign.dataset_card.card import write_card
from tests.dataset_card.small_dataset import default_rows, make_folder, row
from tests.hub.server import LoopbackHub
from tests.processing.publishing import PUSH, REPO, client, plain, run

LOADER = """
import json, sys, hashlib
from datasets import get_dataset_config_names, load_dataset
from huggingface_hub import HfApi, snapshot_download
repo = sys.argv[1]
stream = load_dataset(repo, "arxiv", streaming=True)
streamed = [(row["image_path"], row["image"].size, row["caption"]) for split in stream for row in stream[split]]
whole = {name: load_dataset(repo, name).num_rows for name in get_dataset_config_names(repo)}
everything = load_dataset(repo, split="test")
folder = snapshot_download(repo, repo_type="dataset")
print(json.dumps([streamed, whole, everything.features["source"].names, folder,
                  HfApi().dataset_info(repo).private]))
"""
COLUMNS = """
import json, sys
from datasets import load_dataset
rows = load_dataset(sys.argv[1], "open", split="train", streaming=True, columns=["image_path", "caption"])
print(json.dumps([row["caption"] for row in rows]))
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """A hub with a private repository of three sources, pushed by the command line; the images of one are large."""
    root = tmp_path_factory.mktemp("load")
    rows = default_rows() + [large_row(number) for number in range(20, 24)]
    folder = make_folder(root / "dataset", rows)
    write_card(folder)
    with LoopbackHub(root / "hub") as hub:
        done = run([*PUSH, str(folder), REPO, "--private"], client(hub, root))
        assert done.returncode == 0, done.stderr
        assert f"load_dataset('{REPO}', streaming=True)" in done.stdout
        yield hub


def large_row(number):
    """A row whose image is far larger than its text, and than what a client reads ahead."""
    side = 1500
    stream = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 256, (side, side, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(stream, "PNG", compress_level=0)
    data = stream.getvalue()
    made = row(number, "chemrxiv", licence_class=0)
    image = {"bytes": data, "path": made["image"]["path"]}
    return made | {"image": image, "image_sha256": hashlib.sha256(data).hexdigest(), "width": side, "height": side}


def test_everything_that_was_pushed_loads_without_this_project(hub, tmp_path):
    hub.log.clear()
    printed = plain(hub, tmp_path, LOADER, REPO, token="hf_read_token_of_the_loopback_hub")
    streamed, whole, names, folder, private = json.loads(printed)
    rows = [one for one in default_rows() if one["source"] == 0]
    assert sorted(streamed) == sorted([one["image_path"], [24, 26], one["caption"]] for one in rows)
    assert whole == {
        "default": {"train": 20, "test": 4}, "arxiv": {"train": 10, "test": 2},
        "biorxiv": {"train": 6, "test": 2}, "chemrxiv": {"train": 4}, "open": {"train": 12, "test": 2},
    }  # fmt: skip
    assert (names[:2], private) == (["arxiv", "biorxiv"], True)
    assert hub.requests("GET", "/cas/v1/reconstructions/"), "the shards came out of Xet storage"
    assert folder


def test_columns_without_images_read_little_and_strangers_see_nothing_of_a_private_dataset(hub, tmp_path):
    hub.log.clear()
    printed = plain(hub, tmp_path, COLUMNS, REPO, token="hf_read_token_of_the_loopback_hub")
    captions = json.loads(printed)
    read = sum(one.got for one in hub.log if "/resolve/" in one.path or "/cas/" in one.path)
    stored = sum(file.size for path, file in hub.repo(REPO).head("main").files.items() if "/open/train" in path)
    assert len(captions) == 12
    assert read < stored / 10, f"{read:,} of {stored:,} bytes"
    hub.log.clear()
    refused = """
    import sys
    from datasets import load_dataset
    try:
        load_dataset(sys.argv[1])
    except Exception as error:
        print(type(error).__name__)
    """
    assert plain(hub, tmp_path / "stranger", refused, REPO).strip() == "DatasetNotFoundError"
