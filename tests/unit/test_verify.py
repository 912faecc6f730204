"""Verification finds what was damaged, and repair mends what can be told from what is left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from quantum_memory.actors.folds import plain_folds
from quantum_memory.cluster.service.access.keys import mint
from quantum_memory.errors import CorruptRecord, Quarantined, VaultUnavailable
from quantum_memory.memory.archive import export_archive, import_archive
from quantum_memory.memory.events import Merged, Remembered, RolledBack, SkillLearned
from quantum_memory.memory.skills import SkillsFold
from quantum_memory.memory.skills_snapshot import SkillsCodec
from quantum_memory.memory.snapshots import packed
from quantum_memory.memory.timeline import Timeline
from quantum_memory.memory.vault import Append, CreateAgent, CreateBranch, CreateCommit, Vault, Write, Written, schema
from quantum_memory.memory.vault.backup import Backups
from quantum_memory.memory.vault.blocks import BlockStore, open_blocks
from quantum_memory.memory.vault.collect import collect
from quantum_memory.memory.vault.keeper import Keeper
from quantum_memory.memory.vault.shelf import packing
from quantum_memory.memory.vault.verify import ViewCheck, repair, verify
from quantum_memory.memory.vault.writes import OpenSession
from quantum_memory.settings import Settings
from quantum_memory.types import PAD, PARTS, Memory, Place, Skill
from tests.unit.scribe import START, Running

EVENTS = 12


def memory(number: int) -> Memory:
    chance = np.random.default_rng(number)
    return Memory(
        f"m{number}", f"text {number}", START, PAD(0.1, 0.2, 0.3), 0.5, 0.5, chance.normal(size=8).astype(np.float32)
    )


def done(vault: Vault, *writes: Write) -> None:
    for outcome in vault.write(list(writes)):
        assert isinstance(outcome, Written), outcome


@pytest.fixture
def blocks(tmp_path: Path) -> BlockStore:
    return open_blocks(tmp_path / "segments")


@pytest.fixture
def vault(tmp_path: Path, blocks: BlockStore) -> Iterator[Vault]:
    with Vault.open(tmp_path / "vault", now=Running(), embedding="random/8", blocks=blocks) as made:
        done(made, CreateAgent("alice", "root"))
        for number in range(EVENTS):
            done(made, Append("root", number, Remembered((memory(number),)), f"op{number}"))
        done(made, CreateBranch("side", "alice", "side", "fork", Place("root", 5), "f"))
        done(made, Append("side", 5, Remembered((memory(100),)), "s"))
        merged = Merged(Place("side", 6), Place("root", 5), (memory(100),), (), (), None)
        done(made, Append("root", EVENTS, merged, "merge"), CreateCommit("root", 3, "three", "c"))
        made.find()
        yield made


def seal(vault: Vault, blocks: BlockStore) -> list[str]:
    Keeper(vault.database, blocks, Running(), seal_events=4, segment_events=4).settle()
    return [info.name for info in blocks.listing()]


def spoil(folder: Path, block: str) -> None:
    (file,) = [path for path in folder.rglob("*") if path.is_file() and block in path.name]
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.chmod(0o600)
    file.write_bytes(data)


def change(vault: Vault, statement: sa.Executable) -> None:
    with vault.database.transaction() as connection:
        connection.execute(statement)


def reopened(vault: Vault, tmp_path: Path, blocks: BlockStore) -> Vault:
    vault.close()
    return Vault.open(tmp_path / "vault", now=Running(), embedding="random/8", blocks=blocks)


@pytest.mark.parametrize("sealed", [False, True])
def test_a_whole_vault_is_found_whole(vault: Vault, blocks: BlockStore, sealed: bool) -> None:
    if sealed:
        seal(vault, blocks)
    report = verify(vault)
    assert report.findings == []
    assert report.looked_at["entry"] == EVENTS + 2
    assert report.looked_at["branch"] == 2
    assert report.looked_at["index"] == EVENTS + 2
    assert (report.looked_at.get("segment", 0) > 0) == sealed


def test_every_kind_of_harm_to_a_row_is_found(vault: Vault) -> None:
    """One row after another is changed behind the vault's back, looked for, and put back."""
    j, b, m, c = schema.journal, schema.branches, schema.merges, schema.commits
    one = sa.and_(j.c.branch == "root", j.c.seq == 7)
    for name, statement in {
        "payload": sa.update(j).where(one).values(payload=b"\x01nonsense and more of it"),
        "flipped": sa.update(j).where(one).values(payload=_flipped(vault, 7)),
        "kind": sa.update(j).where(one).values(kind="felt"),
        "agent": sa.update(j).where(one).values(agent="bob"),
        "time": sa.update(j).where(one).values(at=0),
        "position": sa.update(j).where(one).values(position=10**9),
        "gone": sa.delete(j).where(one),
        "bare": sa.update(j).where(one).values(payload=None),
        "marker": sa.update(m).values(source_seq=5),
        "no marker": sa.delete(m),
        "stray marker": sa.insert(m).values(branch="root", seq=2, source_branch="side", source_seq=6),
        "source": sa.update(m).values(source_branch="nowhere"),
        "fork": sa.update(b).where(b.c.id == "side").values(fork_seq=99),
        "lineage": sa.update(b).where(b.c.id == "side").values(lineage="other"),
        "branch kind": sa.update(b).where(b.c.id == "side").values(kind="twig"),
        "commit": sa.update(c).values(seq=400),
        "context": sa.insert(schema.contexts).values(commit="none", body="{}"),
        "index": sa.update(schema.remembered).where(schema.remembered.c.seq == 3).values(seq=4),
    }.items():
        with suppress(_UndoError):
            _try_out(vault, name, statement)
    assert verify(vault).findings == []


