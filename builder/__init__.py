"""Papers -> figure-text pairs: where papers come from, how they are read, and the Parquet that comes out."""
