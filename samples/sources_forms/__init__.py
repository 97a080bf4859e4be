"""One small paper in every form in which sources hand papers out: `make.py` writes them."""
