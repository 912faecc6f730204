"""Where the keys of tokens come from: a file or a URL, read again now and then, and kept while it is away."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from quantum_memory.cluster.service.access.signatures import VerifyingKey, verifying_keys
from quantum_memory.errors import InvalidValue, QuantumMemoryError, Unavailable

logger = logging.getLogger(__name__)
MOST_BYTES = 256 * 1024
TIMEOUT_S = 5.0
RETRY_S = 10.0
"""The source is not read more often than this, whatever tokens come."""


class Signers:
    """The keys that tokens are verified by. Used on one event loop.

    Args:
        where: a file or a URL.
        refresh_s: how often it is read again, while the keys of before still serve.
        read: what reads it; by what ``where`` looks like when left out.
        now: a clock in seconds that never goes back.
    """

    def __init__(
        self,
        where: str,
        refresh_s: float,
        read: Callable[[str], Awaitable[bytes]] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._where, self._refresh_s, self._now = where, refresh_s, now
        self._read = read or (from_url if where.startswith(("http://", "https://")) else from_file)
        self._held: Sequence[VerifyingKey] = ()
        self._since = self._tried = -float("inf")
        self._reading: asyncio.Task[None] | None = None

    async def keys(self, algorithm: str, kid: str | None) -> list[VerifyingKey]:
        """The keys for an algorithm by which a token that names this key, or none, may be verified.

        A name that nobody knows makes it look again: the issuer may have a new key. Where nobody came for long, all who
        come wait for that: a key that was withdrawn meanwhile is none. Raises: Unavailable as long as the source could
        not be read even once.
        """
        if not self._fitting(algorithm, kid):
            renewing = self._renew()
            if renewing is not None:
                await asyncio.shield(renewing)
        elif self._now() - self._since >= self._refresh_s:
            forgotten = self._now() - self._tried >= 2 * self._refresh_s
            renewing = self._renew()
            if forgotten and renewing is not None:
                await asyncio.shield(renewing)
        if not self._held:
            raise Unavailable("the keys that tokens are verified by cannot be had now")
        return self._fitting(algorithm, kid)

    def _fitting(self, algorithm: str, kid: str | None) -> list[VerifyingKey]:
        return [key for key in self._held if key.algorithm == algorithm and key.fits(kid)]

    def _renew(self) -> asyncio.Task[None] | None:
        """Read it again, if nobody does and nobody did just now."""
        if self._reading is None and self._now() - self._tried >= RETRY_S:
            self._reading = asyncio.create_task(self._renewed())
        return self._reading

    async def _renewed(self) -> None:
        began = self._now()
        try:
            self._held = verifying_keys(self._where, await self._read(self._where))
            self._since = began
        except (QuantumMemoryError, OSError) as error:
            logger.warning("the keys of tokens were not renewed, those of before are kept: %s", error)
        finally:
            self._tried, self._reading = began, None


async def from_file(where: str) -> bytes:
    """A file's content. Raises: OSError, InvalidValue."""

    def read() -> bytes:
        with Path(where).open("rb") as file:
            return file.read(MOST_BYTES + 1)

    return _bounded(where, await asyncio.to_thread(read))


async def from_url(where: str) -> bytes:
    """What is at a URL; it is not followed elsewhere. Raises: Unavailable, InvalidValue."""
    import httpx

    data = bytearray()
    try:
        async with (
            asyncio.timeout(TIMEOUT_S),
            httpx.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False) as client,
            client.stream("GET", where) as answer,
        ):
            if answer.status_code != httpx.codes.OK:
                raise Unavailable(f"{where}: status {answer.status_code}")
            async for piece in answer.aiter_bytes():
                data += piece
                _bounded(where, data)
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
        raise Unavailable(f"{where}: {type(error).__name__}") from None
    return bytes(data)


def _bounded(where: str, data: bytes | bytearray) -> bytes:
    if len(data) > MOST_BYTES:
        raise InvalidValue(where, "more than that", f"at most {MOST_BYTES} bytes")
    return bytes(data)
