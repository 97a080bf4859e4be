"""How well a text fits an image; `clip_score.py` is the `evaluate` metric."""
