"""The stream as a WebSocket: the handshake, the frames, and the end of a connection. What is said is a session's."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import NamedTuple

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from quantum_memory.cluster.service.principals import Principal
from quantum_memory.cluster.service.problems import answer, headers_of, problem_of
from quantum_memory.cluster.service.sending import ABORT
from quantum_memory.cluster.service.stream.encoding import Encoder
from quantum_memory.cluster.service.stream.hub import Hub
from quantum_memory.cluster.service.stream.messages import (
    FEATURES,
    VERSIONS,
    Closing,
    Hello,
    Refused,
    Welcome,
    cost_of,
    read,
    written,
)
from quantum_memory.cluster.service.stream.session import (
    COME_BACK_S,
    CREDIT,
    HEARTBEAT_S,
    Overdrawn,
    Send,
    Session,
    refusal,
)
from quantum_memory.cluster.service.tenants import DEFAULT
from quantum_memory.errors import DeadlineExceeded, Denied, OutOfRange, QuantumMemoryError, RateLimited, Unauthenticated

SUBPROTOCOL = "quantum-memory.v1"
HELLO_S = 10.0
"""How long a connection may take to say who it is."""
SEND_S = 30.0
"""How long a client may take for a message; one that takes longer is let go, whatever else it says."""
CLOSING_S = 5.0
"""How long one that is to go may take for the last of them."""
MAX_FRAME_BYTES = 65_536
CROWDED_S = 5.0
"""When to try again where a principal has as many streams as he may have."""
MOST_FAULTS = 16
"""Messages that cannot be read, after which a connection is closed."""
NORMAL, UNSUPPORTED, GONE, POLICY, TOO_BIG, RESTART, UNKNOWN = 1000, 1003, 1006, 1008, 1009, 1012, 4401
_CODES = {"shutdown": RESTART, "idle": POLICY, "revoked": UNKNOWN, "protocol": POLICY}
logger = logging.getLogger(__name__)


class Guest(NamedTuple):
    """Who a connection is from, what says whether he may stay, what counts each thing that he says by what it costs,
    and who is told of what he is denied.

    Raises: Unavailable, from ``stands``; RateLimited, from ``counted``.
    """

    principal: Principal
    stands: Callable[[], Awaitable[bool]]
    counted: Callable[[float], Awaitable[None]]
    denied: Callable[[Denied], None]


Identify = Callable[[WebSocket, str | None], Awaitable[Guest]]
"""Who it is, by the request or by a credential that was sent. Raises: Unauthenticated, RateLimited, Unavailable."""
Knock = Callable[[WebSocket], Awaitable[None]]
"""Whether a connection may be opened at all, whoever it is from. Raises: RateLimited, Unavailable."""


class Faulty(Exception):
    """A connection says what it may not: the code that it is closed with, and why."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code, self.reason = code, reason


class Stream:
    """The door of the stream.

    Args:
        hub: what happens.
        knock: whether a connection may be opened.
        identify: who a connection is from.
        most: how many one principal may have open here.
    """

    def __init__(self, hub: Hub, knock: Knock, identify: Identify, most: int) -> None:
        self._hub, self._knock, self._identify, self._most = hub, knock, identify, most
        self._encoder = Encoder()
        self._open: set[asyncio.Task[None]] = set()
        self._seats: Counter[tuple[str, str]] = Counter()

    async def open(self, socket: WebSocket) -> None:
        """One connection, from its handshake to its last frame.

        Whoever may not come in, by what the request itself tells, is refused in the handshake.
        """
        one = asyncio.current_task()
        if one is not None:
            self._open.add(one)
            one.add_done_callback(self._open.discard)
        await self._opened(socket)

    async def left(self, within_s: float) -> None:
        """Wait until the connections that are open have ended."""
        if self._open:
            await asyncio.wait(self._open, timeout=within_s)

    async def _opened(self, socket: WebSocket) -> None:
        with ExitStack() as held:
            try:
                known = await self._known(socket, held)
            except QuantumMemoryError as error:
                await _turned_away(socket, error)
            else:
                await self._accepted(socket, known)

    async def _known(self, socket: WebSocket, held: ExitStack) -> Guest | None:
        """Who it is, where the request has a credential. Raises: Unauthenticated, RateLimited, Unavailable."""
        try:
            async with asyncio.timeout(HELLO_S):
                await self._knock(socket)
                if "authorization" not in socket.headers:
                    return None
                return held.enter_context(self._seated(await self._identify(socket, None)))
        except TimeoutError:
            raise DeadlineExceeded("stream", HELLO_S) from None

    @contextmanager
    def _seated(self, guest: Guest) -> Iterator[Guest]:
        """One more stream of a principal, as long as this lasts. Raises: RateLimited."""
        who = guest.principal.tenant, guest.principal.subject
        if self._seats[who] >= self._most:
            raise RateLimited("streams", CROWDED_S)
        self._seats[who] += 1
        try:
            yield guest
        finally:
            self._seats[who] -= 1
            if not self._seats[who]:
                del self._seats[who]

    async def _accepted(self, socket: WebSocket, known: Guest | None) -> None:
        offered = socket.scope.get("subprotocols", ())
        await socket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)

        async def send(text: bytes) -> None:
            try:
                async with asyncio.timeout(SEND_S):
                    await socket.send_text(text.decode())
            except RuntimeError as error:
                # The server that has the connection closed it by itself, as for text that is no UTF-8.
                raise WebSocketDisconnect(GONE, str(error)) from None
            except TimeoutError:
                _cut(socket)
                raise WebSocketDisconnect(GONE, f"a message was not taken within {SEND_S:g} s") from None

        try:
            await self._served(socket, known, send)
        except Faulty as fault:
            await _closed(socket, fault.code, Closing("protocol", self._hub.position, COME_BACK_S), fault.reason)
        except WebSocketDisconnect as left:
            logger.debug("a connection is gone: %s", left.reason or left.code)

    async def _served(self, socket: WebSocket, known: Guest | None, send: Send) -> None:
        with ExitStack() as held:
            try:
                async with asyncio.timeout(HELLO_S):
                    hello = _first(await _frame(socket))
                    guest = known
                    if guest is None:
                        guest = held.enter_context(self._seated(await self._identify(socket, hello.token)))
            except TimeoutError:
                raise Faulty(POLICY, f"no hello within {HELLO_S:g} s") from None
            except Unauthenticated as error:
                await send(written(Refused("Unauthenticated", str(error))))
                raise Faulty(UNKNOWN, "unauthenticated") from None
            except QuantumMemoryError as error:
                await send(written(refusal(error, DEFAULT)))
                raise Faulty(RESTART, "unavailable") from None
            await self._spoken(socket, hello, guest, send)

    async def _spoken(self, socket: WebSocket, hello: Hello, guest: Guest, send: Send) -> None:
        common = sorted(set(hello.versions) & set(VERSIONS))
        if not common:
            told = Refused("UnsupportedVersion", f"spoken here: {', '.join(map(str, VERSIONS))}")
            await send(written(told))
            raise Faulty(POLICY, "no common version")
        features = tuple(name for name in FEATURES if name in hello.features)
        await send(written(Welcome(common[-1], features, self._hub.position, HEARTBEAT_S, CREDIT)))
        one = guest.principal, guest.stands, send, guest.denied, guest.counted
        session = Session(self._hub, self._encoder, *one, frozenset(features))
        try:
            await self._both(socket, session, guest)
        except Faulty as fault:
            await _closed(socket, fault.code, session.closing("protocol"), fault.reason)
        finally:
            session.end()

    async def _both(self, socket: WebSocket, session: Session, guest: Guest) -> None:
        """Listen and tell, until either ends."""
        telling = asyncio.create_task(session.run())
        hearing = asyncio.create_task(_heard(socket, session, guest))
        try:
            await asyncio.wait((telling, hearing), return_when=asyncio.FIRST_COMPLETED)
            if hearing.done():
                hearing.result()
            if telling.done():
                last = telling.result()
                await _closed(socket, _CODES[last.reason], last, last.reason)
        finally:
            for task in (telling, hearing):
                task.cancel()
            await asyncio.gather(telling, hearing, return_exceptions=True)


