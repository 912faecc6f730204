"""Episodes: what happened, when, and how to find it again by meaning and by words."""
