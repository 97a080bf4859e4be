"""Make a tiny Qwen3-VL: random weights, 2 MB, offline, the same bytes for the same seed.

    python tests/models/tiny_qwen3_vl.py FOLDER [--seed N]

It has a tokenizer, a chat template and an image processor, so transformers and vLLM load it like the
published checkpoints. Its captions mean nothing; they are words, and they depend on the image and the text.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

SENTENCES = """\
The figure shows how the measured intensity falls with distance from the source.
Panel (a) plots temperature against time; panel (b) gives the residuals of the fit.
Error bars are one standard deviation over five independent runs.
Each curve is one sample, and the dashed line marks the value that theory predicts.
We compare the proposed method with three earlier ones on the same data.
Electron micrograph of the film after annealing at 450 K; the scale bar is 200 nm.
The map covers the northern basin, with sea surface height in metres.
As Figure 2 makes clear, the rate grows until it saturates near 0.8.
Describe what is shown and why it matters to the paper.
You write captions for figures of scientific papers.
"""

SPECIAL_TOKENS = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>",
    "<|box_start|>", "<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>",
    "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>",
)  # fmt: skip

CHAT_TEMPLATE = """\
{%- for message in messages -%}
{{- '<|im_start|>' + message['role'] + '\\n' -}}
{%- if message['content'] is string -%}
{{- message['content'] -}}
{%- else -%}
{%- for part in message['content'] -%}
{%- if part['type'] in ('image', 'image_url') -%}
{{- '<|vision_start|><|image_pad|><|vision_end|>' -}}
{%- elif part['type'] == 'video' -%}
{{- '<|vision_start|><|video_pad|><|vision_end|>' -}}
{%- elif part['type'] == 'text' -%}
{{- part['text'] -}}
{%- endif -%}
{%- endfor -%}
{%- endif -%}
{{- '<|im_end|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{- '<|im_start|>assistant\\n' -}}
{%- endif -%}
"""

HIDDEN = 128
HEAD = 32
"""The smallest head that vLLM's CPU attention takes."""


def make(folder: Path, seed: int = 0) -> Path:
    """Write the checkpoint into `folder` and return it."""
    import torch
    from transformers import GenerationConfig, Qwen3VLForConditionalGeneration

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer()
    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in SPECIAL_TOKENS}
    torch.manual_seed(seed)
    model = Qwen3VLForConditionalGeneration(_config(len(tokenizer), ids)).to(torch.bfloat16).eval()
    _make_it_speak(model, tokenizer)
    model.generation_config = GenerationConfig(
        bos_token_id=ids["<|endoftext|>"],
        pad_token_id=ids["<|endoftext|>"],
        eos_token_id=[ids["<|im_end|>"], ids["<|endoftext|>"]],
        do_sample=False,
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    _write_processors(folder)
    return folder


def _tokenizer():
    """Return a byte-level BPE of Qwen's kind, trained on the sentences above."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX, Qwen2Tokenizer

    bpe = Tokenizer(models.BPE())
    bpe.normalizer = normalizers.NFC()
    words = pre_tokenizers.Split(Regex(PRETOKENIZE_REGEX), behavior="isolated", invert=False)
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [words, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    bpe.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=900, min_frequency=1, show_progress=False, special_tokens=[], initial_alphabet=alphabet
    )
    bpe.train_from_iterator(SENTENCES.splitlines(), trainer)
    learned = json.loads(bpe.to_str())["model"]
    tokenizer = Qwen2Tokenizer(
        vocab=learned["vocab"],
        merges=[tuple(pair) for pair in learned["merges"]],
        unk_token="<|endoftext|>",
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
    )
    tokenizer.add_tokens(
        [AddedToken(token, special=True, normalized=False) for token in SPECIAL_TOKENS], special_tokens=True
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def _config(vocabulary: int, ids: dict[str, int]):
    from transformers import Qwen3VLConfig

    return Qwen3VLConfig(
        text_config={
            "architectures": ["Qwen3ForCausalLM"],
            "vocab_size": -(-vocabulary // 64) * 64,
            "hidden_size": HIDDEN,
            "intermediate_size": 2 * HIDDEN,
            "num_hidden_layers": 2,
            "num_attention_heads": HIDDEN // HEAD,
            "num_key_value_heads": 2,
            "head_dim": HEAD,
            "max_position_embeddings": 32_768,
            "tie_word_embeddings": False,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 5e6,
                "mrope_section": [6, 5, 5],  # sums to half a head
                "mrope_interleaved": True,
            },
            "bos_token_id": ids["<|endoftext|>"],
            "pad_token_id": ids["<|endoftext|>"],
            "eos_token_id": ids["<|im_end|>"],
        },
        vision_config={
            "depth": 2,
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_heads": 2,
            "patch_size": 16,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
            "in_channels": 3,
            "out_hidden_size": HIDDEN,
            "num_position_embeddings": 64,
            "deepstack_visual_indexes": [0],
        },
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=False,
    )


def _make_it_speak(model, tokenizer) -> None:
    """Scale the weights so that the answer depends on the prompt, and forbid what is no printable ASCII.

    At the usual initial scale the next-token law is nearly flat. A row of zeros in the output layer gives
    its token the logit 0, which never wins a greedy choice.
    """
    import torch

    stop = tokenizer.convert_tokens_to_ids("<|im_end|>")
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim > 1:
                weight.mul_(4 if "visual" in name else 8)
        output = model.get_output_embeddings().weight
        for index in range(output.shape[0]):
            text = tokenizer.decode([index]) if index < len(tokenizer) else ""
            speakable = text.isascii() and text.isprintable() and text and text not in SPECIAL_TOKENS
            if index != stop and not speakable:
                output[index] = 0


def _write_processors(folder: Path) -> None:
    """Write the processors' settings as the published checkpoints have them, with at most 64 tokens an image."""
    common = {
        "processor_class": "Qwen3VLProcessor",
        "patch_size": 16,
        "temporal_patch_size": 2,
        "merge_size": 2,
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
    }
    image = {
        "image_processor_type": "Qwen2VLImageProcessorFast",
        "size": {"shortest_edge": 4096, "longest_edge": 65536},
    }
    video = {"video_processor_type": "Qwen3VLVideoProcessor", "size": {"shortest_edge": 4096, "longest_edge": 131072}}
    for name, settings in (("preprocessor_config", image), ("video_preprocessor_config", video)):
        (folder / f"{name}.json").write_text(json.dumps(common | settings, indent=1))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    print(make(chosen.folder, chosen.seed))
