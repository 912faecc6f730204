"""What comes through the REST door as a stream or a file, and what goes out as one."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from quantum_memory.actors import scratch
from quantum_memory.cluster.service import streams
from quantum_memory.cluster.service.bodies import lines
from quantum_memory.cluster.service.door import UPLOAD, Asked, DoorRoute
from quantum_memory.cluster.service.limits.meter import Meter
from quantum_memory.cluster.service.routes import exchange
from quantum_memory.cluster.service.workers import Workers
from quantum_memory.errors import ActorUnavailable, Busy
from quantum_memory.memory.archive import layout, open_archive
from quantum_memory.memory.archive.columns import rows
from tests.unit.doors import ANN, PEOPLE, Rest, problem, said, scope_of

ALICE = "/agents/alice"
NDJSON = {"content-type": "application/x-ndjson"}
BYTES = {"content-type": "application/octet-stream"}


@pytest.fixture
def rest(tmp_path: Path) -> Iterator[Rest]:
    http = {"body_bytes": 4096, "upload_bytes": 200_000, "progress_s": 0.0, "idle_s": 0.5}
    made = Rest(tmp_path, service={"http": http})
    assert made.put(ALICE).status_code == 201
    yield made
    made.close()


def ndjson(*given: Any) -> bytes:
    return b"".join((one if isinstance(one, bytes) else json.dumps(one).encode()) + b"\n" for one in given)


def streamed(rest: Rest, body: bytes, **options: Any) -> list[dict[str, Any]]:
    answer = rest.ask("POST", f"{ALICE}/remember/stream", content=body, headers=NDJSON | options.pop("headers", {}))
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    return [json.loads(line) for line in answer.text.splitlines()]


async def free() -> None:
    """Takes no token of anybody's."""


def memories(rest: Rest) -> list[str]:
    return [one.text for one in rest.front.agent("acme:alice").memories()]


def test_a_stream_is_remembered_and_tells_how_far_it_came(rest: Rest) -> None:
    told = streamed(rest, ndjson(*(said(number) for number in range(300))))
    assert told[-1] == {"event": "done", "line": 300, "remembered": 300, "refused": 0}
    progress = [one for one in told if one["event"] == "progress"]
    assert [one["line"] for one in progress] == [128, 256, 300]
    assert all(one["remembered"] <= one["line"] for one in progress)
    assert memories(rest) == [f"thing number {number}" for number in range(300)]


def test_the_same_stream_again_adds_nothing_and_a_longer_one_its_end(rest: Rest) -> None:
    many = [said(number) for number in range(5)]
    for count in (3, 3, 5):
        assert streamed(rest, ndjson(*many[:count]), headers={"Idempotency-Key": "s"})[-1]["remembered"] == count
    assert len(memories(rest)) == 5


def test_lines_that_are_bad_are_told_and_the_others_remembered(rest: Rest) -> None:
    body = ndjson(
        said(1), b"{", b"", {"text": 5}, said(2, id="x"), {"text": " "}, said(3, id="x"), b'{"text": NaN}',
        b"[" * 100, {**said(4), "embedding": [1.0]}, said(5),
    )  # fmt: skip
    told = streamed(rest, body)
    refused = {one["line"]: one["problem"]["type"].rpartition("/")[2] for one in told if one["event"] == "refused"}
    assert refused == {
        2: "malformed-body", 4: "invalid-request", 6: "empty-text", 7: "invalid-value", 8: "malformed-body",
        9: "malformed-body", 10: "shape-mismatch",
    }  # fmt: skip
    assert told[-1] == {"event": "done", "line": 11, "remembered": 3, "refused": 7}
    assert memories(rest) == [f"thing number {number}" for number in (1, 2, 5)]


def test_only_so_many_bad_lines_are_listed(rest: Rest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "LISTED", 3)
    told = streamed(rest, ndjson(*([b"{"] * 200)))
    assert sum(one["event"] == "refused" for one in told) == 3
    assert told[-1]["refused"] == 200