def _try_out(vault: Vault, name: str, statement: sa.Executable) -> None:
    with vault.database.transaction() as connection:
        connection.execute(statement)
        _Peek.connection = connection
        found = verify(_Peek(vault)).findings  # type: ignore[arg-type]  # reads inside the transaction
        assert found, name
        raise _UndoError


class _UndoError(Exception):
    pass


class _Peek:
    """A vault as seen from inside a transaction that will be undone."""

    connection: sa.Connection

    def __init__(self, vault: Vault) -> None:
        self.storage, self.blocks, self.shelf, self.database = vault.storage, vault.blocks, vault.shelf, self

    def snapshot(self) -> _Peek:
        return self

    def __enter__(self) -> sa.Connection:
        return self.connection

    def __exit__(self, *_: object) -> None:
        pass


def _flipped(vault: Vault, seq: int) -> bytes:
    with vault.database.read() as connection:
        row = sa.select(schema.journal.c.payload).where(schema.journal.c.branch == "root", schema.journal.c.seq == seq)
        data = bytearray(connection.execute(row).scalar_one())
    data[20] ^= 4
    return bytes(data)


def test_a_damaged_segment_goes_into_quarantine_and_the_rest_serves(
    vault: Vault, blocks: BlockStore, tmp_path: Path
) -> None:
    before = vault.entries("root", 0, EVENTS)
    seal(vault, blocks)
    with vault.database.read() as connection:
        first = sa.select(schema.segments.c.block).where(schema.segments.c.first_seq == 5)
        block = connection.execute(first).scalar_one()
    spoil(tmp_path / "segments", block)
    with reopened(vault, tmp_path, blocks) as again:
        with pytest.raises(CorruptRecord, match=block):
            again.entries("root", 0, EVENTS)
        report = verify(again)
        assert [(one.kind, one.block, one.lost) for one in report.findings] == [("segment", block, True)]
        (mended,) = repair(again, report)
        assert not mended.mended
        assert "4 events cannot be read" in mended.done
        assert blocks.quarantined() == [block]
        with pytest.raises(Quarantined, match=block):
            again.entries("root", 0, EVENTS)
        left = again.entries("root", 0, EVENTS, damaged="skip")
        assert [entry.place.seq for entry in left] == [1, 2, 3, 4, 9, 10, 11, 12]
        assert left[:4] == before[:4]
        done(again, Append("root", EVENTS + 1, Remembered((memory(200),)), "on it goes"))
        (still,) = repair(again, verify(again))
        assert "person" in still.done
        assert any(one.action == "repaired" for one in again.audit())


