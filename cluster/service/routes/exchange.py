"""Memories and whole agents out of the cluster and into it: as lines, as files of others, as archives.

What comes is a body and never a path: nothing of this machine's files can be named.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, get_args

from fastapi import Query, Request, Response
from pydantic import Field
from starlette.requests import ClientDisconnect
from starlette.responses import FileResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from quantum_memory.actors.handle import AgentHandle
from quantum_memory.actors.importing import Importer, ImportJob, ImportReport
from quantum_memory.cluster.archives import ClusterDoor
from quantum_memory.cluster.formats import Written, write_json_lines, write_transcript
from quantum_memory.cluster.service.bodies import lines
from quantum_memory.cluster.service.door import Asked, Asks
from quantum_memory.cluster.service.idempotency import Key
from quantum_memory.cluster.service.limits.meter import Meter
from quantum_memory.cluster.service.models import AgentPath, AsOf, BranchQuery, Told
from quantum_memory.cluster.service.operations import Operations
from quantum_memory.cluster.service.places import event, pinned
from quantum_memory.cluster.service.routes.remembering import Create
from quantum_memory.cluster.service.streams import WAITED_S, Duplex, Remembering
from quantum_memory.cluster.service.tenants import inside
from quantum_memory.errors import AlreadyExists, CorruptRecord, InvalidValue, NewerSchema, UnreadableFile
from quantum_memory.memory.archive import SUFFIX, Imported, Views, describe_archive
from quantum_memory.memory.archive.frame import verified
from quantum_memory.memory.exchange import registry
from quantum_memory.memory.exchange.entries import Dates, Reading, zone_of
from quantum_memory.memory.exchange.registry import Format
from quantum_memory.memory.exchange.sources import of_path
from quantum_memory.types import Memory, Place

asks = Operations("exchange")
NDJSON, TEXT, BYTES = "application/x-ndjson", "text/plain", "application/octet-stream"
FILES = (BYTES, NDJSON, "application/json", "application/zip", TEXT, "text/csv")
LINES = """\
{"text": "We moved to Lisbon in March.", "speaker": "Ann", "at": "2025-03-04T09:00:00Z"}
{"text": "The balcony faces south."}
"""
CHAT = """\
25/03/2025, 09:00 - Ann: We moved to Lisbon.
25/03/2025, 09:01 - Bob: The balcony faces south.
"""
UPLOAD = "upload"
"""What messages call the file that came."""
EXPORTED = 500
"""Memories of one piece of an export."""
BINARY = {"schema": {"type": "string", "format": "binary"}}
Readable = Literal[
    "jsonl",
    "transcript",
    "csv",
    "whatsapp",
    "telegram",
    "slack",
    "discord",
    "chatgpt",
    "claude",
    "locomo",
    "mem0",
    "letta",
]
"""Formats that are taken from strangers: of those that can be read, not the database of mem0."""


class BadEntry(Told):
    """An entry that could not be read, and why."""

    place: str
    reason: str


class ImportTold(Told):
    """What an import did, or would do."""

    form: Format
    read: int = Field(description="Entries that could be read.")
    added: int
    known: int = Field(description="Of these, those that the agent had, or had forgotten.")
    skipped: int
    bad: list[BadEntry] = Field(description="The first thousand of those that were skipped.")
    seconds: float


class ArchiveTold(Told):
    """What an archive brought, or would bring."""

    agent: str
    version: int
    steps: list[str] = Field(description="What was migrated while reading.")
    branches: int
    events: int
    commits: int
    tags: int
    inherited: int = Field(description="How many other agents' past it shares; they are no agents here.")


@asks(
    "writer",
    "POST",
    "/agents/{agent}/remember/stream",
    "rememberStream",
    "Remember a stream of JSON lines, with progress.",
    upload=(NDJSON, "application/jsonl"),
    examples={NDJSON: LINES, "application/jsonl": LINES},
    plain=True,
    answers={
        200: {
            "description": "A line for each of the first thousand refused, for progress, and then `done` or `failed`.",
            "content": {
                NDJSON: {"schema": {"type": "string"}, "example": '{"event": "done", "line": 2, "remembered": 2}'}
            },
        }
    },
)
async def remember_stream(
    asked: Asks, agent: AgentPath, request: Request, branch: BranchQuery = None, create: Create = False
) -> Response:
    """Each line is what `remember` takes. The answer begins before the stream ends; read it meanwhile. What it says is
    remembered is on disk. Lines without an id get one made of what they say and of all before them, so sending the
    same stream again adds nothing: that is how to go on after it was cut off.
    """
    handle = await asked.agent(agent, branch, create=create)
    settings = asked.door.backend.memory.settings
    work = Remembering(handle, settings, asked.request_id, asked.who.tenant, asked.meter())
    return Duplex(work.run(lines(request.stream(), asked.limits.body_bytes)), media_type=NDJSON)


@asks(
    "reader",
    "GET",
    "/agents/{agent}/export",
    "exportMemories",
    "The memories of a branch, as lines.",
    plain=True,
    answers={
        200: {
            "description": "JSON lines that `importMemories` reads back, or a transcript.",
            "content": {NDJSON: {"schema": {"type": "string"}}, TEXT: {"schema": {"type": "string"}}},
        }
    },
)
async def export_memories(
    asked: Asks,
    agent: AgentPath,
    branch: BranchQuery = None,
    as_of: AsOf = None,
    form: Annotated[Written, Query(alias="format", description="A transcript keeps time, speaker and text.")] = "jsonl",
    embeddings: Annotated[bool, Query(description="Also the embeddings, some 5 kB each.")] = False,
) -> Response:
    """In the order in which they were added. All of it is of one place: what is added, rewritten or forgotten meanwhile
    is not in it.
    """
    handle = await asked.agent(agent, branch)
    at = await pinned(handle, as_of)
    if form == "transcript":
        return StreamingResponse(_written(asked, handle, at, write_transcript), media_type=TEXT)
    write = partial(write_json_lines, embeddings=embeddings)
    return StreamingResponse(_written(asked, handle, at, write), media_type=NDJSON)


async def _written(
    asked: Asked, handle: AgentHandle, at: Place, write: Callable[[Sequence[Memory]], Iterator[str]]
) -> AsyncIterator[bytes]:
    """The memories at a place as lines, page after page, made in threads: however many there are, few are held."""
    begin, total = 0, 1
    while begin < total:
        async with asked.door.backend.long(asked.who):
            found, total = await handle.page.begin(begin, EXPORTED, as_of=at)
            lines = await asyncio.to_thread(_bytes, write, found)
        yield lines
        begin += EXPORTED


def _bytes(write: Callable[[Sequence[Memory]], Iterator[str]], found: Sequence[Memory]) -> bytes:
    return "".join(line + "\n" for line in write(found)).encode()


@asks(
    "writer",
    "POST",
    "/agents/{agent}/import",
    "importMemories",
    "Remember what a file holds: JSON lines, chats, exports of other memories.",
    upload=FILES,
    examples={BYTES: LINES, NDJSON: LINES, TEXT: CHAT},
)
async def import_memories(
    asked: Asks,
    agent: AgentPath,
    request: Request,
    branch: BranchQuery = None,
    create: Create = False,
    form: Annotated[
        Readable | None, Query(alias="format", description="Found out when left out; a table has to be named.")
    ] = None,
    zone: Annotated[str, Query(description="Of times without one.", examples=["Europe/Berlin"])] = "UTC",
    dates: Annotated[Dates, Query(description="The order of day and month in WhatsApp's dates.")] = "auto",
    skip_bad: Annotated[bool, Query(description="Leave out what cannot be read, and list it.")] = False,
    dry_run: Annotated[bool, Query(description="Write nothing, and say what would be added.")] = False,
) -> ImportTold:
    """All of it is read once before the first memory is written, unless what is bad may be skipped. Importing the same
    again adds nothing. Under an `Idempotency-Key`, `added` is what the agent has come to know of it since the first
    attempt was begun, also where that was cut off.
    """
    reading = Reading(zone_of(zone), dates)
    async with asked.door.uploads.folder(asked.who) as upload:
        path = upload.folder / UPLOAD
        digest = await upload.keep(request, path)
        if asked.key is not None:
            await asked.key.claim(digest)
        handle = await asked.agent(agent, branch, create=create and not dry_run)
        since = None if asked.key is None else await _begun(handle, asked.key)
        job = ImportJob(UPLOAD, form, reading, skip_bad, dry_run, check=True)
        return _report(await _imported(asked, partial(_importer, handle, path, job, since), request))


async def _begun(handle: AgentHandle, key: Key) -> Place:
    """Where an agent stood before what this key names was begun for the first time."""
    seq = await key.first_told(f"begun {handle.info.id}", str((await pinned(handle, None)).seq))
    return event(handle, int(seq), f":{seq}")


async def _imported(asked: Asks, begin: Callable[[], Importer], request: Request) -> ImportReport:
    """Import a file, and pay for each piece of it before the next. While it waits it has no thread.

    Raises: what an import raises; ClientDisconnect for a caller who has left: what he wants to know nobody hears.
    """
    workers, meter = asked.door.workers, asked.meter()
    importer = await workers.run(asked.who, begin)
    pieces = importer.pieces()
    while (read := await workers.run(asked.who, partial(next, pieces, None))) is not None:
        meter.add(read)
        await _paid(meter, request)
    return importer.report


async def _paid(meter: Meter, request: Request) -> None:
    """Wait until what came is paid. Raises: ClientDisconnect, Unavailable."""
    wait_s: float | None = None
    while wait_s != 0.0:
        await asyncio.sleep(min(wait_s or 0.0, WAITED_S))
        if await request.is_disconnected():
            raise ClientDisconnect
        wait_s = await meter.pay()


def _importer(handle: AgentHandle, path: Path, job: ImportJob, since: Place | None) -> Importer:
    """Raises: InvalidValue for a format that is not taken from strangers; UnreadableFile."""
    source = of_path(path)
    source.name = UPLOAD
    if job.form is None and registry.detect(source) not in get_args(Readable):
        raise InvalidValue("format", "a database", f"one of {', '.join(get_args(Readable))}")
    return Importer(job, source, handle.name, lambda _: handle, handle.bounds(), since)


def _report(done: ImportReport) -> ImportTold:
    bad = [BadEntry(place=_place(one), reason=one.reason) for one in done.bad]
    return ImportTold(
        form=done.form,
        read=done.read,
        added=done.added,
        known=done.known,
        skipped=done.skipped,
        bad=bad,
        seconds=done.seconds,
    )


def _place(bad: object) -> str:
    line = getattr(bad, "line", None)
    return f"line {line}" if line is not None else str(getattr(bad, "place", ""))


class OnceResponse(FileResponse):
    """A file that goes once it was sent, also where its caller left before.

    It is sent whole whatever `Range` asks for: the next request makes another file, of which this one has no part.

    Args:
        path: of the file.
        gone: lets it go.
        name: what the caller may call it.
    """

    def __init__(self, path: Path, gone: Callable[[], Awaitable[None]], name: str) -> None:
        super().__init__(path, media_type=BYTES, filename=name)
        del self.headers["accept-ranges"]
        self._gone = gone

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        whole = [(name, value) for name, value in scope["headers"] if name != b"range"]
        try:
            await super().__call__({**scope, "headers": whole}, receive, send)
        finally:
            await self._gone()


@asks(
    "reader",
    "GET",
    "/agents/{agent}/archive",
    "exportArchive",
    "An agent with its whole history and all its branches.",
    plain=True,
    answers={200: {"description": "An archive that `importArchive` takes.", "content": {BYTES: BINARY}}},
)
async def export_archive(
    asked: Asks,
    agent: AgentPath,
    views: Annotated[Views, Query(description="Of which branches the state is in it too.")] = "every",
) -> Response:
    """Also what was forgotten or rolled back: it is in the history. So is the past that it shares with agents that it
    was cloned from; they, their branches and whoever wrote are not named.
    """
    handle = await asked.agent(agent)
    way = ClusterDoor(await asked.door.backend.cluster(asked.who), alone=True)
    async with AsyncExitStack() as stack:
        kept = await stack.enter_async_context(asked.door.uploads.folder(asked.who))
        path = kept.folder / f"archive{SUFFIX}"
        await asked.door.workers.run(asked.who, partial(way.export, handle.name, path, views))
        kept.hold(path.stat().st_size)
        return OnceResponse(path, stack.pop_all().aclose, f"{agent}{SUFFIX}")


@asks(
    "writer",
    "POST",
    "/agents/{agent}/archive",
    "importArchive",
    "Take in an archive as an agent that is not there yet.",
    upload=(BYTES,),
    status=201,
)
async def import_archive(
    asked: Asks,
    agent: AgentPath,
    request: Request,
    dry_run: Annotated[bool, Query(description="Write nothing, and say what would be done.")] = False,
) -> ArchiveTold:
    """It is what `exportArchive` answers. Whatever the agent was called, it is called this here, and its branches and
    checkpoints get ids of their own.
    """
    full = inside(asked.who.tenant, agent)
    memory, key = await asked.door.backend.cluster(asked.who), asked.key
    async with asked.door.uploads.folder(asked.who) as upload:
        path = upload.folder / f"{UPLOAD}{SUFFIX}"
        digest = await upload.keep(request, path)
        if key is not None:
            await key.claim(digest)
        way = ClusterDoor(memory, None if key is None else memory.op_id(key.op))
        done = told = await asked.door.workers.run(asked.who, partial(_described, path, full))
        if not await asked.done(agent):
            await asked.wait(told.events)
            try:
                bring = partial(way.bring, path, full, dry_run=dry_run)
                done = await asked.door.workers.run(asked.who, partial(_brought, bring))
            except AlreadyExists:
                if key is None or await asked.door.backend.outcome(asked.who, agent, key.op) is None:
                    raise  # else this very request, sent twice, was faster
    return ArchiveTold(
        agent=agent,
        version=done.version,
        steps=list(done.steps),
        branches=done.branches,
        events=done.events,
        commits=done.commits,
        tags=done.tags,
        inherited=len(done.inherited),
    )


def _described(path: Path, name: str) -> Imported:
    """What an archive says of itself, once it is whole. Raises: UnreadableFile."""

    def described() -> Imported:
        verified(path)
        return describe_archive(path, as_name=name)

    return _brought(described)


def _brought(work: Callable[[], Imported]) -> Imported:
    """Raises: UnreadableFile for what is no archive that can be read; what the work raises."""
    try:
        return work()
    except (CorruptRecord, NewerSchema) as error:
        raise UnreadableFile(UPLOAD, f"it is no archive that can be read here ({type(error).__name__})") from None