async def _heard(socket: WebSocket, session: Session, guest: Guest) -> None:
    """Give a session what the client says. Raises: WebSocketDisconnect, Faulty."""
    try:
        await _handed_on(socket, session, guest)
    except Overdrawn:
        raise Faulty(POLICY, "it asks and does not acknowledge") from None


async def _handed_on(socket: WebSocket, session: Session, guest: Guest) -> None:
    """Raises: WebSocketDisconnect, Faulty, Overdrawn."""
    faults = 0
    while True:
        text = await _frame(socket)
        try:
            message = read(text)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            faults += 1
            if faults >= MOST_FAULTS:
                raise Faulty(POLICY, "too many messages that cannot be read") from None
            await session.refuse(Refused("InvalidMessage", str(error)[:200]))
            continue
        try:
            if not session.is_due(message):
                await guest.counted(cost_of(message))
            await session.heard(message)
        except (RateLimited, OutOfRange) as error:
            await session.refuse(refusal(error, guest.principal.tenant, getattr(message, "id", None)))


async def _frame(socket: WebSocket) -> str:
    """The next text frame. Raises: WebSocketDisconnect, Faulty."""
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", NORMAL), message.get("reason"))
    text = message.get("text")
    if text is None:
        raise Faulty(UNSUPPORTED, "frames are text")
    if len(text) > MAX_FRAME_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_FRAME_BYTES:
        raise Faulty(TOO_BIG, f"a frame has {MAX_FRAME_BYTES} bytes at most")
    return str(text)


def _first(text: str) -> Hello:
    """The greeting. Raises: Faulty."""
    with suppress(msgspec.MsgspecError, UnicodeError, RecursionError):
        message = read(text)
        if isinstance(message, Hello):
            return message
    raise Faulty(POLICY, "hello comes first")


async def _turned_away(socket: WebSocket, error: QuantumMemoryError) -> None:
    """Refuse a handshake: with the problem, or where the server cannot send one with 403."""
    told = problem_of(error, socket.state.request_id)
    try:
        await socket.send_denial_response(answer(told, headers_of(error)))
    except RuntimeError:
        await socket.close(UNKNOWN if isinstance(error, Unauthenticated) else POLICY, told["title"])


async def _closed(socket: WebSocket, code: int, last: Closing, reason: str) -> None:
    """Say good-bye, where somebody still listens."""
    try:
        async with asyncio.timeout(CLOSING_S):
            await socket.send_text(written(last).decode())
            await socket.close(code, reason)
    except TimeoutError:
        _cut(socket)
    except (WebSocketDisconnect, RuntimeError):
        logger.debug("a connection was gone before it was closed: %s", reason)


def _cut(socket: WebSocket) -> None:
    """End a connection without waiting for what its client does not take, where the server that has it lets one."""
    abort = getattr(socket.state, ABORT, None)
    if abort is not None:
        abort()
