"""Where papers come from: finding packages in folders, and what is known of a paper from outside it."""
