"""Make a tiny random CLIP or SigLIP checkpoint, offline: `python tiny_clip.py OUT [clip|siglip|siglip2]`.

Random weights test how a score is computed, not what it says of a figure. Deterministic: a seed gives equal bytes.
"""

from __future__ import annotations

import sys
from pathlib import Path

SENTENCES = """
Overview of the proposed method. The input image and the predicted caption.
The plot shows accuracy versus the number of training epochs for three models.
Scatter plot of temperature against pressure; error bars denote one standard deviation.
Scanning electron microscope image of the nanoparticles with a scale bar of 500 nm.
As shown in Fig. 3, the loss decreases with the number of parameters and saturates at 0.12.
"""
IMAGE_SIZE = 32


def make_tiny_clip(folder: Path, kind: str = "clip", max_tokens: int = 77, seed: int = 0) -> Path:
    """Write a checkpoint that `transformers.AutoModel` loads and return its folder; `kind` as above.

    siglip2 is the NaFlex kind, which reads pictures in their own shape as a list of patches (the others of its
    family are SigLIPs). A CLIP with `max_tokens` of 248 has the size of Long-CLIP.
    """
    import torch
    from transformers import CLIPConfig, CLIPModel, Siglip2Config, Siglip2Model, SiglipConfig, SiglipModel

    tokenizer = _clip_tokenizer(max_tokens) if kind == "clip" else _siglip_tokenizer(max_tokens)
    ids = {"bos_token_id": tokenizer.bos_token_id or tokenizer.eos_token_id, "eos_token_id": tokenizer.eos_token_id}
    text = {
        "vocab_size": len(tokenizer), "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 4, "max_position_embeddings": max_tokens, "projection_size": 32,
        "pad_token_id": tokenizer.pad_token_id, **ids,
    }  # fmt: skip
    vision = {
        "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
        "image_size": IMAGE_SIZE, "patch_size": 8,
    }  # fmt: skip
    torch.manual_seed(seed)
    if kind == "clip":
        model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=16))
    elif kind == "siglip":
        model = SiglipModel(SiglipConfig(text_config=text, vision_config=vision))
    else:
        patches = {"num_patches": (IMAGE_SIZE // 8) ** 2}
        model = Siglip2Model(Siglip2Config(text_config=text, vision_config=vision | patches))
    with torch.no_grad():
        for weights in model.parameters():
            if weights.ndim >= 2:  # widen: near-zero weights give all inputs one vector
                weights.mul_(4.0)
    model.eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    _image_processor(kind).save_pretrained(folder)
    return folder


def _image_processor(kind: str):
    square = {"height": IMAGE_SIZE, "width": IMAGE_SIZE}
    if kind == "clip":
        from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

        return CLIPImageProcessorPil(size={"shortest_edge": IMAGE_SIZE}, crop_size=square)
    if kind == "siglip2":
        from transformers.models.siglip2.image_processing_pil_siglip2 import Siglip2ImageProcessorPil

        return Siglip2ImageProcessorPil(patch_size=8, max_num_patches=(IMAGE_SIZE // 8) ** 2)
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    return SiglipImageProcessorPil(size=square)


def _clip_tokenizer(max_tokens: int):
    """CLIP's own tokenizer class over a byte-level BPE trained on the sentences above."""
    import json

    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import CLIPTokenizer

    trained = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trained.train_from_iterator(
        SENTENCES.lower().split(),
        trainers.BpeTrainer(vocab_size=700, initial_alphabet=alphabet, end_of_word_suffix="</w>", show_progress=False),
    )
    model = json.loads(trained.to_str())["model"]
    vocab: dict[str, int] = dict(model["vocab"])
    for token in [*alphabet, *(letter + "</w>" for letter in alphabet), "<|startoftext|>", "<|endoftext|>"]:
        vocab.setdefault(token, len(vocab))
    merges = [tuple(merge) for merge in model["merges"]]
    return CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=max_tokens)


def _siglip_tokenizer(max_tokens: int):
    """Words and characters with `</s>` at the end and as padding: what SigLIP's own does, without sentencepiece."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = sorted(set(SENTENCES.lower().split()))
    letters = [chr(code) for code in range(33, 127)]
    vocab = {token: index for index, token in enumerate(dict.fromkeys(["<unk>", "</s>", *letters, *words]))}
    tokenizer = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"\s+"), behavior="removed")
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", vocab["</s>"])])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="<unk>",
        eos_token="</s>",
        pad_token="</s>",
        model_max_length=max_tokens,
        model_input_names=["input_ids"],
        padding_side="right",
    )


if __name__ == "__main__":
    print(make_tiny_clip(Path(sys.argv[1]), *sys.argv[2:3]))
