"""A server that speaks the OpenAI protocol: `vllm serve`, SGLang, llama.cpp, a hosted model.

Requests are asynchronous, as many at once as `in_flight`. Each paper goes to one server of several, so that its
prefix cache serves all figures of the paper; another server takes over where that one cannot be reached. The
key comes from the environment (OPENAI_API_KEY) and nowhere else.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import threading
import time
import zlib
from dataclasses import asdict
from queue import Empty, SimpleQueue
from typing import Any

from s1_mmalign.processing.captioners.base import (
    Caption,
    Captioner,
    CaptionerError,
    CaptionRequest,
    EngineDied,
    RequestError,
)
from s1_mmalign.processing.captioners.identity import ModelIdentity
from s1_mmalign.processing.captioners.options import RecaptionOptions
from s1_mmalign.processing.captioners.pictures import encode_image
from s1_mmalign.processing.captioners.sampling import Sampling

KEY_VARIABLE = "OPENAI_API_KEY"
URL_VARIABLE = "OPENAI_BASE_URL"
READY_SECONDS = 1.0
"""Between two looks whether a server is there again."""
NO_KEY = "none"
"""Sent where the environment holds no key: local servers want none, and the client insists on one."""
USERS_FAULT = (401, 403, 404)
"""Status codes that every request would get: key, permission, address or model name."""


class OpenAICaptioner(Captioner):
    """Asks one or several servers; see the head of this file."""

    name = "openai"

    def __init__(self, options: RecaptionOptions, identity: ModelIdentity) -> None:
        from openai import AsyncOpenAI

        super().__init__(options, identity)
        key = os.environ.get(KEY_VARIABLE) or NO_KEY
        self._urls = base_urls(options)
        self._clients = [
            AsyncOpenAI(base_url=url, api_key=key, timeout=options.timeout, max_retries=options.request_retries)
            for url in self._urls
        ]
        self._reached = self._reachable()
        self._errors: list[CaptionerError | EngineDied] = []
        self._done: SimpleQueue[Caption | CaptionerError | EngineDied] = SimpleQueue()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="openai-captioner", daemon=True)
        self._thread.start()

    @classmethod
    def identify(cls, options: RecaptionOptions) -> ModelIdentity:
        """Take the model's name from the options, or from the server if it serves just one.

        A server does not tell its model's revision; one that is given in the options is recorded.
        """
        return ModelIdentity(options.model or _only_model(options), options.revision)

    def prepare(self, request: CaptionRequest) -> dict[str, Any]:
        """Return the request's body, the image in it as a data URL."""
        data, mime = encode_image(request.image, self.options.max_pixels)
        url = f"data:{mime};base64,{base64.b64encode(data).decode()}"
        return {
            "model": self.identity.name,
            "messages": [
                {"role": "system", "content": request.prompt.system},
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": request.prompt.context},
                        {"type": "image_url", "image_url": {"url": url}},
                        {"type": "text", "text": request.prompt.question},
                    ],
                },
            ],
            **asdict(request.sampling or Sampling.of(self.options)),
            "extra_body": dict(self.options.engine) or None,
        }

    def wait_until_ready(self) -> None:
        """Wait until one of the servers answers, at most as long as a request may take: it may be starting again."""
        end = time.monotonic() + self.options.timeout
        while not self._reachable():
            if time.monotonic() > end:
                raise self._away(f"for {self.options.timeout:g} s")
            time.sleep(READY_SECONDS)

    def _reachable(self) -> bool:
        """Say whether one of the servers answers anything at all."""
        import httpx

        for url in self._urls:
            with contextlib.suppress(httpx.TransportError):
                httpx.get(f"{url.rstrip('/')}/models", timeout=5)
                return True
        return False

    def close(self) -> None:
        """Drop what is under way and close the connections."""

        async def stop() -> None:
            others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            for client in self._clients:
                await client.close()

        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(stop(), self._loop).result(timeout=10)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(timeout=10)

    def _submit(self, key: str, prepared: dict[str, Any]) -> None:
        asyncio.run_coroutine_threadsafe(self._answer(key, prepared), self._loop)

    def _poll(self, wait_s: float | None) -> list[Caption]:
        results: list[Caption | CaptionerError | EngineDied] = []
        if self._errors:
            wait_s = 0.0  # take what is answered, then tell
        try:
            results.append(self._done.get(timeout=wait_s))
            while True:
                results.append(self._done.get_nowait())
        except Empty:
            pass
        self._errors += [result for result in results if not isinstance(result, Caption)]
        captions = [result for result in results if isinstance(result, Caption)]
        if self._errors and not captions:
            raise self._errors[0]
        return captions

    async def _answer(self, key: str, body: dict[str, Any]) -> None:
        """Put the answer of one request into the queue, or the error that ends the run."""
        try:
            self._done.put(await self._ask(key, body))
        except RequestError as error:
            self._done.put(Caption.failed(key, error))
        except (CaptionerError, EngineDied) as error:
            self._done.put(error)

    async def _ask(self, key: str, body: dict[str, Any]) -> Caption:
        import openai

        first = zlib.crc32(body["messages"][1]["content"][0]["text"].encode()) % len(self._clients)
        unreachable: openai.APIConnectionError | None = None
        for turn in range(len(self._clients)):
            client = self._clients[(first + turn) % len(self._clients)]
            try:
                return _caption(key, await client.chat.completions.create(**body))
            except openai.APITimeoutError as error:
                raise RequestError(f"no answer within {self.options.timeout:g} s") from error
            except openai.APIConnectionError as error:
                unreachable = error
            except openai.APIStatusError as error:
                raise _status_error(error, self.identity.name) from error
            except openai.OpenAIError as error:
                raise RequestError(str(error)) from error
        if self._reached:
            raise EngineDied(f"{', '.join(self._urls)}: cannot be reached any more ({unreachable})")
        raise self._away(f"{unreachable}, after {self.options.request_retries} tries more")

    def _away(self, why: str) -> CaptionerError:
        return CaptionerError(
            f"{', '.join(self._urls)}: cannot be reached ({why}). "
            "Start the server (for example: vllm serve MODEL) and run the same command again."
        )


