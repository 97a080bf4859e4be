"""Rows for training: read from Parquet in an order that can be taken up again, decoded and resized in workers."""