def test_a_backup_mends_what_was_damaged(vault: Vault, blocks: BlockStore, tmp_path: Path) -> None:
    before = [(entry.place, entry.at) for entry in vault.entries("root", 0, EVENTS + 1)]
    seal(vault, blocks)
    backups = Backups(tmp_path / "backups", Running())
    backups.make(vault.database, blocks, "this")
    names = [info.name for info in blocks.listing()]
    spoil(tmp_path / "segments", names[0])
    blocks.remove(names[1])
    with reopened(vault, tmp_path, blocks) as again:
        done_ = repair(again, verify(again), backups.blocks)
        assert len(done_) == 2
        assert all(one.mended for one in done_)
        assert verify(again).findings == []
        assert [(entry.place, entry.at) for entry in again.entries("root", 0, EVENTS + 1)] == before


def test_a_backup_brings_back_what_was_put_aside(vault: Vault, blocks: BlockStore, tmp_path: Path) -> None:
    seal(vault, blocks)
    backups = Backups(tmp_path / "backups", Running())
    backups.make(vault.database, blocks, "this")
    name = next(info.name for info in blocks.listing())
    spoil(tmp_path / "segments", name)
    with reopened(vault, tmp_path, blocks) as again:
        repair(again, verify(again))
        assert not verify(again).sound
        repair(again, verify(again), backups.blocks)
        assert verify(again).sound
        assert len(again.entries("root", 0, EVENTS)) == EVENTS


def test_a_segment_whose_events_are_still_in_the_journal_is_let_go(
    vault: Vault, blocks: BlockStore, tmp_path: Path
) -> None:
    """A crash between sealing and taking out of the journal, and then damage: nothing is lost."""
    keeper = Keeper(vault.database, blocks, Running(), seal_events=4, segment_events=4)
    while keeper.step().kind != "sealed":
        pass
    spoil(tmp_path / "segments", next(info.name for info in blocks.listing()))
    report = verify(vault)
    assert not report.sound
    (mended,) = repair(vault, report)
    assert mended.mended
    assert verify(vault).findings == []
    assert len(vault.entries("root", 0, EVENTS)) == EVENTS


def test_derived_things_are_made_again(vault: Vault, blocks: BlockStore) -> None:
    j, m, r = schema.journal.c, schema.merges, schema.remembered
    merges = vault.merges("root", 99)
    found = vault.find("text")
    seal(vault, blocks)
    change(vault, sa.delete(m))
    change(vault, sa.insert(m).values(branch="root", seq=2, source_branch="side", source_seq=6))
    change(vault, sa.update(r).where(r.c.seq == 3).values(seq=4))
    change(vault, sa.insert(schema.contexts).values(commit="none", body="{}"))
    change(vault, sa.delete(schema.remembered).where(r.c.branch == "nowhere"))
    change(vault, sa.delete(schema.journal).where(j.branch == "root", j.seq == 2))
    done_ = repair(vault, verify(vault))
    assert all(one.mended for one in done_), done_
    assert verify(vault).findings == []
    assert vault.merges("root", 99) == merges
    assert sorted(one.id for one in vault.find("text")) == sorted(one.id for one in found)
    assert len(vault.entries("root", 0, EVENTS)) == EVENTS, "a lost row came back from its segment"


def test_a_snapshot_that_lies_is_found_and_dropped(vault: Vault, blocks: BlockStore) -> None:
    assert vault.shelf is not None
    done(vault, Append("root", EVENTS + 1, SkillLearned(Skill("sail", ("hoist",))), "skill"))
    place = Place("root", EVENTS + 2)
    fold, codec, pack = SkillsFold(), SkillsCodec(), packing(3)
    truth = Timeline(fold, vault, 2).at(place)
    views = [ViewCheck(fold, codec)]
    vault.shelf.keep(place, "skills", codec.fingerprint, packed(codec, pack, truth))
    assert verify(vault, views, pack).findings == []
    lie = fold.apply(truth, SkillLearned(Skill("fly", ("flap",))))
    vault.shelf.keep(place, "skills", codec.fingerprint, packed(codec, pack, lie))
    report = verify(vault, views, pack)
    assert [one.kind for one in report.findings] == ["snapshot"]
    assert all(one.mended for one in repair(vault, report))
    assert verify(vault, views, pack).findings == []
    assert vault.shelf.nearest("root", "skills", codec.fingerprint, 0, 99) is None
    del blocks