def test_a_stream_that_is_too_long_or_has_too_long_a_line_fails_and_keeps_what_was_there(rest: Rest) -> None:
    told = streamed(rest, ndjson(*(said(number) for number in range(200))) + b'{"text": "' + b"x" * 5000)
    assert (told[-1]["event"], told[-1]["problem"]["status"], told[-1]["remembered"]) == ("failed", 413, 128)
    told = rest.run(_sent(rest, [b"\n" * 199_000, ndjson(said(1)) * 10]))
    assert told[-1]["problem"]["type"] == "/problems/body-too-large"
    assert len(memories(rest)) == 128


def test_a_stream_that_comes_too_slowly_fails(rest: Rest) -> None:
    told = rest.run(_sent(rest, [ndjson(said(1)), None]))
    assert told[-1]["problem"]["type"] == "/problems/slow-body"


def test_a_stream_is_answered_while_it_comes_and_whoever_leaves_is_let_go(rest: Rest) -> None:
    body = ndjson(*(said(number) for number in range(128)))
    told = rest.run(_sent(rest, [body, "answered", ndjson(said(200))]))
    assert told[0]["event"] == "progress"
    assert told[-1]["remembered"] == 129
    rest.run(_sent(rest, [ndjson(said(300)), "gone"]))
    assert rest.get("/agents").status_code == 200


async def _sent(rest: Rest, steps: list[Any]) -> list[dict[str, Any]]:
    """Send a stream step by step: bytes, "answered" to wait for a line, nothing to fall silent, "gone" to leave."""
    got: list[bytes] = []
    arrived = asyncio.Event()
    left = iter(steps)

    async def receive() -> Any:
        step = next(left, b"")
        if step == "answered":
            await asyncio.wait_for(arrived.wait(), 5)
            step = next(left)
        if step == "gone":
            return {"type": "http.disconnect"}
        if step is None:
            await asyncio.sleep(30)
        return {"type": "http.request", "body": step, "more_body": step != b""}

    async def send(message: Any) -> None:
        if message.get("body"):
            got.append(message["body"])
            arrived.set()

    scope = {
        "type": "http", "method": "POST", "path": f"/v1{ALICE}/remember/stream", "raw_path": b"", "query_string": b"",
        "headers": [(b"content-type", b"application/x-ndjson"), (b"authorization", b"Bearer ann")], "scheme": "http",
        "server": ("d", 80), "client": None, "http_version": "1.1", "root_path": "",
    }  # fmt: skip
    await rest.app(scope, receive, send)
    return [json.loads(line) for line in b"".join(got).splitlines()]


def test_no_more_batches_are_on_their_way_than_may_be_and_a_failure_ends_it(rest: Rest) -> None:
    begun, most, now = 0, 0, 0

    class Handle:
        class remember:  # noqa: N801
            @staticmethod
            async def begin(given: list[Any]) -> list[str]:
                nonlocal begun, most, now
                begun, now = begun + 1, now + 1
                most = max(most, now)
                number = begun
                await asyncio.sleep(0.3)
                now -= 1
                if number == 9:
                    raise Busy("agents", 10, 0.1)
                return [str(one.id) for one in given]

    async def play() -> list[dict[str, Any]]:
        async def source() -> AsyncIterator[bytes]:
            for number in range(3000):
                yield ndjson(said(number))

        work = streams.Remembering(Handle(), rest.front.settings, "r", "acme", Meter(free))  # type: ignore[arg-type]
        return [json.loads(line) async for line in work.run(lines(source(), 4096))]

    told = rest.run(play())
    assert most == 4
    assert begun < 16
    assert (told[-1]["event"], told[-1]["problem"]["type"]) == ("failed", "/problems/busy")
    assert told[-1]["remembered"] == (begun - 1) * 128


def test_streams_need_an_agent_a_role_and_their_media_type(rest: Rest) -> None:
    path = "/agents/bob/remember/stream"
    problem(rest.ask("POST", path, content=b"", headers=NDJSON), 404, "agent-not-found")
    problem(rest.ask("POST", path, content=b"", headers=NDJSON, who="reader"), 403, "forbidden")
    problem(rest.post(f"{ALICE}/remember/stream", said(1)), 415, "unsupported-media-type")
    assert rest.ask("POST", f"{path}?create=true", content=ndjson(said(1)), headers=NDJSON).status_code == 200


