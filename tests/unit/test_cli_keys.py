"""API keys at the command line: shown once, listed without a secret, revoked, and all of it in the audit."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from quantum_memory.cluster.archives import ClusterDoor, now
from quantum_memory.cluster.cli import app
from quantum_memory.cluster.service.access.keys import matches, mint, presented
from quantum_memory.errors import KeyNotFound
from quantum_memory.memory.vault import Vault
from quantum_memory.memory.vault.admission import NoteDenial, RevokeKey
from quantum_memory.memory.vault.writes import Written
from tests.unit.front import Front

KEY = re.compile(r"qm_[0-9a-f]{16}_[0-9a-f]{64}")


def call(*args: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(args))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    (tmp_path / "ray_config.yaml").write_text("storage: vault\nperception: {model: hashing, dim: 8}\n")
    return tmp_path


def test_a_key_is_shown_once(home: Path) -> None:
    code, out, err = call("keys", "create", "laptop", "--tenant", "acme", "--role", "writer")
    assert code == 0
    assert KEY.fullmatch(out.strip()), "a script can read it from stdout"
    shown = presented(out.strip())
    assert shown is not None
    assert shown.id in err
    assert shown.secret not in err
    for args in (["keys", "list"], ["keys", "list", "--json"]):
        assert shown.secret not in call(*args)[1]
    with Vault.open("vault", now=now) as vault:
        key = vault.api_key(shown.id)
        assert key is not None
        assert matches(shown, key)
        assert {entry.action for entry in vault.audit()} == {"session_opened", "key_made"}
        assert vault.audit()[0].who != ""
        assert not [entry for entry in vault.audit() if shown.secret in str(entry)]
    files = b"".join(path.read_bytes() for path in (home / "vault").rglob("*") if path.is_file())
    assert shown.secret.encode() not in files


def test_json_has_the_key_once_and_lists_have_neither_salt_nor_hash(home: Path) -> None:
    args = ("--agent", "team-*", "--agent", "bob", "--channel", "mood", "--days", "30", "--json")
    far = ("--clearance", "restricted", "--project", "apollo", "--project", "gem*")
    code, out, err = call("keys", "create", "ci", *args, *far)
    made = json.loads(out)
    assert (code, err) == (0, "")
    assert KEY.fullmatch(made.pop("key"))
    assert (made["agents"], made["channels"], made["role"]) == (["team-*", "bob"], ["mood"], "reader")
    assert made["expires"] > made["created"]
    assert json.loads(call("keys", "list", "--json")[1]) == [made]
    told = {"id", "tenant", "name", "role", "agents", "channels", "clearance", "projects"}
    assert set(made) == told | {"created", "expires", "revoked"}
    assert (made["clearance"], made["projects"]) == ("restricted", ["apollo", "gem*"])
    assert json.loads(call("keys", "list", "--tenant", "other", "--json")[1]) == []
    assert "team-*" in call("keys", "list")[1]


def test_a_key_is_revoked_and_stays_so(home: Path) -> None:
    made = json.loads(call("keys", "create", "laptop", "--json")[1])
    code, out, _ = call("keys", "revoke", made["id"], "--tenant", "other")
    assert (code, out) == (1, "")
    code, out, _ = call("keys", "revoke", made["id"], "--json")
    first = json.loads(out)
    assert (code, first["before"]) == (0, False)
    assert json.loads(call("keys", "revoke", made["id"], "--json")[1]) == first | {"before": True}
    assert json.loads(call("keys", "list", "--json")[1])[0]["revoked"] == first["revoked"]
    code, _, err = call("keys", "revoke", "0" * 16)
    assert code == 1
    assert "no API key has the id" in err


@pytest.mark.parametrize(
    "args",
    [
        ["--role", "root"],
        ["--tenant", "Acme"],
        ["--channel", "all"],
        ["--agent", ""],
        ["--agent", "a\x00"],
    ],
)
def test_what_no_key_can_have_is_refused_and_nothing_made(home: Path, args: list[str]) -> None:
    code, out, err = call("keys", "create", "laptop", *args)
    assert (code, out) == (1, "")
    assert err.startswith("qmem: ")
    assert json.loads(call("keys", "list", "--json")[1]) == []


def test_the_audit_and_what_was_denied_are_read_without_a_cluster(home: Path) -> None:
    assert call("audit", "--json") == (0, "[]\n", "")
    assert call("audit", "--denied", "--json") == (0, "[]\n", "")
    assert not (home / "vault").exists(), "who only reads makes no vault"
    call("keys", "create", "laptop", "--tenant", "acme")
    with Vault.open("vault", now=now) as vault:
        mine = NoteDenial("d1", now(), "recall", "not his", "acme", "key:k1", "10.0.0.1", "al\u202eice", "r-1")
        vault.write([mine, NoteDenial("d2", now(), "connect", "no credential")])
    (made, opened) = json.loads(call("audit", "--json")[1])
    assert (made["action"], opened["action"]) == ("key_made", "session_opened")
    newest, oldest = json.loads(call("audit", "--denied", "--json")[1])
    assert (newest["action"], newest["tenant"]) == ("connect", None)
    assert (oldest["who"], oldest["address"], oldest["request"]) == ("key:k1", "10.0.0.1", "r-1")
    assert json.loads(call("audit", "--denied", "--tenant", "acme", "--json")[1]) == [oldest]
    assert json.loads(call("audit", "--denied", "-n", "1", "--json")[1]) == [newest]
    table = call("audit", "--denied")[1]
    assert "10.0.0.1" in table
    assert "\u202e" not in table
    assert "key_made" in call("audit")[1]
    assert call("audit", "nobody")[0] == 1


def test_keys_are_made_through_a_cluster_that_holds_the_vault_open(tmp_path: Path) -> None:
    front = Front(tmp_path)
    try:
        door = ClusterDoor(front.memory)
        minted = mint("0123456789ab", "acme", "laptop", "reader", now=now())
        (made,) = door.write([minted.write])
        assert isinstance(made, Written)
        assert [key.id for key in door.keys("acme")] == [minted.write.id]
        assert door.keys("other") == []
        (refusal,) = door.write([RevokeKey(minted.write.id, "other", "0123456789ab.r")])
        assert isinstance(refusal, KeyNotFound)
        assert [entry.action for entry in door.audit(None, 1)] == ["key_made"]
        door.write([NoteDenial("d1", now(), "recall", "not his", "acme"), NoteDenial("d2", now(), "stream", "nobody")])
        assert [one.action for one in door.denials("acme", 10)] == ["recall"]
        assert [one.action for one in door.denials(None, 1)] == ["stream"]
    finally:
        front.close()
