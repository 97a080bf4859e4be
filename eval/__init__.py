"""How good the pairs are: metrics for any image-text data, and the report of raw captions against recaptions."""
