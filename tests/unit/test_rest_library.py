"""The library through the door: who reads what, versions, pages, and that nobody hears of shelves in any other way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.doors import Rest, problem, said

RULE = {"kind": "rule", "title": "No deploys on Friday", "text": "Nobody deploys after noon.", "priority": 3}
ENTRIES = "/projects/apollo/entries"
TIERS = ["open", "internal", "restricted"]


@pytest.fixture
def rest(tmp_path: Path) -> Iterator[Rest]:
    made = Rest(tmp_path)
    yield made
    made.close()


def kept(rest: Rest, who: str = "admin", **fields: Any) -> dict[str, Any]:
    answer = rest.post(ENTRIES, {**RULE, "tier": "open", **fields}, who=who)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def test_an_entry_is_made_read_changed_and_taken_away(rest: Rest) -> None:
    made = kept(rest, id="friday")
    assert (made["id"], made["version"], made["tier"], made["priority"]) == ("friday", 1, "open", 3)
    path, seen = f"{ENTRIES}/friday", {"If-Match": '"1"'}
    read = rest.get(path, who="reader")
    assert read.json() == made
    assert read.headers["etag"] == '"1"'
    for wrong in ({"enabled": False}, {"version": 1, "title": None}, {"version": 1}):
        problem(rest.ask("PATCH", path, json=wrong), 422, "invalid-value")
    problem(rest.ask("PATCH", path, json={"version": 2, "title": "A"}, headers=seen), 422, "invalid-value")
    changed = rest.ask("PATCH", path, json={"enabled": False}, headers=seen)
    assert (changed.status_code, changed.json()["enabled"], changed.headers["etag"]) == (200, False, '"2"')
    assert rest.ask("PATCH", path, json={"enabled": False}, headers=seen).json() == changed.json()
    told = problem(rest.ask("PATCH", path, json={"version": 1, "title": "Mine"}), 409, "version-conflict")
    assert (told["entry"], told["expected"], told["version"]) == ("friday", 1, 2)
    problem(rest.ask("DELETE", path, headers=seen), 409, "version-conflict")
    problem(rest.ask("DELETE", path, headers={"If-Match": "1"}), 422, "invalid-value")
    assert rest.ask("DELETE", f"{path}?version=2").status_code == 204
    told = problem(rest.get(path), 404, "entry-not-found")
    assert (told["project"], told["entry"]) == ("apollo", "friday")


def test_a_change_under_a_key_is_made_once(rest: Rest) -> None:
    first, again = (rest.post(ENTRIES, RULE, headers={"Idempotency-Key": "k1"}) for _ in range(2))
    assert first.json() == again.json()
    assert first.json()["tier"] == "internal"
    path = f"{ENTRIES}/{first.json()['id']}"
    gone = [rest.ask("DELETE", path, headers={"Idempotency-Key": "k2"}).status_code for _ in range(2)]
    assert gone == [204, 204]
    assert rest.ask("DELETE", path).status_code == 404
    problem(rest.post(ENTRIES, {**RULE, "id": "none", "kind": "reference"}), 422, "invalid-value")
    kept(rest, id="one")
    problem(rest.post(ENTRIES, {**RULE, "tier": "open", "id": "one", "title": "B"}), 409, "already-exists")


def test_each_reads_and_writes_as_far_as_his_clearance(rest: Rest) -> None:
    for tier in TIERS:
        kept(rest, tier=tier, id=tier)
    for number, who in enumerate(("reader", "ann", "admin"), 1):
        sees = TIERS[:number]
        assert [one["id"] for one in rest.get(ENTRIES, who=who).json()["items"]] == sees
        found = rest.post("/library/search", {"query": "deploys on friday"}, who=who).json()["hits"]
        assert {one["entry"]["id"] for one in found} == set(sees)
        for tier in TIERS:
            assert rest.get(f"{ENTRIES}/{tier}", who=who).status_code == (200 if tier in sees else 404)
    problem(rest.post(ENTRIES, {**RULE, "tier": "restricted"}), 403, "forbidden")
    problem(rest.post(ENTRIES, RULE, who="reader"), 403, "forbidden")
    problem(rest.post("/library/search", {"query": "x", "tiers": ["internal"]}, who="reader"), 403, "forbidden")
    problem(rest.get(f"{ENTRIES}?tier=internal", who="reader"), 403, "forbidden")
    problem(rest.get(ENTRIES, who="team"), 403, "forbidden")
    for who in ("team", "other"):
        assert rest.get("/projects", who=who).json()["items"] == []
    assert rest.get(ENTRIES, who="other").json()["items"] == []
    assert rest.get("/projects", who="reader").json()["items"] == [{"name": "apollo"}]
    moved = rest.ask("PATCH", f"{ENTRIES}/open", json={"version": 1, "tier": "internal"})
    assert moved.json()["tier"] == "internal"
    assert rest.get(ENTRIES, who="reader").json()["items"] == []
    problem(rest.ask("PATCH", f"{ENTRIES}/open", json={"version": 2, "to": "a b"}), 422, "invalid-request")


def test_pages_go_on_where_they_ended(rest: Rest) -> None:
    made = [kept(rest, tier=TIERS[number % 2])["id"] for number in range(5)]
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = rest.get(f"{ENTRIES}?limit=2&kind=rule{cursor and '&cursor=' + cursor}").json()
        found += [one["id"] for one in page["items"]]
        assert all(one["text"] is None for one in page["items"])
        cursor = page["next"]
    assert found == made
    problem(rest.get(f"{ENTRIES}?cursor=WyJhZ2VudHMiLCAiYSJd"), 422, "invalid-value")


def test_shelves_are_told_of_nowhere_else(rest: Rest) -> None:
    rest.post("/agents/alice/remember?create=true", said(1), who="driver")
    rest.post(ENTRIES, {**RULE, "tier": "restricted", "title": "Sesame"}, who="driver")
    shelf = ":default:apollo:restricted"
    for path in ("", "/memories", "/log", "/audit", "/branches", "/mood", "/concepts", "/skills", "/tree", "/export"):
        answer = rest.get(f"/agents/{shelf}{path}", who="driver")
        assert answer.status_code in (404, 405, 422), (path, answer.text)
        assert "Sesame" not in answer.text
    for path, body in (
        ("recall", {"query": "sesame"}),
        ("context", {"query": "sesame"}),
        ("fork", {"name": "f"}),
        ("clone", {"name": "c"}),
        ("remember", {"text": "x"}),
    ):
        problem(rest.post(f"/agents/{shelf}/{path}", body, who="driver"), 422, "invalid-value")
    problem(rest.post("/agents/alice/clone", {"name": shelf}, who="driver"), 422, "invalid-value")
    problem(rest.post("/agents/alice/merge", {"agent": shelf}, who="driver"), 422, "invalid-value")
    told = [rest.get(path, who="driver").text for path in ("/agents", "/agents/alice/audit", "/agents/alice/log")]
    assert "apollo" not in "".join(told)
    assert "Sesame" not in json.dumps(rest.post("/agents/alice/recall", {"query": "sesame"}, who="driver").json())
