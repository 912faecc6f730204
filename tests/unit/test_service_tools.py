"""The tools of the Model Context Protocol, by the SDK's own client over a real vault and real views."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.server.mcpserver import Context
from mcp.shared.exceptions import MCPError

from quantum_memory.cluster.service import tools
from quantum_memory.cluster.service.backend import Backend
from quantum_memory.cluster.service.principals import Principal
from quantum_memory.errors import Denied, Unauthenticated
from tests.unit.front import Front

WRITER = Principal("mcp:tester", "acme", "writer")
RAIN = "Bob lent me his umbrella in the rain."


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    made = Front(tmp_path)
    yield made
    made.close()


class Talk:
    """A client on its way to the tools."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        found = await self.client.call_tool(tool, arguments)
        assert not found.is_error, found.content
        content: dict[str, Any] | None = found.structured_content
        assert content is not None
        return content

    async def refused(self, tool: str, **arguments: Any) -> str:
        found = await self.client.call_tool(tool, arguments)
        assert found.is_error, found.structured_content
        return str(getattr(found.content[0], "text", ""))


def talk(
    front: Front, play: Callable[[Talk], Awaitable[None]], who: Principal | Exception = WRITER
) -> list[tuple[str, str | None]]:
    """Play, and tell what was denied, and of which agent."""
    noted: list[tuple[str, str | None]] = []

    def denied(_: Denied, call: tools.ToolCall) -> None:
        noted.append((call.what, call.agent))

    async def caller(_: Context[Any, Any]) -> Principal:
        if isinstance(who, Exception):
            raise who
        return who

    async def going() -> None:
        async with Client(tools.server(Backend(front.memory), caller, denied)) as client:
            await play(Talk(client))

    asyncio.run(going())
    return noted


def test_an_assistant_remembers_recalls_tries_out_and_takes_back(front: Front) -> None:
    async def play(to: Talk) -> None:
        ids = (await to.call("remember", agent="alice", texts=[RAIN, "Carol plays chess."], speaker="Alice"))["ids"]
        assert len(ids) == 2
        assert (await to.call("agents")) == {"names": ["alice"], "next": None}
        found = await to.call("recall", agent="alice", query="who lent an umbrella?", k=1)
        (hit,) = found["memories"]
        assert (hit["text"], hit["speaker"], hit["id"], found["missing"]) == (RAIN, "Alice", ids[0], [])
        assert sum(hit["why"].values()) == pytest.approx(hit["score"], abs=0.01)
        block = await to.call("context", agent="alice", query="umbrella", tokens=500)
        assert RAIN in block["text"]
        assert block["tokens"] <= 500
        assert ids[0] in block["citations"].values()
        mood = await to.call("mood", agent="alice")
        assert all(-1 <= mood[axis] <= 1 for axis in ("pleasure", "arousal", "dominance"))
        commit = (await to.call("checkpoint", agent="alice", message="before the trip"))["commit"]
        assert (await to.call("fork", agent="alice", name="what-if"))["branch"] == "what-if"
        new = await to.call("remember", agent="alice", branch="what-if", texts=["Dan sold his car."])
        merged = await to.call("merge", agent="alice", source="what-if")
        assert merged["added"] == new["ids"]
        await to.call("rollback", agent="alice", to=commit)
        assert len(front.agent("acme:alice").memories()) == 2
        assert (await to.call("forget", agent="alice", ids=[ids[0]]))["count"] == 1
        assert [one.text for one in front.agent("acme:alice").memories()] == ["Carol plays chess."]

    talk(front, play)


