"""The same units from a Ray cluster, also where one of its workers is lost."""

import shutil
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from s1_mmalign.builder.build import build_dataset
from s1_mmalign.builder.options import BuildOptions
from s1_mmalign.samples.packing import tar_gz
from s1_mmalign.samples.sources_forms.make import bulk_tar
from s1_mmalign.samples.sources_forms.papers import latex

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 's1-mmalign[ray]'")


def test_a_ray_cluster_gives_the_same_dataset_though_an_actor_is_killed(tmp_path: Path):
    packages = {
        f"2301.{index:05d}.gz": tar_gz(latex(f"the subject number {index} of a month", index)) for index in range(12)
    }
    (tmp_path / "arXiv_src_2301_001.tar").write_bytes(bulk_tar("2301", packages))
    options = {"papers": (tmp_path / "arXiv_src_2301_001.tar",), "unit_papers": 2, "workers": 1}
    local = build_dataset(BuildOptions(**options), tmp_path / "local")
    killed: list[int] = []

    def kill(what: str, done: int, total: int) -> None:
        if what == "papers" and not killed:
            for process in psutil.Process().children(recursive=True):
                with suppress(psutil.NoSuchProcess):  # a process may end before it is looked at
                    if "UnitActor" in " ".join(process.cmdline()):
                        process.kill()
                        killed.append(process.pid)

    try:
        over_ray = build_dataset(BuildOptions(**options, engine="ray"), tmp_path / "ray", kill)
    finally:
        ray.shutdown()
    assert killed, "no actor was found to kill"
    assert over_ray.shards == local.shards and over_ray.papers == local.papers
    assert (tmp_path / "ray" / "drops.jsonl").read_bytes() == (tmp_path / "local" / "drops.jsonl").read_bytes()
    shutil.rmtree(tmp_path / "ray")
