"""Each operation of the REST door: what it does with what is good, and what it says to what is not."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from quantum_memory.cluster.service import cursors
from quantum_memory.cluster.service.principals import Principal
from quantum_memory.memory.episodic.chunk import Chunk
from quantum_memory.memory.episodic.runs import Run
from quantum_memory.memory.vault.admission import NoteDenial
from tests.unit.doors import Rest, Turnstile, problem, said

ALICE = "/agents/alice"


@pytest.fixture
def rest(tmp_path: Path) -> Iterator[Rest]:
    made = Rest(tmp_path)
    assert made.put(ALICE).status_code == 201
    yield made
    made.close()


def good(answer: Any, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


def told(rest: Rest, *numbers: int, **fields: Any) -> list[str]:
    many = {"memories": [said(number, **fields) for number in numbers]}
    ids: list[str] = good(rest.post(f"{ALICE}/remember/batch", many))["ids"]
    return ids


def texts(answer: Any) -> list[str]:
    return [one["text"] for one in good(answer)["items"]]


def pages(rest: Rest, path: str, limit: int, between: Any = None, who: str = "ann") -> list[Any]:
    """All that a list holds, page by page."""
    items, cursor = [], None
    while True:
        params = {"limit": limit} | ({"cursor": cursor} if cursor else {})
        page = good(rest.get(path, params=params, who=who))
        assert len(page["items"]) <= limit
        items += page["items"]
        cursor = page["next"]
        if cursor is None:
            return items
        if between is not None:
            between()


def test_an_admin_reads_what_callers_of_his_tenant_were_denied(rest: Rest) -> None:
    told = [("acme", "alice"), ("other", "alice"), ("acme", None), (None, None), ("acme", "team-a"), ("default", "bob")]
    for n, (tenant, agent) in enumerate(told):
        rest.front.vault.write([NoteDenial(f"d{n}", datetime.now(UTC), f"action {n}", "no", tenant, agent=agent)])

    def actions(who: str, limit: int = 1) -> list[str]:
        return [one["action"] for one in pages(rest, "/denials", limit, who=who)]

    assert actions("admin") == actions("admin", 100) == ["action 4", "action 2", "action 0"]
    assert actions("warden") == ["action 4"], "he sees agents of his team, and what was about those"
    assert (actions("other"), actions("driver")) == (["action 1"], ["action 5"])
    newest = good(rest.get("/denials", who="admin", params={"limit": 1}))["items"][0]
    assert newest.keys() == {"at", "who", "address", "action", "agent", "request", "reason"}
    assert rest.get("/denials", who="ann").status_code == 403


# Remembering and asking


def test_what_is_remembered_is_recalled_with_all_of_its_fields(rest: Rest) -> None:
    given = said(1, speaker="Ann", kind="note", session="s", tags=["a"], metadata={"x": [1, 2.5, None]}, importance=0.7)
    given |= {"at": "2025-03-04T09:00:00+01:00", "confidence": 0.5, "id": "my/own id"}
    assert good(rest.post(f"{ALICE}/remember", given)) == {"ids": ["my/own id"]}
    assert good(rest.post(f"{ALICE}/remember", given)) == {"ids": ["my/own id"]}
    found = good(rest.post(f"{ALICE}/recall", {"vector": given["embedding"], "kind": "note"}, who="reader"))
    (hit,) = found["hits"]
    memory = hit["memory"]
    assert hit["score"] == pytest.approx(sum(hit["why"].values()))
    assert memory["at"] == "2025-03-04T08:00:00Z"
    assert memory["embedding"] is None
    same = ("text", "speaker", "kind", "session", "tags", "metadata", "importance", "confidence", "id", "pad")
    assert {name: memory[name] for name in same} == {name: given[name] for name in same}
    found = good(rest.post(f"{ALICE}/recall", {"vector": given["embedding"], "kind": "note", "embeddings": True}))
    assert len(found["hits"][0]["memory"]["embedding"]) == 16


def test_recall_takes_every_filter(rest: Rest) -> None:
    told(rest, 1, 2, speaker="Ann", tags=["a", "b"], at="2025-01-01T00:00:00Z", session="s")
    told(rest, 3, speaker="Bob", kind="note", at="2025-02-01T00:00:00Z")
    good(rest.post(f"{ALICE}/checkpoint", {"message": "then"}), 201)
    told(rest, 4, speaker="Ann", tags=["a"], at="2025-03-01T00:00:00Z")

    def numbers(**asked: Any) -> set[int]:
        answer = rest.post(f"{ALICE}/recall", {"query": "thing number", **asked})
        return {int(hit["memory"]["text"].split()[-1]) for hit in good(answer)["hits"]}

    assert numbers() == {1, 2, 3, 4}
    assert len(numbers(k=2)) == 2
    assert numbers(k=0) == set()
    assert numbers(speaker="Ann") == {1, 2, 4}
    assert numbers(tags=["a", "b"]) == {1, 2}
    assert numbers(kind="note") == {3}
    assert numbers(since="2025-02-01T00:00:00Z") == {3, 4}
    assert numbers(until="2025-02-01T00:00:00Z") == {1, 2}
    assert numbers(as_of="then") == {1, 2, 3}
    assert numbers(as_of=":1") == {1, 2}
    pad = said(3)["pad"]
    assert 3 in numbers(near={"pad": pad, "radius": 0.01})
    assert numbers(near={"pad": {"pleasure": 1, "arousal": 1, "dominance": 1}, "radius": 0.01}) == set()
    assert numbers(exact=True, deadline_s=20) == {1, 2, 3, 4}
    beside = good(rest.post(f"{ALICE}/recall", {"vector": said(1)["embedding"], "k": 1, "neighbours": 1}))["hits"][0]
    assert beside["before"] or beside["after"]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({}, "invalid-request"),
        ({"query": "a", "vector": [1.0]}, "invalid-request"),
        ({"query": " "}, "empty-text"),
        ({"vector": [1.0]}, "shape-mismatch"),
        ({"vector": [0.0] * 16}, "not-finite"),
        ({"query": "a", "k": "5"}, "invalid-request"),
        ({"query": "a", "k": -1}, "invalid-request"),
        ({"query": "a", "k": 5000}, "too-long"),
        ({"query": "a", "k": 10**30}, None),
        ({"query": "a", "since": 5}, "invalid-request"),
        ({"query": "a", "since": "yesterday"}, "invalid-request"),
        ({"query": "a", "since": "0001-01-01T00:00:00+14:00"}, "invalid-request"),
        ({"query": "a", "tags": [" "]}, "empty-text"),
        ({"query": "a", "neighbours": 10**9}, "out-of-range"),
        (
            {"query": "a", "near": {"pad": {"pleasure": 2, "arousal": 0, "dominance": 0}, "radius": 1}},
            "invalid-request",
        ),
        ({"query": "a", "as_of": ":99999999999999999999"}, "invalid-value"),
        ({"query": "a", "deadline_s": 0}, "invalid-request"),
    ],
)
def test_questions_that_are_none_are_refused(rest: Rest, body: dict[str, Any], kind: str | None) -> None:
    answer = rest.post(f"{ALICE}/recall", body)
    if kind is None:
        assert answer.status_code == 422
    else:
        problem(answer, 422, kind)


@pytest.mark.parametrize("as_of", [":9999", "nowhere", "2020-13-01T00:00:00", ":-1", ":1x", ":٣"])
def test_places_that_are_none_are_not_found(rest: Rest, as_of: str) -> None:
    problem(rest.get(f"{ALICE}/mood", params={"as_of": as_of}), 404, "place-not-found")


def test_nobody_reaches_another_tenants_branch_by_its_id(rest: Rest) -> None:
    told(rest, 1)
    branch = rest.front.agent("acme:alice").info.id
    good(rest.put("/agents/mallory", who="other"), 201)
    for as_of in (branch, f"{branch}:1", "acme:alice", "main@acme:alice"):
        problem(rest.get("/agents/mallory/memories", params={"as_of": as_of}, who="other"), 404, "place-not-found")
    body = {"agent": "alice", "branch": "main"}
    problem(rest.post("/agents/mallory/merge", body, who="other"), 404, "agent-not-found")
    problem(rest.post("/agents/mallory/merge", {"agent": "acme:alice"}, who="other"), 422, "invalid-value")
    problem(rest.get("/agents/acme:alice/memories", who="other"), 422, "invalid-value")
    problem(rest.post("/agents/mallory/clone", {"name": "acme:x"}, who="other"), 422, "invalid-value")


def test_remembering_makes_an_agent_only_where_that_is_said(rest: Rest) -> None:
    problem(rest.post("/agents/bob/remember", said(1)), 404, "agent-not-found")
    assert len(good(rest.post("/agents/bob/remember?create=true&deadline_s=20", said(1)))["ids"]) == 1
    problem(rest.post(f"{ALICE}/remember?branch=nowhere&create=true", said(1)), 404, "place-not-found")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"text": " "}, "empty-text"),
        ({"text": 5}, "invalid-request"),
        ({"text": "a" * 40_000}, "too-long"),
        (said(1, metadata={"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {"i": {"j": 1}}}}}}}}}}), "too-long"),
        (said(1, metadata={"a": 2**70}), "out-of-range"),
        (said(1, id="x" * 200), "too-long"),
        (said(1, image="!!"), "invalid-value"),
        (said(1, image=base64.b64encode(b"x").decode()), "invalid-value"),
        ({"text": "a", "confidence": 0.5}, "invalid-value"),
        ({"text": "a", "embedding": [1.0, 2.0]}, "shape-mismatch"),
        ({"text": "a", "importance": True}, "invalid-request"),
    ],
)
def test_what_cannot_be_remembered_is_refused(rest: Rest, body: dict[str, Any], kind: str) -> None:
    problem(rest.post(f"{ALICE}/remember", body), 422, kind)
    problem(rest.post(f"{ALICE}/remember/batch", {"memories": [said(9), body]}), 422, kind)
    assert good(rest.get(f"{ALICE}/memories"))["items"] == []


def test_a_context_keeps_to_its_budget_and_cites_memories(rest: Rest) -> None:
    ids = told(rest, *range(5), speaker="Ann")
    made = good(rest.post(f"{ALICE}/context", {"query": "thing number 3", "tokens": 200}, who="reader"))
    assert made["tokens"] <= 200
    assert set(made["citations"].values()) <= set(ids)
    assert all(one["name"] == "remembered" for one in _sections(rest, ["remembered"]))
    problem(rest.post(f"{ALICE}/context", {"query": "a", "tokens": 1}), 422, "out-of-range")
    problem(rest.post(f"{ALICE}/context", {"query": "a", "sections": ["all"]}), 422, "invalid-request")


def _sections(rest: Rest, names: list[str]) -> list[Any]:
    found: list[Any] = good(rest.post(f"{ALICE}/context", {"query": "thing", "sections": names}))["sections"]
    return found


# Moods


def test_moods_move_and_their_history_comes_in_pages(rest: Rest) -> None:
    before = good(rest.get(f"{ALICE}/mood", who="reader"))
    assert before["at"] is None
    place = good(rest.post(f"{ALICE}/feel", {"emotion": "joy", "cause": "sun"}))
    assert place["seq"] == 1
    good(rest.post(f"{ALICE}/feel", {"mixture": {"joy": 0.6, "fear": 0.4}, "intensity": 0.5}))
    good(rest.post(f"{ALICE}/feel", {"pad": {"pleasure": 0.5, "arousal": 0, "dominance": -0.5}}))
    after = good(rest.get(f"{ALICE}/mood"))
    assert after["mean"]["pleasure"] > before["mean"]["pleasure"]
    assert good(rest.get(f"{ALICE}/mood", params={"as_of": ":1"}))["mean"] != after["mean"]
    whole = good(rest.get(f"{ALICE}/mood/history"))["items"]
    assert [one["place"]["seq"] for one in whole] == [3, 2, 1]
    assert whole[0]["mood"]["mean"] == after["mean"]

    def more() -> None:
        good(rest.post(f"{ALICE}/feel", {"emotion": "fear"}))

    assert pages(rest, f"{ALICE}/mood/history", 1, more) == whole


@pytest.mark.parametrize(
    "body",
    [{}, {"emotion": "joy", "pad": {"pleasure": 0, "arousal": 0, "dominance": 0}}, {"emotion": "blorp"},
     {"mixture": {"joy": 0.2}}, {"mixture": {}}, {"emotion": "joy", "intensity": 2}],
)  # fmt: skip
def test_feelings_that_are_none_are_refused(rest: Rest, body: dict[str, Any]) -> None:
    assert rest.post(f"{ALICE}/feel", body).status_code == 422


# Memories


@pytest.mark.parametrize("limit", [1, 3, 7, 100])
def test_pages_of_memories_miss_and_double_nothing_while_memories_come_and_go(rest: Rest, limit: int) -> None:
    ids = told(rest, *range(10))
    numbers = iter(range(100, 200))

    def meanwhile() -> None:
        number = next(numbers)
        told(rest, number)
        left = [one for one in good(rest.get(f"{ALICE}/memories", params={"limit": 100}))["items"] if one["id"] in ids]
        if len(left) > 5:
            good(rest.ask("DELETE", f"{ALICE}/memories/{left[0]['id']}"), 204)
            good(rest.ask("PATCH", f"{ALICE}/memories/{left[1]['id']}", json={"importance": 0.3}))

    assert [one["id"] for one in pages(rest, f"{ALICE}/memories", limit, meanwhile)] == ids


def test_memories_are_listed_as_they_were(rest: Rest) -> None:
    told(rest, 1)
    told(rest, 2)
    assert texts(rest.get(f"{ALICE}/memories", params={"as_of": ":1"}, who="reader")) == ["thing number 1"]
    assert len(good(rest.get(f"{ALICE}/memories?embeddings=true"))["items"][0]["embedding"]) == 16
    good(rest.post(f"{ALICE}/fork", {"name": "what-if"}), 201)
    assert len(texts(rest.get(f"{ALICE}/memories?branch=what-if"))) == 2


LONG = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=128)


@given(LONG, st.integers(0, cursors.MAX_NUMBER))
@example("\x01" * 128, cursors.MAX_NUMBER)
@example("\U0001f600" * 128, cursors.MAX_NUMBER)
def test_every_cursor_that_is_handed_out_can_be_read_back(name: str, number: int) -> None:
    made = cursors.written("projects", number, name)
    assert len(made) <= cursors.LONGEST
    assert cursors.read("projects", made, [int, str]) == [number, name]


def test_lists_of_the_longest_names_go_on(rest: Rest) -> None:
    names = ["\u8a18" * 122 + end for end in ("a", "b")]
    for name in names:
        good(rest.ask("PUT", f"/agents/{quote(name)}"), 201)
        good(rest.ask("PUT", f"{ALICE}/tags/{quote(name)}", json={}))
    for path in ("/agents", f"{ALICE}/tags"):
        found: list[str] = []
        cursor = None
        while True:
            page = good(rest.get(path, params={"limit": 1} | ({"cursor": cursor} if cursor else {})))
            found += [one["name"] for one in page["items"]]
            cursor = page["next"]
            if cursor is None:
                break
        assert set(names) <= set(found)


def test_a_parameter_that_an_operation_does_not_take_is_refused_and_nothing_is_done(rest: Rest) -> None:
    memory = good(rest.post(f"{ALICE}/remember", said(1)))["ids"][0]
    refused = problem(
        rest.ask("DELETE", f"{ALICE}/memories/{memory}", params={"branche": "what-if"}), 422, "invalid-request"
    )
    assert refused["errors"] == [{"at": "query.branche", "message": "no parameter of this operation"}]
    good(rest.get(f"{ALICE}/memories/{memory}"))
    problem(rest.get("/agents", params={"limit": 1, "Limit": 2}), 422, "invalid-request")


@pytest.mark.parametrize("cursor", ["x", "!", "é", "W10", "WyJtZW1vcmllcyIsIC0xLCAwXQ", "bnVsbA", "W1tbW1tbW1tbW1tb"])
def test_cursors_that_nobody_handed_out_are_refused(rest: Rest, cursor: str) -> None:
    for path in ("memories", "log", "mood/history", "commits", "branches", "tags"):
        problem(rest.get(f"{ALICE}/{path}", params={"cursor": cursor}), 422, "invalid-value")
    problem(rest.get("/agents", params={"cursor": cursor}), 422, "invalid-value")


def test_one_memory_is_read_rewritten_and_forgotten(rest: Rest) -> None:
    (identity,) = told(rest, 1, id="a/b c?d", speaker="Ann")
    path = f"{ALICE}/memories/{quote(identity, safe='')}"
    assert good(rest.get(path, who="reader"))["speaker"] == "Ann"
    assert len(good(rest.get(f"{path}?embeddings=true"))["embedding"]) == 16
    traced = good(rest.get(f"{ALICE}/provenance", params={"memory": identity}, who="reader"))
    assert (traced["memory"]["id"], traced["how"], traced["sources"]) == (identity, None, [])
    revised = good(rest.ask("PATCH", path, json={"text": "other", "speaker": None, "tags": ["x"], "importance": 0.9}))
    assert (revised["text"], revised["speaker"], revised["tags"], revised["importance"]) == ("other", None, ["x"], 0.9)
    assert revised["revised_at"] is not None
    for body in ({}, {"text": None}, {"text": ""}, {"embedding": [1.0]}, {"importance": 2}):
        assert rest.ask("PATCH", path, json=body).status_code == 422
    good(rest.ask("DELETE", path), 204)
    problem(rest.ask("DELETE", path), 404, "memory-not-found")
    problem(rest.get(path), 404, "memory-not-found")
    problem(rest.get(f"{ALICE}/provenance", params={"memory": identity}), 404, "memory-not-found")
    assert good(rest.get(f"{path}?as_of=:1"))["text"] == "thing number 1"
    problem(rest.ask("PATCH", path, json={"text": "x"}), 404, "memory-not-found")


def test_several_memories_are_forgotten_all_or_none(rest: Rest) -> None:
    ids = told(rest, 1, 2, 3)
    problem(rest.post(f"{ALICE}/forget", {"ids": [ids[0], "nothing"]}), 404, "memory-not-found")
    headers = {"Idempotency-Key": "once"}
    for _ in range(2):
        assert good(rest.post(f"{ALICE}/forget", {"ids": ids[:2]}, headers=headers)) == {"forgotten": 2}
    assert texts(rest.get(f"{ALICE}/memories")) == ["thing number 3"]
    problem(rest.post(f"{ALICE}/forget", {"ids": []}), 422, "invalid-request")


# History


def test_history_is_told_in_pages(rest: Rest) -> None:
    for number in range(5):
        told(rest, number)
    commit = good(rest.post(f"{ALICE}/checkpoint", {"message": "five"}), 201)
    assert commit["place"]["seq"] == 5
    whole = good(rest.get(f"{ALICE}/log", who="reader"))["items"]
    assert [one["place"]["seq"] for one in whole] == [5, 4, 3, 2, 1]
    assert whole[0]["commits"][0]["id"] == commit["id"]
    assert pages(rest, f"{ALICE}/log", 2, lambda: told(rest, 50)) == whole
    assert len(good(rest.get(f"{ALICE}/log?as_of=:2"))["items"]) == 2


def test_what_happened_to_one_memory_is_told_in_pages(rest: Rest) -> None:
    one, other = told(rest, 1, 2)
    for text in ("rewritten", "and again"):
        good(rest.ask("PATCH", f"{ALICE}/memories/{one}", json={"text": text}))
    good(rest.ask("DELETE", f"{ALICE}/memories/{other}"), 204)
    path = f"{ALICE}/log?memory={one}"
    assert [line["kind"] for line in good(rest.get(path, who="reader"))["items"]] == [
        "revised",
        "revised",
        "remembered",
    ]
    assert [line["kind"] for line in good(rest.get(f"{ALICE}/log?memory={other}"))["items"]] == [
        "forgotten",
        "remembered",
    ]
    first = good(rest.get(f"{path}&limit=2"))
    rest_of_it = good(rest.get(f"{path}&limit=2&cursor={first['next']}"))
    assert [line["kind"] for line in first["items"] + rest_of_it["items"]] == ["revised", "revised", "remembered"]
    assert good(rest.get(f"{ALICE}/log?memory=nobody"))["items"] == []
    problem(rest.get(f"{ALICE}/log?memory="), 422, "invalid-request")


def test_memories_come_newest_first_where_that_is_said(rest: Rest) -> None:
    told(rest, *range(5))
    whole = texts(rest.get(f"{ALICE}/memories"))
    assert texts(rest.get(f"{ALICE}/memories?newest_first=true")) == whole[::-1]
    page = good(rest.get(f"{ALICE}/memories?newest_first=true&limit=2"))
    told(rest, 50)
    last = good(rest.get(f"{ALICE}/memories?newest_first=true&cursor={page['next']}"))
    assert [one["text"] for one in page["items"] + last["items"]] == whole[::-1]


def test_whoever_asks_is_told_who_he_is_and_what_he_may(rest: Rest) -> None:
    for who, role in (("reader", "reader"), ("ann", "writer"), ("admin", "admin")):
        caller = good(rest.get("/caller", who=who))
        assert (caller["subject"], caller["tenant"], caller["role"]) == (f"key:{who}", "acme", role)
        assert (caller["agents"], caller["channels"]) == (["*"], ["mood", "memories", "history"])
    assert good(rest.get("/caller", who="team"))["agents"] == ["team-*"]
    assert good(rest.get("/caller", who="team"))["projects"] == []
    assert (good(rest.get("/caller"))["clearance"], good(rest.get("/caller"))["projects"]) == ("internal", ["*"])
    assert good(rest.get("/caller", who="other"))["tenant"] != good(rest.get("/caller"))["tenant"]


def test_checkpoints_and_tags_come_in_pages_and_are_done_once_under_a_key(rest: Rest) -> None:
    told(rest, 1)
    headers = {"Idempotency-Key": "c1"}
    first = good(rest.post(f"{ALICE}/checkpoint", {"message": "one"}, headers=headers), 201)
    assert good(rest.post(f"{ALICE}/checkpoint", {"message": "one"}, headers=headers), 201)["id"] == first["id"]
    problem(rest.post(f"{ALICE}/checkpoint", {"message": "two"}, headers=headers), 422, "key-reused")
    for message in ("two", "three"):
        good(rest.post(f"{ALICE}/checkpoint", {"message": message}), 201)
    found = pages(rest, f"{ALICE}/commits", 1, who="reader")
    assert [one["message"] for one in found] == ["one", "two", "three"]
    problem(rest.post(f"{ALICE}/checkpoint", {"message": " "}), 422, "empty-text")

    for name in ("b", "a", "ä c"):
        assert good(rest.put(f"{ALICE}/tags/{quote(name)}", json={"at": "one"}))["place"] == first["place"]
    told(rest, 2)
    problem(rest.put(f"{ALICE}/tags/a", json={}), 409, "already-exists")
    assert good(rest.put(f"{ALICE}/tags/a", json={"move": True}))["place"]["seq"] == 2
    assert [one["name"] for one in pages(rest, f"{ALICE}/tags", 2, who="reader")] == ["a", "b", "ä c"]
    good(rest.ask("DELETE", f"{ALICE}/tags/a"), 204)
    good(rest.ask("DELETE", f"{ALICE}/tags/a"), 204)
    problem(rest.put(f"{ALICE}/tags/c", json={"at": "nowhere"}), 404, "place-not-found")


def test_branches_fork_differ_merge_and_are_deleted_by_an_admin(rest: Rest) -> None:
    told(rest, 1)
    made = good(rest.post(f"{ALICE}/fork", {"name": "what-if"}), 201)
    assert (made["name"], made["kind"], made["fork_seq"]) == ("what-if", "fork", 1)
    problem(rest.post(f"{ALICE}/fork", {"name": "what-if", "at": ":0"}), 409, "already-exists")
    problem(rest.post(f"{ALICE}/fork", {"name": "a/b"}), 422, "invalid-value")
    problem(rest.post(f"{ALICE}/fork", {"name": "late", "at": "nowhere"}), 404, "place-not-found")
    good(rest.post(f"{ALICE}/remember?branch=what-if", said(2)))
    good(rest.post(f"{ALICE}/skills?branch=what-if", {"name": "tea", "steps": ["boil"]}))
    good(rest.post(f"{ALICE}/relations?branch=what-if", {"subject": "Ann", "predicate": "likes", "object": "tea"}))
    differs = good(rest.get(f"{ALICE}/diff", params={"left": "main", "right": "what-if"}, who="reader"))
    assert [one["text"] for one in differs["only_right"]] == ["thing number 2"]
    assert [one["name"] for one in differs["skills_right"]] == ["tea"]
    assert [one["object"] for one in differs["relations_right"]] == ["tea"]
    assert 0 <= differs["mood_fidelity"] <= 1
    report = good(
        rest.post(f"{ALICE}/merge", {"branch": "what-if", "policy": {"memories": "newest"}, "mood_weight": 0.3})
    )
    assert (len(report["added"]), report["skills"], len(report["relations"])) == (1, ["tea"], 1)
    assert good(rest.post(f"{ALICE}/merge", {"branch": "what-if"}))["added"] == []
    problem(rest.post(f"{ALICE}/merge", {}), 422, "invalid-value")
    problem(rest.post(f"{ALICE}/merge", {"branch": "nowhere"}), 404, "place-not-found")
    problem(rest.post(f"{ALICE}/merge", {"branch": "what-if", "policy": {"nothing": "ours"}}), 422, "invalid-value")
    problem(rest.post(f"{ALICE}/merge", {"branch": "what-if", "only": ["x"]}), 404, "memory-not-found")
    assert [one["name"] for one in pages(rest, f"{ALICE}/branches", 1, who="reader")] == ["main", "what-if"]
    tree = good(rest.get(f"{ALICE}/tree", who="reader"))
    assert [(one["name"], one["agent"]) for one in tree["branches"]] == [("main", "alice"), ("what-if", "alice")]
    assert len(tree["merges"]) >= 1
    problem(rest.ask("DELETE", f"{ALICE}/branches/what-if"), 403, "forbidden")
    good(rest.ask("DELETE", f"{ALICE}/branches/what-if", who="admin"), 204)
    problem(rest.ask("DELETE", f"{ALICE}/branches/what-if", who="admin"), 404, "place-not-found")
    problem(rest.ask("DELETE", f"{ALICE}/branches/main", who="admin"), 422, "invalid-value")


def test_merges_tell_what_both_sides_changed(rest: Rest) -> None:
    ids = told(rest, 1, 2)
    good(rest.post(f"{ALICE}/fork", {"name": "b"}), 201)
    good(rest.ask("PATCH", f"{ALICE}/memories/{ids[0]}", json={"tags": ["ours"]}))
    good(rest.ask("PATCH", f"{ALICE}/memories/{ids[0]}?branch=b", json={"tags": ["theirs"]}))
    good(rest.ask("DELETE", f"{ALICE}/memories/{ids[1]}"), 204)
    good(rest.ask("PATCH", f"{ALICE}/memories/{ids[1]}?branch=b", json={"importance": 0.9}))
    report = good(rest.post(f"{ALICE}/merge", {"branch": "b", "policy": "theirs"}))
    assert {one["key"] for one in report["conflicts"]} >= {ids[0]}
    (tags,) = [one for one in report["conflicts"] if one["field"] == "tags"]
    assert (tags["ours"], tags["theirs"], tags["kept"]) == (["ours"], ["theirs"], "theirs")


def test_chosen_memories_are_taken_from_another_agent(rest: Rest) -> None:
    told(rest, 1)
    good(rest.post(f"{ALICE}/clone", {"name": "bob"}), 201)
    bob = good(rest.post("/agents/bob/remember/batch", {"memories": [said(2), said(3)]}))["ids"]
    report = good(rest.post(f"{ALICE}/merge", {"agent": "bob", "only": [bob[0]]}))
    assert report["added"] == [bob[0]]
    report = good(rest.post(f"{ALICE}/merge", {"agent": "bob", "matching": said(3)["embedding"], "k": 1}))
    assert report["added"] == [bob[1]]
    tree = good(rest.get("/agents/bob/tree"))
    assert {one["agent"] for one in tree["branches"]} == {"alice", "bob"}


def test_a_clone_is_made_only_where_its_maker_sees_it(rest: Rest) -> None:
    told(rest, 1)
    assert good(rest.post(f"{ALICE}/clone", {"name": "team-a"}), 201)["name"] == "team-a"
    assert len(texts(rest.get("/agents/team-a/memories", who="team"))) == 1
    problem(rest.post("/agents/team-a/clone", {"name": "mine"}, who="team"), 403, "forbidden")
    assert rest.denied[-1][:3] == ("key:team", "clone", "team-a")
    problem(rest.post("/agents/team-a/merge", {"agent": "alice"}, who="team"), 403, "forbidden")
    problem(rest.post(f"{ALICE}/clone", {"name": "team-a", "at": ":0"}), 409, "already-exists")


def test_rollbacks_are_whole_or_by_parts(rest: Rest) -> None:
    told(rest, 1)
    good(rest.post(f"{ALICE}/checkpoint", {"message": "then"}), 201)
    told(rest, 2)
    felt = good(rest.get(f"{ALICE}/mood"))["mean"]
    good(rest.post(f"{ALICE}/rollback", {"to": "then", "parts": ["memories"]}))
    assert texts(rest.get(f"{ALICE}/memories")) == ["thing number 1"]
    assert good(rest.get(f"{ALICE}/mood"))["mean"]["pleasure"] == pytest.approx(felt["pleasure"], abs=1e-3)
    told(rest, 3)
    assert good(rest.post(f"{ALICE}/rollback", {"to": ":1"}))["seq"] >= 3
    assert texts(rest.get(f"{ALICE}/memories")) == ["thing number 1"]
    for body in ({}, {"to": ""}, {"to": ":1", "parts": []}, {"to": ":1", "parts": ["soul"]}):
        problem(rest.post(f"{ALICE}/rollback", body), 422, "invalid-request")
    problem(rest.post(f"{ALICE}/rollback", {"to": "nowhere"}), 404, "place-not-found")


def test_the_audit_is_an_admins_and_says_who_it_was(rest: Rest) -> None:
    told(rest, 1)
    for who in ("reader", "ann"):
        problem(rest.get(f"{ALICE}/audit", who=who), 403, "forbidden")
    found = good(rest.get(f"{ALICE}/audit", who="admin"))["items"]
    assert found[0]["action"] == "remembered"
    assert {one["who"] for one in found} == {"acme/key:ann"}
    assert len(good(rest.get(f"{ALICE}/audit?limit=1", who="admin"))["items"]) == 1
    pages, page = [], good(rest.get(f"{ALICE}/audit?limit=2", who="admin"))
    rest.front.agent("acme:alice").remember("said while somebody reads the pages")
    pages += page["items"]
    while page["next"] is not None:
        page = good(rest.get(f"{ALICE}/audit?limit=2&cursor={page['next']}", who="admin"))
        pages += page["items"]
    assert pages == found
    problem(rest.get(f"{ALICE}/audit?cursor=odd", who="admin"), 422, "invalid-value")


def test_lists_of_agents_miss_and_double_nobody_who_stays(rest: Rest) -> None:
    for name in "bdfh":
        good(rest.put(f"/agents/{name}"), 201)
    names = iter("aceg")

    def meanwhile() -> None:
        good(rest.put(f"/agents/{next(names)}"), 201)

    found = [one["name"] for one in pages(rest, "/agents", 2, meanwhile)]
    assert len(found) == len(set(found))
    assert set(found) >= {"alice", "b", "d", "f", "h"}


# Knowledge and skills


def test_relations_are_known_ended_and_walked(rest: Rest) -> None:
    (memory,) = told(rest, 1)
    ann = {
        "subject": "Ann",
        "predicate": "lives in",
        "object": "Lisbon",
        "at": "2025-01-01T00:00:00Z",
        "memory": memory,
    }
    assert good(rest.post(f"{ALICE}/relations", ann))["memory"] == memory
    good(
        rest.post(
            f"{ALICE}/relations", {"subject": "Lisbon", "predicate": "lies in", "object": "Portugal", "weight": 2}
        )
    )
    near = good(rest.get(f"{ALICE}/neighbours", params={"name": "Ann", "depth": 2}, who="reader"))["items"]
    assert {"Lisbon", "Portugal"} <= {one["concept"]["label"] for one in near}
    assert good(rest.get(f"{ALICE}/neighbours", params={"name": "Ann", "depth": 2, "limit": 1}))["items"] == near[:1]
    ways = good(rest.get(f"{ALICE}/paths", params={"start": "Ann", "goal": "Portugal"}, who="reader"))["items"]
    assert [one["label"] for one in ways[0]["concepts"]] == ["Ann", "Lisbon", "Portugal"]
    moved = {
        **ann, "object": "Porto", "at": "2025-06-01T00:00:00Z",
        "replaces": [{"subject": "Ann", "predicate": "lives in", "object": "Lisbon"}],
    }  # fmt: skip
    good(rest.post(f"{ALICE}/relations", moved))
    where = {"about": "Ann"}
    assert [one["object"] for one in good(rest.get(f"{ALICE}/relations", params=where, who="reader"))["items"]] == [
        "Porto"
    ]
    then = good(rest.get(f"{ALICE}/relations", params=where | {"at": "2025-03-01T00:00:00Z"}))["items"]
    assert [(one["object"], one["until"]) for one in then] == [("Lisbon", "2025-06-01T00:00:00Z")]
    end = {"subject": "Ann", "predicate": "lives in", "object": "Porto"}
    good(rest.post(f"{ALICE}/relations/end", end), 204)
    problem(rest.post(f"{ALICE}/relations/end", end), 404, "relation-not-found")
    problem(rest.post(f"{ALICE}/relations", {**end, "weight": 0}), 422, "invalid-request")
    problem(rest.post(f"{ALICE}/relations", {**end, "memory": "nothing"}), 404, "memory-not-found")
    problem(rest.get(f"{ALICE}/neighbours", params={"name": "Ann", "limit": 1001}), 422, "invalid-request")
    ends = {"start": "Ann", "goal": "Portugal"}
    problem(rest.get(f"{ALICE}/paths", params={**ends, "limit": 21}), 422, "invalid-request")
    problem(rest.get(f"{ALICE}/neighbours"), 422, "invalid-request")
    problem(rest.get(f"{ALICE}/neighbours", params={"name": "Ann", "depth": 99}), 422, "invalid-request")
    assert good(rest.get(f"{ALICE}/concepts?top=3", who="reader"))["items"][0]["rank"] > 0


def test_what_is_near_and_the_ways_to_it_cost_by_how_much_is_asked_for(tmp_path: Path) -> None:
    costs: list[float] = []

    class Noting(Turnstile):
        async def charge(self, principal: Principal, cost: float) -> None:  # noqa: ARG002
            costs.append(cost)

    rest = Rest(tmp_path, Noting(100))
    try:
        rest.put("/agents/alice")
        for limit in (1, 64, 65, 1000):
            good(rest.get(f"{ALICE}/neighbours", params={"name": "Ann", "limit": limit}))
        for limit in (1, 5, 20):
            good(rest.get(f"{ALICE}/paths", params={"start": "Ann", "goal": "Bob", "limit": limit}))
    finally:
        rest.close()
    assert costs == [0, 0, 1, 15, 0, 4, 19]


def test_skills_are_learned_found_and_practised(rest: Rest) -> None:
    made = good(
        rest.post(f"{ALICE}/skills", {"name": "make tea/chai", "steps": ["boil", "pour"], "when": "a guest comes"})
    )
    assert (made["version"], made["steps"]) == (1, ["boil", "pour"])
    assert good(rest.post(f"{ALICE}/skills/practise", {"skill": "make tea/chai", "succeeded": True}))["successes"] == 1
    problem(rest.post(f"{ALICE}/skills/practise", {"skill": "fly", "succeeded": True}), 404, "skill-not-found")
    (found,) = good(rest.get(f"{ALICE}/skills", params={"query": "a guest comes"}, who="reader"))["items"]
    assert found["score"] == pytest.approx(sum(found["why"].values()))
    problem(rest.post(f"{ALICE}/skills", {"name": "x", "steps": []}), 422, "invalid-request")
    ids = told(rest, 1, 2, tags=["action"])
    preview = {"name": "two things", "episodes": ids, "preview": True}
    assert good(rest.post(f"{ALICE}/skills/from-episodes", preview))["steps"] == ["thing number 1", "thing number 2"]
    good(rest.post(f"{ALICE}/skills/from-episodes", {**preview, "preview": False, "succeeded": True}))
    assert [one["name"] for one in good(rest.get(f"{ALICE}/skills"))["items"]] == ["make tea/chai", "two things"]
    problem(rest.post(f"{ALICE}/skills/from-episodes", {"name": "x", "episodes": ["nothing"]}), 404, "memory-not-found")


# What is sent again under its key

CHANGES: list[tuple[str, str, dict[str, Any] | None]] = [
    ("POST", "/remember", said(9)),
    ("POST", "/remember/batch", {"memories": [said(8), said(9)]}),
    ("POST", "/feel", {"emotion": "joy"}),
    ("POST", "/relations", {"subject": "Ann", "predicate": "likes", "object": "tea"}),
    ("POST", "/relations/end", {"subject": "Ann", "predicate": "lives in", "object": "Lisbon"}),
    ("POST", "/skills", {"name": "tea", "steps": ["boil"]}),
    ("POST", "/skills/practise", {"skill": "walk", "succeeded": True}),
    ("POST", "/skills/from-episodes", {"name": "two", "episodes": ["one", "two"]}),
    ("PATCH", "/memories/one", {"importance": 0.9}),
    ("DELETE", "/memories/one", None),
    ("POST", "/forget", {"ids": ["one"]}),
    ("POST", "/checkpoint", {"message": "now"}),
    ("PUT", "/tags/v2", {}),
    ("DELETE", "/tags/v1", None),
    ("POST", "/fork", {"name": "c"}),
    ("POST", "/clone", {"name": "bob"}),
    ("POST", "/merge", {"branch": "b"}),
    ("POST", "/rollback", {"to": ":1"}),
    ("DELETE", "/branches/b", None),
]


@pytest.mark.parametrize(("method", "path", "body"), CHANGES)
def test_a_change_that_is_sent_again_is_made_once(
    rest: Rest, method: str, path: str, body: dict[str, Any] | None
) -> None:
    for number, name in enumerate(("one", "two")):
        good(rest.post(f"{ALICE}/remember", said(number, id=name, tags=["action"])))
    good(rest.post(f"{ALICE}/relations", {"subject": "Ann", "predicate": "lives in", "object": "Lisbon"}))
    good(rest.post(f"{ALICE}/skills", {"name": "walk", "steps": ["go"]}))
    good(rest.put(f"{ALICE}/tags/v1", json={}))
    good(rest.post(f"{ALICE}/fork", {"name": "b"}), 201)
    good(rest.post(f"{ALICE}/remember?branch=b", said(5)))
    options: dict[str, Any] = {"headers": {"Idempotency-Key": "k"}, "who": "admin"} | ({"json": body} if body else {})
    if body == {}:
        options["json"] = body
    first = rest.ask(method, ALICE + path, **options)
    assert first.status_code < 300, first.text
    events = good(rest.get(f"{ALICE}/log?limit=1000"))["items"]
    rest.front.reopen()
    again = rest.ask(method, ALICE + path, **options)
    assert (again.status_code, again.text) == (first.status_code, first.text)
    after = good(rest.get(f"{ALICE}/log?limit=1000"))["items"]
    assert [one["place"] for one in after] == [one["place"] for one in events]


def test_a_page_of_memories_reads_no_more_than_it_holds(rest: Rest, monkeypatch: pytest.MonkeyPatch) -> None:
    told(rest, *range(60))
    dropped = [one["id"] for one in pages(rest, f"{ALICE}/memories", 60)[5:8]]
    good(rest.post(f"{ALICE}/forget", {"ids": dropped}))
    read: list[int] = []
    for block in (Chunk, Run):
        whole = block.memories

        def counted(self: Any, rows: Any, whole: Any = whole) -> Any:
            read.append(len(rows))
            return whole(self, rows)

        monkeypatch.setattr(block, "memories", counted)
    every = pages(rest, f"{ALICE}/memories", 10)
    assert len(every) == 57
    assert [one["text"] for one in every] == [
        f"thing number {number}" for number in range(60) if number not in (5, 6, 7)
    ]
    assert sum(read) == 57, "each is read once, for the page that it is on"
    assert max(read) <= 10
