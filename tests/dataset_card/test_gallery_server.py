"""The gallery's server: this machine alone, only with the token, judgements on disk at once."""

import json
import threading
from http.client import HTTPConnection

import pytest

from s1_mmalign.builder.shards import Manifest
from s1_mmalign.dataset_card.gallery.entries import choose_rows
from s1_mmalign.dataset_card.gallery.page import GalleryOptions, write_gallery
from s1_mmalign.dataset_card.gallery.server import GalleryServer
from tests.dataset_card.small_dataset import default_rows, make_folder


@pytest.fixture
def server(tmp_path):
    folder = make_folder(tmp_path / "d")
    write_gallery(folder, folder / "gallery.html", GalleryOptions())
    places = choose_rows(Manifest.load(folder), 500, 0)
    with GalleryServer(folder, folder / "gallery.html", places, folder / "judgements.jsonl") as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def ask(server, method: str, path: str, body: str | None = None, **headers: str) -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_it_listens_on_this_machine_only(server) -> None:
    assert server.server_address[0] == "127.0.0.1"


def test_nothing_is_given_or_taken_without_the_token_or_for_another_host(server) -> None:
    judgement = json.dumps({"row": "a", "verdict": "good"})
    kind = {"Content-Type": "application/json"}
    assert ask(server, "GET", "/")[0] == 403
    assert ask(server, "GET", "/?token=guess")[0] == 403
    assert ask(server, "POST", "/judgements", judgement, **kind)[0] == 403
    good = f"?token={server.token}"
    assert ask(server, "GET", "/" + good, Host="evil.example:80")[0] == 403
    assert ask(server, "POST", "/judgements" + good, judgement, **{"Content-Type": "text/plain"})[0] == 404
    assert not server.judgements.exists()
    assert ask(server, "GET", "/" + good)[0] == 200


def test_a_judgement_is_a_line_on_disk_and_comes_back(server) -> None:
    good, kind = f"/judgements?token={server.token}", {"Content-Type": "application/json"}
    assert ask(server, "GET", good) == (200, b"[]")
    assert ask(server, "POST", good, json.dumps({"row": "a", "verdict": "bad", "note": "é"}), **kind)[0] == 200
    assert json.loads(server.judgements.read_text("utf-8"))["note"] == "é"
    assert json.loads(ask(server, "GET", good)[1])[0]["verdict"] == "bad"
    assert ask(server, "POST", good, json.dumps({"row": "a", "verdict": "superb"}), **kind)[0] == 400
    assert ask(server, "POST", good, "x" * 70_000, **kind)[0] == 413


def test_images_come_in_full_size_by_their_place_on_the_page(server) -> None:
    wanted = {one["image"]["bytes"] for one in default_rows()}
    got = {ask(server, "GET", f"/image?index={n}&token={server.token}")[1] for n in range(20)}
    assert got == wanted
    assert ask(server, "GET", f"/image?index=20&token={server.token}")[0] == 404


def test_whatever_is_answered_a_browser_may_run_nothing_of_it_and_frame_none(server) -> None:
    for path in ("/image?index=0&", "/judgements?", "/nowhere?", "/image?index=x&", "/?", "/?not"):
        connection = HTTPConnection("127.0.0.1", server.server_port, timeout=10)
        connection.request("GET", f"{path}token={server.token}")
        answer = connection.getresponse()
        policy = answer.getheader("Content-Security-Policy", "")
        assert "frame-ancestors 'none'" in policy
        assert answer.getheader("X-Content-Type-Options") == "nosniff"
        assert path == "/?" or "default-src 'none'; sandbox" in policy
        answer.read()
