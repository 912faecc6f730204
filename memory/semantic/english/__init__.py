"""How English sentences are read: by closed lists and plain rules, with no tagger. ``triples`` makes use of it."""
