"""Idempotency keys: which operation one names, whether it was named before, and when it is claimed.

Owns the key of one request. A key is claimed once the request is known to fit, and free again if it changed nothing.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

from quantum_memory.cluster.service.access.ledger import digest_of
from quantum_memory.cluster.service.bodies import BoundedRequest
from quantum_memory.cluster.service.principals import Role
from quantum_memory.cluster.service.seams import Ledger
from quantum_memory.errors import InvalidValue, KeysNotKept, QuantumMemoryError

KEY_HEADER: Final = "Idempotency-Key"
READS: Final = "GET"
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_OP_BYTES = 16
_QUOTED = str.maketrans({char: f"%{ord(char):02X}" for char in "%?#\\\n"})
logger = logging.getLogger(__name__)


class Key:
    """The key of a request.

    Args:
        ledger: which keys were used.
        session: of the caller.
        key: the caller's.
        asked: the method of the request, and what it asks for but for its body; see ``_asked_for``.
        body: of the request.

    Attributes:
        op: the operation that it names, in the caller's session.
        repeated: whether it named this request before. Known once it is claimed.
    """

    def __init__(self, ledger: Ledger, session: str, key: str, asked: tuple[str, str], body: bytes) -> None:
        self._ledger, self._session, self._key = ledger, session, key
        self._asked, self._body = asked, body
        self._digest: str | None = None
        self.op = blake2b(key.encode(), digest_size=_OP_BYTES).hexdigest()
        self.repeated = False

    async def claim(self, content: bytes = b"") -> None:
        """Let it name this request, unless it does already; ``content`` is a digest of what came as a stream.

        Raises: KeyReused if it names another; Unavailable, StorageFailure.
        """
        if self._digest is None:
            digest = digest_of(*self._asked, self._body + content)
            self.repeated = await self._ledger.claim(self._session, self._key, digest)
            self._digest = digest

    async def free(self) -> None:
        """Free the key again, where this request was the first that it named: it changed nothing."""
        if self._digest is None or self.repeated:
            return
        try:
            await self._ledger.free(self._session, self._key, self._digest)
        except QuantumMemoryError as error:
            logger.warning("an idempotency key stays with a request that did not fit: %s", error)

    async def first_told(self, what: str, told: str) -> str:
        """What was told first of something for this request under its key; what this one tells, if it is the first.

        It is known once it is claimed.
        """
        return await self._ledger.first_told(self._session, f"{what} of {self.op} {self._digest}", told)


def takes_key(method: str, role: Role) -> bool:
    """Whether an operation of a method and for a role is a change: what only asks takes no key."""
    return method.upper() != READS and role != "reader"


def key_of(
    request: BoundedRequest, body: bytes, session: str, ledger: Ledger | None, headers: Sequence[str] = ()
) -> Key | None:
    """The key that a change brings, if it brings one.

    Args:
        request: the change.
        body: its body, where that is no stream.
        session: of the caller.
        ledger: which keys were used.
        headers: the names of those that the operation reads.

    Raises: InvalidValue, KeysNotKept.
    """
    key = request.headers.get(KEY_HEADER)
    if key is None:
        return None
    if _KEY.fullmatch(key) is None:
        raise InvalidValue(KEY_HEADER, repr(key[:64]), "1 to 255 visible characters of ASCII")
    if ledger is None:
        raise KeysNotKept(key)
    return Key(ledger, session, key, (request.method, _asked_for(request, headers)), body)


def _asked_for(request: BoundedRequest, headers: Sequence[str]) -> str:
    """Path, query and headers as one text: no two requests that ask for different things have the same."""
    told = [f"{request.scope['path'].translate(_QUOTED)}?{request.url.query}"]
    for name in sorted(one.lower() for one in headers):
        told += [f"{name}: {value}" for value in request.headers.getlist(name)]
    return "\n".join(told)
