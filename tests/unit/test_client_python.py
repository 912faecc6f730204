"""The Python client against a real replica on a real socket: every operation, lists, errors, uploads; in both forms."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import generate
import pytest

from quantum_memory_client import (
    UNSET,
    AsyncClient,
    Client,
    ClientError,
    Conflict,
    Forbidden,
    InvalidInput,
    KeyReused,
    NoAnswer,
    NotFound,
    Pages,
    RateLimited,
    Retries,
    Said,
    Unauthenticated,
)
from tests.unit.door_served import Door, free_port

ONCE = Retries(deadline_s=0.0)
SOURCE = generate.HERE / "python" / "src"


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    made = Door(tmp_path_factory.mktemp("door"), service={"limits": {"key": {"per_s": 1000.0, "burst": 2000.0}}})
    yield made
    made.close()


@pytest.fixture(scope="module")
def memory(door: Door) -> Iterator[Client]:
    with Client(door.url, door.key("admin")) as client:
        yield client


def named(document: dict[str, Any]) -> set[str]:
    return {operation["operationId"] for _, _, operation in generate.operations(document)}


def test_what_is_made_of_the_documents_is_as_it_would_be_made_now() -> None:
    """`python clients/generate.py` makes it right again."""
    for path, text in generate.files().items():
        assert path.read_text(encoding="utf-8") == text, path.name


def test_a_project_is_used_by_threads_and_by_coroutines(door: Door, memory: Client) -> None:
    apollo = memory.project("apollo")
    rule = apollo.rules.create(
        "No deploys on Friday", "Nobody deploys after noon.", priority=3, tier="open", tags=["x"]
    )
    assert apollo.rules.update(rule["id"], 1, enabled=False)["version"] == 2
    with pytest.raises(Conflict):
        apollo.rules.update(rule["id"], 1, title="Mine")
    apollo.documents.create("Landing", "The legs unfold at 200 m.", id="landing", tags=["x", "y"])
    apollo.references.create("A paper", "doi:10.1000/182")
    assert [one["id"] for one in apollo.documents.list(tags=["x", "y"])] == ["landing"]
    assert {one["entry"]["id"] for one in apollo.search("deploys after noon", kinds=["rule"])["hits"]} == {rule["id"]}

    async def awaited() -> list[str]:
        async with AsyncClient(door.url, door.key("reader")) as client:
            mine = client.project("apollo")
            assert (await mine.rules.get(rule["id"]))["text"] == "Nobody deploys after noon."
            with pytest.raises(NotFound):
                await mine.documents.get("landing")
            return [one["id"] async for one in mine.rules.list()]

    assert asyncio.run(awaited()) == [rule["id"]]
    apollo.documents.delete("landing", 1)
    assert list(apollo.documents.list()) == []


def test_every_operation_of_the_document_is_a_method_of_both_clients() -> None:
    document = json.loads((generate.HERE / "openapi.json").read_text(encoding="utf-8"))
    wanted = {generate.snake(name) for name in named(document)}
    assert len(wanted) > 40
    for client in (Client, AsyncClient):
        assert wanted <= set(dir(client))


Ask = Callable[..., Awaitable[Any]]
ANN = "ann é"


async def everything(ask: Ask, folder: Path) -> None:
    """A play in which every operation has its part."""
    assert (await ask("make_agent", ANN))["name"] == ANN
    assert (await ask("read_agent", ANN))["branch"] == "main"
    assert (await ask("read_caller"))["role"] == "admin"
    assert await ask("list_denials") == []
    assert {"name": ANN} in await ask("list_agents")
    at = datetime(2025, 3, 4, tzinfo=UTC)
    assert (await ask("remember", ANN, "We moved to Lisbon.", id="a/b?", at=at, speaker="Ann"))["ids"] == ["a/b?"]
    two: list[Said] = [{"text": "It rains."}, {"text": "Bob came.", "id": "bob"}]
    assert len((await ask("remember_many", ANN, two))["ids"]) == 2
    assert (await ask("remember_stream", ANN, [{"text": "A line."}]))[-1].remembered == 1
    assert len((await ask("recall", ANN, query="Where?", k=2))["hits"]) == 2
    assert (await ask("context", ANN, query="Where?", tokens=200))["tokens"] <= 200
    felt = await ask("feel", ANN, emotion="joy", cause="the sun")
    assert set((await ask("read_mood", ANN))["mean"]) == {"pleasure", "arousal", "dominance"}
    assert (await ask("read_mood_history", ANN, limit=2))[0]["place"] == felt
    assert len(await ask("list_memories", ANN, limit=1)) == 4
    assert (await ask("read_memory", ANN, "a/b?"))["speaker"] == "Ann"
    revised = await ask("revise_memory", ANN, "a/b?", tags=["home"], speaker=None, text=UNSET)
    assert (revised["tags"], revised["speaker"], revised["text"]) == (["home"], None, "We moved to Lisbon.")
    assert (await ask("read_provenance", ANN, "a/b?"))["sources"] == []
    assert await ask("forget_memory", ANN, "a/b?") is None
    assert (await ask("forget", ANN, ["bob"]))["forgotten"] == 1
    here = await ask("checkpoint", ANN, message="here")
    assert [one["id"] for one in await ask("list_commits", ANN)] == [here["id"]]
    assert len({one["place"]["seq"] for one in await ask("read_log", ANN, limit=2)}) >= 6
    await ask("put_tag", ANN, "v1", at="here")
    assert [one["name"] for one in await ask("list_tags", ANN)] == ["v1"]
    await ask("drop_tag", ANN, "v1")
    await ask("fork", ANN, "what-if")
    assert [one["name"] for one in await ask("list_branches", ANN, limit=1)] == ["main", "what-if"]
    await ask("remember", ANN, "They stayed.", branch="what-if", id="stayed")
    assert [one["id"] for one in (await ask("diff", ANN, "main", right="what-if"))["only_right"]] == ["stayed"]
    assert (await ask("merge", ANN, from_branch="what-if", policy="newest"))["added"] == ["stayed"]
    assert len((await ask("read_tree", ANN))["branches"]) == 2
    await ask("delete_branch", ANN, "what-if")
    await ask("rollback", ANN, "here")
    assert (await ask("clone", ANN, "twin"))["name"] == "twin"
    assert len(await ask("read_audit", ANN)) > 5
    await knowing(ask)
    assert "It rains." in await ask("export_memories", ANN, format="transcript")
    (folder / "chat.txt").write_text("Ann: hello\nBob: hi\n", encoding="utf-8")
    chat = folder / "chat.txt"
    assert (await ask("import_memories", ANN, chat, media_type="text/plain", format="transcript"))["added"] == 2
    rule = await ask("add_entry", "apollo", "rule", "Friday", text="Nobody deploys.", id="friday", tier="open")
    assert await ask("read_entry", "apollo", "friday") == rule
    assert (await ask("update_entry", "apollo", "friday", version=1, tags=["ops"]))["version"] == 2
    assert [one["id"] for one in await ask("list_entries", "apollo", tag=["ops"], limit=1)] == ["friday"]
    assert [one["name"] for one in await ask("list_projects")] == ["apollo"]
    assert (await ask("search_library", "who deploys?", projects=["apollo"]))["hits"][0]["entry"]["id"] == "friday"
    assert await ask("delete_entry", "apollo", "friday", version=2) is None
    archive = await ask("export_archive", ANN)
    assert (await ask("import_archive", "bob", archive))["agent"] == "bob"
    await ask("save_archive", ANN, folder / "ann.qms")
    assert (await ask("import_archive", "ben", folder / "ann.qms"))["agent"] == "ben"
    await ask("save_memories", ANN, folder / "ann.jsonl")
    assert len((folder / "ann.jsonl").read_bytes().splitlines()) == len(await ask("list_memories", ANN))
    with pytest.raises(NotFound):
        await ask("save_archive", "nobody", folder / "nobody.qms")
    assert await asyncio.to_thread(left_over, folder) == []


def left_over(folder: Path) -> list[str]:
    """What a download that failed has left."""
    return [path.name for path in folder.iterdir() if path.suffix == ".part" or path.stem == "nobody"]


async def knowing(ask: Ask) -> None:
    """Relations and skills."""
    await ask("relate", ANN, "Ann", "lives in", "Lisbon")
    assert (await ask("list_relations", ANN, about="Ann"))["items"][0]["object"] == "Lisbon"
    assert (await ask("list_concepts", ANN, top=5))["items"]
    assert (await ask("list_neighbours", ANN, "Ann"))["items"]
    assert (await ask("list_paths", ANN, "Ann", "Lisbon"))["items"]
    assert await ask("unrelate", ANN, "Ann", "lives in", "Lisbon") is None
    assert (await ask("learn", ANN, "tea", ["boil", "pour"], when="a guest comes"))["version"] == 1
    doing = (await ask("remember_many", ANN, [{"text": "boil", "tags": ["did"]}, {"text": "grind", "tags": ["did"]}]))[
        "ids"
    ]
    assert (await ask("learn_from", ANN, "coffee", doing, preview=True))["name"] == "coffee"
    assert (await ask("practise", ANN, "tea", succeeded=True))["successes"] == 1
    assert (await ask("list_skills", ANN, query="guest"))["items"][0]["name"] == "tea"


def asked_of(client: Client | AsyncClient, used: set[str]) -> Ask:
    """Asks either client, and reads lists and streams to their ends."""

    async def ask(name: str, *given: Any, **named: Any) -> Any:
        used.add(name)
        if isinstance(client, Client):
            return await asyncio.to_thread(at_once, client, name, *given, **named)
        answer = getattr(client, name)(*given, **named)
        return [one async for one in answer] if hasattr(answer, "__aiter__") else await answer

    return ask


def at_once(client: Client, name: str, *given: Any, **named: Any) -> Any:
    answer = getattr(client, name)(*given, **named)
    return list(answer) if isinstance(answer, Pages | Iterator) else answer


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_every_operation_works_as_a_method(tmp_path: Path, kind: type[Client | AsyncClient]) -> None:
    document = json.loads((generate.HERE / "openapi.json").read_text(encoding="utf-8"))
    used: set[str] = set()
    door = Door(tmp_path / "vault")
    client = kind(door.url, door.key("admin"), retries=ONCE)

    async def play() -> None:
        try:
            await everything(asked_of(client, used), tmp_path)
        finally:
            if isinstance(client, AsyncClient):
                await client.aclose()
            else:
                client.close()

    try:
        asyncio.run(play())
    finally:
        door.close()
    assert used == {generate.snake(name) for name in named(document)} | {"save_archive", "save_memories"}


def test_lists_are_read_page_by_page_and_can_be_gone_on_with(memory: Client) -> None:
    memory.remember_many("pages", [{"text": f"thing {n}", "id": f"{n}"} for n in range(7)], create=True)
    pages = memory.list_memories("pages", limit=3).pages()
    first = next(pages)
    assert [one["id"] for one in first["items"]] == ["0", "1", "2"]
    rest = [one["id"] for one in memory.list_memories("pages", limit=3, cursor=first["next"])]
    assert rest == ["3", "4", "5", "6"]
    assert [len(page["items"]) for page in pages] == [3, 1]


def test_errors_are_of_the_kind_that_says_what_to_do(door: Door, memory: Client) -> None:
    memory.make_agent("errors")
    with pytest.raises(NotFound) as missing:
        memory.recall("nobody", query="?")
    assert (missing.value.kind, missing.value.status) == ("agent-not-found", 404)
    assert missing.value.members["agent"] == "nobody"
    assert missing.value.request_id
    assert missing.value.request_id in str(missing.value)
    with pytest.raises(InvalidInput, match="text") as invalid:
        memory.remember("errors", "")
    assert invalid.value.members["errors"]
    with pytest.raises(ValueError, match="JSON"):
        memory.remember("errors", "x", importance=float("nan"))
    with pytest.raises(Conflict):
        memory.import_archive("errors", memory.export_archive("errors"))
    memory.remember("errors", "one", idempotency_key="mine")
    with pytest.raises(KeyReused):
        memory.remember("errors", "another", idempotency_key="mine")
    with Client(door.url, door.key("reader"), retries=ONCE) as reader, pytest.raises(Forbidden):
        reader.make_agent("other")
    with Client(door.url, "qm_0000000000000000_no", retries=ONCE) as stranger, pytest.raises(Unauthenticated):
        list(stranger.list_agents())
    with Client(f"http://127.0.0.1:{free_port()}", retries=ONCE) as nobody, pytest.raises(NoAnswer) as away:
        list(nobody.list_agents())
    assert isinstance(away.value, ConnectionError)
    assert isinstance(away.value, ClientError)


def test_what_a_client_shows_of_itself_has_no_key_in_it(door: Door) -> None:
    key = door.key()
    with Client(door.url, key) as client:
        assert key not in repr(client) + str(vars(client))


def test_a_stream_of_memories_goes_in_segments_and_tells_what_was_refused(memory: Client) -> None:
    said: list[Said] = [{"text": f"line {n}"} for n in range(300)]
    said[130] = {"text": "", "id": "empty"}
    told = list(memory.remember_stream("lines", said, create=True))
    assert [one.line for one in told] == [128, 256, 300]
    assert (told[-1].remembered, told[-1].refused) == (299, 1)
    assert list(told[1].errors) == [131]
    assert isinstance(told[1].errors[131], InvalidInput)
    again = list(memory.remember_stream("lines", iter(said)))
    assert again[-1].line == 300
    kept = [one["text"] for one in memory.list_memories("lines", limit=1000)]
    assert kept == [one["text"] for one in said if one["text"]]


def test_the_same_words_twice_in_a_stream_are_two_memories(memory: Client) -> None:
    said: list[Said] = [{"text": "again"}] * 150
    list(memory.remember_stream("echo", said, create=True))
    assert len(list(memory.list_memories("echo", limit=1000))) == 150


def test_who_asks_too_often_waits_as_long_as_he_is_told(tmp_path: Path) -> None:
    door = Door(tmp_path, service={"limits": {"key": {"per_s": 2.0, "burst": 4.0}}})
    try:
        key = door.key("admin")
        with Client(door.url, key, retries=ONCE) as hasty, pytest.raises(RateLimited) as limited:
            asyncio.run(everything(asked_of(hasty, set()), tmp_path))
        assert limited.value.retry_after_s is not None
        with Client(door.url, key) as patient:
            assert [patient.make_agent("ann")["name"] for _ in range(4)] == ["ann"] * 4
    finally:
        door.close()


def test_the_readme_works_as_it_stands(door: Door) -> None:
    text = (generate.HERE / "python" / "README.md").read_text(encoding="utf-8")
    first, awaited, *others, stream = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    key = door.key()
    scope: dict[str, Any] = {"key": key}
    for block in (first, awaited):
        exec(block.replace("http://127.0.0.1:8000", door.url), scope)  # noqa: S102 - the project's own words
    asyncio.run(scope["ask"]())
    with Client(door.url, key) as memory:
        scope["memory"] = memory
        for block in others:
            exec(block, scope)  # noqa: S102 - the same
        assert scope["told"].remembered == 1000
        felt = stream.replace("as events:\n", "as events:\n    memory.feel('alice', emotion='joy')\n")
        exec(f"{felt}        break\n", scope)  # noqa: S102 - the same, until something was told
        assert scope["event"]["agent"] == "alice"


def test_the_client_stands_on_httpx_and_websockets_alone() -> None:
    """No torch, no Ray, nothing of the server."""
    found = (
        "import sys, quantum_memory_client; print(*sorted({name.partition('.')[0] for name in sys.modules}"
        " - sys.stdlib_module_names))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", found], env={"PYTHONPATH": str(SOURCE)}, capture_output=True, check=True
    )
    told = set(ran.stdout.decode().split())
    assert {"httpx", "websockets"} <= told
    assert not told & {"torch", "ray", "numpy", "pydantic", "msgspec", "quantum_memory"}