def base_urls(options: RecaptionOptions) -> tuple[str, ...]:
    """Return the servers' addresses, from the options or the environment.

    Raises:
        CaptionerError: neither names one.
    """
    if options.base_url:
        return options.base_url
    if url := os.environ.get(URL_VARIABLE):
        return (url,)
    raise CaptionerError(
        "captioner 'openai' needs the address of a server: --base-url http://localhost:8000/v1 "
        f"(what `vllm serve MODEL` opens), or the environment variable {URL_VARIABLE}"
    )


def _only_model(options: RecaptionOptions) -> str:
    from openai import OpenAI, OpenAIError

    url = base_urls(options)[0]
    key = os.environ.get(KEY_VARIABLE) or NO_KEY
    try:
        with OpenAI(base_url=url, api_key=key, timeout=30, max_retries=options.request_retries) as client:
            names = [model.id for model in client.models.list()]
    except OpenAIError as error:
        raise CaptionerError(f"{url}: cannot be asked for its model ({error}); name it with --model") from error
    if len(names) != 1:
        raise CaptionerError(f"{url}: serves {', '.join(names) or 'no model'}; name one with --model")
    return names[0]


def _status_error(error: Any, model: str) -> RequestError | CaptionerError:
    message = f"the server answered {error.status_code}: {error.message}"
    if error.status_code in USERS_FAULT:
        return CaptionerError(f"{message}. Is the model's name ({model}) right, and {KEY_VARIABLE} if it wants a key?")
    return RequestError(message)


def _caption(key: str, answer: Any) -> Caption:
    """Read an answer; a server may leave out almost anything."""
    if not answer.choices:
        raise RequestError("the server answered without a choice")
    choice, usage = answer.choices[0], answer.usage
    details = usage.prompt_tokens_details if usage else None
    return Caption(
        key,
        choice.message.content or "",
        choice.finish_reason,
        usage.prompt_tokens if usage else None,
        usage.completion_tokens if usage else None,
        cached_tokens=details.cached_tokens if details else None,
    )
