"""Files that come through the door: kept in a folder of their own for as long as they are read. Opens none of them.

Owns the account of what all uploads of a replica have on disk together.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import TypeVar

from starlette.requests import Request

from quantum_memory.actors.scratch import scratch
from quantum_memory.cluster.service.bodies import announced
from quantum_memory.cluster.service.refusals import no_room

DIGEST_BYTES = 16
WRITTEN_BYTES = 1 << 20
"""What is written at once."""
PREFIX = "qmem-door-"
R = TypeVar("R")


class Uploads:
    """The uploads of a replica. Used on one event loop.

    Args:
        most: bytes that all of them may have on disk together.

    Attributes:
        held: bytes that are on disk, or will be where an upload says before how long it is.
    """

    def __init__(self, most: int) -> None:
        self._most, self.held = most, 0

    @asynccontextmanager
    async def folder(self) -> AsyncIterator[Upload]:
        """A folder that is gone afterwards, and what was in it counts no more: also where its caller has left."""
        upload = Upload(self, await _to_the_end(partial(scratch, PREFIX), _gone))
        try:
            yield upload
        finally:
            removing = asyncio.ensure_future(asyncio.to_thread(_gone, upload.folder))
            removing.add_done_callback(lambda _: upload.end())
            await asyncio.shield(removing)

    def take(self, nbytes: int) -> None:
        """Let there be so many more. Raises: Refusal (503)."""
        if self.held + nbytes > self._most:
            raise no_room()
        self.held += nbytes


class Upload:
    """What one request brings.

    Args:
        uploads: those that it is one of.
        folder: where it is kept.
    """

    def __init__(self, uploads: Uploads, folder: Path) -> None:
        self._uploads, self.folder = uploads, folder
        self._held = 0

    async def keep(self, request: Request, path: Path) -> bytes:
        """Write a request's body to a file; its digest. Raises: Refusal (413, 408, 503); ClientDisconnect."""
        self._room(announced(request.headers))
        held, digest, nbytes = bytearray(), blake2b(digest_size=DIGEST_BYTES), 0
        await _to_the_end(partial(path.touch, 0o600))
        async for chunk in request.stream():
            held += chunk
            nbytes += len(chunk)
            self._room(nbytes)
            if len(held) >= WRITTEN_BYTES:
                await _to_the_end(partial(_append, path, bytes(held), digest))
                held.clear()
        await _to_the_end(partial(_append, path, bytes(held), digest))
        return digest.digest()

    def end(self) -> None:
        """It is on disk no more."""
        self._uploads.held -= self._held
        self._held = 0

    def _room(self, nbytes: int) -> None:
        """Have room for so many in all. Raises: Refusal (503)."""
        if nbytes > self._held:
            self._uploads.take(nbytes - self._held)
            self._held = nbytes


async def _to_the_end(work: Callable[[], R], undo: Callable[[R], object] | None = None) -> R:
    """Do it in a thread, and let nobody go on before it is done, who has left either; then it is undone."""
    doing = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(doing)
    except asyncio.CancelledError:
        await asyncio.wait((doing,))
        if undo is not None and not doing.cancelled() and doing.exception() is None:
            undo(doing.result())
        raise


def _gone(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _append(path: Path, data: bytes, digest: blake2b) -> None:
    digest.update(data)
    with path.open("ab") as file:
        file.write(data)
