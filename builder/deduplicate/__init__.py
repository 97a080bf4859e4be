"""What is there twice (papers by their identifiers, images by their bytes and looks), and what must not be there.

rows of all units -> row table on disk -> papers, images, evaluation sets -> decisions, applied as shards are written
"""