@pytest.mark.parametrize("again", [False, True])
def test_a_snapshot_that_was_superseded_meanwhile_is_no_finding(vault: Vault, blocks: BlockStore, again: bool) -> None:
    """It was listed; when its turn comes, or while it is read, its row goes and somebody would collect its block."""
    assert vault.shelf is not None
    fold, codec, pack = SkillsFold(), SkillsCodec(), packing(3)
    views, shelf = [ViewCheck(fold, codec)], vault.shelf

    def keep(seq: int) -> None:
        state = Timeline(fold, vault, 2).at(Place("root", seq))
        shelf.keep(Place("root", seq), "skills", codec.fingerprint, packed(codec, pack, state))

    def supersede() -> None:
        for seq in (6, 7, 8):
            keep(seq)
        for info in list(blocks.listing()):
            blocks.remove(info.name)

    def got(name: str) -> bytes:
        data = get(name)
        while meanwhile:
            meanwhile.pop()()
        return data

    keep(3)
    get, meanwhile = blocks.get, [supersede] if again else []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "get", got)
        report = verify(vault, views, pack, lambda what: supersede() if what == "snapshots" and not again else None)
    assert (report.findings, meanwhile) == ([], [])
    assert report.looked_at.get("snapshot", 0) == again
    assert verify(vault, views, pack).looked_at["snapshot"] == 2


def test_segments_that_are_joined_and_collected_meanwhile_are_no_finding(vault: Vault, blocks: BlockStore) -> None:
    keeper = Keeper(vault.database, blocks, Running(), seal_events=4, segment_events=64)
    while keeper.step().kind != "cleared":
        pass
    names = {info.name for info in blocks.listing()}

    def join(what: str) -> None:
        if what == "journals and segments":
            done(vault, *(Append("root", n, Remembered((memory(n),)), f"op{n}") for n in range(EVENTS + 1, EVENTS + 9)))
            keeper.settle()
            collect(vault, lambda: datetime.now(UTC) + timedelta(days=1), 0.0, 0.0)

    assert verify(vault, progress=join).findings == []
    collect(vault, lambda: datetime.now(UTC) + timedelta(days=1), 0.0, 0.0)
    assert names - {info.name for info in blocks.listing()}, "they are let go afterwards"
    assert verify(vault).findings == []


def test_what_was_imported_without_those_it_had_merged_is_whole(vault: Vault, tmp_path: Path) -> None:
    done(vault, CreateAgent("bob", "bob"), Append("bob", 0, Remembered((memory(500),)), "b1"))
    done(vault, CreateBranch("carol", "carol", "main", "clone", Place("side", 6), "clone"))
    merged = Merged(Place("bob", 1), None, (memory(500),), (), (), None)
    done(vault, Append("carol", 6, merged, "b2"))
    export_archive(vault, "carol", tmp_path / "carol.qms", plain_folds(Settings(), 8))
    with Vault.open(tmp_path / "other", now=Running(), embedding="random/8") as other:
        import_archive(other, tmp_path / "carol.qms")
        assert verify(other).findings == []
        import_archive(other, tmp_path / "carol.qms", as_name="dave")
        assert verify(other).findings == []


def test_snapshots_that_build_on_what_comes_back_go_and_others_stay(
    vault: Vault, blocks: BlockStore, tmp_path: Path
) -> None:
    """They may have been folded without it, and nobody can tell by looking at them."""
    done(vault, CreateBranch("late", "alice", "late", "fork", Place("root", 10), "f2"))
    done(vault, CreateBranch("twig", "alice", "twig", "fork", Place("late", 10), "f3"))
    done(vault, CreateBranch("back", "alice", "back", "fork", Place("root", 2), "f4"))
    done(vault, Append("back", 2, RolledBack(Place("late", 10), PARTS), "b1"))
    seal(vault, blocks)
    backups = Backups(tmp_path / "backups", Running())
    backups.make(vault.database, blocks, "this")
    with vault.database.read() as connection:
        chosen = sa.select(schema.segments.c.block).where(schema.segments.c.first_seq == 5)
        block = connection.execute(chosen).scalar_one()
    spoil(tmp_path / "segments", block)
    done(vault, CreateBranch("early", "alice", "early", "fork", Place("root", 4), "f5"))
    whole = {Place("root", 4), Place("early", 4), Place("back", 2)}
    concerned = {Place("root", 5), Place("root", 13), Place("side", 6), Place("late", 10), Place("twig", 10)}
    concerned.add(Place("back", 3))
    with reopened(vault, tmp_path, blocks) as again:
        assert again.shelf is not None
        for place in whole | concerned:
            again.shelf.keep(place, "skills", f"fold {place.seq}", str(place).encode())
        repair(again, verify(again), backups.blocks)
        left = {
            (branch, seq)
            for branch, seq in whole | concerned
            if again.shelf.nearest(branch, "skills", f"fold {seq}", seq, seq)
        }
        assert left == whole
        assert verify(again).sound


