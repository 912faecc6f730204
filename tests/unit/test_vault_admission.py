"""Who may come in from outside, as the catalog has it: keys, denials, used requests and tokens."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from quantum_memory.actors.tending import Tending
from quantum_memory.errors import AlreadyExists, InvalidInput, KeyNotFound, KeyReused, QuantumMemoryError
from quantum_memory.memory.vault import CreateAgent, Vault, schema
from quantum_memory.memory.vault import judge_admission as judged
from quantum_memory.memory.vault.admission import (
    MAX_LISTED,
    MAX_TOLD_CHARS,
    ApiKey,
    MakeKey,
    NoteDenial,
    NoteRequest,
    RevokeKey,
    UseToken,
)
from quantum_memory.memory.vault.backup import Backups, restore
from quantum_memory.memory.vault.writes import OpenSession, Write, Written
from tests.unit.postgres import ON_POSTGRES
from tests.unit.scribe import START, Clock

MADE = MakeKey("k1", "acme", "Ann's", "writer", ("team-*", "bob"), ("mood",), b"s" * 16, b"h" * 32, None, "sess.1")
DENIED = NoteDenial("d1", START, "recall", "not his", "acme", "key:k1", "10.0.0.1", "alice", "r-1")


@pytest.fixture(params=["sqlite", "memory", ON_POSTGRES])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "memory":
        return "memory://"
    return str(tmp_path / "vault") if request.param == "sqlite" else str(request.getfixturevalue("postgres"))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def vault(storage: str, clock: Clock) -> Iterator[Vault]:
    with Vault.open(storage, now=clock) as opened:
        yield opened


def done(vault: Vault, write: Write) -> Written:
    (outcome,) = vault.write([write])
    if isinstance(outcome, QuantumMemoryError):
        raise outcome
    return outcome


def requests_of(vault: Vault) -> int:
    with vault.database.read() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(schema.requests)).scalar_one())


def test_a_key_is_made_once_and_read_as_it_was_made(vault: Vault, clock: Clock) -> None:
    until = START + timedelta(days=3)
    first = done(vault, replace(MADE, expires=until))
    clock.tick()
    again = done(vault, replace(MADE, expires=until, op_id="sess.2"))
    assert (first.repeated, again.repeated, again.at) == (False, True, first.at)
    want = ApiKey(
        "k1", "acme", "Ann's", "writer", ("team-*", "bob"), ("mood",), b"s" * 16, b"h" * 32, first.at, expires=until
    )
    assert vault.api_key("k1") == want
    assert vault.api_keys() == vault.api_keys("acme") == [want]
    assert vault.api_keys("other") == []
    assert [vault.api_key(id_) for id_ in ("k2", "", "k\x00", "\ud800")] == [None] * 4
    with pytest.raises(AlreadyExists, match="the key 'k1'"):
        done(vault, replace(MADE, hash=b"x" * 32))
    done(vault, replace(MADE, id="k3", clearance="restricted", projects=("apollo", "gem*")))
    far = vault.api_key("k3")
    assert far is not None
    assert (far.clearance, far.projects) == ("restricted", ("apollo", "gem*"))


def test_neither_hash_nor_salt_is_shown(vault: Vault) -> None:
    done(vault, MADE)
    for shown in (repr(MADE), repr(vault.api_key("k1")), repr(vault.audit())):
        assert "hhh" not in shown
        assert "sss" not in shown


def test_a_revoked_key_stays_revoked_since_the_first_time(vault: Vault, clock: Clock) -> None:
    done(vault, MADE)
    clock.tick()
    first = done(vault, RevokeKey("k1", "acme", "sess.2"))
    clock.tick()
    assert done(vault, RevokeKey("k1", None, "sess.3")) == replace(first, repeated=True)
    found = vault.api_key("k1")
    assert found is not None
    assert found.revoked == first.at
    for write in (RevokeKey("k2", None, "sess.4"), RevokeKey("k1", "other", "sess.5")):
        with pytest.raises(KeyNotFound):
            done(vault, write)


def test_the_audit_says_who_made_and_revoked_a_key(vault: Vault) -> None:
    vault.write([OpenSession("sess", "an admin"), MADE, RevokeKey("k1", None, "sess.2")])
    revoked, made, _ = vault.audit()
    assert (made.who, made.action, made.detail) == ("an admin", "key_made", "k1 of acme: Ann's (writer)")
    assert (revoked.who, revoked.action, revoked.detail) == ("an admin", "key_revoked", "k1 of acme: Ann's")


def test_denials_are_told_newest_first_and_once(vault: Vault) -> None:
    unknown = NoteDenial("d2", START, "connect", "no credential")
    vault.write([DENIED, unknown, DENIED])
    assert done(vault, DENIED).repeated
    newest, oldest = vault.denials()
    assert (newest.number, newest.tenant, newest.who, newest.agent) == (2, None, None, None)
    assert (oldest.at, oldest.action, oldest.reason, oldest.tenant) == (START, "recall", "not his", "acme")
    assert (oldest.who, oldest.address, oldest.agent, oldest.request) == ("key:k1", "10.0.0.1", "alice", "r-1")
    assert vault.denials("acme") == [oldest]
    assert vault.denials(before=2) == [oldest]
    assert vault.denials(limit=1) == [newest]
    with pytest.raises(InvalidInput):
        vault.denials(limit=0)


def test_only_the_last_denials_are_kept(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judged, "MOST_DENIALS", 5)
    monkeypatch.setattr(judged, "LOOKED_OVER_EVERY", 1)
    for start in range(0, 23, 4):
        vault.write([replace(DENIED, id=f"d{n}") for n in range(start, start + 4)])
    assert [one.number for one in vault.denials()] == [24, 23, 22, 21, 20]


def test_who_is_unknown_or_of_another_tenant_washes_no_denial_away(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judged, "MOST_DENIALS", 20)
    monkeypatch.setattr(judged, "LOOKED_OVER_EVERY", 7)
    vault.write([DENIED])
    for start in range(0, 300, 6):
        flood = [replace(DENIED, id=f"f{start + n}", tenant=(None, "other")[n % 2]) for n in range(6)]
        vault.write(flood)
    assert [one.number for one in vault.denials("acme")] == [1], "a denial of 'acme' is there still"
    kept = vault.denials(limit=1_000)
    for owner in (None, "other"):
        assert 20 <= sum(one.tenant == owner for one in kept) < 20 + 7, "both have a bound of their own"
    assert kept[0].number == 301


def test_no_caller_washes_away_what_others_of_his_tenant_were_denied(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judged, "MOST_DENIALS", 20)
    monkeypatch.setattr(judged, "LOOKED_OVER_EVERY", 5)
    vault.write([DENIED, replace(DENIED, id="d2", who=None)])
    for start in range(2, 300, 6):
        vault.write([replace(DENIED, id=f"f{start + n}", who=f"key:{n % 2}") for n in range(6)])
    kept = [(one.number, one.who) for one in vault.denials("acme", limit=1_000)]
    assert kept[-2:] == [(2, None), (1, DENIED.who)], "what others were denied is there still"
    assert 20 <= len(kept) < 20 + 5
    assert [number for number, _ in kept[:9]] == list(range(302, 293, -1))


def test_denials_go_after_a_year_also_of_a_tenant_of_whom_nobody_comes_any_more(vault: Vault, clock: Clock) -> None:
    vault.write([DENIED, replace(DENIED, id="d2", tenant=None), replace(DENIED, id="d3", at=START + timedelta(days=1))])
    clock.tick(365 * 86_400)
    assert vault.lapse() == 0, "a year is not over"
    clock.tick()
    assert vault.lapse() == 2
    assert [one.number for one in vault.denials()] == [3]
    clock.tick(86_400)
    assert vault.lapse() == 0, "the newest stays"


def test_denials_are_counted_by_an_index(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is looked over now and then is the index of who asked, never the table."""
    vault = Vault.open("memory://", now=clock)
    monkeypatch.setattr(judged, "MOST_DENIALS", 2)
    monkeypatch.setattr(judged, "LOOKED_OVER_EVERY", 7)
    told: list[tuple[str, Any]] = []
    sa.event.listen(sa.Engine, "before_cursor_execute", listener := lambda *args: told.append((args[2], args[3])))
    try:
        vault.write([replace(DENIED, id=f"d{n}", tenant=(None, "acme")[n % 2]) for n in range(7)])
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", listener)
    deletions = [one for one in told if one[0].startswith("DELETE")]
    assert len(deletions) == 2
    with vault.database.read() as connection:
        for statement, values in deletions:
            plan = str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all())
            assert "SCAN denials" not in plan
            assert "denials_by_tenant" in plan
    vault.close()


