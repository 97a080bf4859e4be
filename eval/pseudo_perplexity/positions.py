"""Let a masked language model answer at chosen positions only: the vocabulary is 30,000 wide, the text 200 long."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

_BERT_LAYERS = {"BertLayer", "RobertaLayer", "XLMRobertaLayer", "CamembertLayer", "ElectraLayer"}
"""Layers of `transformers` with BERT's parts, after which nothing mixes positions."""


def only_at(model: Any, rows: torch.Tensor, positions: torch.Tensor) -> AbstractContextManager[object]:
    """Return a context in which `model` gives logits of shape (len(rows), 1, vocabulary).

    Args:
        model: a masked language model of `transformers`.
        rows: row of the batch of each answer.
        positions: position in that row. Where each row is asked for once and the model is built like BERT, the
            last layer is computed at these positions only; else its output is cut before the head.
    """
    layer = _last_layer(model)
    one_each = len(rows) == 0 or bool((rows.diff() == 1).all() and rows[0] == 0)
    if layer is not None and one_each:
        return _LastLayerAt(layer, positions)
    return _HeadAt(model, rows, positions)


def _last_layer(model: Any) -> Any:
    """Return the model's last layer where its parts are known, else None."""
    layers = getattr(getattr(model.base_model, "encoder", None), "layer", None)
    if not layers or type(layers[-1]).__name__ not in _BERT_LAYERS:
        return None
    plain = not (model.config.is_decoder or model.config.add_cross_attention)
    return layers[-1] if plain and model.config._attn_implementation == "sdpa" else None


class _HeadAt:
    """Cut the encoder's output by a hook between encoder and head.

    It works for any architecture of `transformers` whose head works position by position, as all masked language
    models there do.
    """

    def __init__(self, model: Any, rows: torch.Tensor, positions: torch.Tensor) -> None:
        self.model, self.rows, self.positions = model, rows, positions

    def __enter__(self) -> None:
        self.handle = self.model.base_model.register_forward_hook(self._cut)

    def __exit__(self, *_: object) -> None:
        self.handle.remove()

    def _cut(self, _module: Any, _inputs: Any, output: Any) -> Any:
        cut = output[0][self.rows.to(self.positions.device), self.positions][:, None]
        if isinstance(output, tuple):
            return (cut, *output[1:])
        output["last_hidden_state"] = cut
        return output


class _LastLayerAt:
    """Run BERT's last layer for one position of each row: keys and values of all, everything else of that one."""

    def __init__(self, layer: Any, positions: torch.Tensor) -> None:
        self.layer, self.positions = layer, positions

    def __enter__(self) -> None:
        self.layer.forward = self._forward  # on the object: it hides the class's method until it is taken off

    def __exit__(self, *_: object) -> None:
        del self.layer.forward

    def _forward(self, hidden: torch.Tensor, attention_mask: torch.Tensor | None = None, *_: Any, **__: Any) -> Any:
        import torch

        attention = self.layer.attention.self
        rows = torch.arange(len(hidden), device=hidden.device)
        asked = hidden[rows, self.positions][:, None]
        query, key, value = (
            part(states).view(*states.shape[:-1], -1, attention.attention_head_size).transpose(1, 2)
            for part, states in ((attention.query, asked), (attention.key, hidden), (attention.value, hidden))
        )
        if attention_mask is not None and attention_mask.shape[-2] > 1:
            attention_mask = attention_mask[rows, :, self.positions][:, :, None]
        seen = torch.nn.functional.scaled_dot_product_attention(
            query, key, value, attention_mask, scale=attention.scaling
        )
        mixed = self.layer.attention.output(seen.transpose(1, 2).flatten(2), asked)
        return self.layer.output(self.layer.intermediate(mixed), mixed)
