"""How predictable a text is; `pseudo_perplexity.py` is the `evaluate` metric."""
