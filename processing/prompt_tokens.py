"""The tokens of a prompt's text: by the model's own tokenizer where it is on this machine, else estimated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from s1_mmalign.processing.captioners.identity import ModelIdentity
from s1_mmalign.processing.image_tokens import ImageRule
from s1_mmalign.processing.prompt import Prompt
from s1_mmalign.processing.token_count import count_tokens

FRAME_TOKENS = 20
"""What a chat template puts round three texts and an image: role names, marks, line ends."""


@dataclass(frozen=True, slots=True)
class PromptCounter:
    """Counts tokens; `how` and `image_how` tell a person by what."""

    encode: Callable[[str], list[int]] | None
    how: str
    image: ImageRule
    image_how: str

    def text(self, text: str) -> int:
        """Return the tokens of a text."""
        return len(self.encode(text)) if self.encode is not None else count_tokens(text)

    def prompt(self, prompt: Prompt) -> int:
        """Return the tokens of a prompt's text, without the image."""
        return FRAME_TOKENS + sum(self.text(part) for part in (prompt.system, prompt.context, prompt.question))


def prompt_counter(identity: ModelIdentity) -> PromptCounter:
    """Return what counts for a model. Nothing is downloaded, and no weights are loaded."""
    rule, rule_how = _image_rule(identity)
    try:
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(
            identity.path or identity.name, revision=identity.hub_revision, local_files_only=True
        )
    except (ImportError, OSError, ValueError, KeyError):
        return PromptCounter(None, "estimated: the model's tokenizer is not on this machine", rule, rule_how)
    return PromptCounter(
        lambda text: tokenizer.encode(text, add_special_tokens=False), "by the model's tokenizer", rule, rule_how
    )


def _image_rule(identity: ModelIdentity) -> tuple[ImageRule, str]:
    try:
        from transformers.models.auto.image_processing_auto import get_image_processor_config

        config = get_image_processor_config(
            identity.path or identity.name, revision=identity.hub_revision, local_files_only=True
        )
    except (ImportError, OSError, ValueError, KeyError):
        config = {}
    rule = ImageRule.of_config(config)
    return (rule, "by the model's processor") if rule else (ImageRule(), "by Qwen3-VL's rule")