def test_what_a_project_keeps_is_found_and_read_as_far_as_the_caller_may(front: Front) -> None:
    async def writes(to: Talk) -> None:
        rule = await to.call(
            "keep_entry", project="apollo", kind="rule", title="Friday", text="Nobody deploys.", priority=2
        )
        assert (rule["tier"], rule["version"], rule["enabled"], rule["priority"]) == ("internal", 1, True, 2)
        paper = {"kind": "reference", "title": "Deploying", "uri": "doi:10.1000/182", "tier": "open"}
        kept = await to.call("keep_entry", project="apollo", id="paper", **paper)
        assert await to.call("keep_entry", project="apollo", id="paper", **paper) == kept
        assert (await to.call("read_entry", project="apollo", id=kept["id"]))["uri"] == "doi:10.1000/182"
        found = (await to.call("search_library", query="who deploys on friday?", kinds=["rule"]))["entries"]
        assert [one["entry"]["id"] for one in found] == [rule["id"]]
        assert "Nobody deploys." in found[0]["passages"]
        assert sum(found[0]["why"].values()) == pytest.approx(found[0]["score"], abs=0.01)
        told = await to.refused("keep_entry", project="apollo", kind="rule", title="A", text="B", tier="restricted")
        assert told.endswith("the tier 'restricted' is above a clearance for 'internal'")

    async def reads(to: Talk) -> None:
        found = (await to.call("search_library", query="deploy", projects=["apollo"]))["entries"]
        assert [one["entry"]["kind"] for one in found] == ["reference"]
        assert "EntryNotFound" in await to.refused("read_entry", project="apollo", id="rule")
        assert "Forbidden" in await to.refused("keep_entry", project="apollo", kind="rule", title="A", text="B")

    talk(front, writes)
    talk(front, reads, Principal("mcp:reader", "acme", "reader"))
    talk(front, reads_nothing, Principal("mcp:other", "other", "admin"))


async def reads_nothing(to: Talk) -> None:
    assert (await to.call("search_library", query="deploy"))["entries"] == []


def test_memories_are_resources(front: Front) -> None:
    async def play(to: Talk) -> None:
        (one,) = (await to.call("remember", agent="alice", texts=[RAIN], speaker="Alice"))["ids"]
        (template,) = (await to.client.list_resource_templates()).resource_templates
        assert template.uri_template == "memory://{agent}/{branch}/{memory}"
        (part,) = (await to.client.read_resource(f"memory://alice/main/{one}")).contents
        assert RAIN in getattr(part, "text", "")
        assert "Alice" in getattr(part, "text", "")
        for missing in ("memory://alice/main/nothing", "memory://alice/nowhere/x", "memory://bob/main/x"):
            with pytest.raises(MCPError):
                await to.client.read_resource(missing)

    talk(front, play)


def test_every_tool_says_what_it_does_and_whether_it_changes_anything(front: Front) -> None:
    async def play(to: Talk) -> None:
        found = {tool.name: tool for tool in (await to.client.list_tools()).tools}
        assert set(found) == {
            "agents", "remember", "recall", "context", "mood", "checkpoint", "fork", "rollback", "merge", "forget",
            "search_library", "read_entry", "keep_entry",
        }  # fmt: skip
        for tool in found.values():
            assert len(tool.description or "") > 30
            assert tool.output_schema is not None
            assert tool.annotations is not None
            assert tool.input_schema["additionalProperties"] is False
            properties = dict(tool.input_schema["properties"])
            assert all(one.get("description") for one in properties.values()), tool.name
        assert {name for name, tool in found.items() if tool.annotations and tool.annotations.read_only_hint} == {
            "agents", "recall", "context", "mood", "search_library", "read_entry",
        }  # fmt: skip
        assert "no instructions" in (to.client.instructions or "")

    talk(front, play)


@pytest.mark.parametrize(
    ("tool", "arguments", "told"),
    [
        ("recall", {"agent": "nobody", "query": "x"}, "no agent is named 'nobody'"),
        ("remember", {"agent": "alice", "texts": [" "]}, "EmptyText"),
        ("remember", {"agent": "a:b", "texts": ["x"]}, "without ':'"),
        ("remember", {"agent": "alice", "branch": "nowhere", "texts": ["x"]}, "nobody|no agent"),
        ("remember", {"agent": "alice", "texts": []}, "at least 1"),
        ("recall", {"agent": "alice", "query": "x", "k": 1_000}, "less than or equal to 100"),
        ("rollback", {"agent": "alice", "to": "never"}, "no agent"),
        ("agents", {"limit": 1_001}, "less than or equal to 1000"),
        ("agents", {"after": "a:b"}, "without ':'"),
    ],
)
def test_what_cannot_be_done_is_told_in_words(front: Front, tool: str, arguments: dict[str, Any], told: str) -> None:
    async def play(to: Talk) -> None:
        text = await to.refused(tool, **arguments)
        assert any(one in text for one in told.split("|")), text

    talk(front, play)


