import subprocess
import sys
from pathlib import Path

import pytest

from s1_mmalign.processing.journal import Entry, Journal, JournalError, JournalWriter, compact


def entry(number: int, text: str = "words") -> Entry:
    return Entry(f"{number * 2**100 + number:032x}", f"row-{number}", text, "stop", 3, number)


def write(folder: Path, *entries: Entry, worker: int = 0) -> Path:
    writer = JournalWriter(folder, worker)
    writer.append(entries)
    writer.close()
    return writer.path


def test_entries_come_back_as_they_were(tmp_path: Path):
    hard = [entry(1, "α “quoted”\n\u2028 $x<y$"), entry(2, ""), entry(3, "x" * 100_000)]
    write(tmp_path, *hard)
    found = Journal.load(tmp_path).get([one.key for one in hard] + ["0" * 32])
    assert [found[one.key] for one in hard] == hard
    assert len(found) == 3


def test_a_missing_folder_is_an_empty_journal(tmp_path: Path):
    journal = Journal.load(tmp_path / "none")
    assert len(journal) == 0 and journal.get(["0" * 32]) == {}


def test_no_file_is_made_before_the_first_entry(tmp_path: Path):
    writer = JournalWriter(tmp_path / "journal")
    writer.append([])
    writer.close()
    assert not (tmp_path / "journal").exists()


@pytest.mark.parametrize("lost", [1, 2, 10, 50, 100])
def test_a_torn_last_line_is_passed_over(tmp_path: Path, lost: int):
    path = write(tmp_path, entry(1), entry(2))
    path.write_bytes(path.read_bytes()[:-lost])
    journal = Journal.load(tmp_path)
    assert journal.damaged == 1
    assert set(journal.get([entry(1).key, entry(2).key])) == {entry(1).key}


def test_a_flipped_bit_costs_its_own_line_only(tmp_path: Path):
    path = write(tmp_path, *(entry(number) for number in range(5)))
    data = bytearray(path.read_bytes())
    place = data.index(b"row-2")
    for bit in range(8):
        data[place] ^= 1 << bit
        path.write_bytes(data)
        assert len(Journal.load(tmp_path)) == 4
        data[place] ^= 1 << bit


def test_files_of_several_workers_are_one_journal(tmp_path: Path):
    write(tmp_path, entry(1), entry(2), worker=0)
    write(tmp_path, entry(3), worker=1)
    assert len(Journal.load(tmp_path).get([entry(number).key for number in (1, 2, 3)])) == 3


def test_an_index_is_shared_by_way_of_a_folder(tmp_path: Path):
    write(tmp_path / "journal", *(entry(number) for number in range(100)))
    index = tmp_path / "index"
    index.mkdir()
    Journal.load(tmp_path / "journal").save(index)
    assert Journal.open(index).get([entry(42).key])[entry(42).key] == entry(42)
    Journal.load(tmp_path / "none").save(index)
    assert Journal.open(index).get([entry(42).key]) == {}


def test_keys_that_share_their_first_half_are_told_apart(tmp_path: Path):
    first, second = Entry("a" * 16 + "1" * 16, "r1", "one"), Entry("a" * 16 + "2" * 16, "r2", "two")
    write(tmp_path, first, second)
    found = Journal.load(tmp_path).get([first.key, second.key])
    assert (found[first.key].text, found[second.key].text) == ("one", "two")


def test_compaction_leaves_one_file_with_each_key_once(tmp_path: Path):
    write(tmp_path, entry(1), entry(2), worker=0)
    torn = write(tmp_path, entry(2), entry(3), entry(4), worker=1)
    torn.write_bytes(torn.read_bytes()[:-5])
    assert compact(tmp_path) == 3
    (merged,) = tmp_path.iterdir()
    assert len(merged.read_bytes().splitlines()) == 3
    journal = Journal.load(tmp_path)
    assert journal.damaged == 0
    assert set(journal.get([entry(number).key for number in range(6)])) == {entry(n).key for n in (1, 2, 3)}
    assert compact(tmp_path) == 3 and next(tmp_path.iterdir()) == merged


