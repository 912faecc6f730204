"""Files that come and go through the door: kept in a folder of their own as long as they are needed. Opens none.

Owns the account of what all of a replica have on disk together, and each principal and tenant of that.
"""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Final

from starlette.requests import Request

from quantum_memory.actors.scratch import scratch
from quantum_memory.cluster.service.principals import Principal
from quantum_memory.cluster.service.refusals import no_room
from quantum_memory.cluster.service.shares import of_principal, of_tenant
from quantum_memory.cluster.service.workers import to_the_end

DIGEST_BYTES = 16
WRITTEN_BYTES = 1 << 20
"""What is written at once."""
PREFIX: Final = "qmem-door-"


class Uploads:
    """The uploads of a replica. Used on one event loop.

    Args:
        most: bytes that all of them may have on disk together.
        longest: bytes that one may bring; a share is always enough for it.

    Attributes:
        share: bytes of them that one principal may have.
    """

    def __init__(self, most: int, longest: int) -> None:
        self._most = most
        self.share, self._tenants = max(longest, of_principal(most)), max(longest, of_tenant(most))
        self._had: Counter[tuple[str, str]] = Counter()

    @property
    def held(self) -> int:
        """Bytes that are on disk."""
        return self._had.total()

    @asynccontextmanager
    async def folder(self, who: Principal) -> AsyncIterator[Upload]:
        """A folder that is gone afterwards, and what was in it counts no more: also where its caller has left."""
        upload = Upload(self, (who.tenant, who.subject), await to_the_end(partial(scratch, PREFIX), _gone))
        try:
            yield upload
        finally:
            removing = asyncio.ensure_future(asyncio.to_thread(_gone, upload.folder))
            removing.add_done_callback(lambda _: upload.end())
            await asyncio.shield(removing)

    def take(self, whose: tuple[str, str], nbytes: int) -> None:
        """Let there be so many more. Raises: Refusal (503)."""
        if self._had[whose] + nbytes > self.share:
            raise no_room("your others")
        if nbytes + sum(had for (tenant, _), had in self._had.items() if tenant == whose[0]) > self._tenants:
            raise no_room("others of your tenant")
        if self.held + nbytes > self._most:
            raise no_room("others")
        self._had[whose] += nbytes

    def give_back(self, whose: tuple[str, str], nbytes: int) -> None:
        """So many are there no more."""
        self._had[whose] -= nbytes
        if not self._had[whose]:
            del self._had[whose]


class Upload:
    """What one request brings, or takes along.

    Args:
        uploads: those that it is one of.
        whose: the principal's.
        folder: where it is kept.
    """

    def __init__(self, uploads: Uploads, whose: tuple[str, str], folder: Path) -> None:
        self._uploads, self._whose, self.folder = uploads, whose, folder
        self._held = 0

    async def keep(self, request: Request, path: Path) -> bytes:
        """Write a request's body to a file; its digest. Raises: Refusal (413, 408, 503); ClientDisconnect."""
        held, digest, nbytes = bytearray(), blake2b(digest_size=DIGEST_BYTES), 0
        await to_the_end(partial(path.touch, 0o600))
        async for chunk in request.stream():
            held += chunk
            nbytes += len(chunk)
            self.hold(nbytes)
            if len(held) >= WRITTEN_BYTES:
                await to_the_end(partial(_append, path, bytes(held), digest))
                held.clear()
        await to_the_end(partial(_append, path, bytes(held), digest))
        return digest.digest()

    def end(self) -> None:
        """It is on disk no more."""
        self._uploads.give_back(self._whose, self._held)
        self._held = 0

    def hold(self, nbytes: int) -> None:
        """Have room for so many in all, no fewer than before. Raises: Refusal (503).

        What goes out may be longer than a share, and counts for one: nobody takes more from the others.
        """
        counted = min(nbytes, self._uploads.share)
        self._uploads.take(self._whose, counted - self._held)
        self._held = counted


def _gone(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _append(path: Path, data: bytes, digest: blake2b) -> None:
    digest.update(data)
    with path.open("ab") as file:
        file.write(data)
