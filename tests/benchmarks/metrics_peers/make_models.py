"""Make the weights that all score with: `python make_models.py FOLDER`, in the peers' environment.

Real shapes, random values: SciBERT's (BERT base, 31,090 tokens, 110 million) and CLIP ViT-B/32's (151 million). They
are written by the older `transformers`, whose files the newer one reads. The vocabularies are learned from words.txt in
the same folder, so a text has about as many tokens as with the real ones.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    """Write FOLDER/bert and FOLDER/clip."""
    folder = Path(sys.argv[1])
    texts = (folder / "words.txt").read_text(encoding="utf-8").splitlines()
    make_bert(folder / "bert", texts)
    make_clip(folder / "clip", texts)


def make_bert(folder: Path, texts: list[str]) -> None:
    """Make a BERT of base size."""
    import torch
    from tokenizers import BertWordPieceTokenizer
    from transformers import BertConfig, BertForMaskedLM, BertTokenizerFast

    folder.mkdir(parents=True, exist_ok=True)
    learned = BertWordPieceTokenizer()
    learned.train_from_iterator(texts, vocab_size=31_090, min_frequency=1, show_progress=False)
    learned.save_model(str(folder))
    torch.manual_seed(0)
    model = BertForMaskedLM(BertConfig(vocab_size=31_090))
    with torch.no_grad():
        model.cls.predictions.decoder.weight.mul_(8)  # else all tokens are about equally likely
    model.save_pretrained(folder)
    BertTokenizerFast(vocab_file=str(folder / "vocab.txt"), model_max_length=512).save_pretrained(folder)


def make_clip(folder: Path, texts: list[str]) -> None:
    """Make a CLIP ViT-B/32."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor, CLIPTokenizerFast

    folder.mkdir(parents=True, exist_ok=True)
    trained = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = (word for text in texts for word in text.lower().split())
    trained.train_from_iterator(
        words,
        trainers.BpeTrainer(
            vocab_size=20_000, initial_alphabet=alphabet, end_of_word_suffix="</w>", show_progress=False
        ),
    )
    learned = json.loads(trained.to_str())["model"]
    vocab = dict(learned["vocab"])
    for token in [*alphabet, *(letter + "</w>" for letter in alphabet), "<|startoftext|>", "<|endoftext|>"]:
        vocab.setdefault(token, len(vocab))
    (folder / "vocab.json").write_text(json.dumps(vocab), encoding="utf-8")
    merges = "\n".join(" ".join(merge) for merge in learned["merges"])
    (folder / "merges.txt").write_text(f"#version: 0.2\n{merges}\n", encoding="utf-8")
    tokenizer = CLIPTokenizerFast(
        str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77, pad_token="<|endoftext|>"
    )
    ends = {
        "bos_token_id": vocab["<|startoftext|>"],
        "eos_token_id": vocab["<|endoftext|>"],
        "pad_token_id": vocab["<|endoftext|>"],
    }
    torch.manual_seed(0)
    model = CLIPModel(CLIPConfig(text_config=ends))
    pull_together(model)
    model.save_pretrained(folder)
    processor = CLIPImageProcessor(size={"shortest_edge": 224}, crop_size={"height": 224, "width": 224})
    CLIPProcessor(processor, tokenizer).save_pretrained(folder)


def pull_together(model: Any) -> None:
    """Turn the images' side round until pairs have a cosine well above 0, as with a trained model.

    Random towers put all images into one small cone and all texts into another. Scores are cut off at 0, and where all
    are 0, agreement says nothing.
    """
    import torch

    with torch.no_grad():
        pixels = torch.rand(4, 3, 224, 224, generator=torch.Generator().manual_seed(1))
        words = torch.tensor([[model.config.text_config.bos_token_id, 300 + k, model.config.text_config.eos_token_id]
                              for k in range(4)])  # fmt: skip
        image = model.vision_model(pixels).pooler_output
        text = model.text_projection(model.text_model(words).pooler_output)
        middle = text.mean(0) / text.mean(0).norm()
        toward = image.mean(0) / image.mean(0).norm()
        share = 0.3 * model.visual_projection(image).norm(dim=-1).mean() / image.norm(dim=-1).mean()
        model.visual_projection.weight.add_(share * torch.outer(middle, toward))


if __name__ == "__main__":
    main()