@pytest.mark.parametrize("sizes", [1, 3, 7, 1000])
def test_lines_are_the_same_however_they_are_cut(sizes: int) -> None:
    raw = b"a\n\n  \nbc\r\nd"

    async def play() -> list[tuple[int, bytes]]:
        async def source() -> AsyncIterator[bytes]:
            for begin in range(0, len(raw), sizes):
                yield raw[begin : begin + sizes]

        return [one async for one in lines(source(), 100)]

    assert asyncio.run(play()) == [(1, b"a"), (4, b"bc\r"), (5, b"d")]


# Files and archives


def test_what_is_exported_is_imported_as_the_same(rest: Rest) -> None:
    streamed(rest, ndjson(*(said(number, speaker="Ann", tags=["a"], at="2025-01-01T00:00:00Z") for number in range(9))))
    out = rest.get(f"{ALICE}/export?embeddings=true", who="reader")
    assert len(out.text.splitlines()) == 9
    path = "/agents/bob/import?create=true"
    dry = rest.ask("POST", f"{path}&dry_run=true&format=jsonl", content=out.content, headers=NDJSON)
    problem(dry, 404, "agent-not-found")
    for added in (9, 0):
        done = rest.ask("POST", path, content=out.content, headers=NDJSON).json()
        assert (done["form"], done["read"], done["added"], done["known"]) == ("jsonl", 9, added, 9 - added)
    assert rest.get("/agents/bob/export?embeddings=true").content == out.content
    assert "Ann" in rest.get(f"{ALICE}/export?format=transcript").text
    assert rest.get(f"{ALICE}/export?as_of=:0").content == b""
    problem(rest.get(f"{ALICE}/export?format=pickle"), 422, "invalid-request")


