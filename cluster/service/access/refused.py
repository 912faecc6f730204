"""Why a credential is not taken, between those who look at it and who tells the caller, and whose it is."""

from __future__ import annotations

from quantum_memory.cluster.service.principals import Principal


class Refused(Exception):
    """A credential is not taken; why, in words that hold nothing of it. Never leaves this package.

    Attributes:
        whose: who it is of, where the credential is his and opens nothing any more.
    """

    def __init__(self, why: str, whose: Principal | None = None) -> None:
        super().__init__(why)
        self.whose = whose


def whose(error: Exception) -> Principal | None:
    """Of whom the credential was for which somebody was not let in, if of anybody: of what was refused when the caller
    was told no more than that he was.
    """
    return error.__context__.whose if isinstance(error.__context__, Refused) else None
