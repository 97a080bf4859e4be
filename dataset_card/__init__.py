"""What we say of a dataset: its card, the recipe that made it, and the numbers on it."""
