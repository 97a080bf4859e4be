"""The prompt that wrote the recaptions, as the recipe records it."""

from __future__ import annotations

from typing import Any

_PARTS = ("system", "context", "question")


def prompt_of(value: Any) -> dict[str, Any] | None:
    """Return the prompt template that stands anywhere in a recipe's entry, None where there is none."""
    if isinstance(value, dict):
        if all(isinstance(value.get(part), str) for part in _PARTS):
            return value
        return next((found for item in value.values() if (found := prompt_of(item))), None)
    return None


def without_prompt(value: Any) -> Any:
    """Return a recipe's entry with the prompt's parts left out: the card shows them as text."""
    if not isinstance(value, dict):
        return value
    hidden = _PARTS if prompt_of(value) is value else ()
    return {key: without_prompt(item) for key, item in value.items() if key not in hidden}


def prompt_text(prompt: dict[str, Any]) -> str:
    """Return a prompt as text, each part under its name."""
    return "\n\n".join(f"[{part}]\n{prompt[part].strip()}" for part in _PARTS)
