"""The commands that keep a vault well, straight into one without Ray: what they do, what they say, how they exit."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from quantum_memory.cluster.cli import app
from quantum_memory.memory.events import Remembered
from quantum_memory.memory.vault import Append, CreateAgent, Vault, Written
from quantum_memory.memory.vault.blocks import open_blocks
from quantum_memory.memory.vault.keeper import Keeper
from quantum_memory.types import PAD, Memory

START = datetime(2026, 1, 1, tzinfo=UTC)
DIM = 8
EVENTS = 8


def call(*args: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def answer(*args: str | Path, code: int = 0) -> Any:
    """What a command says in JSON, and nothing else."""
    found, out, err = call(*args, "--json")
    assert (found, err) == (code, ""), (out, err)
    return json.loads(out)


def refusal(*args: str | Path) -> str:
    """The one line with which a command refuses."""
    code, out, err = call(*args)
    assert (code, out) == (1, "")
    assert err.startswith("qmem: ")
    assert err.count("\n") == 1
    return err


def event(number: int) -> Remembered:
    vector = np.full(DIM, number + 1.0, np.float32)
    return Remembered((Memory(f"m{number}", f"thing {number}", START, PAD(0.0, 0.0, 0.0), 1.0, 0.5, vector),))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with settings and a vault: eight things remembered, a minute apart, the first four sealed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    (tmp_path / "ray_config.yaml").write_text(f"storage: vault\nperception: {{model: hashing, dim: {DIM}}}\n")
    at = [START]
    blocks = open_blocks("vault/blocks")
    with Vault.open("vault", now=lambda: at[0], embedding=f"hashing/{DIM}", blocks=blocks) as vault:
        vault.write([CreateAgent("alice", "main")])
        for number in range(EVENTS):
            at[0] += timedelta(minutes=1)
            (outcome,) = vault.write([Append("main", number, event(number), f"s.{number}")])
            assert isinstance(outcome, Written), outcome
            if number == 3:
                Keeper(vault.database, blocks, lambda: at[0], seal_events=4).settle()
    return tmp_path


def texts(storage: str) -> list[str]:
    with Vault.open(storage, now=lambda: START, blocks=open_blocks(f"{storage}/blocks")) as vault:
        events = [one.event for one in vault.entries("main", 0, vault.head("main"))]
    return [memory.text for one in events if isinstance(one, Remembered) for memory in one.memories]


def things(count: int) -> list[str]:
    return [f"thing {number}" for number in range(count)]


def segment() -> Path:
    (file,) = [one for one in Path("vault/blocks").rglob("*") if one.is_file() and len(one.name) == 64]
    return file


def spoil(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def test_a_backup_is_made_listed_and_restored(home: Path) -> None:
    made = answer("backup", "copies")
    assert (made["kind"], made["position"]) == ("incremental", EVENTS + 1)
    assert made["segments"] == 1
    code, out, err = call("backup", "copies", "--full")
    assert (code, err) == (0, "")
    assert "full, up to position" in out
    listed = answer("backups", "copies")
    assert [(one["kind"], one["segments"], one["faults"]) for one in listed] == [("full", 1, [])], "one of each day"
    assert "whole" in call("backups", "copies")[1]
    done = answer("restore", "copies", "new")
    assert (done["into"], done["segments"]) == ("new", 1)
    assert texts("new") == texts("vault") == things(EVENTS)
    assert answer("verify", "--storage", "new")["findings"] == []


def test_what_a_backup_did_is_in_the_audit(home: Path) -> None:
    made = answer("backup", "copies")
    with Vault.open("vault", now=lambda: START, blocks=open_blocks("vault/blocks")) as vault:
        (note,) = [one for one in vault.audit() if one.action == "backed_up"]
    assert f"position {made['position']}" in note.detail


def test_a_restore_to_a_position_and_to_a_time_keeps_what_was_there_then(home: Path) -> None:
    call("backup", "copies")
    assert answer("restore", "copies", "early", "--position", "4")["position"] == 4
    assert texts("early") == things(3)
    at = (START + timedelta(minutes=6)).isoformat()
    answer("restore", "copies", "later", "--at", at)
    assert texts("later") == things(6)
    assert texts("vault") == things(EVENTS)
    assert call("restore", "copies", "elsewhere", "--blocks", "apart")[0] == 0
    assert [one for one in Path("apart").rglob("*") if one.name == segment().name]
    assert not Path("elsewhere/blocks").exists()


def test_a_damaged_segment_is_named_and_mended_from_a_backup(home: Path) -> None:
    code, out, err = call("verify")
    assert (code, err) == (0, "")
    assert "nothing is wrong" in out
    call("backup", "copies")
    spoil(segment())
    name = segment().name
    code, out, err = call("verify")
    assert (code, err) == (1, "")
    assert name in "".join(out.split())
    found = answer("verify", code=1)
    assert (found["sound"], [one["block"] for one in found["findings"]]) == (False, [name])
    assert "do not have this hash" in refusal("backup", "fresh")
    assert not list(Path("fresh").glob("*.json"))
    mended = answer("verify", "--repair", "--from", "copies")
    assert (mended["sound"], [one["mended"] for one in mended["repairs"]]) == (True, [True])
    assert answer("verify")["findings"] == []
    assert texts("vault") == things(EVENTS)


def test_without_a_backup_a_damaged_segment_is_put_aside_and_the_rest_serves(home: Path) -> None:
    name = segment().name
    spoil(segment())
    assert answer("verify", "--repair", code=1)["repairs"][0]["mended"] is False
    assert (home / "vault" / "blocks" / "quarantine" / name).is_file()
    with Vault.open("vault", now=lambda: START, blocks=open_blocks("vault/blocks")) as vault:
        assert len(vault.entries("main", 4, EVENTS)) == EVENTS - 4
    assert answer("verify", code=1)["findings"][0]["block"] == name


def test_a_damaged_backup_is_told(home: Path) -> None:
    call("backup", "copies")
    (copy,) = Path("copies/blocks").rglob(segment().name)
    spoil(copy)
    (one,) = answer("backups", "copies", code=1)
    assert segment().name in one["faults"][0]
    assert "1 blocks damaged" in call("backups", "copies")[1]
    assert segment().name in refusal("restore", "copies", "new")
    assert not Path("new/journal.sqlite").exists()


def test_a_vault_that_is_not_there_is_not_made(home: Path) -> None:
    for args in (["verify"], ["verify", "--repair"], ["backup", "copies"]):
        assert "missing" in refusal(*args, "--storage", "missing")
    assert sorted(one.name for one in home.iterdir()) == ["ray_config.yaml", "vault"]


def test_wrong_places_are_told_in_one_line(home: Path) -> None:
    assert "backups.to" in refusal("backup")
    assert "missing" in refusal("backups", "missing")
    assert "missing" in refusal("restore", "missing", "new")
    call("backup", "copies")
    assert "exists already" in refusal("restore", "copies", "vault")
    assert "position 99" in refusal("restore", "copies", "new", "--position", "99")
    assert "one of the two" in refusal("restore", "copies", "new", "--position", "1", "--at", "2026-01-01T00:00")
    Path("file").write_text("a text")
    assert "file" in refusal("backup", "file")
    assert "file" in refusal("backups", "file")
    assert "file" in refusal("restore", "copies", "file")
    assert "file" in refusal("verify", "--storage", "file")
    Path("copies", "backup-20260101T000000000000Z-1.json").write_text("{")
    code, out, err = call("backups", "copies")
    assert (code, "backup-20260101" in err, "whole" in out) == (1, True, True), "the others are shown all the same"
    assert sorted(one.name for one in home.iterdir()) == ["copies", "file", "ray_config.yaml", "vault"]


@pytest.mark.parametrize(
    "args", [["backups"], ["restore", "copies"], ["restore", "copies", "new", "--position", "-1"],
             ["restore", "copies", "new", "--at", "noon"], ["backup", "--to", "x"]]
)  # fmt: skip
def test_wrong_usage_exits_with_2(home: Path, args: list[str]) -> None:
    assert call(*args)[:2] == (2, "")


def test_the_place_for_backups_may_come_from_the_settings(home: Path) -> None:
    with Path("ray_config.yaml").open("a") as file:
        file.write("backups: {to: kept}\n")
    answer("backup")
    assert len(answer("backups", "kept")) == 1
    spoil(segment())
    assert answer("verify", "--repair")["sound"] is True
