"""What a confined process can and cannot do, tried in real processes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from s1_mmalign.builder import landlock, sandbox, seccomp
from s1_mmalign.builder.options import BuildOptions
from s1_mmalign.builder.sandbox import Confinement, confinement_of, scratch_folder
from s1_mmalign.builder.sources.packages import find_packages
from s1_mmalign.builder.workers import read_package, reading_pool
from s1_mmalign.samples import papers_folder

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are confined on Linux only")
needs_landlock = pytest.mark.skipif(not landlock.version(), reason="this kernel has no Landlock")
needs_seccomp = pytest.mark.skipif(not seccomp.available(), reason="no filter of system calls for this processor")

TRY = """
import json, os, socket, subprocess, sys, tempfile
from pathlib import Path
from s1_mmalign.builder.sandbox import Confinement, confine
scratch, inputs, network = json.loads(sys.argv[1])
mine = confine(Confinement(Path(scratch), tuple(map(Path, inputs)), network))
def attempt(action):
    try:
        action()
    except OSError as error:
        return type(error).__name__
    return "done"
print(json.dumps({name: attempt(eval(f"lambda: ({code})")) for name, code in json.loads(sys.argv[2]).items()}))
"""


def attempts(folder: Path, actions: dict[str, str], *, inputs=(), network=False, **environment: str) -> dict[str, str]:
    """Try each action (an expression) in a confined process; return "done" or the error's name for each."""
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    arguments = [json.dumps([str(scratch), [str(path) for path in inputs], network]), json.dumps(actions)]
    done = subprocess.run(
        [sys.executable, "-c", TRY, *arguments], capture_output=True, text=True, env=os.environ | environment
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@needs_landlock
def test_files_are_written_in_the_scratch_folder_alone(tmp_path) -> None:
    victim = tmp_path / "victim.txt"
    victim.write_text("whole")
    found = attempts(
        tmp_path,
        {
            "scratch": "tempfile.NamedTemporaryFile().write(b'x')",
            "null": "Path('/dev/null').write_text('x')",
            "overwrite": f"Path({str(victim)!r}).write_text('x')",
            "remove": f"Path({str(victim)!r}).unlink()",
            "beside": f"Path({str(tmp_path / 'new')!r}).write_text('x')",
            "other_scratch": f"Path({str(tmp_path / 'scratch' / 'other')!r}).write_text('x')",
            "home": "Path('~/.s1-mmalign-canary').expanduser().write_text('x')",
            "link_out": f"os.link({str(victim)!r}, mine / 'link')",
        },
    )
    allowed = {name for name, outcome in found.items() if outcome == "done"}
    assert allowed == {"scratch", "null"}
    assert victim.read_text() == "whole"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scratch", "victim.txt"]


@needs_landlock
def test_nothing_from_a_paper_can_be_run(tmp_path) -> None:
    script = "(mine / 'run').write_text('#!/bin/sh\\ntrue\\n'), (mine / 'run').chmod(0o755)"
    found = attempts(
        tmp_path,
        {
            "write": script,
            "run": "subprocess.run([str(mine / 'run')])",
            "system": "subprocess.run(['true'], check=True)",
            "python": "subprocess.run([sys.executable, '-c', ''], check=True)",
        },
    )
    assert found == {"write": "done", "run": "PermissionError", "system": "done", "python": "done"}


@needs_landlock
def test_hidden_files_of_the_home_folder_are_not_read_but_for_inputs(tmp_path) -> None:
    home, key, token = tmp_path / "home", tmp_path / "home/.ssh/id", tmp_path / "token"
    (home / ".cache" / "papers").mkdir(parents=True)
    key.parent.mkdir()
    for path in (key, token, home / "open.txt", home / ".cache/papers/a.tex", home / ".cache/token"):
        path.write_text("x")
    actions = {
        path.name: f"Path({str(path)!r}).read_text()"
        for path in (key, token, home / "open.txt", home / ".cache/papers/a.tex")
    } | {"cache_token": f"Path({str(home / '.cache/token')!r}).read_text()"}
    actions["parent"] = "Path(f'/proc/{os.getppid()}/environ').read_bytes()"
    actions["environment"] = "[][0] if 'MY_API_KEY' in os.environ else None"
    inside = home / ".cache/papers"
    found = attempts(tmp_path, actions, inputs=[inside], HOME=str(home), HF_TOKEN_PATH=str(token), MY_API_KEY="x")
    assert {name for name, outcome in found.items() if outcome == "done"} == {"open.txt", "a.tex", "environment"}


@needs_seccomp
def test_no_socket_is_opened_by_the_process_or_what_it_starts(tmp_path) -> None:
    families = {name: f"socket.socket(socket.{name})" for name in ("AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK")}
    child = "subprocess.run([sys.executable, '-c', 'import socket; socket.socket()'], check=True, stderr=-3)"
    found = attempts(tmp_path, {**families, "raw": "socket.socket(socket.AF_INET, socket.SOCK_RAW)"})
    assert set(found.values()) == {"PermissionError"}
    try_child = {"child": f"(lambda: {child})()", "pair": "socket.socketpair()", "pipe": "os.pipe()"}
    code = TRY.replace("except OSError as error", "except (OSError, subprocess.CalledProcessError) as error")
    scratch = json.dumps([str(tmp_path / "scratch"), [], False])
    done = subprocess.run(
        [sys.executable, "-c", code, scratch, json.dumps(try_child)], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == {"child": "CalledProcessError", "pair": "done", "pipe": "done"}


@needs_seccomp
def test_where_papers_are_remote_the_network_stays_and_writing_does_not(tmp_path) -> None:
    found = attempts(
        tmp_path,
        {"socket": "socket.socket()", "write": f"Path({str(tmp_path / 'new')!r}).write_text('x')"},
        network=True,
    )
    assert found == {"socket": "done", "write": "PermissionError" if landlock.version() else "done"}


def test_remote_papers_are_told_from_local_ones_and_links_are_followed(tmp_path) -> None:
    real, papers = tmp_path / "blobs/1.tar.gz", tmp_path / "papers"
    real.parent.mkdir()
    papers.mkdir()
    real.write_bytes(b"")
    (papers / "a.tar.gz").symlink_to(real)
    local = confinement_of([papers], tmp_path)
    assert (local.network, set(local.inputs)) == (False, {papers, real.parent})
    assert confinement_of([papers, Path("s3:/bucket/papers")], tmp_path).network


def test_workers_of_a_build_are_confined_and_leave_no_temporary_file(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    options = BuildOptions(papers=(papers_folder(),), workers=1)
    package = find_packages(options.papers).packages[0]
    with reading_pool(options) as pool:
        assert read_package(pool, package, options.extract).rows
        (scratch,) = tmp_path.glob(f"{sandbox.PREFIX}*")
        (own,) = scratch.iterdir()
        process = int(own.name.partition("-")[0])
        status = dict(line.split(":\t", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
        limits = Path(f"/proc/{process}/limits").read_text()
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == ("2" if seccomp.available() else "0")
    for limit in ("Max cpu time", "Max address space", "Max file size", "Max core file size"):
        assert not limits.partition(limit)[2].lstrip().startswith("unlimited")
    assert list(tmp_path.glob(f"{sandbox.PREFIX}*")) == []


def test_scratch_of_a_killed_run_is_removed_by_the_next_and_that_of_a_live_one_is_not(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    killed = tmp_path / f"{sandbox.PREFIX}killed"
    (killed / "1-x").mkdir(parents=True)
    with scratch_folder() as first:
        assert not killed.exists()
        with scratch_folder() as second:
            assert first.is_dir() and second.is_dir()
    assert list(tmp_path.iterdir()) == []


def test_a_system_without_protections_says_so_once_and_reading_goes_on(monkeypatch, tmp_path, caplog) -> None:
    monkeypatch.setenv(sandbox.SWITCH, "off")
    monkeypatch.setattr("s1_mmalign.builder.confined_pool._told", False)
    options = BuildOptions(papers=(papers_folder(),), workers=1)
    package = find_packages(options.papers).packages[0]
    for _ in range(2):
        with reading_pool(options) as pool:
            assert read_package(pool, package, options.extract).rows
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("s1_mmalign")]
    assert [text.count("SECURITY.md") for text in ours] == [1]


def test_a_filter_that_the_kernel_refuses_leaves_the_process_working(tmp_path) -> None:
    code = (
        "from s1_mmalign.builder import seccomp, landlock; from s1_mmalign.builder.sandbox import *\n"
        "def no(*a): raise OSError(1, 'refused')\n"
        "seccomp._prctl = landlock._call = no\n"
        f"print(confine(Confinement(Path({str(tmp_path)!r}))).is_dir())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


def test_confinement_is_plain_data_that_travels_to_workers(tmp_path) -> None:
    import pickle

    one = Confinement(tmp_path, (tmp_path,), True)
    assert pickle.loads(pickle.dumps(one)) == one
