"""How long a connection may take to say what it wants: the line of a request and its headers.

uvicorn has no such limit, so whoever opens connections and says next to nothing on them would keep them all. Owns the
clock of each connection; HTTP is uvicorn's.
"""

from __future__ import annotations

import asyncio
import json

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from quantum_memory.cluster.service.problems import MEDIA_TYPE, TYPES


class Timed(HttpToolsProtocol):
    """A connection each request of which has to be asked within ``head_s`` seconds.

    They begin with the connection, and for each further request with its first byte. A request that is not whole by
    then is answered with 408, and the connection is closed; so is, without a word, one on which nothing was said.
    """

    head_s: float
    _clock: asyncio.TimerHandle | None = None
    _begun = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._wind()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._begun = True
        if self._clock is None:
            self._wind()

    def on_headers_complete(self) -> None:
        self._stop()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def _wind(self) -> None:
        self._clock = self.loop.call_later(self.head_s, self._late)

    def _stop(self) -> None:
        self._begun = False
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _late(self) -> None:
        self._clock = None
        if self.transport.is_closing():
            return
        if self.cycle is not None and not self.cycle.response_complete:
            self._wind()  # an earlier request of the connection is being answered: that comes first
            return
        if self._begun:
            self.transport.write(_slow(self.head_s))
        self.transport.close()


def protocol(head_s: float) -> type[HttpToolsProtocol]:
    """``Timed`` with this limit."""
    return type("Timed", (Timed,), {"head_s": head_s})


def _slow(head_s: float) -> bytes:
    problem = {
        "type": f"{TYPES}slow-head",
        "title": "Slow head",
        "status": 408,
        "detail": f"the request's first line and its headers were not there after {head_s:g} s",
    }
    body = json.dumps(problem).encode()
    lines = f"HTTP/1.1 408 Request Timeout\r\ncontent-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}"
    return f"{lines}\r\nconnection: close\r\n\r\n".encode("ascii") + body
