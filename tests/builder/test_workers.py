"""The processes that read papers."""

import pytest

from s1_mmalign.builder import confined_pool
from s1_mmalign.builder.build import build_dataset
from s1_mmalign.builder.confined_pool import WorkersError
from s1_mmalign.builder.options import BuildOptions
from s1_mmalign.samples import papers_folder


def test_workers_that_cannot_start_end_the_build_and_cost_no_paper(tmp_path, monkeypatch):
    papers = (papers_folder() / "2601.00000.tar.gz",)
    monkeypatch.setattr(confined_pool, "START_S", 8.0)
    with pytest.raises(WorkersError, match="do not start here"):
        build_dataset(BuildOptions(papers=papers, workers=1, memory_bytes=1 << 20), tmp_path / "out")
    monkeypatch.undo()
    assert not (tmp_path / "out" / "manifest.json").exists()
    manifest = build_dataset(BuildOptions(papers=papers, workers=1), tmp_path / "out")
    assert manifest.papers == {"in": 1, "with_rows": 1, "dropped": 0}