def test_what_the_index_went_past_while_it_was_damaged_is_found_again(
    vault: Vault, blocks: BlockStore, tmp_path: Path
) -> None:
    seal(vault, blocks)
    found = sorted(one.id for one in vault.find("text"))
    backups = Backups(tmp_path / "backups", Running())
    backups.make(vault.database, blocks, "this")
    spoil(tmp_path / "segments", next(info.name for info in blocks.listing()))
    with reopened(vault, tmp_path, blocks) as again:
        again.index.rebuild()
        assert len(again.find("text")) < len(found)
        repair(again, verify(again), backups.blocks)
        assert sorted(one.id for one in again.find("text")) == found


@pytest.mark.parametrize("others_wrote", [False, True])
def test_the_end_of_a_journal_that_was_lost_comes_back_from_its_segment(
    vault: Vault, blocks: BlockStore, others_wrote: bool
) -> None:
    before = [(entry.place, entry.at) for entry in vault.entries("root", 0, EVENTS)]
    seal(vault, blocks)
    j = schema.journal.c
    with vault.maintenance() as batch:
        batch.execute(sa.delete(schema.journal).where(j.branch == "root", j.seq > 9))
        batch.execute(sa.delete(schema.commits))
        if others_wrote:  # and were given positions that had been given before
            batch.execute(sa.update(schema.journal).where(j.branch == "side").values(position=j.position - 3))
    for call in (lambda: vault.head("root"), lambda: vault.entries("root", 9, 12)):
        with pytest.raises(CorruptRecord, match=r"root.*10\.\.12"):
            call()
    for expected in (9, 12):
        (refused,) = vault.write([Append("root", expected, Remembered((memory(300),)), "again")])
        assert isinstance(refused, CorruptRecord), refused
        assert "10..12" in refused.reason
    done(vault, CreateAgent("bob", "bob"))
    report = verify(vault)
    assert [(one.kind, one.where, one.lost) for one in report.findings if one.kind == "entry"] == [
        ("entry", "root@10", True)
    ]
    repair(vault, report)
    repair(vault, verify(vault))  # the merge of the last event was lost for good, and its marker with it
    assert verify(vault).findings == []
    assert [(entry.place, entry.at) for entry in vault.entries("root", 0, EVENTS)] == before
    done(vault, Append("root", EVENTS, Remembered((memory(300),)), "again"))
    seal(vault, blocks)
    assert verify(vault).findings == []


def test_where_the_blocks_are_elsewhere_nothing_is_lost_and_nothing_is_repaired(
    vault: Vault, blocks: BlockStore, tmp_path: Path
) -> None:
    seal(vault, blocks)
    (tmp_path / "segments").rename(tmp_path / "away")
    (tmp_path / "segments").mkdir()
    with reopened(vault, tmp_path, blocks) as again:
        report = verify(again)
        assert {(one.kind, one.remedy) for one in report.findings} == {("block", "none"), ("segment", "none")}
        with pytest.raises(VaultUnavailable, match="segments"):
            repair(again, report)
        assert blocks.quarantined() == []
        (tmp_path / "segments").rmdir()
        (tmp_path / "away").rename(tmp_path / "segments")
        assert verify(again).findings == []


def test_keys_that_cannot_be_read_are_found(vault: Vault) -> None:
    keys = [mint("s", "acme", f"key {number}", "reader", now=START) for number in range(5)]
    done(vault, OpenSession("s", "a test"), *(one.write for one in keys))
    sound = verify(vault)
    assert sound.sound
    assert sound.looked_at["key"] == 5
    ids, keyed = [one.write.id for one in keys], schema.api_keys
    damage: list[dict[str, object]] = [{"agents": "[no"}, {"channels": "7"}, {"hash": b"short"}, {"created_at": 10**18}]
    with vault.database.transaction() as connection:
        for id_, values in zip(ids, damage, strict=False):
            connection.execute(sa.update(keyed).where(keyed.c.id == id_).values(values))
    found = verify(vault).findings
    assert {(one.kind, one.where) for one in found} == {("key", id_) for id_ in ids[:4]}
    assert all(one.remedy == "none" and not one.lost for one in found)
