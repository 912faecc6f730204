"""Files that come through the door: kept in a folder of their own for as long as they are read. Opens none of them."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import blake2b
from pathlib import Path

from starlette.requests import Request

DIGEST_BYTES = 16
WRITTEN_BYTES = 1 << 20
"""What is written at once."""


@asynccontextmanager
async def folder() -> AsyncIterator[Path]:
    """A folder that is gone afterwards."""
    made = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="qmem-door-"))
    try:
        yield made
    finally:
        await asyncio.to_thread(shutil.rmtree, made, ignore_errors=True)


async def kept(request: Request, path: Path) -> bytes:
    """Write a request's body to a file; its digest. Raises: Refusal (413, 408); ClientDisconnect."""
    held, digest = bytearray(), blake2b(digest_size=DIGEST_BYTES)
    await asyncio.to_thread(path.touch, 0o600)
    async for chunk in request.stream():
        held += chunk
        if len(held) >= WRITTEN_BYTES:
            await asyncio.to_thread(_append, path, bytes(held), digest)
            held.clear()
    await asyncio.to_thread(_append, path, bytes(held), digest)
    return digest.digest()


def _append(path: Path, data: bytes, digest: blake2b) -> None:
    digest.update(data)
    with path.open("ab") as file:
        file.write(data)
