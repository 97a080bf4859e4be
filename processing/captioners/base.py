"""What every captioner is: requests go in, captions come out as they are done.

An engine is fed by three methods, so that it is never short of work and nothing waits for a batch to end:
`prepare` (decode, resize; runs in other threads, ahead of the engine), `submit` (hand one over) and `poll` (let it
work, and take what is done). `pipeline.Pipeline` runs them, `caption` does all three for a list of requests.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from s1_mmalign.processing.captioners.identity import ModelIdentity
from s1_mmalign.processing.captioners.options import RecaptionOptions
from s1_mmalign.processing.captioners.sampling import Sampling
from s1_mmalign.processing.prompt import FigureText, Prompt, Template


class CaptionerError(Exception):
    """No further caption can be had: the engine is dead, the server away, the model missing. The run ends."""


class EngineDied(Exception):
    """The engine is gone with all its open requests: killed, crashed, hung. Another one may be made."""


class RequestError(Exception):
    """One request cannot be answered; the others can. `flag` is the check's word for it (`checks.Flag`)."""

    def __init__(self, message: str, flag: str = "engine_error") -> None:
        super().__init__(message)
        self.flag = flag


@dataclass(frozen=True, slots=True)
class CaptionRequest:
    """One image and its words. `key` names the request; `image` is the file's bytes (PNG or JPEG).

    `sampling` is None where the options' own holds; a row that is asked again has another.
    """

    key: str
    prompt: Prompt
    text: FigureText
    image: bytes
    sampling: Sampling | None = None


@dataclass(frozen=True, slots=True)
class Caption:
    """One answer. `error` is None or says why there is none; `flag` then is the check's word for it."""

    key: str
    text: str = ""
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    error: str | None = None
    flag: str | None = None
    cached_tokens: int | None = None
    """Tokens of the prompt that the engine's prefix cache held already, where it tells."""

    @classmethod
    def failed(cls, key: str, error: Exception) -> Caption:
        """Return the answer that stands for an error of one request."""
        flag = error.flag if isinstance(error, RequestError) else "engine_error"
        text = " ".join(str(error).split())[:500] or type(error).__name__
        return cls(key, finish_reason="error", error=text, flag=flag)


class Captioner(ABC):
    """An engine that is ready to work. Making one loads the model; `close` lets go of it."""

    name: ClassVar[str]
    default_model: ClassVar[str | None] = None
    needs_image: ClassVar[bool] = True
    """False: requests carry no image bytes."""
    prepares_images: ClassVar[bool] = True
    """False: preparing a request costs nothing, so it needs no threads."""
    uses_prompt: ClassVar[bool] = True
    """False: requests carry an empty prompt."""
    copies: ClassVar[bool] = False
    """True: captions are made of the paper's own sentences, so copying is no fault."""
    on_gpu: ClassVar[bool] = False
    """True: each worker process is given a GPU of its own."""
    runs_model: ClassVar[bool] = False
    """True: a request can kill it, so it lives in a process of its own (`engine_process`) and is started again."""
    can_die: ClassVar[bool] = True
    """False: nothing that it is given can harm it, so nobody keeps a record of what it has open."""
    in_batches: ClassVar[bool] = False
    """True: what is submitted while it works must wait, so it is filled up first."""
    notice: ClassVar[str | None] = None
    """What the user should know of this captioner before it starts."""

    def __init__(self, options: RecaptionOptions, identity: ModelIdentity) -> None:
        self.options = options
        self.identity = identity
        self.capacity = options.in_flight or self.default_capacity()
        self.in_flight = 0
        self.alive: Callable[[], None] = lambda: None
        """Called by an engine at each sign of life within a long `poll`."""

    @classmethod
    def identify(cls, options: RecaptionOptions) -> ModelIdentity:
        """Find out which model will answer, without loading it.

        Raises:
            CaptionerError: no model is given and there is no default, or it cannot be found.
        """
        from s1_mmalign.processing.captioners.identity import identify_model

        return identify_model(options.model or cls.default_model or "", options.revision)

    @classmethod
    def sampling(cls, options: RecaptionOptions) -> dict[str, Any]:
        """Return the options that decide an answer beside image, words and model: part of the journal's key."""
        names = ("max_tokens", "temperature", "top_p", "seed", "max_pixels")
        return {name: getattr(options, name) for name in names}

    @classmethod
    def prompt_label(cls, label: str) -> str:
        """Return what rows record as their prompt, given the template's label."""
        return label

    @classmethod
    def key_text(cls, template: Template, text: FigureText) -> str:
        """Return the words that decide the answer: what the journal's key is made of."""
        return template.render(text).rendered

    def default_capacity(self) -> int:
        """Return how many requests are kept open at once where the options do not say."""
        return 64

    def prepare(self, request: CaptionRequest) -> Any:
        """Make a request ready for `submit`. Called in several threads.

        Raises:
            RequestError: this request cannot be answered (an image that cannot be decoded).
        """
        return request

    def submit(self, key: str, prepared: Any) -> None:
        """Hand one prepared request over; `poll` will return its answer.

        Raises:
            RequestError: the engine refuses this one.
            EngineDied, CaptionerError: the engine cannot go on.
        """
        self._submit(key, prepared)
        self.in_flight += 1

    def poll(self, wait_s: float | None = None) -> list[Caption]:
        """Let the engine work, and return the requests that are done, perhaps none.

        Args:
            wait_s: seconds after which a captioner that only waits for others comes back without an answer;
                None: it comes back when there is something to tell.

        Raises:
            EngineDied, CaptionerError: the engine cannot go on.
        """
        if not self.in_flight:
            return []
        captions = self._poll(wait_s)
        self.in_flight -= len(captions)
        return captions

    def caption(self, requests: Iterable[CaptionRequest]) -> Iterator[Caption]:
        """Answer requests, in the order in which they are done; requests are drawn as there is room."""
        for request in requests:
            try:
                self.submit(request.key, self.prepare(request))
            except RequestError as error:
                yield Caption.failed(request.key, error)
            while self.in_flight >= self.capacity:
                yield from self.poll()
        while self.in_flight:
            yield from self.poll()

    def wait_until_ready(self) -> None:  # noqa: B027  # only what is started by somebody else needs waiting for
        """Wait for an engine that died to be there again.

        Raises:
            CaptionerError: it does not come back.
        """

    def close(self) -> None:  # noqa: B027  # most have something to let go of, extractive has not
        """Let go of the model, its processes and its memory."""

    @abstractmethod
    def _submit(self, key: str, prepared: Any) -> None: ...

    @abstractmethod
    def _poll(self, wait_s: float | None) -> list[Caption]: ...
