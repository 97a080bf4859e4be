"""What is there twice goes once, by the policy asked for, and each line of the ledger says for what it went."""

import json

import numpy as np
import pytest
from PIL import Image

from s1_mmalign.builder.build import build_dataset
from s1_mmalign.builder.deduplicate.evaluation_sets import read_evaluation_sets
from s1_mmalign.builder.deduplicate.near import near_leaders, near_pairs
from s1_mmalign.builder.deduplicate.papers import choose_papers, splits_of_groups
from s1_mmalign.builder.deduplicate.rows import PAPER, key_of
from s1_mmalign.builder.options import BuildOptions, DeduplicateOptions, ExtractOptions
from s1_mmalign.builder.records import SOURCES, SPLITS
from s1_mmalign.builder.shards import Manifest, iter_tables
from s1_mmalign.builder.sources.errors import InputError
from s1_mmalign.samples.packing import tar_gz
from tests.builder.pictures import photograph, saved
from tests.builder.small_papers import TEX, noise_png

NO_KINDS = np.zeros(100_000, np.int16)


def paper(doi="", arxiv="", title="", published=0, source="arxiv", split="train"):
    keys = key_of(doi), key_of(arxiv), key_of(title), key_of(title) if len(title) >= 30 else 0
    return (*keys, published, SOURCES.index(source), SPLITS.index(split))


def papers(*records):
    return np.array(list(records), PAPER)


@pytest.mark.parametrize("bits", [0, 1, 2, 5])
def test_all_near_pairs_are_found_and_no_others(tmp_path, monkeypatch, bits):
    monkeypatch.setattr("s1_mmalign.builder.deduplicate.near.PART", 300)  # several parts on disk
    random = np.random.default_rng(bits)
    hashes = random.integers(0, 1 << 64, 1000, dtype=np.uint64)
    for index in range(500, 1000):  # each of these 0 to 7 bits from another
        hashes[index] = hashes[random.integers(0, index)]
        for bit in random.choice(64, random.integers(0, 8), replace=False):
            hashes[index] ^= np.uint64(1) << np.uint64(bit)
    every = np.bitwise_count(hashes[:, None] ^ hashes[None, :]) <= bits
    i, j = np.nonzero(np.triu(every, 1))
    assert near_pairs(hashes, bits, tmp_path).tolist() == np.stack([i, j], axis=1).tolist()


def test_the_first_of_near_images_stays_and_no_chain_joins_what_is_far_apart(tmp_path):
    chain = np.array([0b0, 0b11, 0b1111, 0b0, 0b111111], np.uint64)  # each two bits from the one before
    assert near_leaders(chain, 2, NO_KINDS[:5], tmp_path).tolist() == [0, 0, 2, 0, 2]
    assert near_leaders(chain[:3], 2, NO_KINDS[:3], tmp_path).tolist() == [0, 0, 2], "what is added changes nothing"
    kinds = np.array([0, 0, 0, 9, 0], np.int16)
    assert near_leaders(chain, 2, kinds, tmp_path).tolist() == [0, 0, 2, 3, 2], "of another shape, so no copy"
    assert near_leaders(chain[:0], 2, kinds[:0], tmp_path).tolist() == []


@pytest.mark.parametrize(
    ("policy", "chosen"),
    [("first", [0, 0, 0, 3, 4]), ("latest", [1, 1, 1, 3, 4]), ("journal", [2, 2, 2, 3, 4]), ("all", [0, 1, 2, 3, 4])],
)
def test_of_one_paper_the_one_of_the_policy_stays(policy, chosen):
    title = "a title that is long enough to tell papers apart"
    records = papers(
        paper("10.1/a", "2301.00001", title, 20230101),
        paper(arxiv="2301.00001", published=20230301),  # by arXiv id
        paper("10.1/A", source="nature_communications", published=20230201),  # by DOI
        paper("10.1/b", title="a short title"),
        paper("10.1/c", title="a short title"),  # too short to say that papers are one
    )
    records["doi"][2] = key_of("10.1/a")
    assert choose_papers(records, policy).tolist() == chosen


def test_a_group_that_a_chain_of_identifiers_joins_has_the_split_of_its_first():
    records = papers(
        paper(title="the title of a preprint", split="test"),
        paper("10.1/x", title="another title of the journal"),
        paper("10.1/x", title="the title of a preprint", split="test"),
        paper("10.1/y"),
    )
    assert [SPLITS[number] for number in splits_of_groups(records)] == ["test", "test", "test", "train"]


def test_lists_of_evaluation_sets_are_read_and_a_bad_line_is_named(tmp_path):
    path = tmp_path / "mmsci.txt"
    path.write_text(
        f"# MMSci\narXiv:2301.00001v2\nhttps://doi.org/10.1000/ABC  # one\n{'a' * 64}\n{'0' * 15}f\nmath/0106220\n"
    )
    sets = read_evaluation_sets([path])
    assert sets.arxiv_ids == {key_of("2301.00001"), key_of("math/0106220")} and sets.phash == {15}
    assert sets.sha256 == {int("a" * 16, 16)} and sets.dois == {key_of("10.1000/abc")}
    path.write_text("2301.00001\nnonsense\n")
    with pytest.raises(InputError, match=r"mmsci\.txt, line 2: 'nonsense'"):
        read_evaluation_sets([path])


def write_paper(folder, name: str, title: str, one: bytes, two: bytes) -> None:
    folder.mkdir(exist_ok=True)
    data = tar_gz({"ms.tex": (TEX % {"title": title}).encode(), "one.png": one, "two.png": two})
    (folder / f"{name}.tar.gz").write_bytes(data)


