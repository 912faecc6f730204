"""Time in words: the stretches that a question asks about and a text tells of, and how well a moment fits them."""