def test_entries_survive_a_kill_of_their_writer(tmp_path: Path):
    code = (
        "import os, sys; from pathlib import Path; from s1_mmalign.processing.journal import *\n"
        "writer = JournalWriter(Path(sys.argv[1]))\n"
        "writer.append([Entry('%032x' % number, 'row', 'text') for number in range(50)])\n"
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert len(Journal.load(tmp_path)) == 50


def test_a_full_disk_is_told_and_what_was_written_stays(tmp_path: Path):
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("/dev/full is not here")
    writer = JournalWriter(tmp_path)
    writer.append([entry(1)])
    writer.close()
    writer._file._file = full.open("wb", buffering=0)
    with pytest.raises(JournalError, match=r"No space left.*run the same command again"):
        writer.append([entry(2)])
    assert set(Journal.load(tmp_path).get([entry(1).key, entry(2).key])) == {entry(1).key}


def named(number: int, fingerprint: int) -> Entry:
    return entry(number)._replace(fingerprint=f"{fingerprint * 2**100 + fingerprint:032x}", flags=("too_short",))


def test_entries_are_found_by_their_fingerprint_too(tmp_path: Path):
    there = [named(1, 7), named(2, 5), entry(3), named(4, 6)._replace(flags=(), mended="mended")]
    write(tmp_path / "journal", *there)
    Journal.load(tmp_path / "journal").save(tmp_path)
    for journal in (Journal.load(tmp_path / "journal"), Journal.open(tmp_path)):
        wanted = [one.fingerprint for one in there if one.fingerprint]
        assert journal.find([*wanted, "0" * 32, "f" * 32]) == {one.fingerprint: one for one in there if one.fingerprint}
        assert journal.get([one.key for one in there]) == {one.key: one for one in there}
        first, second = there[:2]
        pairs = [(first.fingerprint, first.key), (first.fingerprint, second.key), ("f" * 32, first.key)]
        pairs += [(first.fingerprint, "no hash"), (first.fingerprint, "")]
        assert journal.has_both(*zip(*pairs, strict=True)) == [True, False, False, False, False]


def test_fingerprints_that_share_their_first_half_are_told_apart(tmp_path: Path):
    first, second = (entry(number)._replace(fingerprint="a" * 16 + f"{number}" * 16) for number in (1, 2))
    write(tmp_path, first, second, second._replace(text="of another worker"))
    journal = Journal.load(tmp_path)
    assert (
        journal.find([second.fingerprint])
        == {second.fingerprint: second}
        == {second.fingerprint: journal.get([second.key])[second.key]}
    ), "the first counts, as for `compact`"
    assert journal.find(["a" * 32]) == {}


def test_a_merged_journal_is_not_merged_again_unless_it_has_grown(tmp_path: Path):
    write(tmp_path, named(1, 1), named(2, 2))
    write(tmp_path, named(2, 2), worker=1)
    assert Journal.load(tmp_path).merged_file is None
    compact(tmp_path)
    merged = Journal.load(tmp_path).merged_file
    assert merged is not None and compact(tmp_path, merged=merged) == 2
    assert list(tmp_path.glob("*.jsonl")) == [merged]
    write(tmp_path, named(3, 3))
    assert compact(tmp_path, merged=merged) == 3
    assert len(Journal.load(tmp_path).find([named(number, number).fingerprint for number in (1, 2, 3)])) == 3


def test_a_damaged_line_is_no_merged_journal(tmp_path: Path):
    write(tmp_path, entry(1), entry(2))
    compact(tmp_path)
    merged = Journal.load(tmp_path).merged_file
    merged.write_bytes(merged.read_bytes()[:-3])
    assert Journal.load(tmp_path).merged_file is None
