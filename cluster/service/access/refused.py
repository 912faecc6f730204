"""Why a credential is not taken, between those who look at it and who tells the caller."""

from __future__ import annotations


class Refused(Exception):
    """A credential is not taken; why, in words that hold nothing of it. Never leaves this package."""
