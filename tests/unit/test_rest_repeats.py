"""A change that is repeated under its Idempotency-Key: done once, and answered as the first time, by any replica."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from quantum_memory.cluster.service.access.ledger import Ledger
from quantum_memory.cluster.service.app import create_app
from quantum_memory.cluster.service.backend import Backend
from quantum_memory.cluster.service.idempotency import KEY_HEADER
from quantum_memory.cluster.service.principals import Principal
from quantum_memory.errors import Forbidden
from quantum_memory.memory.vault.writes import Written
from tests.unit.doors import Rest, Table, problem, said


class Change(NamedTuple):
    """A request that changes something of an agent, or of a project, that is called like the operation; ``content`` is
    a stream.
    """

    name: str
    method: str
    path: str = ""
    body: Any = None
    who: str = "ann"
    content: bytes | None = None
    of: str = "agents"


LINES = b'{"text": "a line", "id": "l1"}\n{"text": "another line"}\n'
CHANGES = (
    Change("makeAgent", "PUT", "-new"),
    Change("remember", "POST", "/remember", said(9)),
    Change("rememberMany", "POST", "/remember/batch", {"memories": [said(8), said(9, id="own")]}),
    Change("rememberStream", "POST", "/remember/stream", content=LINES),
    Change("feel", "POST", "/feel", {"emotion": "joy"}),
    Change("reviseMemory", "PATCH", "/memories/m1", {"tags": ["home"]}),
    Change("forgetMemory", "DELETE", "/memories/m1"),
    Change("forget", "POST", "/forget", {"ids": ["m1", "m2"]}),
    Change("checkpoint", "POST", "/checkpoint", {"message": "here"}),
    Change("putTag", "PUT", "/tags/v1", {}),
    Change("dropTag", "DELETE", "/tags/old"),
    Change("deleteBranch", "DELETE", "/branches/side", who="admin"),
    Change("fork", "POST", "/fork", {"name": "what-if"}),
    Change("clone", "POST", "/clone", {"name": "cloned"}),
    Change("rollback", "POST", "/rollback", {"to": "begun"}),
    Change("merge", "POST", "/merge", {"branch": "side"}),
    Change("relate", "POST", "/relations", {"subject": "Ann", "predicate": "knows", "object": "Bob"}),
    Change("unrelate", "POST", "/relations/end", {"subject": "Ann", "predicate": "likes", "object": "tea"}),
    Change("learn", "POST", "/skills", {"name": "greet", "steps": ["wave"]}),
    Change("learnFrom", "POST", "/skills/from-episodes", {"episodes": [["m1", "m2"]], "name": "walk"}),
    Change("practise", "POST", "/skills/practise", {"skill": "old skill", "succeeded": True}),
    Change("importMemories", "POST", "/import?format=jsonl", content=LINES),
    Change("importArchive", "POST", "-new/archive", content=b""),
    Change("addEntry", "POST", "/entries", {"kind": "rule", "title": "New", "text": "Keep it."}, of="projects"),
    Change("updateEntry", "PATCH", "/entries/old", {"version": 1, "text": "Break it.", "tier": "open"}, of="projects"),
    Change("deleteEntry", "DELETE", "/entries/old", of="projects"),
)
LATER = (
    Change("", "POST", "/remember", said(3)),
    Change("", "PATCH", "/memories/m2", {"tags": ["later"]}),
    Change("", "POST", "/relations", {"subject": "Ann", "predicate": "knows", "object": "Bob", "weight": 5}),
    Change("", "POST", "/skills", {"name": "greet", "steps": ["bow"]}),
    Change("", "POST", "/skills/practise", {"skill": "old skill", "succeeded": False}),
    Change("", "POST", "/fork", {"name": "more"}),
    Change("", "POST", "/entries", {"kind": "rule", "title": "More", "text": "Keep it too."}, of="projects"),
)
"""What happens between a change and its repeat."""


class Doors:
    """Two replicas over one vault, and agents with something of everything."""

    def __init__(self, folder: Path) -> None:
        self.rest = Rest(folder)
        memory, http = self.rest.front.memory, self.rest.front.settings.service.http
        self.apps = [create_app(Backend(memory), Table(), http, ledger=Ledger(memory), denied=self.rest) for _ in "ab"]
        self.rest.app = self.apps[0]
        self.agent("source")
        self.archive = self.rest.get("/agents/source/archive").content

    def agent(self, name: str) -> None:
        """One with memories, a checkpoint, a skill, a relation, a tag and a branch."""
        at, rest = f"/agents/{name}", self.rest
        for answer in (
            rest.put(at),
            rest.post(f"{at}/remember/batch", {"memories": [said(1, id="m1"), said(2, id="m2")]}),
            rest.post(f"{at}/checkpoint", {"message": "begun"}),
            rest.post(f"{at}/skills", {"name": "old skill", "steps": ["one"]}),
            rest.post(f"{at}/relations", {"subject": "Ann", "predicate": "likes", "object": "tea"}),
            rest.put(f"{at}/tags/old", json={}),
            rest.post(f"{at}/fork", {"name": "side"}),
            rest.post(f"{at}/remember?branch=side", said(5)),
            rest.post(f"/projects/{name}/entries", {"id": "old", "kind": "rule", "title": "Old", "text": "Keep it."}),
        ):
            assert answer.is_success, answer.text

    def send(self, agent: str, change: Change, key: str | None = None, replica: int = 0) -> httpx.Response:
        self.rest.app = self.apps[replica]
        headers = {} if key is None else {KEY_HEADER: key}
        options: dict[str, Any] = {"who": change.who}
        if change.content is not None:
            archive = change.path.endswith("/archive")
            headers["Content-Type"] = "application/octet-stream" if archive else "application/x-ndjson"
            options["content"] = change.content or self.archive
        elif change.body is not None:
            options["json"] = change.body
        return self.rest.ask(change.method, f"/{change.of}/{agent}{change.path}", headers=headers, **options)

    def changes(self) -> int:
        """How many changes there have been in the vault, sessions and keys left out."""
        return self.rest.front.memory.position()

    def close(self) -> None:
        self.rest.close()


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    made = Doors(tmp_path_factory.mktemp("doors"))
    yield made
    made.close()


def told(answer: httpx.Response) -> Any:
    """An answer without how long it took."""
    if not answer.content or answer.headers["content-type"] != "application/json":
        return answer.status_code, answer.content
    body = answer.json()
    body.pop("seconds", None)
    return answer.status_code, body


def test_every_change_of_the_document_is_in_the_table(doors: Doors) -> None:
    paths = doors.apps[0].openapi()["paths"]
    operations = [one for path in paths.values() for one in path.values() if isinstance(one, dict)]
    taken = {
        one["operationId"]
        for one in operations
        if any(parameter.get("$ref", "").endswith("/IdempotencyKey") for parameter in one.get("parameters", ()))
    }
    assert taken == {change.name for change in CHANGES}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
def test_a_change_under_its_key_is_done_once_and_answered_as_the_first_time(doors: Doors, change: Change) -> None:
    agent, key = change.name, f"key-of-{change.name}"
    doors.agent(agent)
    first = doors.send(agent, change, key)
    assert first.is_success, first.text
    after = doors.changes()
    for replica in (0, 1):
        assert told(doors.send(agent, change, key, replica)) == told(first)
    assert doors.changes() == after
    done = [doors.send(agent, later).is_success for later in LATER]
    assert sum(done) >= len(LATER) - 2, "what was forgotten or rolled back cannot be changed"
    after = doors.changes()
    assert told(doors.send(agent, change, key, 1)) == told(first)
    assert doors.changes() == after


def test_a_merge_is_answered_again_also_where_what_it_took_from_is_deleted_by_then(doors: Doors) -> None:
    doors.agent("merged")
    merge = Change("merge", "POST", "/merge", {"branch": "side"})
    first = doors.send("merged", merge, "merge-side")
    assert first.is_success, first.text
    assert doors.send("merged", Change("deleteBranch", "DELETE", "/branches/side", who="admin")).is_success
    assert told(doors.send("merged", merge, "merge-side", 1)) == told(first)
    problem(doors.send("merged", merge, "another", 1), 404, "place-not-found")


def test_a_branch_of_the_same_name_is_not_deleted_by_a_repeat(doors: Doors) -> None:
    doors.agent("again")
    delete = Change("deleteBranch", "DELETE", "/branches/side", who="admin")
    fork = Change("fork", "POST", "/fork", {"name": "side"})
    assert doors.send("again", delete, "delete-side").status_code == 204
    assert doors.send("again", fork).is_success
    assert doors.send("again", delete, "delete-side", 1).status_code == 204
    assert "side" in {one["name"] for one in doors.rest.get("/agents/again/branches").json()["items"]}


@pytest.mark.parametrize("follows", [False, True], ids=["gone", "of another branch by now"])
def test_a_deletion_that_is_done_while_it_is_repeated_is_told_as_done(
    doors: Doors, monkeypatch: pytest.MonkeyPatch, *, follows: bool
) -> None:
    agent = f"late-{follows}"
    doors.agent(agent)
    delete = Change("deleteBranch", "DELETE", "/branches/side", who="admin")
    assert doors.send(agent, delete, f"delete-{agent}").status_code == 204
    if follows:
        assert doors.send(agent, Change("fork", "POST", "/fork", {"name": "side"})).is_success
    real, told_of = Backend.outcome, []

    async def outcome(self: Backend, who: Principal, name: str, op: str) -> Written | None:
        """As it was before, when it is asked first."""
        told_of.append(op)
        return await real(self, who, name, op) if len(told_of) > 1 else None

    monkeypatch.setattr(Backend, "outcome", outcome)
    assert doors.send(agent, delete, f"delete-{agent}", 1).status_code == 204
    assert len(told_of) == 2
    names = {one["name"] for one in doors.rest.get(f"/agents/{agent}/branches").json()["items"]}
    assert ("side" in names) is follows
    if not follows:
        problem(doors.send(agent, delete, "another-key", 1), 404, "place-not-found")


def test_what_was_done_is_told_to_nobody_who_does_not_see_the_agent_any_more(doors: Doors) -> None:
    backend = Backend(doors.rest.front.memory)
    narrowed = Principal("key:narrowed", "acme", "admin", ("team-*",))
    with pytest.raises(Forbidden, match="again"):
        asyncio.run(backend.outcome(narrowed, "again", "delete-side"))


@pytest.mark.parametrize(
    "wrong",
    [
        Change("no text", "POST", "/remember", {}),
        Change("a text that is too long", "POST", "/remember", {"text": "x" * 200_000}),
        Change("a body that is no JSON", "POST", "/remember", ["x"]),
        Change("an embedding of another length", "POST", "/remember", said(1, embedding=[1.0])),
        Change("no archive", "POST", "-wrong/archive", content=b"none"),
    ],
    ids=lambda change: change.name,
)
def test_what_does_not_fit_burns_no_key(doors: Doors, wrong: Change) -> None:
    key = f"burn {wrong.name}".replace(" ", "-")
    right = Change("remember", "POST", "/remember", said(7))
    assert doors.send("source", wrong, key).status_code == 422
    first = doors.send("source", right, key)
    assert first.is_success, first.text
    assert told(doors.send("source", right, key, 1)) == told(first)
    problem(doors.send("source", Change("", "POST", "/remember", said(8)), key), 422, "key-reused")


@pytest.mark.parametrize("path", ["/agents/source/recall", "/agents/source/context", "/library/search"])
def test_what_only_asks_writes_no_key_down(doors: Doors, path: str) -> None:
    assert doors.rest.post(path, {"query": "tea"}).is_success
    before = doors.changes()
    for query in ("tea", "coffee"):
        answer = doors.rest.ask("POST", path, json={"query": query}, headers={KEY_HEADER: "asked"})
        assert answer.is_success, answer.text
    assert doors.changes() == before


def test_another_file_under_the_same_key_is_another_request(doors: Doors) -> None:
    lines = Change("importMemories", "POST", "/import?format=jsonl", content=LINES)
    assert doors.send("source", lines, "one-file").is_success
    problem(doors.send("source", lines._replace(content=LINES + LINES), "one-file"), 422, "key-reused")


def test_another_version_seen_under_the_same_key_is_another_request(doors: Doors) -> None:
    doors.agent("seen")
    rest, at = doors.rest, "/projects/seen/entries/old"

    def update(seen: str | None, body: dict[str, Any]) -> httpx.Response:
        headers = {KEY_HEADER: "seen"} | ({} if seen is None else {"If-Match": seen})
        return rest.ask("PATCH", at, json=body, headers=headers)

    first = update('"1"', {"priority": 5})
    assert first.is_success, first.text
    assert told(update('"1"', {"priority": 5})) == told(first)
    for seen in ('"2"', '"77"', 'W/"1"', None):
        problem(update(seen, {"priority": 5, "version": 1} if seen is None else {"priority": 5}), 422, "key-reused")
    delete = {KEY_HEADER: "unseen"}
    assert rest.ask("DELETE", at, headers=delete | {"If-Match": '"2"'}).status_code == 204
    assert rest.ask("DELETE", at, headers=delete | {"If-Match": '"2"'}).status_code == 204
    problem(rest.ask("DELETE", at, headers=delete), 422, "key-reused")


def test_every_header_that_an_operation_reads_counts_for_its_key(doors: Doors) -> None:
    """None but these are declared, and what is declared is what the digest is made of."""
    paths = doors.apps[0].openapi()["paths"]
    operations = [one for path in paths.values() for one in path.values() if isinstance(one, dict)]
    read = {
        (one["operationId"], parameter["name"])
        for one in operations
        for parameter in one.get("parameters", ())
        if parameter.get("in") == "header"
    }
    assert read == {("updateEntry", "If-Match"), ("deleteEntry", "If-Match")}


def test_names_that_look_alike_in_a_path_are_not_one_request(doors: Doors) -> None:
    for path in ("/agents/a%3Fb", "/agents/a%253Fb", "/agents/a%2523b"):
        answer = doors.rest.put(path, headers={KEY_HEADER: "alike"})
        if path == "/agents/a%3Fb":
            assert answer.is_success, answer.text
        else:
            problem(answer, 422, "key-reused")


def test_the_audit_says_who_took_an_archive_in(doors: Doors) -> None:
    assert doors.send("owned", Change("importArchive", "POST", "-new/archive", content=b"")).is_success
    told = doors.rest.front.memory.audit("acme:owned-new")
    assert {one.who for one in told if one.action in ("import_begun", "imported")} == {"acme/key:ann"}