def test_an_export_is_read_page_by_page_at_one_place(rest: Rest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is added and forgotten while it is read is not in it, and no page holds more than it may."""
    kept = [rest.post(f"{ALICE}/remember", said(number)).json()["ids"][0] for number in range(5)]
    whole, make = rest.get(f"{ALICE}/export").text, exchange._bytes
    pages: list[int] = []

    def meanwhile(write: Any, found: Any) -> bytes:
        async def change() -> None:
            async with rest.client() as client:
                (await client.post(f"{ALICE}/remember", json=said(9))).raise_for_status()
                (await client.post(f"{ALICE}/forget", json={"ids": kept[-1:]})).raise_for_status()

        if not pages:
            asyncio.run(change())
        pages.append(len(found))
        return make(write, found)

    monkeypatch.setattr(exchange, "EXPORTED", 2)
    monkeypatch.setattr(exchange, "_bytes", meanwhile)
    assert rest.get(f"{ALICE}/export").text == whole
    assert pages == [2, 2, 1]
    assert rest.get(f"{ALICE}/export").text != whole
    problem(rest.get(f"{ALICE}/export?as_of=nowhere"), 404, "place-not-found")


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where uploads are kept."""
    (made := tmp_path / "temporary").mkdir()
    monkeypatch.setattr(scratch, "_own", [made])
    return made


class Slow:
    """A body that begins, and goes on when it is told to."""

    def __init__(self, first: bytes, rest: bytes = b"") -> None:
        self.first, self.rest = first, rest
        self.begun, self.on = asyncio.Event(), asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.first
        self.begun.set()
        await self.on.wait()
        yield self.rest


UPLOADS = (("remember/stream", NDJSON), ("import", BYTES), ("archive", BYTES))


def test_nothing_of_an_upload_is_read_for_one_who_may_not(rest: Rest, temporary: Path) -> None:
    """Of every operation that takes one, and the table has them all."""
    routes = [route for route in rest.app.routes if isinstance(route, DoorRoute)]
    taken = {route.path for route in routes if (route.openapi_extra or {}).get(UPLOAD)}
    assert taken == {f"/v1/agents/{{agent}}/{path}" for path, _ in UPLOADS}
    read: list[bytes] = []

    async def body() -> AsyncIterator[bytes]:
        read.append(b"x")
        yield b"x"

    for path, headers in UPLOADS:
        for who, agent in (("reader", "team-a"), ("team", "theirs")):
            answer = rest.ask("POST", f"/agents/{agent}/{path}", content=body(), headers=headers, who=who)
            problem(answer, 403, "forbidden")
    assert read == []
    assert list(temporary.iterdir()) == []


def test_uploads_have_only_so_much_on_disk_together(tmp_path: Path, temporary: Path) -> None:
    http = {"upload_bytes": 20_000, "uploads_bytes": 30_000, "idle_s": 30.0}
    rest = Rest(tmp_path / "vault", service={"http": http})
    line = ndjson(said(1))
    try:
        rest.put(ALICE)
        room = rest.app.state.door.uploads

        async def play() -> None:
            async with rest.client() as ann, rest.client("other") as another:
                await another.put(ALICE)
                first = Slow(b"\n" * 15_000, line)

                def bring(content: Any, client: httpx.AsyncClient = another) -> Coroutine[Any, Any, httpx.Response]:
                    return client.post(f"{ALICE}/import?format=jsonl", content=content, headers=BYTES)

                slow = asyncio.create_task(bring(first, ann))
                await first.begun.wait()
                assert room.held >= 15_000
                told = await bring(b"\n" * 16_000)
                assert problem(told, 503, "uploads-full")["status"] == 503
                assert (told.headers["retry-after"], room.held) == ("5", 15_000)
                unsaid = Slow(b"\n" * 16_000)
                unsaid.on.set()
                problem(await bring(unsaid), 503, "uploads-full")
                problem(await bring(b"\n" * 20_001), 413, "body-too-large")
                own = problem(await bring(b"\n" * 8_000 + ndjson(said(2)), ann), 503, "uploads-full")
                assert "your others" in own["detail"]
                assert (await bring(b"\n" * 8_000 + ndjson(said(2)))).json()["added"] == 1
                first.on.set()
                assert (await slow).json()["added"] == 1

        rest.run(play())
        assert room.held == 0
        assert list(temporary.iterdir()) == []
    finally:
        rest.close()


def test_what_an_upload_says_that_it_will_be_takes_no_room_before_it_comes(tmp_path: Path, temporary: Path) -> None:
    http = {"upload_bytes": 20_000, "uploads_bytes": 80_000, "idle_s": 30.0}
    rest = Rest(tmp_path / "vault", service={"http": http})
    try:
        rest.put(ALICE)
        room = rest.app.state.door.uploads

        async def play() -> None:
            async with rest.client() as ann, rest.client("admin") as another:
                path = f"{ALICE}/import?format=jsonl"
                bodies = [Slow(b"\n", b"\n" * 18_000) for _ in range(8)]
                headers = BYTES | {"content-length": "18001"}
                slow = [asyncio.create_task(ann.post(path, content=body, headers=headers)) for body in bodies]
                await asyncio.gather(*(body.begun.wait() for body in bodies))
                await asyncio.sleep(0.05)
                assert room.held == 8
                for client in (ann, another):
                    whole = ndjson(said(1)) + b"\n" * 18_000
                    assert (await client.post(path, content=whole, headers=BYTES)).status_code == 200
                for body in bodies:
                    body.on.set()
                found = [(await one).status_code for one in slow]
                assert found.count(200) == 1, "a quarter of the room is his"

        rest.run(play())
        assert room.held == 0
        assert list(temporary.iterdir()) == []
    finally:
        rest.close()


def test_an_archive_that_goes_out_takes_room_until_it_was_read(tmp_path: Path, temporary: Path) -> None:
    rest = Rest(tmp_path / "vault", service={"http": {"upload_bytes": 1024, "uploads_bytes": 1024}})
    try:
        rest.put(ALICE)
        room, read = rest.app.state.door.uploads, asyncio.Event()

        async def sent(message: Any) -> None:
            if message["type"] == "http.response.body":
                await read.wait()

        async def nothing() -> Any:
            await read.wait()
            return {"type": "http.disconnect"}

        async def play() -> None:
            slow = asyncio.create_task(rest.app(scope_of(f"{ALICE}/archive"), nothing, sent))
            while not room.held:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
            assert room.held == 1024, "longer than a share, it counts for one"
            async with rest.client() as client:
                problem(await client.get(f"{ALICE}/archive"), 503, "uploads-full")
                read.set()
                await slow
                assert (await client.get(f"{ALICE}/archive")).status_code == 200

        rest.run(asyncio.wait_for(play(), 30.0))
        assert room.held == 0
        assert list(temporary.glob("qmem-door-*")) == []
    finally:
        rest.close()


def test_imports_that_wait_for_their_rate_hold_no_thread_and_end_with_their_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits behind them, and when their callers are gone nothing of them goes on."""
    monkeypatch.setattr(exchange, "WAITED_S", 0.01)
    rest = Rest(tmp_path)
    left, paid = asyncio.Event(), 0

    class Stopped:
        async def pay(self) -> float:
            return 3600.0

        def add(self, memories: int) -> None:
            nonlocal paid
            paid += memories

    async def gone(_: Any) -> bool:
        return left.is_set()

    try:
        rest.put(ALICE)
        monkeypatch.setattr(Asked, "meter", lambda _: Stopped())
        monkeypatch.setattr(Request, "is_disconnected", gone)

        async def play() -> None:
            asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(4))
            async with rest.client() as client, rest.client("admin") as another:
                content = ndjson(*(said(number) for number in range(300)))
                path = f"{ALICE}/import?skip_bad=true"
                waiting = [asyncio.create_task(client.post(path, content=content, headers=NDJSON)) for _ in range(20)]
                async with asyncio.timeout(20.0):
                    while paid < 20 * 128:  # noqa: ASYNC110 - nobody tells
                        await asyncio.sleep(0.01)
                    assert await asyncio.to_thread(lambda: 1) == 1
                    assert (await another.get(f"{ALICE}/archive")).status_code == 200
                    left.set()
                    await asyncio.gather(*waiting, return_exceptions=True)
                assert paid == 20 * 128, "the rest was not read"

        rest.run(play())
        assert rest.app.state.door.uploads.held == 0
    finally:
        rest.close()


def test_no_principal_has_all_threads_for_files() -> None:
    async def play() -> None:
        workers, on, now = Workers(8), threading.Event(), itertools.count(1)

        def work() -> int:
            number = next(now)
            assert on.wait(20.0)
            return number

        ann = [asyncio.create_task(workers.run(PEOPLE["ann"], work)) for _ in range(20)]
        await asyncio.sleep(0.1)
        assert next(now) == 3, "two are at it"
        assert await workers.run(PEOPLE["other"], lambda: 7) == 7
        left, stays = ann[0], ann[1:]
        left.cancel()
        await asyncio.sleep(0.05)
        assert not left.done(), "what has begun is let come to its end"
        on.set()
        assert len(await asyncio.gather(*stays)) == 19
        assert (await asyncio.gather(left, return_exceptions=True))[0].__class__ is asyncio.CancelledError
        assert not workers._shares._rooms, "who has nothing to do is forgotten"

    asyncio.run(play())


def test_whoever_leaves_while_others_have_all_threads_for_files_is_gone_at_once() -> None:
    async def play() -> None:
        workers, on = Workers(1), threading.Event()
        done: list[int] = []
        other = asyncio.create_task(workers.run(PEOPLE["other"], partial(on.wait, 20.0)))
        await asyncio.sleep(0.05)
        ann = asyncio.create_task(workers.run(ANN, partial(done.append, 1)))
        await asyncio.sleep(0.05)
        ann.cancel()
        await asyncio.wait((ann,), timeout=1.0)
        assert ann.cancelled()
        on.set()
        assert await other
        await workers.run(ANN, partial(done.append, 2))
        assert done == [2], "what had not begun is not done"

    asyncio.run(play())


def test_an_upload_whose_request_ends_before_leaves_nothing(rest: Rest, temporary: Path) -> None:
    room = rest.app.state.door.uploads

    async def play() -> None:
        async with rest.client() as client:
            for path in (f"{ALICE}/import", "/agents/bob/archive"):
                body = Slow(b"\n" * 100_000)
                left = asyncio.create_task(client.post(path, content=body, headers=BYTES))
                await body.begun.wait()
                left.cancel()
                await asyncio.gather(left, return_exceptions=True)
                assert room.held in (0, 100_000)
            for _ in range(100):
                if room.held == 0:
                    break
                await asyncio.sleep(0.02)

    rest.run(play())
    assert room.held == 0
    assert list(temporary.iterdir()) == []


def test_an_import_that_was_cut_off_tells_of_all_its_attempts(rest: Rest, monkeypatch: pytest.MonkeyPatch) -> None:
    before = ndjson(said(0, id="m0", embedding=None))
    assert rest.ask("POST", f"{ALICE}/import?format=jsonl", content=before, headers=NDJSON).json()["added"] == 1
    body = before + ndjson(*({"text": f"thing number {number}", "id": f"m{number}"} for number in range(1, 300)))

    def bring(key: str, content: bytes = body) -> httpx.Response:
        headers = {**NDJSON, "Idempotency-Key": key}
        return rest.ask("POST", f"{ALICE}/import?format=jsonl", content=content, headers=headers)

    pieces = itertools.count(1)

    async def cut(meter: Meter, request: Request) -> None:
        """All was read once, a batch is on its way, and then something is away."""
        if next(pieces) == 3:
            raise ActorUnavailable("A-0", "it is gone")

    with monkeypatch.context() as patch:
        patch.setattr(exchange, "_paid", cut)
        problem(bring("k"), 503, "actor-unavailable")
    until = time.monotonic() + 20.0
    while len(memories(rest)) < 128 and time.monotonic() < until:
        time.sleep(0.02)
    assert len(memories(rest)) == 128
    counted = ("read", "added", "known")
    for _ in range(2):
        done = bring("k").json()
        assert [done[name] for name in counted] == [300, 299, 1], "as if nothing had happened"
    again = bring("another").json()
    assert [again[name] for name in counted] == [300, 0, 300]
    more = ndjson({"text": "one more", "id": "more"})
    problem(bring("fixed", body + more + b"{"), 422, "unreadable-line")
    rest.ask("POST", f"{ALICE}/import?format=jsonl", content=more, headers=NDJSON)
    fixed = bring("fixed", body + more).json()
    assert [fixed[name] for name in counted] == [301, 0, 301], "what was refused was no attempt at this"


def test_an_import_is_sent_again_to_another_branch_of_the_same_name(rest: Rest) -> None:
    """Where the first one stood when it was begun is no place of this one."""
    for number in range(3):
        assert rest.post(f"{ALICE}/remember", said(number)).is_success
    headers, one = {**NDJSON, "Idempotency-Key": "k"}, {"text": "one", "id": "m1"}
    for at, before in ((":3", 0), (":0", 1)):
        assert rest.post(f"{ALICE}/fork", {"name": "side", "at": at}).is_success
        for _ in range(before):
            assert rest.post(f"{ALICE}/remember?branch=side", one).is_success
        done = rest.ask("POST", f"{ALICE}/import?format=jsonl&branch=side", content=ndjson(one), headers=headers)
        told = done.json()
        assert (told["read"], told["added"], told["known"]) == (1, 1 - before, before), "what this one did"
        assert rest.ask("DELETE", f"{ALICE}/branches/side", who="admin").status_code == 204


def test_an_import_that_is_sent_again_tells_of_what_was_rewritten_since(rest: Rest) -> None:
    def bring() -> tuple[int, ...]:
        headers = {**NDJSON, "Idempotency-Key": "k"}
        body = ndjson(*({"text": f"thing number {number}", "id": f"m{number}"} for number in range(3)))
        told = rest.ask("POST", f"{ALICE}/import?format=jsonl&skip_bad=true", content=body, headers=headers).json()
        return tuple(told[name] for name in ("read", "added", "known", "skipped"))

    assert bring() == bring() == (3, 3, 0, 0)
    assert rest.ask("PATCH", f"{ALICE}/memories/m1", json={"text": "something else"}).is_success
    assert bring() == (3, 2, 0, 1)
    assert rest.post(f"{ALICE}/forget", {"ids": ["m2"]}).is_success
    assert bring() == (3, 2, 0, 1), "it came, and went"


def test_files_that_are_bad_write_nothing_unless_that_is_skipped(rest: Rest) -> None:
    body = b'{"text": "one"}\n{\n{"text": "two"}\n'
    told = problem(rest.ask("POST", f"{ALICE}/import", content=body, headers=BYTES), 422, "unreadable-line")
    assert (told["source"], told["line"]) == ("upload", 2)
    assert memories(rest) == []
    done = rest.ask("POST", f"{ALICE}/import?skip_bad=true", content=body, headers=BYTES).json()
    assert (done["added"], done["skipped"], done["bad"][0]["place"]) == (2, 1, "line 2")
    chat = rest.ask(
        "POST", f"{ALICE}/import?zone=Europe/Berlin", content=b"Ann: hello\nBob: hi\n", headers=BYTES
    ).json()
    assert (chat["form"], chat["added"]) == ("transcript", 2)
    for query in ("zone=Nowhere", "format=mem0-history", "dates=x", "format=zip"):
        assert rest.ask("POST", f"{ALICE}/import?{query}", content=b"Ann: hello\n", headers=BYTES).status_code == 422


def test_a_database_is_not_opened_and_no_path_is_read(rest: Rest) -> None:
    body = b"SQLite format 3\0" + bytes(200)
    problem(rest.ask("POST", f"{ALICE}/import", content=body, headers=BYTES), 422, "invalid-value")
    done = rest.ask("POST", f"{ALICE}/import", content=b"/etc/passwd\n", headers=BYTES)
    assert "root:" not in done.text
    assert not any("root:" in text for text in memories(rest))
    problem(
        rest.ask("POST", f"{ALICE}/import", content=b"PK\x03\x04" + bytes(50), headers=BYTES), 422, "unreadable-file"
    )


@pytest.mark.parametrize("wanted", ["bytes=100-", "bytes=0-0,5-9", "bytes=-1", "bytes=99999999-", "lines=1"])
def test_an_archive_goes_out_whole_whatever_part_is_asked_for(rest: Rest, wanted: str) -> None:
    """Each request makes a file of its own: a part of one and a part of another are no archive."""
    out = rest.get(f"{ALICE}/archive", who="reader", headers={"Range": wanted})
    assert (out.status_code, len(out.content)) == (200, int(out.headers["content-length"]))
    assert not {"accept-ranges", "content-range"} & set(out.headers)
    assert rest.ask("POST", "/agents/bob/archive", content=out.content, headers=BYTES).status_code == 201


def test_an_agent_goes_out_and_comes_in_with_its_whole_history(rest: Rest) -> None:
    streamed(rest, ndjson(said(1), said(2)))
    rest.post(f"{ALICE}/checkpoint", {"message": "then"})
    rest.post(f"{ALICE}/fork", {"name": "b"})
    out = rest.get(f"{ALICE}/archive", who="reader")
    assert out.status_code == 200
    assert "alice.qms" in out.headers["content-disposition"]
    path = "/agents/carol/archive"
    dry = rest.ask("POST", f"{path}?dry_run=true", content=out.content, headers=BYTES, who="other")
    assert (dry.status_code, dry.json()["branches"]) == (201, 2)
    assert rest.get("/agents", who="other").json()["items"] == []
    done = rest.ask("POST", path, content=out.content, headers=BYTES, who="other")
    assert (done.status_code, done.json()["agent"], done.json()["commits"]) == (201, "carol", 1)
    assert len(rest.get("/agents/carol/memories?as_of=then", who="other").json()["items"]) == 2
    again = rest.ask("POST", path, content=out.content, headers=BYTES, who="other")
    assert problem(again, 409, "already-exists")["name"] == "carol"
    problem(rest.get("/agents/nobody/archive"), 404, "agent-not-found")


def test_an_archive_that_is_sent_twice_under_its_key_is_taken_in_once_also_at_the_same_time(
    rest: Rest, monkeypatch: pytest.MonkeyPatch
) -> None:
    streamed(rest, ndjson(said(1)))
    out = rest.get(f"{ALICE}/archive").content
    sent: dict[str, Any] = {"content": out, "headers": {**BYTES, "Idempotency-Key": "k"}}
    first = rest.ask("POST", "/agents/bob/archive", **sent)
    assert first.status_code == 201
    done, looked = Asked.done, []

    async def late(self: Asked, name: str) -> bool:
        """The other one is done once this one has looked."""
        looked.append(name)
        return len(looked) > 1 and await done(self, name)

    monkeypatch.setattr(Asked, "done", late)
    again = rest.ask("POST", "/agents/bob/archive", **sent)
    assert (again.status_code, again.json()) == (201, first.json())
    assert len(looked) == 1
    other = {**sent, "headers": {**BYTES, "Idempotency-Key": "other"}}
    problem(rest.ask("POST", "/agents/bob/archive", **other), 409, "already-exists")


@pytest.mark.parametrize("faster", [1, 2])
def test_of_two_that_bring_one_archive_under_one_key_both_are_told_whichever_is_faster(
    rest: Rest, monkeypatch: pytest.MonkeyPatch, faster: int
) -> None:
    streamed(rest, ndjson(said(1)))
    out, bring, done, come = (
        rest.get(f"{ALICE}/archive").content,
        exchange._brought,
        threading.Event(),
        itertools.count(1),
    )

    def in_turn(work: Any) -> Any:
        if not isinstance(work, partial):
            return bring(work)  # it only looks what is in the archive
        number = next(come)
        if number != faster:
            assert done.wait(30.0)
        try:
            return bring(work)
        finally:
            if number == faster:
                done.set()

    monkeypatch.setattr(exchange, "_brought", in_turn)

    async def scene() -> list[httpx.Response]:
        async with rest.client() as client:

            async def one(delay_s: float) -> httpx.Response:
                await asyncio.sleep(delay_s)
                headers = {**BYTES, "Idempotency-Key": "k"}
                return await client.post("/agents/bob/archive", content=out, headers=headers)

            return list(await asyncio.gather(one(0.0), one(0.3)))

    first, second = rest.run(scene())
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()


@pytest.mark.parametrize("cut", [0, 10, 500, -20])
def test_archives_that_are_damaged_are_refused_without_a_word_of_where_they_lay(
    rest: Rest, cut: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch, "_own", [tmp_path])
    streamed(rest, ndjson(said(1)))
    out = rest.get(f"{ALICE}/archive").content
    answer = rest.ask("POST", "/agents/bob/archive", content=out[:cut] + b"x", headers=BYTES)
    problem(answer, 422, "unreadable-file")
    assert str(tmp_path) not in answer.text
    assert not list(tmp_path.glob("qmem-door-*"))


def test_uploads_over_the_limit_are_refused(rest: Rest) -> None:
    for path in (f"{ALICE}/import", "/agents/bob/archive"):
        problem(rest.ask("POST", path, content=b"x" * 200_001, headers=BYTES), 413, "body-too-large")


def test_an_archive_names_no_other_agent_and_is_taken_in_all_the_same(rest: Rest, tmp_path: Path) -> None:
    assert rest.put("/agents/secret-origin").is_success
    assert rest.post("/agents/secret-origin/remember", said(1)).is_success
    assert rest.post("/agents/secret-origin/checkpoint", {"message": "secret-message"}).is_success
    assert rest.post("/agents/secret-origin/fork", {"name": "secret-branch"}).is_success
    assert rest.post("/agents/secret-origin/remember?branch=secret-branch", said(2)).is_success
    assert rest.post("/agents/secret-origin/clone?branch=secret-branch", {"name": "team-clone"}).is_success
    assert rest.post("/agents/team-clone/remember", said(3), who="team").is_success
    content = rest.get("/agents/team-clone/archive", who="team").content
    file = tmp_path / "clone.qms"
    file.write_bytes(content)
    with open_archive(file) as archive:
        told = {
            name: list(rows(archive.tables[name], tuple(columns)))
            for name, columns in layout.HISTORY.items()
            if name != "journal"
        }
    assert "secret" not in repr(told)
    assert not told["sessions"]
    assert len(told["agents"]) == 2
    taken = rest.ask("POST", "/agents/team-copy/archive", who="team", content=content, headers=BYTES)
    assert taken.status_code == 201, taken.text
    assert taken.json()["inherited"] == 1
    for name in ("team-clone", "team-copy"):
        found = rest.get(f"/agents/{name}/memories", who="team").json()["items"]
        assert [one["text"] for one in found] == [said(number)["text"] for number in (1, 2, 3)]
    assert not rest.front.vault.verify(mend=False, spare=None).findings
