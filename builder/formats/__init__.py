"""How a paper is read: one room for each format."""
