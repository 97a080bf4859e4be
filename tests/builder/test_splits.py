"""A paper's split depends on its group alone."""

from s1_mmalign.builder.splits import group_of, split_of

SHARES = (0.8, 0.1, 0.1)


def test_a_preprint_and_its_journal_version_share_a_split():
    preprint = group_of("On the Möbius strip: a study", "2301.00001")
    journal = group_of("On the Mobius Strip — A Study", "s41467-020-1")
    assert preprint == journal


def test_short_titles_do_not_join_papers():
    assert group_of("Erratum", "a") != group_of("Erratum", "b")


def test_shares_are_kept():
    splits = [split_of(f"paper {i}", SHARES) for i in range(10_000)]
    for split, share in zip(("train", "validation", "test"), SHARES, strict=True):
        assert abs(splits.count(split) / len(splits) - share) < 0.02


def test_a_split_of_share_one_takes_all():
    assert {split_of(str(i), (1.0, 0.0, 0.0)) for i in range(100)} == {"train"}
