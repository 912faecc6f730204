"""Archives and states at the command line, without Ray: straight into a vault, file by file, and what goes wrong."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from quantum_memory.actors.vault import VaultHost
from quantum_memory.cluster.archives import ClusterDoor
from quantum_memory.cluster.cli import app
from quantum_memory.errors import AlreadyExists, InvalidValue, StorageLocked, VaultUnavailable
from quantum_memory.memory.events import Remembered
from quantum_memory.memory.portable import read_state
from quantum_memory.memory.vault import Append, CreateAgent, Vault
from quantum_memory.settings import load
from quantum_memory.types import PAD, Memory

START = datetime(2026, 1, 1, tzinfo=UTC)
DIM = 8


def call(*args: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with settings and a vault in which Alice remembers two things."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    (tmp_path / "ray_config.yaml").write_text(f"storage: vault\nperception: {{model: hashing, dim: {DIM}}}\n")
    with Vault.open("vault", now=lambda: START, embedding=f"hashing/{DIM}") as vault:
        vector = np.ones(DIM, np.float32)
        known = [Memory(f"m{n}", f"thing {n}", START, PAD(0, 0, 0), 1.0, 0.5, vector) for n in range(2)]
        vault.write([CreateAgent("alice", "main"), Append("main", 0, Remembered(tuple(known)), "s.1")])
    return tmp_path


def test_an_agent_goes_out_and_comes_in_without_a_cluster(home: Path) -> None:
    code, out, err = call("export", "alice", "alice.qms")
    assert (code, err) == (0, "")
    assert out.startswith("alice in alice.qms: 1 branches, 1 events, ")
    whole = Path("alice.qms").read_bytes()
    assert call("export", "alice", "-o", "again.qms", "--json")[0] == 0
    assert Path("again.qms").read_bytes() == whole
    code, out, err = call("import", "alice.qms", "--storage", "other", "--dry-run", "--json")
    assert (code, err, Path("other").exists()) == (0, "", False)
    assert json.loads(out)["dry_run"] is True
    assert call("import", "alice.qms", "--storage", "other")[0] == 0
    assert call("export", "alice", "back.qms", "--storage", "other")[0] == 0
    assert Path("back.qms").read_bytes() == whole


def test_a_name_that_is_taken_is_told_with_what_helps(home: Path) -> None:
    call("export", "alice", "alice.qms")
    code, out, err = call("import", "alice.qms")
    assert (code, out) == (1, "")
    assert "the agent 'alice' exists already" in err
    assert "--as NAME" in err
    assert call("import", "alice.qms", "--as", "anna")[0] == 0
    with Vault.open("vault", now=lambda: START) as vault:
        assert vault.agents() == ["alice", "anna"]


@pytest.mark.parametrize(
    "args",
    [
        ["import", "alice"],
        ["import", "alice", "alice.qms"],
        ["import", "alice", "chat.jsonl", "--as", "anna"],
        ["import", "chat.jsonl", "--agent", "alice", "--as", "anna"],
        ["import", "alice.qms", "--format", "jsonl"],
        ["export", "alice@side", "alice.qms"],
        ["export", "alice", "alice.qms", "--as-of", "x"],
        ["export", "alice", "alice.qms", "-o", "other.qms"],
        ["export", "alice", "alice.qms", "--views", "some"],
        ["convert", "--to", "json"],
        ["convert", "a.qms"],
        ["convert", "a.qms", "--to", "pickle"],
    ],
)
def test_wrong_usage_exits_with_2(args: list[str]) -> None:
    code, out, err = call(*args)
    assert (code, out) == (2, "")
    assert err


def test_a_damaged_archive_is_named_before_anything_is_opened(home: Path) -> None:
    call("export", "alice", "alice.qms")
    whole = bytearray(Path("alice.qms").read_bytes())
    whole[1000] ^= 1
    Path("alice.qms").write_bytes(whole)
    code, out, err = call("import", "alice.qms", "--storage", "other")
    assert (code, out, err) == (1, "", "qmem: alice.qms: its checksum does not match\n")
    assert not Path("other").exists()
    code, _, err = call("import", "missing.qms")
    assert (code, err) == (1, "qmem: missing.qms: No such file or directory\n")


def test_a_vault_that_is_held_open_by_no_cluster_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from quantum_memory.cluster import connect
    from quantum_memory.errors import Unavailable

    def nobody(*_: object) -> None:
        raise Unavailable("no cluster")

    monkeypatch.setattr(connect, "reach", nobody)
    with Vault.open("vault", now=lambda: START):
        code, out, err = call("export", "alice", "alice.qms")
    assert (code, out) == (1, "")
    assert "is held open by another vault" in err


class Near:
    """A cluster as far as an archive's way through it goes: a real vault's host, called as Ray would call it."""

    def __init__(self, host: VaultHost) -> None:
        self.host, self.asked = host, list[str]()

    def ask_vault(self, method: str, *args: Any, texts: int = 0) -> Any:  # noqa: ARG002 - as the cluster's
        self.asked.append(method)
        return getattr(self.host, method)(*args)

    def op_id(self) -> str:
        return "session/cafe"


def test_it_goes_through_the_actor_that_holds_the_vault(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from quantum_memory.actors import archives as desk
    from quantum_memory.cluster import archives

    call("export", "alice", "direct.qms")
    monkeypatch.setattr(desk, "PIECE_BYTES", 10_000)
    monkeypatch.setattr(archives, "PIECE_BYTES", 10_000)
    host = VaultHost(load("ray_config.yaml"))
    near = Near(host)
    door = ClusterDoor(near)  # type: ignore[arg-type]  # all of it that is used
    try:
        assert host.agents() == ["alice"]
        with pytest.raises(StorageLocked):
            Vault.open("vault", now=lambda: START)
        done = door.export("alice", Path("through.qms"), "every")
        assert (done.path, done.nbytes) == (Path("through.qms"), Path("through.qms").stat().st_size)
        assert Path("through.qms").read_bytes() == Path("direct.qms").read_bytes()
        assert near.asked.count("archive_piece") > 3
        with pytest.raises(AlreadyExists):
            door.bring(Path("through.qms"), None, dry_run=False)
        assert door.bring(Path("through.qms"), "anna", dry_run=True).agent == "anna"
        assert host.agents() == ["alice"]
        assert door.bring(Path("through.qms"), "anna", dry_run=False).agent == "anna"
        assert host.agents() == ["alice", "anna"]
        with pytest.raises(VaultUnavailable, match="send it again"):
            host.import_archive("0" * 32, None, dry_run=False)
        with pytest.raises(InvalidValue, match="ticket"):
            host.archive_piece("../../etc/passwd", 0)
    finally:
        host.close()


def test_files_are_converted_each_on_its_own(home: Path) -> None:
    call("export", "alice", "alice.qms")
    Path("bad.qms").write_bytes(b"nothing")
    code, out, err = call("convert", "alice.qms", "bad.qms", "missing.npz", "--to", "json", "--into", "out", "--json")
    assert (code, err) == (1, "")
    done = json.loads(out)
    assert [one["problem"] is None for one in done] == [True, False, False]
    assert done[0]["output"] == "out/alice.json"
    assert "bad.qms" in done[1]["problem"]
    assert "No such file" in done[2]["problem"]
    state = read_state(Path("out/alice.json").read_bytes())
    assert [one.text for one in state.memories] == ["thing 0", "thing 1"]
    before = Path("out/alice.json")
    for form, suffix in (("msgpack", "msgpack"), ("npz", "npz"), ("base64", "b64")):
        code, out, _ = call("convert", before, "--to", form)
        assert code == 0
        assert f"alice.{suffix}" in out
        before = Path(f"out/alice.{suffix}")
        assert read_state(before.read_bytes()) == state
    assert call("convert", before, "--to", "jsonl")[0] == 0
    lines = [json.loads(line) for line in Path("out/alice.jsonl").read_text().splitlines()]
    assert [(line["id"], len(line["embedding"])) for line in lines] == [("m0", DIM), ("m1", DIM)]


def test_no_file_of_a_run_is_written_over(home: Path) -> None:
    call("export", "alice", "alice.qms")
    call("convert", "alice.qms", "--to", "npz")
    whole = Path("alice.npz").read_bytes()
    code, out, _ = call("convert", "alice.npz", "--to", "npz", "--json", "--force")
    assert (code, Path("alice.npz").read_bytes()) == (1, whole)
    assert json.loads(out)[0]["problem"] == "alice.npz is a file of this run"
    code, out, _ = call("convert", "alice.qms", "alice.npz", "--to", "json", "--json")
    assert [one["problem"] is None for one in json.loads(out)] == [True, False]
    assert code == 1


@pytest.mark.parametrize("name", ["alice.json", "sub/../alice.json", "link/alice.json"])
def test_an_input_that_comes_later_in_the_run_is_not_written_over_either(home: Path, name: str) -> None:
    """However it is spelt, and also with --force."""
    call("export", "alice", "alice.qms")
    call("convert", "alice.qms", "--to", "npz")
    call("convert", "alice.qms", "--to", "json")
    (home / "sub").mkdir()
    (home / "link").symlink_to(home)
    whole = Path("alice.json").read_bytes()
    code, out, _ = call("convert", "alice.npz", name, "--to", "json", "--force", "--json")
    assert code == 1
    assert [one["problem"].endswith("is a file of this run") for one in json.loads(out)] == [True, True]
    assert Path("alice.json").read_bytes() == whole


def test_a_file_that_is_there_is_written_over_only_by_force(home: Path) -> None:
    call("export", "alice", "alice.qms")
    call("export", "alice", "anna.qms")
    Path("alice.json").write_text("precious")
    code, out, err = call("convert", "alice.qms", "anna.qms", "--to", "json", "--json")
    assert (code, err, Path("alice.json").read_text()) == (1, "", "precious")
    assert [one["problem"] for one in json.loads(out)] == ["alice.json is there already; --force writes over it", None]
    assert Path("anna.json").exists()
    assert call("convert", "alice.qms", "anna.qms", "--to", "json", "--force")[0] == 0
    assert Path("alice.json").read_bytes() == Path("anna.json").read_bytes()
