"""Where the actors of a cluster live, as the vault that they hold open tells whoever comes to it and is refused."""

from __future__ import annotations

import json
from typing import NamedTuple, Self


class Home(NamedTuple):
    """The Ray that they live in, by its address, and their namespace there."""

    address: str
    namespace: str

    def told(self) -> str:
        """As it is written down."""
        return json.dumps(self._asdict())

    @classmethod
    def read(cls, told: str) -> Self | None:
        """As it was written down; ``None`` where that says of no cluster."""
        try:
            given = json.loads(told)
            home = cls(given["address"], given["namespace"])
        except (ValueError, TypeError, KeyError):
            return None
        return home if all(isinstance(one, str) and one for one in home) else None
