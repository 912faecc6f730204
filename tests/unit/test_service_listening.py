"""A replica's own listener, over real connections: shared addresses, answers under way at the end, and refusals."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from quantum_memory.cluster.service import heads
from quantum_memory.cluster.service.listening import WS_BYTES, Address, Listener, claimed
from quantum_memory.errors import InvalidValue

WRITE_S = 30.0
HEAD = 10.0, 1 << 16, WRITE_S


def free() -> Address:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return Address("127.0.0.1", int(found.getsockname()[1]))


def app(name: str, work: Callable[[Request], Awaitable[Response]] | None = None) -> Starlette:
    async def named(request: Request) -> Response:
        assert request.client is not None
        return PlainTextResponse(f"{name} {request.client.host}")

    async def echo(ws: WebSocket) -> None:
        await ws.accept()
        async for text in ws.iter_text():
            await ws.send_text(text)

    return Starlette(routes=[Route("/", work or named), WebSocketRoute("/echo", echo)])


def test_listeners_share_an_address_and_one_goes_on_when_the_other_ends() -> None:
    async def play() -> None:
        address = free()
        first, second = (Listener(app(name), address, 5.0, *HEAD) for name in ("first", "second"))
        await first.start()
        await second.start()

        async def who() -> str:
            async with httpx.AsyncClient(trust_env=False) as client:  # each time another connection
                return (await client.get(f"http://{address}/")).text

        told = {await who() for _ in range(64)}
        assert told == {"first 127.0.0.1", "second 127.0.0.1"}
        await first.stop()
        assert {await who() for _ in range(16)} == {"second 127.0.0.1"}
        await second.stop()
        with pytest.raises(httpx.ConnectError):
            await who()

    asyncio.run(play())


def test_what_is_under_way_is_answered_and_what_takes_too_long_is_not_waited_for() -> None:
    async def play() -> None:
        address, begun, go = free(), asyncio.Event(), asyncio.Event()

        async def slow(_: Request) -> Response:
            begun.set()
            await go.wait()
            return PlainTextResponse("answered")

        for within_s, ends in ((30.0, True), (1.0, False)):
            begun.clear()
            go.clear()
            listener = Listener(app("slow", slow), address, within_s, *HEAD)
            await listener.start()
            async with httpx.AsyncClient(trust_env=False, timeout=30.0) as client:
                asked = asyncio.create_task(client.get(f"http://{address}/"))
                await begun.wait()
                stopping = asyncio.create_task(listener.stop())
                if ends:
                    await asyncio.sleep(0.3)
                    assert not stopping.done()
                    go.set()
                    assert (await asked).text == "answered"
                else:
                    (told,) = await asyncio.gather(asked, return_exceptions=True)
                    assert isinstance(told, httpx.HTTPError) or (
                        isinstance(told, httpx.Response) and told.status_code >= 500
                    )
                await asyncio.wait_for(stopping, 10.0)

    asyncio.run(play())


def test_a_header_makes_no_address_and_a_message_has_an_end() -> None:
    async def play() -> None:
        address = free()
        listener = Listener(app("one"), address, 5.0, *HEAD)
        await listener.start()
        async with httpx.AsyncClient(trust_env=False) as client:
            told = await client.get(f"http://{address}/", headers={"X-Forwarded-For": "203.0.113.9"})
            assert told.text == "one 127.0.0.1"
            assert "server" not in told.headers
        async with connect(f"ws://{address}/echo", max_size=None) as stream:
            await stream.send("hello")
            assert await stream.recv() == "hello"
            await stream.send("x" * (WS_BYTES + 1))
            with pytest.raises(ConnectionClosed) as broken:
                await stream.recv()
            assert broken.value.rcvd is not None
            assert broken.value.rcvd.code == 1009
        await listener.stop()

    asyncio.run(play())


def test_an_address_of_another_or_of_no_machine_is_refused() -> None:
    address = free()
    claimed(address).close()
    with socket.create_server(address), pytest.raises(InvalidValue, match=str(address.port)):
        claimed(address)
    for odd in (Address("127.0.0.1", 65_536), Address("a" * 64 + ".example", 80)):
        with pytest.raises(InvalidValue, match="address"):
            claimed(odd)
    elsewhere = Address("192.0.2.1", address.port)
    with pytest.raises(InvalidValue, match=r"192\.0\.2\.1"):
        claimed(elsewhere)
    with pytest.raises(InvalidValue, match=r"192\.0\.2\.1"):
        asyncio.run(Listener(app("nowhere"), elsewhere, 1.0, *HEAD).start())
    claimed(Address("localhost", address.port)).close()


def test_an_address_where_listeners_of_this_user_are_is_not_to_be_had() -> None:
    async def play() -> None:
        address = free()
        listener = Listener(app("one"), address, 1.0, *HEAD)
        await listener.start()
        with pytest.raises(InvalidValue):
            claimed(address)
        await listener.stop()
        claimed(address).close()

    asyncio.run(play())


def test_an_address_is_claimed_once_before_anybody_listens_and_whenever_nobody_does() -> None:
    async def play() -> None:
        address = free()
        everywhere = Address("0.0.0.0", address.port)  # noqa: S104 - it is refused
        with claimed(address):
            for taken in (address, everywhere):
                with pytest.raises(InvalidValue):
                    claimed(taken)
            for _ in range(2):  # replicas come and go
                listener = Listener(app("one"), address, 1.0, *HEAD)
                await listener.start()
                async with httpx.AsyncClient(trust_env=False) as client:
                    told = [(await client.get(f"http://{address}/", headers={"Connection": "close"})) for _ in range(8)]
                assert {one.text for one in told} == {"one 127.0.0.1"}, "nothing comes to who only claimed it"
                await listener.stop()
                with pytest.raises(InvalidValue):
                    claimed(address)
        claimed(address).close()

    asyncio.run(play())


def test_who_does_not_say_what_he_wants_is_sent_away_and_nobody_else_is() -> None:
    """By bytes that come one by one, by silence, in the second request of a connection, and behind a slow answer."""
    head_s, go = 0.4, asyncio.Event()

    async def slow(_: Request) -> Response:
        await go.wait()
        return PlainTextResponse("answered")

    async def play() -> None:
        address = free()
        listener = Listener(app("one"), address, 1.0, head_s, 1 << 16, WRITE_S)
        await listener.start()
        request = b"GET / HTTP/1.1\r\nHost: door\r\n\r\n"

        async def said(first: bytes, trickle: bytes) -> bytes:
            reader, writer = await asyncio.open_connection(*address)
            got = b""
            try:
                writer.write(first)
                if first:
                    got += await reader.readuntil(b"one 127.0.0.1")
                for byte in trickle:
                    writer.write(bytes([byte]))
                    await asyncio.sleep(head_s / 6)
                return got + await reader.read()
            except ConnectionError:
                return got
            finally:
                writer.close()

        async with asyncio.timeout(20.0):
            silent, trickled, again = await asyncio.gather(
                said(b"", b""), said(b"", request[:5]), said(request, request[:5])
            )
        assert silent == b""
        for told in (trickled, again):
            assert b"HTTP/1.1 408 Request Timeout\r\n" in told
            assert b'"type": "/problems/slow-head"' in told
        assert again.startswith(b"HTTP/1.1 200")
        reader, writer = await asyncio.open_connection(*address)
        for _ in range(2):  # a connection that is kept may be still for longer
            writer.write(request)
            assert (await reader.readuntil(b"one 127.0.0.1")).startswith(b"HTTP/1.1 200")
            await asyncio.sleep(2 * head_s)
        writer.close()
        async with connect(f"ws://{address}/echo") as stream:
            await asyncio.sleep(2 * head_s)
            await stream.send("hello")
            assert await stream.recv() == "hello"
        await listener.stop()

    async def behind() -> None:
        address = free()
        listener = Listener(app("slow", slow), address, 1.0, head_s, 1 << 16, WRITE_S)
        await listener.start()
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"GET / HTTP/1.1\r\nHost: door\r\n\r\nGET")
        await asyncio.sleep(3 * head_s)
        go.set()
        async with asyncio.timeout(20.0):
            told = await reader.read()
        assert told.startswith(b"HTTP/1.1 200")
        assert b"answered" in told
        assert b"HTTP/1.1 408" in told
        writer.close()
        await listener.stop()

    asyncio.run(play())
    asyncio.run(behind())


@pytest.mark.parametrize(
    "more",
    [
        pytest.param(b"\r\n", id="an empty line"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: door\r\nContent-Length: 100\r\n\r\nx", id="a body that does not end"),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: door\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n",
            id="chunks that do not end",
        ),
    ],
)
def test_bytes_that_ask_for_nothing_keep_no_connection(more: bytes) -> None:
    """uvicorn stops its own clock at any byte."""

    async def play() -> None:
        address = free()
        listener = Listener(app("one"), address, 1.0, 0.4, 1 << 16, WRITE_S)
        await listener.start()
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"GET / HTTP/1.1\r\nHost: door\r\n\r\n")
        await reader.readuntil(b"one 127.0.0.1")
        writer.write(more)
        await asyncio.sleep(0.1)
        writer.write(b"x" if b"POST" in more else b"\r\n")
        async with asyncio.timeout(10.0):
            assert b"HTTP/1.1 200" not in await reader.read()
        writer.close()
        await listener.stop()

    asyncio.run(play())


def test_a_head_is_as_long_as_it_may_be_and_a_body_is_none() -> None:
    async def play() -> None:
        address, most = free(), 1 << 16
        listener = Listener(app("one"), address, 1.0, 10.0, most, WRITE_S)
        await listener.start()

        async def said(*pieces: bytes) -> bytes:
            reader, writer = await asyncio.open_connection(*address)
            try:
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0.002)
                return await reader.read()
            except ConnectionError:
                return b"HTTP/1.1 431 (reset before it was read)"
            finally:
                writer.close()

        begin, end = b"GET / HTTP/1.1\r\nHost: door\r\nConnection: close\r\nX-Long: ", b"\r\n\r\n"
        async with asyncio.timeout(60.0):
            fits = await said(begin, *[b"x" * 1024] * 62, end)
            for endless in ([b"x" * 1024] * 400, [b"\r\nX-More: y" * 90] * 400):
                assert b"HTTP/1.1 431" in await said(begin, *endless)
            long = await said(b"GET /" + b"x" * 1000, *[b"x" * 1024] * 400)
            body = b"x" * (4 * most)
            post = b"POST / HTTP/1.1\r\nHost: door\r\nContent-Length: %d\r\n\r\n" % len(body)
            pair = await said(post + body + begin[:20], begin[20:] + b"x" + end)
        assert fits.startswith(b"HTTP/1.1 200")
        assert b"HTTP/1.1 431" in long
        assert b"one 127.0.0.1" in pair
        assert b" 431 " not in pair
        await listener.stop()

    asyncio.run(play())


def narrow(address: Address) -> socket.socket:
    """A connection whose reader has next to no room for what he does not read."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.connect(address)
    return made


