"""The catalog's keys, denials, used requests and used tokens, for coroutines. Decides nothing and keeps nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b

from quantum_memory.cluster.connect import MemoryCluster
from quantum_memory.errors import AlreadyExists, KeyReused, QuantumMemoryError
from quantum_memory.memory.vault.admission import Admission, ApiKey, Denial, FreeRequest, NoteRequest, UseToken
from quantum_memory.memory.vault.writes import OpenSession, Written

DIGEST_BYTES = 16


class Ledger:
    """What the catalog knows of callers from outside.

    Args:
        memory: the cluster, connected. Closing it is not this object's business.

    Raises, whatever is asked: Unavailable, StorageFailure.
    """

    def __init__(self, memory: MemoryCluster) -> None:
        self._memory = memory

    async def key(self, id_: str) -> ApiKey | None:
        """A key by its id, whether it opens anything or not."""
        found: ApiKey | None = await self._memory.call_vault("api_key", id_).begin()
        return found

    async def keys(self, tenant: str | None) -> list[ApiKey]:
        """All keys, or a tenant's, oldest first."""
        found: list[ApiKey] = await self._memory.call_vault("api_keys", tenant).begin()
        return found

    async def denials(self, tenant: str | None, limit: int = 100, before: int | None = None) -> list[Denial]:
        """What was denied lately, or to a tenant's callers, newest first; those with a smaller number."""
        found: list[Denial] = await self._memory.call_vault("denials", tenant, limit, before).begin()
        return found

    async def write(self, *writes: Admission | OpenSession) -> list[Written]:
        """Write what belongs to one another; all of it is durable then. Raises: the first refusal, too."""
        answers: Sequence[Written | QuantumMemoryError]
        answers = await self._memory.call_vault("write", list(writes)).begin()
        for answer in answers:
            if isinstance(answer, QuantumMemoryError):
                raise answer
        return [answer for answer in answers if isinstance(answer, Written)]

    async def first_use(self, token: str, use: str, expires: datetime) -> bool:
        """Whether a token is used for the first time; ``use`` is unlike any other use's."""
        try:
            await self.write(UseToken(token, use, expires))
        except AlreadyExists:
            return False
        return True

    async def claim(self, session: str, key: str, digest: str) -> bool:
        """An idempotency key of a session names this request; whether it did before.

        Args:
            session: of the caller; see ``session_of``.
            key: the caller's.
            digest: of the request; see ``digest_of``.

        Raises: KeyReused if it names another one; InvalidInput.
        """
        (noted,) = await self.write(NoteRequest(session, key, digest))
        return noted.repeated

    async def free(self, session: str, key: str, digest: str) -> None:
        """An idempotency key that named this request names none any more: it changed nothing."""
        await self.write(FreeRequest(session, key, digest))

    async def first_told(self, session: str, name: str, told: str) -> str:
        """What was told first under a name of a session's: this, unless there is something already.

        A name has a space in it, which no idempotency key has.
        """
        try:
            await self.claim(session, name, told)
        except KeyReused:
            first: str | None = await self._memory.call_vault("request", session, name).begin()
            return told if first is None else first
        return told


def digest_of(method: str, path: str, body: bytes) -> str:
    """What two requests have in common only if they are the same."""
    told = blake2b(digest_size=DIGEST_BYTES)
    for part in (method.encode(), path.encode("utf-8", "surrogateescape"), body):
        told.update(len(part).to_bytes(8, "big") + part)
    return told.hexdigest()
