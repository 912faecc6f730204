"""The bounds of a request's head, its first line and its headers: how long it may take to come, and how many bytes.

uvicorn bounds neither, so whoever opens connections and says next to nothing on them would keep them all, and one head
could fill the memory. Owns the clock of each connection and the count of its head; HTTP is uvicorn's, and whether
answers are taken is watched by ``sending``.
"""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from typing import cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from quantum_memory.cluster.service.problems import MEDIA_TYPE, TYPES
from quantum_memory.cluster.service.sending import ABORT, STREAM_BYTES, Impatient


class Bounded(HttpToolsProtocol):
    """A connection each request of which has to be asked within ``head_s`` seconds and ``head_bytes``.

    The seconds begin with the connection, and with the first byte of whatever comes when nothing is being answered. A
    head that is not whole by then is answered with 408, one that goes on for longer with 431, and the connection is
    closed; so is, without a word, one on which nothing was said. Whoever does not read what he was told has as long
    again. Whoever takes nothing of an answer, or of a stream, for ``write_s`` seconds is cut off.
    """

    head_s: float
    head_bytes: int
    write_s: float
    _clock: asyncio.TimerHandle | None = None
    _begun = False
    _bytes: int | None = None
    """Bytes of a head, without those that were read together with its beginning: they may be of what came before."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(cast("asyncio.Transport", Impatient(transport, self.loop, self.write_s)))
        self._wind()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            return
        if self._begun:
            self._bytes = 0 if self._bytes is None else self._bytes + len(data)
            if self._bytes > self.head_bytes:
                self._refuse(431, "long-head", f"are longer than {self.head_bytes} bytes")
        elif self._clock is None and not self._answering:
            self._wind()  # bytes that belong to no request: uvicorn waits no longer for the next one, but for ever

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._stop()
        self._begun, self._bytes = True, None
        self._wind()

    def on_headers_complete(self) -> None:
        self._stop()
        super().on_headers_complete()

    def handle_websocket_upgrade(self) -> None:
        self.transport.most_bytes = STREAM_BYTES  # type: ignore[attr-defined]  # it is ``Impatient``
        self.app_state = {**self.app_state, ABORT: self.transport.abort}
        super().handle_websocket_upgrade()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _wind(self) -> None:
        self._clock = self.loop.call_later(self.head_s, self._late)

    def _stop(self) -> None:
        self._begun = False
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _late(self) -> None:
        self._clock = None
        if self._answering:
            self._wind()  # an earlier request of the connection: that comes first
        elif self.transport.is_closing():
            self.transport.abort()
        elif self._begun:
            self._refuse(408, "slow-head", f"were not there after {self.head_s:g} s")
        else:
            self._close()

    def _refuse(self, status: int, kind: str, detail: str) -> None:
        self.transport.write(_problem(status, kind, detail))
        self._close()

    def _close(self) -> None:
        self._stop()
        self.transport.close()
        self._wind()


def protocol(head_s: float, head_bytes: int, write_s: float) -> type[HttpToolsProtocol]:
    """``Bounded`` with these limits."""
    return type("Bounded", (Bounded,), {"head_s": head_s, "head_bytes": head_bytes, "write_s": write_s})


def _problem(status: int, kind: str, detail: str) -> bytes:
    told = f"the request's first line and its headers {detail}"
    title = kind.capitalize().replace("-", " ")
    body = json.dumps({"type": f"{TYPES}{kind}", "title": title, "status": status, "detail": told}).encode()
    lines = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}"
    )
    return f"{lines}\r\nconnection: close\r\n\r\n".encode("ascii") + body
