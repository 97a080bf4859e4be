"""Make a tiny random masked language model, offline: `python tiny_bert.py OUT [KIND]`; KIND is bert, roberta,
xlm-roberta, electra, distilbert or modernbert.

Random weights test how a score is computed, not what it says of a text. Deterministic: a seed gives equal bytes.
"""

from __future__ import annotations

import string
import sys
from pathlib import Path

WORDS = """
the a of and in is with for shows plot figure temperature pressure loss training model error bars scale accuracy
image method results as function time cells were each curve black red blue line left right panel
"""
PIECES = ["##s", "##ed", "##ing", "##tion", "##al", "nano", "##part", "##icle", "spec", "##tr", "##um", "##graph"]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def make_tiny_bert(folder: Path, kind: str = "bert", max_tokens: int = 512, seed: int = 0) -> Path:
    """Write a checkpoint that `transformers.AutoModelForMaskedLM` loads and return its folder."""
    import torch
    from transformers import (
        BertConfig,
        BertForMaskedLM,
        DistilBertConfig,
        DistilBertForMaskedLM,
        ElectraConfig,
        ElectraForMaskedLM,
        ModernBertConfig,
        ModernBertForMaskedLM,
        RobertaConfig,
        RobertaForMaskedLM,
        XLMRobertaConfig,
        XLMRobertaForMaskedLM,
    )  # fmt: skip

    tokenizer = make_tokenizer()
    ids = {name: getattr(tokenizer, name) for name in ("pad_token_id", "cls_token_id", "sep_token_id")}
    shape = {
        "vocab_size": len(tokenizer), "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
        "intermediate_size": 64, "max_position_embeddings": max_tokens, "pad_token_id": ids["pad_token_id"],
    }  # fmt: skip
    ends = {"bos_token_id": ids["cls_token_id"], "eos_token_id": ids["sep_token_id"]}
    torch.manual_seed(seed)
    if kind == "bert":
        model = BertForMaskedLM(BertConfig(**shape))
    elif kind in ("roberta", "xlm-roberta"):  # they number their positions from padding_idx + 1 = 1
        more = shape | ends | {"max_position_embeddings": max_tokens + 1}
        plain = kind == "roberta"
        model = RobertaForMaskedLM(RobertaConfig(**more)) if plain else XLMRobertaForMaskedLM(XLMRobertaConfig(**more))
    elif kind == "electra":
        model = ElectraForMaskedLM(ElectraConfig(**(shape | {"embedding_size": 16})))
    elif kind == "distilbert":
        model = DistilBertForMaskedLM(
            DistilBertConfig(
                vocab_size=len(tokenizer), dim=32, n_layers=2, n_heads=4, hidden_dim=64,
                max_position_embeddings=max_tokens, pad_token_id=ids["pad_token_id"],
            )
        )  # fmt: skip
    else:
        model = ModernBertForMaskedLM(ModernBertConfig(**(shape | ends | ids), local_attention=16))
    with torch.no_grad():
        for weights in model.parameters():
            if weights.ndim >= 2:  # widen: near-zero weights give every token the same probability
                weights.mul_(4.0)
    model.eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_tokenizer():
    """BERT's tokenizer over a few words, pieces of words and all letters; without a length limit (SciBERT's too)."""
    from transformers import BertTokenizer

    letters = string.ascii_lowercase + string.digits + ".,;:()-%$"
    tokens = [*SPECIAL, *WORDS.split(), *PIECES, *letters, *(f"##{letter}" for letter in letters)]
    return BertTokenizer(vocab={token: index for index, token in enumerate(dict.fromkeys(tokens))})


if __name__ == "__main__":
    print(make_tiny_bert(Path(sys.argv[1]), *sys.argv[2:3]))
