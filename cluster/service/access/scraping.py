"""Who may read metrics without being an administrator: a scraper, by a token of its own or by being on this machine."""

from __future__ import annotations

import hmac
import re
from pathlib import Path

from quantum_memory.cluster.service.access.caller import Caller, is_loopback
from quantum_memory.errors import InvalidSettings
from quantum_memory.settings import AccessSettings

_TOKEN = re.compile(r"[!-+\--~]{16,512}")


class Scrapers:
    """Knows scrapers.

    Args:
        settings: who may come in.

    Raises: InvalidSettings for a file of a token that cannot be read, or holds none.
    """

    def __init__(self, settings: AccessSettings) -> None:
        self._here = settings.metrics == "loopback"
        self._token = None if settings.metrics_token is None else _read(settings.metrics_token)

    def know(self, caller: Caller) -> bool:
        """Whether metrics are for a caller, whoever else he is."""
        if caller.authorization is None:
            return self._here and caller.direct and is_loopback(caller.address)
        if self._token is None:
            return False
        return hmac.compare_digest(caller.authorization.encode(), f"Bearer {self._token}".encode())


def _read(path: str) -> str:
    try:
        token = Path(path).read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise InvalidSettings(path, [f"no token can be read ({type(error).__name__})"]) from None
    if _TOKEN.fullmatch(token) is None:
        raise InvalidSettings(path, ["a token is 16 to 512 visible characters without a comma"])
    return token