def test_an_idempotency_key_names_one_request_of_a_session(vault: Vault, clock: Clock) -> None:
    assert not done(vault, NoteRequest("s1", "k", "one")).repeated
    assert done(vault, NoteRequest("s1", "k", "one")).repeated
    assert not done(vault, NoteRequest("s2", "k", "other")).repeated
    with pytest.raises(KeyReused, match="'k'"):
        done(vault, NoteRequest("s1", "k", "other"))
    first, second = vault.write([NoteRequest("s3", "k", "one"), NoteRequest("s3", "k", "two")])
    assert isinstance(first, Written)
    assert isinstance(second, KeyReused), "also within one batch"


def test_a_token_for_one_use_has_one(vault: Vault) -> None:
    use = UseToken("t", "u1", START + timedelta(hours=1))
    assert not done(vault, use).repeated
    assert done(vault, use).repeated, "the same write again is the same use"
    with pytest.raises(AlreadyExists):
        done(vault, replace(use, use="u2"))


def test_what_was_noted_for_some_time_goes_and_no_position_comes_twice(storage: str, clock: Clock) -> None:
    with Vault.open(storage, now=clock) as vault:
        for n in range(3):
            done(vault, NoteRequest("s", f"k{n}", "x"))
            done(vault, UseToken(f"t{n}", "u", START + timedelta(hours=n)))
        clock.tick(86_400)
        assert vault.lapse() == 2, "tokens that are over, but not the newest"
        clock.tick(3600)
        assert vault.lapse() == 2, "requests that are old, but not the newest"
        assert vault.lapse() == 0
        done(vault, NoteRequest("s", "k0", "another"))
        assert vault.lapse() == 1
        done(vault, CreateAgent("alice", "main"))
        assert vault.audit()[0].position == 8


