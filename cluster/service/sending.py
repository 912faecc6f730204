"""Connections whose reader takes nothing are cut off: how far each reader has come, as the kernel knows it.

uvicorn waits for ever until an answer was read, also where it has closed the connection: whoever reads nothing would
keep the connection, what he was to be told, and the request. Owns the clock of each connection's writing.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import socket
import struct
import termios
from typing import Any

LOOKS = 4
"""How often it is looked, in the time in which something has to be taken."""
STREAM_BYTES = 4 << 20
"""Of a stream, that wait to be taken, beyond which its connection ends: answers to its own pings are among them."""
ABORT = "abort"
"""Under which name the state of a stream's scope has what ends its connection at once, whatever waits."""
logger = logging.getLogger(__name__)


class Impatient:
    """A transport that is aborted where for ``write_s`` seconds nothing is taken of what waits.

    What waits is all that the kernel has not taken yet, and taken is what the reader's side has acknowledged: a reader
    that is slow is let be as long as it reads.

    Attributes:
        most_bytes: how much may wait; nothing is as much as there is.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, write_s: float) -> None:
        self._transport, self._loop, self._write_s = transport, loop, write_s
        self.most_bytes: int | None = None
        self._written = self._taken = 0
        self._since_s = 0.0
        self._clock: asyncio.TimerHandle | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Write, and see to it that it is taken."""
        self._written += len(data)
        self._transport.write(data)
        waiting = self._transport.get_write_buffer_size()
        if self.most_bytes is not None and waiting > self.most_bytes:
            self.abort()
        elif waiting and self._clock is None:
            self._taken, self._since_s = self._progress(), self._loop.time()
            self._wind()

    def abort(self) -> None:
        """End the connection at once, and let also the kernel forget what it holds for it."""
        try:
            with socket.socket(fileno=os.dup(self._fileno())) as same:
                same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except (OSError, ValueError) as error:
            logger.debug("a connection was gone before it was cut off: %s", error)
        self._transport.abort()

    def _wind(self) -> None:
        self._clock = self._loop.call_later(self._write_s / LOOKS, self._look)

    def _look(self) -> None:
        self._clock = None
        if not self._transport.get_write_buffer_size():
            return
        taken, now_s = self._progress(), self._loop.time()
        if taken != self._taken:
            self._taken, self._since_s = taken, now_s
        elif now_s - self._since_s >= self._write_s:
            self.abort()
            return
        self._wind()

    def _progress(self) -> int:
        """How many bytes the reader's side has acknowledged."""
        return self._written - self._transport.get_write_buffer_size() - self._on_the_way()

    def _on_the_way(self) -> int:
        """Bytes that the kernel holds for the reader. Where it does not say, they count as taken."""
        try:
            told = fcntl.ioctl(self._fileno(), termios.TIOCOUTQ, bytes(4))
        except (OSError, ValueError):
            return 0
        return int(struct.unpack("i", told)[0])

    def _fileno(self) -> int:
        return int(self._transport.get_extra_info("socket").fileno())