def test_agents_come_in_pages_and_each_is_one_value(front: Front) -> None:
    names = [f"agent-{n}" for n in range(7)]
    for name in names:
        front.agent(f"acme:{name}")

    async def play(to: Talk) -> None:
        found: list[str] = []
        after = None
        while True:
            answer = await to.client.call_tool("agents", {"limit": 3} | ({"after": after} if after else {}))
            page = answer.structured_content
            assert page is not None
            assert len(answer.content) == 1
            found += page["names"]
            after = page["next"]
            if after is None:
                break
            assert len(page["names"]) == 3
        assert found == names

    talk(front, play)


@pytest.mark.parametrize("misspelt", [{"branche": "what-if"}, {"Branch": "what-if"}, {"as_of": "x"}])
def test_what_a_tool_does_not_know_is_refused_and_nothing_is_done(front: Front, misspelt: dict[str, str]) -> None:
    ids = front.agent("acme:alice").remember([RAIN])

    async def play(to: Talk) -> None:
        text = await to.refused("forget", agent="alice", ids=ids, **misspelt)
        assert next(iter(misspelt)) in text
        assert "Extra inputs" in text

    talk(front, play)
    assert front.agent("acme:alice").memory(ids[0]).text == RAIN


def test_a_large_merge_is_told_in_part_with_how_much_is_left_out(front: Front) -> None:
    alice = front.agent("acme:alice")
    ids = alice.fork("what-if").remember([f"Thing {n}." for n in range(tools.LIMIT + 5)])

    async def play(to: Talk) -> None:
        told = await to.call("merge", agent="alice", source="what-if")
        assert (told["added"], told["untold"]) == (ids[: tools.LIMIT], 5)

    talk(front, play)


def test_agents_are_called_what_their_tenant_calls_them(front: Front) -> None:
    front.agent("acme:alice").remember(RAIN)

    async def play(to: Talk) -> None:
        text = await to.refused("rollback", agent="alice", to="never")
        assert "'alice'" in text
        assert "acme" not in text

    talk(front, play)


def test_a_reader_changes_nothing(front: Front) -> None:
    front.agent("acme:alice").remember(RAIN)
    writes: dict[str, dict[str, Any]] = {
        "remember": {"texts": ["x"]},
        "checkpoint": {"message": "x"},
        "fork": {"name": "x"},
        "rollback": {"to": "x"},
        "merge": {"source": "x"},
        "forget": {"ids": ["x"]},
    }

    async def play(to: Talk) -> None:
        for tool, arguments in writes.items():
            assert "Forbidden" in await to.refused(tool, agent="alice", **arguments)
        assert "Forbidden" in await to.refused("recall", agent="bob", query="x")
        assert (await to.call("recall", agent="alice", query="umbrella"))["memories"]

    denied = talk(front, play, Principal("mcp:tester", "acme", "reader", ("alice",)))
    assert denied == [*((tool, "alice") for tool in writes), ("recall", "bob")], "all of it is noted"
    assert len(front.agent("acme:alice").log()) == 1


def test_who_is_not_known_gets_nothing(front: Front) -> None:
    front.agent("acme:alice").remember(RAIN)

    async def play(to: Talk) -> None:
        assert "Unauthenticated" in await to.refused("agents")
        with pytest.raises(MCPError, match="Unauthenticated"):
            await to.client.read_resource("memory://alice/main/x")

    talk(front, play, Unauthenticated("no valid credential came with the request"))


def test_what_goes_wrong_inside_is_not_told(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> list[str]:
        raise ZeroDivisionError("the baker's daughter")

    monkeypatch.setattr(Backend, "agents_page", broken)

    async def play(to: Talk) -> None:
        assert "baker" not in await to.refused("agents")

    talk(front, play)