@pytest.fixture(scope="module")
def twins(tmp_path_factory):
    """Four papers: the second has a picture of the first, the third nearly the second's, the fourth is the first."""
    folder = tmp_path_factory.mktemp("twins")
    title = "a subject of which there are many papers, number {}"
    near = photograph()
    near.putpixel((5, 5), (0, 0, 0))
    write_paper(folder, "2301.00001", title.format("one"), noise_png(1), noise_png(2))
    write_paper(folder, "2301.00002", title.format("two"), noise_png(1), saved(photograph(), "PNG"))
    write_paper(folder, "2301.00003", title.format("three"), noise_png(5), saved(near, "PNG"))
    write_paper(folder, "2301.00004", title.format("one"), noise_png(7), noise_png(8))
    (folder / "metadata.jsonl").write_text(json.dumps({"id": "2301.00002", "doi": "10.5555/two"}) + "\n")
    return folder


def outcome(twins, out, **options):
    settings = BuildOptions(papers=(twins,), workers=1, **options)
    manifest = build_dataset(settings, out)
    drops = [json.loads(line) for line in (out / "drops.jsonl").read_text().splitlines()]
    assert manifest.papers["in"] == manifest.papers["with_rows"] + manifest.papers["dropped"] == 4
    paths = [
        path
        for shard in manifest.shards
        for table in iter_tables(out / shard.path, ["image_path"])
        for path in table["image_path"].to_pylist()
    ]
    assert len(paths) == manifest.rows
    return sorted(paths), {(drop["paper_id"], drop["where"], drop["reason"], drop["detail"]) for drop in drops}


def test_rows_that_are_there_twice_go_with_a_reason_that_names_what_stays(twins, tmp_path):
    paths, drops = outcome(twins, tmp_path / "exact", deduplicate=DeduplicateOptions(papers="first"))
    assert drops == {
        ("2301.00002", "fig1 one.png", "duplicate_image", "as arxiv/2301.00001/fig001.png"),
        ("2301.00004", "", "duplicate_paper", "the paper of 2301.00001"),
    }
    assert len(paths) == 5
    every, none = outcome(twins, tmp_path / "exact", deduplicate=DeduplicateOptions(images="none"))
    assert len(every) == 8 and not none, "other options are other rows, out of the same units"
    near = DeduplicateOptions(papers="first", images="near", near_scope="all")
    paths, drops = outcome(twins, tmp_path / "exact", deduplicate=near)
    assert ("2301.00003", "fig2 two.png", "near_duplicate_image", "as arxiv/2301.00002/fig002.png") in drops
    assert len(paths) == 4
    assert len(list((tmp_path / "exact" / ".s1-mmalign" / "units").glob("*.parquet"))) <= 4, "nothing was read again"


def test_within_a_paper_an_image_under_another_caption_stays(tmp_path):
    figure = r"\begin{figure}\includegraphics{one.png}\caption{%s}\end{figure}"
    captions = ["What was seen.", "What was seen, and what it means.", "What was seen."]
    source = r"\documentclass{article}\title{Three figures of one file}\begin{document}\maketitle" + "\n".join(
        figure % caption for caption in captions
    )
    data = tar_gz({"ms.tex": (source + r"\end{document}").encode(), "one.png": noise_png(1)})
    (tmp_path / "2301.00001.tar.gz").write_bytes(data)
    manifest = build_dataset(BuildOptions(papers=(tmp_path / "2301.00001.tar.gz",), workers=1), tmp_path / "out")
    assert manifest.rows == 2 and manifest.drops == {"duplicate_image": 1}


def test_papers_and_images_of_evaluation_sets_are_left_out(twins, tmp_path):
    build_dataset(BuildOptions(papers=(twins,), workers=1), tmp_path / "out")
    (table,) = (
        table
        for shard in Manifest.load(tmp_path / "out").shards
        for table in iter_tables(tmp_path / "out" / shard.path)
    )
    rows = {row["image_path"]: row for row in table.to_pylist()}
    listed = tmp_path / "evaluation.txt"
    image, picture = rows["arxiv/2301.00001/fig001.png"], rows["arxiv/2301.00003/fig002.png"]
    listed.write_text(f"10.5555/two\n{image['image_sha256']}\n{picture['phash']}\n")
    first = DeduplicateOptions(papers="first")
    paths, drops = outcome(twins, tmp_path / "out", evaluation_sets=(listed,), deduplicate=first)
    assert paths == ["arxiv/2301.00001/fig002.png", "arxiv/2301.00003/fig001.png"]
    assert {drop[0] for drop in drops if drop[2] == "evaluation_set"} == {"2301.00001", "2301.00002", "2301.00003"}


def test_papers_of_one_group_share_a_split_when_all_are_kept(twins, tmp_path):
    options = {"extract": ExtractOptions(splits=(0.4, 0.3, 0.3))}
    manifest = build_dataset(BuildOptions(papers=(twins,), workers=1, **options), tmp_path / "out")
    split = {
        row: shard.split
        for shard in manifest.shards
        for table in iter_tables(tmp_path / "out" / shard.path, ["paper_id"])
        for row in table["paper_id"].to_pylist()
    }
    assert split["2301.00001"] == split["2301.00004"]


def test_the_pictures_of_this_test_are_near_but_not_equal():
    near = photograph()
    near.putpixel((5, 5), (0, 0, 0))
    assert isinstance(near, Image.Image) and saved(near, "PNG") != saved(photograph(), "PNG")
