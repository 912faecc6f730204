"""The commands of the library, over a memory in this process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from quantum_memory.cluster.cli_session import Session
from quantum_memory.cluster.connect import MemoryCluster
from tests.unit.front import Front
from tests.unit.test_cli import call


@pytest.fixture
def front(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Front]:
    made = Front(tmp_path / "vault")

    @contextmanager
    def memory(self: Session, *, dashboard: bool = False) -> Iterator[MemoryCluster]:
        yield made.memory

    monkeypatch.setattr(Session, "memory", memory)
    yield made
    made.close()


def told(*args: str, stdin: str | None = None) -> Any:
    code, out, err = call("library", *args, "--json", stdin=stdin)
    assert code == 0, err
    return json.loads(out)


@pytest.mark.usefixtures("front")
def test_entries_are_added_listed_found_edited_and_deleted(tmp_path: Path) -> None:
    (tmp_path / "landing.md").write_text("The legs unfold at 200 m.", encoding="utf-8")
    rule = ("apollo", "rule", "No deploys on Friday", "--text", "-", "--priority", "5", "--id", "friday")
    made = told("add", *rule, "--tier", "open", stdin="Nobody deploys after noon.")
    assert (made["text"], made["tier"]) == ("Nobody deploys after noon.", "open")
    assert (made["priority"], made["version"]) == (5, 1)
    told("add", "apollo", "document", "Landing", "--text", f"@{tmp_path}/landing.md", "-t", "flight", "--id", "landing")
    assert told("projects") == ["apollo"]
    assert [one["id"] for one in told("list", "apollo")] == ["friday", "landing"]
    assert [one["id"] for one in told("list", "apollo", "-t", "flight", "--tier", "internal")] == ["landing"]
    assert told("search", "when do the legs unfold?", "--kind", "document")[0]["entry"]["id"] == "landing"
    code, out, err = call("library", "show", "apollo", "landing")
    assert (code, out) == (0, "The legs unfold at 200 m.\n")
    assert "version 1" in err
    assert told("edit", "apollo", "friday", "1", "--disabled", "--tier", "internal")["version"] == 2
    for args in (("list", "apollo"), ("search", "deploys", "--project", "apollo")):
        code, out, _ = call("library", *args)
        assert (code, "friday" in out) == (0, True)
    code, _, err = call("library", "edit", "apollo", "friday", "1", "--title", "Mine")
    assert (code, "of version 2, not of version 1" in err) == (1, True)
    assert told("delete", "apollo", "friday", "--version", "2") == {"deleted": "friday"}
    assert [one["id"] for one in told("list", "apollo")] == ["landing"]
    assert call("library", "show", "apollo", "friday")[0] == 1


@pytest.mark.usefixtures("front")
def test_what_others_wrote_cannot_move_the_terminal() -> None:
    nasty = "Deploys \x1b[2J\u202e\x9b1A"
    told("add", "apollo", "rule", nasty, "--text", nasty, "-t", nasty, "--id", "friday")
    for args in (("list", "apollo"), ("search", "deploys"), ("show", "apollo", "friday")):
        code, out, err = call("library", *args)
        assert code == 0
        assert "Deploys" in out
        assert not {"\x1b", "\u202e", "\x9b"} & set(out + err), args
    assert told("list", "apollo")[0]["title"] == nasty, "JSON tells it as it is"
