"""The crash campaign in short: a stage that is killed, ended, or out of room on the way, ends in the same bytes."""

import pytest

from tests.campaigns.crash import campaign
from tests.campaigns.faults import FAULTS


@pytest.mark.parametrize(
    ("stage", "papers", "faults"),
    [
        ("build", 2, {"term": 1, "worker-hangs": 1, "file-limit": 1}),
        ("evaluate", 3, {"kill": 2, "term": 1, "file-limit": 1}),
    ],
)
def test_disturbed_at_random_moments_a_stage_ends_as_if_it_had_not_been(stage, papers, faults):
    with campaign(stage, papers, seed=3) as one:
        for fault, times in faults.items():
            result = one.run(FAULTS[fault](one), times)
            assert result.tried >= times
            assert (result.survived, result.lost, result.doubled) == (result.tried, 0, 0), one.problems
