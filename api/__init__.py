"""S1-MMAlign: papers -> figure-text pairs -> recaptions -> scores -> a dataset on the Hub.

    from s1_mmalign import S1MMAlign            # the builder class
    from s1_mmalign import build_dataset        # papers -> dataset folder
    from s1_mmalign import recaption_dataset    # a caption for every row, by `datasets.map`
    from s1_mmalign import evaluate_dataset     # raw against recaption
    from s1_mmalign import write_card           # README.md of the dataset, computed from it
    from s1_mmalign import training_stream      # rows for training, resumable to the row

Names are loaded when they are first used, so importing the package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from s1_mmalign.builder.build import build_dataset
    from s1_mmalign.builder.options import BuildOptions, ExtractOptions
    from s1_mmalign.builder.records import FEATURES
    from s1_mmalign.builder.s1_mmalign import S1MMAlign, S1MMAlignConfig
    from s1_mmalign.dataset_card.card import write_card
    from s1_mmalign.eval.report import EvaluateOptions, evaluate_dataset
    from s1_mmalign.processing.recaption import Recaptioner, RecaptionOptions, recaption_dataset
    from s1_mmalign.processing.streaming.errors import StreamError
    from s1_mmalign.processing.streaming.options import StreamOptions
    from s1_mmalign.processing.streaming.stream import TrainingStream, training_stream

_HOME = {
    "FEATURES": "builder.records",
    "S1MMAlign": "builder.s1_mmalign",
    "S1MMAlignConfig": "builder.s1_mmalign",
    "BuildOptions": "builder.options",
    "ExtractOptions": "builder.options",
    "build_dataset": "builder.build",
    "RecaptionOptions": "processing.recaption",
    "Recaptioner": "processing.recaption",
    "recaption_dataset": "processing.recaption",
    "EvaluateOptions": "eval.report",
    "evaluate_dataset": "eval.report",
    "write_card": "dataset_card.card",
    "StreamError": "processing.streaming.errors",
    "StreamOptions": "processing.streaming.options",
    "TrainingStream": "processing.streaming.stream",
    "training_stream": "processing.streaming.stream",
}

__all__ = [
    "FEATURES",
    "BuildOptions",
    "EvaluateOptions",
    "ExtractOptions",
    "RecaptionOptions",
    "Recaptioner",
    "S1MMAlign",
    "S1MMAlignConfig",
    "StreamError",
    "StreamOptions",
    "TrainingStream",
    "build_dataset",
    "evaluate_dataset",
    "recaption_dataset",
    "training_stream",
    "write_card",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