@pytest.mark.parametrize("piecewise", [True, False])
def test_who_takes_nothing_of_an_answer_is_cut_off_and_who_is_slow_is_not(piecewise: bool) -> None:
    """An answer that is larger than all buffers together, as it is made or whole; the slow one needs many bounds."""
    write_s, piece, pieces, left = 1.0, b"x" * (1 << 16), 256, asyncio.Event()

    async def made() -> AsyncIterator[bytes]:
        try:
            for _ in range(pieces):
                yield piece
        finally:
            left.set()

    async def large(_: Request) -> Response:
        return StreamingResponse(made()) if piecewise else Response(piece * pieces)

    def asked(address: Address) -> socket.socket:
        to = narrow(address)
        to.sendall(b"GET / HTTP/1.1\r\nHost: door\r\nConnection: close\r\n\r\n")
        return to

    def slowly(to: socket.socket) -> int:
        """Read so little that not even the kernel's buffers are emptied by it, for many times as long, and then all."""
        got, until_s = 0, time.monotonic() + 4 * write_s
        while time.monotonic() < until_s:
            got += len(to.recv(1024))
            time.sleep(write_s / 20)
        while chunk := to.recv(1 << 16):
            got += len(chunk)
        return got

    async def play() -> None:
        address = free()
        listener = Listener(app("large", large), address, 1.0, 10.0, 1 << 16, write_s)
        await listener.start()
        state = listener._server.server_state
        with asked(address) as never:
            await asyncio.to_thread(never.recv, 1)
            async with asyncio.timeout(4 * write_s):
                while state.connections or state.tasks:  # noqa: ASYNC110 - uvicorn tells nobody
                    await asyncio.sleep(write_s / 20)
            if piecewise:
                assert left.is_set(), "and what made the answer has ended"
        with asked(address) as slow:
            assert await asyncio.to_thread(slowly, slow) > pieces * len(piece)
        await listener.stop()

    asyncio.run(play())


def test_answers_to_pings_that_nobody_reads_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "STREAM_BYTES", 1 << 16)

    async def play() -> None:
        address = free()
        listener = Listener(app("one"), address, 1.0, *HEAD)
        await listener.start()
        with narrow(address) as to:
            to.sendall(
                b"GET /echo HTTP/1.1\r\nHost: door\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
            )
            ping = b"\x89\xfd" + bytes(4) + b"x" * 125

            def flood() -> None:
                for _ in range(1000):
                    to.sendall(ping * 1000)

            with pytest.raises(OSError):  # noqa: PT011 - cut off, in whatever way it is seen
                await asyncio.to_thread(flood)
        await listener.stop()

    asyncio.run(play())