def test_who_tends_the_vault_lets_it_go(clock: Clock) -> None:
    with Vault.open("memory://", now=clock) as vault:
        vault.write([NoteRequest("s", f"k{n}", "x") for n in range(3)])
        clock.tick(86_401)
        tending = Tending(vault, clock, every_s=0.01, grace_s=0.0, collect_every_s=0.01)
        until = time.monotonic() + 20
        while requests_of(vault) > 1 and time.monotonic() < until:
            time.sleep(0.01)
        tending.close()
        assert requests_of(vault) == 1


def test_a_refused_write_leaves_its_neighbours_alone(vault: Vault) -> None:
    outcomes = vault.write([MADE, replace(MADE, name="other"), RevokeKey("none", None, "s.9"), DENIED])
    assert [type(one) for one in outcomes] == [Written, AlreadyExists, KeyNotFound, Written]
    assert len(vault.api_keys()) == len(vault.denials()) == 1


@pytest.mark.parametrize(
    ("write", "fields"),
    [
        (MADE, {"id": " "}),
        (MADE, {"name": "n" * 129}),
        (MADE, {"tenant": "a\x00"}),
        (MADE, {"agents": ("a",) * (MAX_LISTED + 1)}),
        (MADE, {"agents": ("",)}),
        (MADE, {"channels": ("\x00",)}),
        (MADE, {"salt": b"short"}),
        (MADE, {"hash": b"h" * 65}),
        (MADE, {"expires": "tomorrow"}),
        (RevokeKey("k1", None, "s.1"), {"id": ""}),
        (DENIED, {"reason": "x" * (MAX_TOLD_CHARS + 1)}),
        (DENIED, {"agent": "\ud800"}),
        (DENIED, {"action": ""}),
        (NoteRequest("s", "k", "d"), {"key": "\x00"}),
        (UseToken("t", "u", START), {"use": ""}),
    ],
)
def test_values_check_themselves(write: Any, fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        replace(write, **fields)
    assert "short" not in str(caught.value)


@pytest.mark.parametrize("whole", [True, False])
def test_a_restored_vault_has_the_keys_and_what_was_closed_later_stays_closed(
    tmp_path: Path, storage: str, clock: Clock, whole: bool
) -> None:
    if storage == "memory://":
        pytest.skip("nothing can be restored into memory")
    copies = Backups(tmp_path / "copies", clock)
    with Vault.open(tmp_path / "old", now=clock) as vault:
        done(vault, MADE)
        done(vault, UseToken("early", "u", START))
        cut = vault.audit()[0].position + 1
        clock.tick()
        done(vault, RevokeKey("k1", None, "sess.2"))
        vault.write([replace(MADE, id="k2"), DENIED, NoteRequest("s", "k", "d"), UseToken("late", "u", START)])
        copies.make(vault.database, None, "a" * 32)
    restore(copies, storage, None, position=None if whole else cut)
    with Vault.open(storage, now=clock) as back:
        found = {key.id: key for key in back.api_keys()}
        assert set(found) == ({"k1", "k2"} if whole else {"k1"})
        assert found["k1"].revoked is not None
        assert len(back.denials()) == (1 if whole else 0)
        assert done(back, NoteRequest("s", "k", "d")).repeated is whole
        for token in ("early", "late"):
            with pytest.raises(AlreadyExists):
                done(back, UseToken(token, "again", START))


def test_a_moment_is_found_among_changes_that_are_not_in_the_audit(tmp_path: Path, clock: Clock) -> None:
    copies = Backups(tmp_path / "copies", clock)
    with Vault.open(tmp_path / "old", now=clock) as vault:
        done(vault, MADE)
        clock.tick(10)
        done(vault, NoteRequest("s", "k", "d"))
        copies.make(vault.database, None, "a" * 32)
    assert restore(copies, tmp_path / "new", None, at=START + timedelta(seconds=5)).position == 1
