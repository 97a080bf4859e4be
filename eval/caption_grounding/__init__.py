"""What of a caption the paper bears out; `caption_grounding.py` is the `evaluate` metric."""
