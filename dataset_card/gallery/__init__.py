"""The gallery: one page on which a person reads the rows of a dataset and judges them."""
