"""A server that speaks the OpenAI protocol and can misbehave; run as a process of its own.

    python caption_server.py LOG [--port N] [--delay SECONDS] [--fail-first N --fail-status CODE]
        [--status CODE --when TEXT] [--hang TEXT] [--die TEXT] [--add TEXT]

It prints its port. Every chat request is a line of LOG: the "sample <n>" that its caption names. The answer is a
description that names the sample again, long enough for the checks.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ANSWER = (
    "Reaction rate plotted against temperature for sample {sample}, with vertical bars of one standard deviation. "
    "The rate climbs steeply at first and levels off towards the upper end of the range, which a single barrier "
    "cannot explain. The measurement supports the model with two barriers that the paper puts forward, because the "
    "curvature appears just where the second barrier starts to limit the reaction."
)

SAMPLE = re.compile(r"sample (\d+)\.")
"""What a caption of `figure_rows` says of itself."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    options: argparse.Namespace
    lock = threading.Lock()
    seen = open = peak = 0

    def do_GET(self) -> None:
        if self.path.endswith("/peak"):
            return self.reply(200, {"peak": Handler.peak})
        return self.reply(200, {"object": "list", "data": [{"id": "test-model", "object": "model"}]})

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        data = self.rfile.read(length)
        if len(data) < length:
            return  # who asked was killed over it
        body = data.decode()
        sample = SAMPLE.search(body)
        with self.lock:
            Handler.seen += 1
            number = Handler.seen
            Handler.open += 1
            Handler.peak = max(Handler.peak, Handler.open)
            with Path(self.options.log).open("a") as log:
                log.write(f"{sample.group(1) if sample else '-'}\n")
        if self.options.die and self.options.die in body:
            os._exit(1)
        if self.options.hang and self.options.hang in body:
            time.sleep(30)
        time.sleep(self.options.delay)
        with self.lock:
            Handler.open -= 1
        if number <= self.options.fail_first:
            self.reply(self.options.fail_status, {"error": {"message": "busy"}}, {"Retry-After": "0.1"})
        elif self.options.when and self.options.when in body:
            self.reply(self.options.status, {"error": {"message": "this one is refused"}})
        else:
            self.reply(200, self.answer(json.loads(body), sample.group(1) if sample else "-"))

    def answer(self, request: dict, sample: str) -> dict:
        parts = request["messages"][1]["content"]
        kinds = [part["type"] for part in parts]
        if kinds != ["text", "image_url", "text"]:
            raise ValueError(kinds)
        from PIL import Image

        Image.open(io.BytesIO(base64.b64decode(parts[1]["image_url"]["url"].partition(",")[2]))).load()
        text = ANSWER.format(sample=sample) + self.options.add.encode().decode("unicode_escape")
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        usage = {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}
        return {
            "id": "x", "object": "chat.completion", "created": 0, "model": request["model"],
            "choices": [choice], "usage": usage,
        }  # fmt: skip

    def reply(self, status: int, content: dict, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        with suppress(ConnectionError):  # who asked was killed meanwhile
            self.wfile.write(data)

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def immortal_server(log: Path, *arguments: str) -> Iterator[str]:
    """As `caption_server`, started again on the same port whenever it dies, as a service manager does."""
    from tests.free_port import free_port  # not known where this file is run by itself

    port = str(free_port())
    ended = threading.Event()
    command = [sys.executable, __file__, str(log), "--port", port, *arguments]

    def keep() -> None:
        while not ended.is_set():
            with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
                while process.poll() is None and not ended.wait(0.05):
                    pass
                process.kill()

    thread = threading.Thread(target=keep)
    thread.start()
    try:
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", int(port))):
                break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        ended.set()
        thread.join()


@contextmanager
def caption_server(log: Path, *arguments: str) -> Iterator[str]:
    """Run the server as a process and give its address."""
    command = [sys.executable, __file__, str(log), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
        finally:
            process.kill()


def asked(log: Path) -> list[int]:
    """Return the samples that were asked for, in the order of the requests."""
    return [int(line) for line in log.read_text().split() if line.isdigit()] if log.is_file() else []


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("log")
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--fail-first", type=int, default=0)
    parser.add_argument("--fail-status", type=int, default=503)
    parser.add_argument("--status", type=int, default=400)
    parser.add_argument("--when", default="")
    parser.add_argument("--hang", default="")
    parser.add_argument("--die", default="")
    parser.add_argument("--add", default="", help="added to each answer; escapes of characters are read as in Python")
    parser.add_argument("--port", type=int, default=0)
    Handler.options = parser.parse_args()
    ThreadingHTTPServer.request_queue_size = 128  # 5 are too few for all that a run opens at its start
    server = ThreadingHTTPServer(("127.0.0.1", Handler.options.port), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
