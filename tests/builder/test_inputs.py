"""What a build read is told by hash: whatever form the packages have, and whatever became of their papers."""

import hashlib
import json
import shutil
import tarfile
from pathlib import Path

from s1_mmalign.builder.build import build_dataset
from s1_mmalign.builder.inputs import build_results
from s1_mmalign.builder.options import BuildOptions
from s1_mmalign.builder.shards import Manifest
from tests.builder.small_papers import TEX, noise_png, write_latex_package, write_papers
from tests.builder.test_build_growth import write_month


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def build(papers: Path, out: Path, **options) -> Manifest:
    return build_dataset(BuildOptions(papers=(papers,), **{"workers": 1} | options), out)


def inputs_of(out: Path) -> dict[str, dict]:
    lines = [json.loads(line) for line in (out / "inputs.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["key"] for line in lines] == sorted(line["key"] for line in lines)
    return {line["key"]: line for line in lines}


def test_every_package_has_the_sha256_of_its_bytes_also_one_that_cannot_be_read(tmp_path):
    papers = tmp_path / "papers"
    write_papers(papers, 2)
    (papers / "2301.00009.tar.gz").write_bytes(b"\x1f\x8b no gzip")
    build(papers, tmp_path / "out")
    found = inputs_of(tmp_path / "out")
    assert {key: line["sha256"] for key, line in found.items()} == {
        path.name: sha256(path.read_bytes()) for path in papers.iterdir()
    }
    assert found["2301.00000.tar.gz"]["bytes"] == (papers / "2301.00000.tar.gz").stat().st_size


def test_a_paper_that_the_reader_was_ended_over_has_its_hash_too(tmp_path):
    papers = tmp_path / "papers"
    figure = r"\begin{figure}\includegraphics{one}\caption{It takes its time.}\end{figure}"
    slow = TEX.replace(r"\end{document}", figure * 4000 + r"\end{document}")
    write_latex_package(papers / "2301.00001.tar.gz", "a slow paper", tex=slow)
    manifest = build(papers, tmp_path / "out", timeout_s=0.05)
    assert manifest.drops == {"timeout": 1}
    assert inputs_of(tmp_path / "out")["2301.00001.tar.gz"]["sha256"] == sha256(
        (papers / "2301.00001.tar.gz").read_bytes()
    )


def test_a_folder_is_its_files_names_and_bytes_wherever_it_lies(tmp_path):
    for name in ("first", "second"):
        write_latex_package(tmp_path / "2301.00001.tar.gz", "an unpacked paper")
        with tarfile.open(tmp_path / "2301.00001.tar.gz") as tar:
            tar.extractall(tmp_path / name / "2301.00001", filter="data")
    build(tmp_path / "first", tmp_path / "out1")
    build(tmp_path / "second", tmp_path / "out2")
    first, second = inputs_of(tmp_path / "out1")["2301.00001"], inputs_of(tmp_path / "out2")["2301.00001"]
    assert first == second
    (tmp_path / "second" / "2301.00001" / "one.png").write_bytes(noise_png(99))
    build(tmp_path / "second", tmp_path / "out2")
    assert inputs_of(tmp_path / "out2")["2301.00001"]["sha256"] != first["sha256"]


def test_members_of_a_bulk_tar_and_second_packages_of_a_paper_have_lines(tmp_path):
    papers = tmp_path / "papers"
    tar = write_month(papers, "2301", papers=2)
    write_latex_package(papers / "2301.00000v0.tar.gz", "an older version")
    build(papers, tmp_path / "out")
    found = inputs_of(tmp_path / "out")
    with tarfile.open(tar) as members:
        data = {member.name: members.extractfile(member).read() for member in members if member.isreg()}
    hashed = {key: line["sha256"] for key, line in found.items() if line["sha256"]}
    unread = [key for key, line in found.items() if line["sha256"] is None]
    assert {sha256(data[key.removeprefix(f"{tar.name}/")]) for key in hashed if key.startswith(tar.name)} <= {
        sha256(one) for one in data.values()
    }
    assert (len(hashed), len(unread)) == (2, 1)


def test_more_papers_keep_the_lines_there_are_and_the_shards_hashes_as_they_were_built(tmp_path):
    papers = tmp_path / "papers"
    write_papers(papers / "2301", 3)
    first = build(papers, tmp_path / "out", shard_bytes=1)
    before = inputs_of(tmp_path / "out")
    shutil.copytree(papers, tmp_path / "all", copy_function=shutil.copy2)
    write_latex_package(tmp_path / "all" / "2302" / "2302.00001.tar.gz", "a paper of the next month", 99)
    second = build(tmp_path / "all", tmp_path / "out", shard_bytes=1)
    after = inputs_of(tmp_path / "out")
    assert before.items() < after.items()
    summary = build_results(second)["inputs"]
    assert summary["packages"] == 4
    assert summary["sha256"] == sha256((tmp_path / "out" / "inputs.jsonl").read_bytes())
    hashes = build_results(second)["sha256"]
    assert {shard.path: shard.sha256 for shard in second.shards} == {
        path: digest for path, digest in hashes.items() if path.startswith("data/")
    }
    assert {shard.sha256 for shard in first.shards} <= set(hashes.values())


def test_metadata_files_and_evaluation_sets_are_told_by_hash(tmp_path):
    write_papers(tmp_path / "papers", 1)
    (tmp_path / "papers" / "metadata.jsonl").write_text('{"id": "2301.00000"}\n')
    (tmp_path / "mmmu.txt").write_text("2301.09999\n")
    manifest = build(tmp_path / "papers", tmp_path / "out", evaluation_sets=(tmp_path / "mmmu.txt",))
    files = build_results(manifest)["inputs"]["files"]
    assert files["metadata"] == [{"name": "metadata.jsonl", "bytes": 21, "sha256": sha256(b'{"id": "2301.00000"}\n')}]
    assert files["evaluation_sets"][0]["name"] == "mmmu.txt"
