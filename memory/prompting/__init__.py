"""Memories as a block of text for a prompt, within a budget of tokens. Knows no Ray, no vault and no clock.

``Material`` goes in, a ``Context`` comes out: ``assembling`` offers lines by section, ``packing`` takes what fits,
``block`` is the value. ``quoting`` keeps what was remembered from passing for anything but a quotation.
"""
