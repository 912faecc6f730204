"""Archives: an agent out of one vault and into another, the same bytes every time, and no damage that goes unseen."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import h5py
import numpy as np
import pytest

from quantum_memory.actors.folds import plain_folds
from quantum_memory.errors import (
    AgentNotFound,
    AlreadyExists,
    CorruptRecord,
    InvalidValue,
    NewerSchema,
    OtherEmbedding,
    QuantumMemoryError,
    ShapeMismatch,
    WriteFailed,
)
from quantum_memory.memory.archive import (
    Views,
    examine_archive,
    export_archive,
    import_archive,
    open_archive,
    state_at,
    state_in,
)
from quantum_memory.memory.events import (
    Event,
    Felt,
    Forgotten,
    Merged,
    MoodBrought,
    Picked,
    Related,
    Remembered,
    Revised,
    RolledBack,
    SkillLearned,
    Unrelated,
)
from quantum_memory.memory.quantum import Grid, Packet, QuantumState
from quantum_memory.memory.vault import Vault, merge_base
from quantum_memory.memory.vault.catalog import to_us
from quantum_memory.memory.vault.codec import encode
from quantum_memory.memory.vault.keeper import Keeper
from quantum_memory.memory.vault.writes import Annotate, OpenSession
from quantum_memory.settings import Settings
from quantum_memory.types import PAD, PARTS, Memory, Place, Relation, RelationKey, Skill
from tests.unit import first_archive
from tests.unit.scribe import START, Clock, Scribe, rows

DIM = 8
PIN = f"hashing/{DIM}"
FOLDS = plain_folds(Settings())


def memory(number: int, *, half: bool = False) -> Memory:
    chance = np.random.default_rng(number)
    vector = chance.normal(size=DIM).astype(np.float32)
    vector /= np.linalg.norm(vector)
    if half:
        vector = vector.astype(np.float16).astype(np.float32)
    return Memory(
        f"m{number}",
        f"Alice met Bob in Lisbon for the {number}th time. Grüße\x00!",
        START + timedelta(minutes=number),
        PAD(*chance.uniform(-0.9, 0.9, 3)),
        0.7,
        0.4,
        vector,
        "Alice" if number % 2 else None,
        session=f"s{number // 3}" if number % 5 else None,
        tags=("met", "ß"),
        metadata={"number": number, "nested": [1.5, None, {"yes": True}]},
    )


def opened(storage: str = "memory://", embedding: str | None = PIN) -> Vault:
    return Vault.open(storage, now=Clock(), embedding=embedding)


@pytest.fixture
def vault() -> Iterator[Vault]:
    """Alice, who did everything; Bob, from whom she merged; her clone Carol; a branch that is deleted but needed."""
    with opened() as made:
        lived(made)
        yield made


def lived(vault: Vault) -> Scribe:
    clock = vault._now
    assert isinstance(clock, Clock)
    scribe = Scribe(vault, "who")
    scribe.vault.write([OpenSession("who", "a test"), OpenSession("stranger", "nobody asked")])
    scribe.agent("bob", "bobs")
    scribe.add("bobs", Remembered((memory(20),)))
    scribe.agent("alice", "main")
    happened: list[Event] = [
        Remembered((memory(1), memory(2), memory(3, half=True))),
        Related((Relation("Bob", "likes", "Lisbon", 2.0, START, "m1"), Relation("Bob", "owns", "a boat"))),
        SkillLearned(Skill("juggling", ("throw", "catch"), "bored", 1, 0, START)),
        Felt(START, PAD(0.5, 0.5, -0.5), 0.9, 0.8, "a letter"),
        Unrelated((RelationKey("Bob", "owns", "a boat"),), START),
        Forgotten(("m2",), START),
        Revised((memory(1),)),
    ]
    for event in happened:
        clock.tick()
        scribe.add("main", event)
    scribe.commit(Place("main", 3), "three")
    commit = scribe.commit(Place("main", 7), "seven")
    vault.write([Annotate(commit.id, {"mood": {"pleasure": 0.25}})])
    scribe.fork("lost", Place("main", 4))
    scribe.add("lost", Remembered((memory(4),)))
    scribe.add("lost", Remembered((memory(5),)))
    scribe.fork("child", Place("lost", 5))
    scribe.add("child", Remembered((memory(6),)))
    clock.tick()
    scribe.delete("lost")
    scribe.fork("gone", Place("main", 2))
    scribe.delete("gone")
    psi = QuantumState.from_packet(Grid(), Packet((0.2, 0.1, 0.0), (0.3, 0.3, 0.3)))
    brought = MoodBrought(psi.to_bytes(), 0.25)
    scribe.add("main", Merged(Place("bobs", 1), None, (memory(20),), (), (), brought))
    scribe.add("main", Merged(Place("child", 6), Place("main", 4), (memory(4), memory(6)), ("m3",), (), None))
    scribe.add("main", Picked(Place("bobs", 1), (memory(21),)))
    scribe.begin("hidden", "main")
    scribe.add("hidden", Remembered((memory(7),)))
    scribe.keep("hidden")
    scribe.begin("open", "main")
    scribe.add("open", Remembered((memory(8),)))
    scribe.tag("best", Place("main", 7))
    scribe.clone("carol", Place("main", 6))
    scribe.add("carol", Remembered((memory(9),)))
    scribe.add("carol", RolledBack(Place("main", 3), ("memories", "mood")))
    scribe.add("carol", RolledBack(Place("carol", 7), PARTS))
    scribe.tag("mine", Place("main", 2), "carol")
    return scribe


def exported(vault: Vault, agent: str, path: Path) -> bytes:
    export_archive(vault, agent, path, FOLDS)
    return path.read_bytes()


def counts(vault: Vault) -> list[tuple[object, ...]]:
    tables = ("agents", "branches", "journal", "merges", "commits", "contexts", "tags", "sessions", "audit", "meta")
    return [rows(vault, f"SELECT count(*) FROM {table}")[0] for table in tables]  # noqa: S608


@pytest.mark.parametrize("agent", ["alice", "bob", "carol"])
def test_an_agent_comes_back_whole_and_as_the_same_bytes(
    vault: Vault, agent: str, tmp_path: Path, storage: str
) -> None:
    first = exported(vault, agent, tmp_path / "first.qms")
    assert exported(vault, agent, tmp_path / "again.qms") == first
    with opened(storage, embedding=None) as other:
        told = import_archive(other, tmp_path / "first.qms")
        assert (told.agent, other.agents(), other.embedding) == (agent, [agent], PIN)
        assert exported(other, agent, tmp_path / "second.qms") == first
        for branch in vault.branches(agent):
            assert other.branch(branch.id) == branch
            head = Place(branch.id, vault.head(branch.id))
            assert other.head(branch.id) == head.seq
            assert other.entries(branch.id, 0, head.seq) == vault.entries(branch.id, 0, head.seq)
            assert state_at(other, head, FOLDS) == state_at(vault, head, FOLDS)
        assert [branch.id for branch in other.branches(agent)] == [branch.id for branch in vault.branches(agent)]
        assert other.commits(agent) == vault.commits(agent)
        assert other.tags(agent) == vault.tags(agent)
        ids = [commit.id for commit in vault.commits(agent)]
        assert other.contexts(ids) == vault.contexts(ids)
        imported = other.audit(agent, 1)[0]
        assert (imported.action, imported.position) == (
            "imported",
            max(one.position for one in other.audit(limit=1000)),
        )
        assert {one.who for one in other.audit(agent, 100) if one.seq is not None} == {"a test"}
        Scribe(other, "after").add(vault.find_agent(agent).id, Forgotten(("x",)))
    with opened(storage) as again:
        assert again.agents() == [agent]


def test_only_what_is_needed_is_in_it(vault: Vault, tmp_path: Path) -> None:
    exported(vault, "carol", tmp_path / "carol.qms")
    with opened() as other:
        told = import_archive(other, tmp_path / "carol.qms")
        assert (told.branches, told.events, told.inherited, told.commits) == (2, 9, ("alice",), 1)
        assert [row[0] for row in rows(other, "SELECT id FROM sessions")] == ["who"]
        assert other.find_place("carol", "three") == Place("main", 3)
        assert other.commits("carol") == []
    exported(vault, "alice", tmp_path / "alice.qms")
    with opened() as other:
        import_archive(other, tmp_path / "alice.qms")
        assert [branch.name for branch in other.branches("alice")] == ["main", "child"]
        assert rows(other, "SELECT id FROM branches ORDER BY id") == [("child",), ("lost",), ("main",)]
        assert other.head("lost") == 5, "what nobody reaches any more is left behind"


def test_under_another_name_it_lives_beside_the_first(vault: Vault, tmp_path: Path) -> None:
    first = exported(vault, "carol", tmp_path / "carol.qms")
    told = import_archive(vault, tmp_path / "carol.qms", as_name="dora")
    assert (told.agent, vault.agents()) == ("dora", ["alice", "bob", "carol", "dora"])
    assert vault.agents_between("", None, 100) == vault.agents()
    root = vault.find_agent("dora")
    assert root.id != "carol"
    assert root.parent not in (None, "main")
    for seq in range(6, vault.head("carol") + 1):
        theirs, ours = state_at(vault, Place("carol", seq), FOLDS), state_at(vault, Place(root.id, seq), FOLDS)
        assert ours.memories == theirs.memories
        assert (ours.mood, ours.skills, ours.relations) == (theirs.mood, theirs.skills, theirs.relations)
    (_, back, _) = vault.entries(root.id, 6, 9)
    assert back.event == RolledBack(Place(root.parent or "", 3), ("memories", "mood"))
    assert exported(vault, "carol", tmp_path / "carol.qms") == first
    with pytest.raises(AlreadyExists, match="dora"):
        import_archive(vault, tmp_path / "carol.qms", as_name="dora")


def test_merges_inside_a_renamed_agent_are_known_and_those_from_others_do_not_break_it(
    vault: Vault, tmp_path: Path
) -> None:
    exported(vault, "alice", tmp_path / "alice.qms")
    with opened() as other:
        import_archive(other, tmp_path / "alice.qms", as_name="anna")
        main, child = other.find_agent("anna"), other.branch_named("anna", "child")
        head = other.head(main.id)
        base = Place(child.id, 6)
        assert [marker.source for marker in other.merges(main.id, head)] == [Place("bobs", 1), base]
        assert merge_base(other, Place(main.id, head), base) == base
        assert merge_base(other, base, Place(main.id, head)) == Place(main.id, 4)
        assert [entry.kind for entry in other.log(main.id)][:4] == ["remembered", "picked", "merged", "merged"]
        import_archive(other, tmp_path / "alice.qms")
        assert merge_base(other, Place(main.id, head), Place("main", 3)) is None


def test_what_is_in_the_way_is_named_and_nothing_is_changed(vault: Vault, tmp_path: Path) -> None:
    path = tmp_path / "alice.qms"
    exported(vault, "alice", path)
    before = counts(vault)
    with pytest.raises(AlreadyExists, match="agent 'alice'"):
        import_archive(vault, path)
    with pytest.raises(AlreadyExists, match="agent 'bob'"):
        import_archive(vault, path, as_name="bob")
    with pytest.raises(InvalidValue, match="agent"):
        import_archive(vault, path, as_name="a/b")
    assert counts(vault) == before
    with opened() as other:
        Scribe(other).agent("eve", "main")
        before = counts(other)
        for work in (import_archive, examine_archive):
            with pytest.raises(AlreadyExists, match="branch id 'main'"):
                work(other, path)
        assert counts(other) == before
    with opened(embedding="minilm/8") as other, pytest.raises(OtherEmbedding, match=r"minilm/8.*hashing/8"):
        import_archive(other, path)
    with opened(embedding=None) as unpinned:
        lived(unpinned)
        exported(unpinned, "alice", path)
    with opened(embedding="hashing/9") as other, pytest.raises(ShapeMismatch):
        import_archive(other, path)
    with pytest.raises(AgentNotFound):
        exported(vault, "nobody", tmp_path / "nobody.qms")
    assert not (tmp_path / "nobody.qms").exists()


def test_a_dry_run_checks_everything_and_writes_nothing(vault: Vault, tmp_path: Path) -> None:
    exported(vault, "alice", tmp_path / "alice.qms")
    with opened() as other:
        before = counts(other)
        told = examine_archive(other, tmp_path / "alice.qms", as_name="anna")
        assert counts(other) == before
        assert told == import_archive(other, tmp_path / "alice.qms", as_name="anna")


def test_sealed_history_is_exported_too(vault: Vault, tmp_path: Path) -> None:
    first = exported(vault, "alice", tmp_path / "first.qms")
    assert vault.blocks is not None
    Keeper(vault.database, vault.blocks, vault._now, seal_events=2, segment_events=4).settle()
    assert rows(vault, "SELECT count(*) FROM journal WHERE payload IS NULL") > [(0,)]
    assert exported(vault, "alice", tmp_path / "second.qms") == first


def test_hdf5_readers_find_everything_without_this_package(vault: Vault, tmp_path: Path) -> None:
    exported(vault, "alice", tmp_path / "alice.qms")
    state = state_at(vault, Place("main", vault.head("main")), FOLDS)
    with h5py.File(tmp_path / "alice.qms", "r") as file:
        assert sorted(file["embeddings"]) == ["000_float32_8", "001_float16_8"]
        head = next(group for group in file["heads"].values() if group.attrs["seq"] == vault.head("main"))
        held = head["memories/memory"][:]
        texts = file["memories/text/bytes"][:].tobytes()
        ends = [0, *file["memories/text/ends"][:].tolist()]
        assert [texts[ends[row] : ends[row + 1]].decode() for row in held] == [one.text for one in state.memories]
        sets = sorted(file["embeddings"])
        for row, one in zip(held, state.memories, strict=True):
            number, place = file["memories/embedding_set"][row], file["memories/embedding_row"][row]
            assert (file["embeddings"][sets[number]][place].astype(np.float32) == one.embedding).all()
            assert file["memories/pad"][row].tolist() == np.asarray(one.pad).tolist()
        cores = [head[f"mood/core_{site:02d}"][:] for site in range(28)]
        assert all((ours == theirs).all() for ours, theirs in zip(cores, state.mood.cores, strict=True))
        assert head["graph/edges/source"].shape == (len(state.edges),)
        assert head["graph/relations/weight"][:].tolist() == [one.weight for one in state.relations]
        assert [head["skills/successes"][0], head["skills/name/bytes"][:].tobytes()] == [1, b"juggling"]


def test_only_the_heads_that_were_asked_for_are_in_it(vault: Vault, tmp_path: Path) -> None:
    path = tmp_path / "alice.qms"
    asked: tuple[tuple[Views, int], ...] = ("every", 2), ("root", 1), ("none", 0)
    for views, count in asked:
        assert export_archive(vault, "alice", path, FOLDS, views=views).heads == count
        with h5py.File(path, "r") as file:
            assert len(file["heads"]) == count
    with pytest.raises(InvalidValue, match="views"):
        export_archive(vault, "alice", path, FOLDS, views="some")  # type: ignore[arg-type]


def test_no_flipped_byte_goes_unseen(vault: Vault, tmp_path: Path) -> None:
    path = tmp_path / "alice.qms"
    whole = bytearray(exported(vault, "alice", path))
    chance = random.Random(0)
    places = [*range(0, 72, 3), *range(480, 512, 5), *(chance.randrange(len(whole)) for _ in range(270))]
    for place in places:
        flipped = bytearray(whole)
        flipped[place] ^= 1 << chance.randrange(8)
        path.write_bytes(flipped)
        with pytest.raises((CorruptRecord, NewerSchema)):
            open_archive(path)


def test_what_is_no_archive_or_not_all_of_one_is_refused(vault: Vault, tmp_path: Path) -> None:
    path = tmp_path / "alice.qms"
    whole = exported(vault, "alice", path)
    with opened() as other:
        before = counts(other)
        for size in (0, 3, 100, 511, 512, 513, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:size])
            with pytest.raises(CorruptRecord, match=r"alice\.qms"):
                import_archive(other, path)
        path.write_bytes(whole + b"\x00")
        with pytest.raises(CorruptRecord, match="after its first block"):
            import_archive(other, path)
        path.write_bytes(whole)
        first_archive.seal(path, 3)
        with pytest.raises(NewerSchema, match="version 3"):
            import_archive(other, path)
        assert counts(other) == before
    with pytest.raises(FileNotFoundError):
        open_archive(tmp_path / "missing.qms")


def damaged(path: Path, whole: bytes, name: str, change: object) -> None:
    """An archive that says something else under good checksums."""
    path.write_bytes(whole)
    with h5py.File(path, "r+") as file:
        if change is None:
            del file[name]
        elif isinstance(change, h5py.ExternalLink | h5py.SoftLink):
            del file[name]
            file[name] = change
        else:
            dataset = file[name]
            values = dataset[:]
            values[-1] = change
            dataset[:] = values
    first_archive.seal(path, 2)


def test_an_archive_that_was_tampered_with_is_refused_whole(vault: Vault, tmp_path: Path) -> None:
    path = tmp_path / "alice.qms"
    whole = exported(vault, "alice", path)
    changes: list[tuple[str, object]] = [
        ("tags", None),
        ("about", None),
        ("journal/seq", 99),
        ("journal/branch", 0),
        ("journal/at", 2**62),
        ("journal/order", 0),
        ("journal/event/bytes", 0xC1),
        ("journal/event/ends", 2**40),
        ("journal/kind/bytes", 0xFF),
        ("branches/parent", 7),
        ("branches/head", 9),
        ("branches/fork_seq", 99),
        ("branches/agent", 3),
        ("commits/seq", 99),
        ("commits/context/bytes", 0x20),
        ("commits/message/bytes", 0),
        ("tags/branch", -1),
        ("embeddings/000_float32_8", np.nan),
        ("journal/seq", h5py.ExternalLink("/etc/passwd", "/")),
        ("journal/seq", h5py.SoftLink("/journal/at")),
    ]
    with opened() as other:
        before = counts(other)
        for name, change in changes:
            damaged(path, whole, name, change)
            with pytest.raises(CorruptRecord):
                import_archive(other, path)
            assert counts(other) == before, name
        path.write_bytes(whole)
        import_archive(other, path)


def test_a_rollback_to_what_came_later_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "alice.qms"
    with opened() as vault:
        scribe = Scribe(vault)
        scribe.agent("alice", "main")
        scribe.add("main", Remembered((memory(1),)))
        scribe.add("main", RolledBack(Place("main", 1), PARTS))
        whole = exported(vault, "alice", path)
    record = b"\xa2to\x92\xa4main"
    assert whole.count(record + b"\x01") == 1
    path.write_bytes(whole.replace(record + b"\x01", record + b"\x02"))
    first_archive.seal(path, 2)
    with opened() as other, pytest.raises(CorruptRecord, match="which came later"):
        import_archive(other, path)


def test_a_file_that_cannot_be_written_leaves_what_was_there(vault: Vault, tmp_path: Path) -> None:
    with pytest.raises(WriteFailed):
        exported(vault, "alice", tmp_path / "no folder" / "alice.qms")
    path = tmp_path / "alice.qms"
    path.write_bytes(b"before")
    with pytest.raises(AgentNotFound):
        exported(vault, "nobody", path)
    folds = plain_folds(Settings(), dim=DIM + 1)
    with pytest.raises(ShapeMismatch):
        export_archive(vault, "alice", path, folds)
    assert (path.read_bytes(), list(tmp_path.iterdir())) == (b"before", [path])
    exported(vault, "alice", path)
    assert path.stat().st_mode & 0o777 == 0o600


def first(path: Path) -> None:
    """A version-1 archive of alice: two branches, a merge, a commit, a rollback."""
    vault = first_archive.first_vault()
    at = [to_us(START)]

    def now() -> int:
        at[0] += 1_000_000
        return at[0]

    def branch(name: str, kind: str, parent: str | None, fork_seq: int) -> None:
        row = {"id": name, "agent": "alice", "name": name, "lineage": "main", "kind": kind, "parent": parent}
        first_archive.insert(vault, "branches", **row, fork_seq=fork_seq, created_at=now(), op_id=f"op {name}")

    def event(branch: str, seq: int, kind: str, happened: Event) -> None:
        row = {"branch": branch, "seq": seq, "at": now(), "kind": kind, "agent": "alice", "op_id": f"{branch} {seq}"}
        first_archive.insert(vault, "journal", **row, payload=encode(happened))

    first_archive.insert(vault, "meta", key="embedding", value=PIN)
    first_archive.insert(vault, "agents", name="alice", root="main")
    branch("main", "root", None, 0)
    event("main", 1, "remembered", Remembered((memory(1), memory(2))))
    event("main", 2, "forgotten", Forgotten(("m1",)))
    branch("side", "fork", "main", 1)
    event("side", 2, "remembered", Remembered((memory(3),)))
    event("main", 3, "merged", Merged(Place("side", 2), Place("main", 1), (memory(3),), (), (), None))
    first_archive.insert(
        vault, "merges", branch="main", seq=3, source_branch="side", source_seq=2, base_branch="main", base_seq=1
    )
    event("main", 4, "rolled_back", RolledBack(Place("main", 1), ("memories",)))
    commit = {"id": "c0ffee", "agent": "alice", "branch": "main", "seq": 3, "message": "merged", "op_id": "op c"}
    first_archive.insert(vault, "commits", **commit, at=now())
    first_archive.write(vault, "alice", path)


def test_an_archive_of_version_1_is_migrated_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "first.qms"
    first(path)
    before = path.read_bytes()
    with opened() as vault:
        would = examine_archive(vault, path)
        assert (would.version, len(would.steps), counts(vault)[0]) == (1, 1, (0,))
        assert would.steps[0].startswith("1 to 2: ")
        assert import_archive(vault, path) == would
        assert path.read_bytes() == before
        assert [entry.event for entry in vault.entries("main", 0, 4)] == [
            Remembered((memory(1), memory(2))),
            Forgotten(("m1",)),
            Merged(Place("side", 2), Place("main", 1), (memory(3),), (), (), None),
            RolledBack(Place("main", 1), ("memories",)),
        ]
        assert [one.id for one in state_at(vault, Place("main", 3), FOLDS).memories] == ["m2", "m3"]
        assert [one.id for one in state_at(vault, Place("main", 4), FOLDS).memories] == ["m1", "m2"]
        told = [(one.action, one.branch, one.seq) for one in reversed(vault.audit("alice"))]
        assert [one for one in told if one[2] is not None] == [
            ("remembered", "main", 1),
            ("forgotten", "main", 2),
            ("remembered", "side", 2),
            ("merged", "main", 3),
            ("rolled_back", "main", 4),
        ]
        assert vault.find_place("main", "merged") == Place("main", 3)
        export_archive(vault, "alice", tmp_path / "second.qms", FOLDS)
    with open_archive(tmp_path / "second.qms") as archive:
        assert (archive.version, archive.steps) == (2, ())
    assert state_in(path, FOLDS) == state_in(tmp_path / "second.qms", FOLDS)


def test_reading_an_archive_leaves_no_vault_behind(vault: Vault, tmp_path: Path) -> None:
    exported(vault, "alice", tmp_path / "alice.qms")
    copied = shutil.copy(tmp_path / "alice.qms", tmp_path / "copy.qms")
    state = state_in(copied, FOLDS)
    assert state == state_at(vault, Place("main", vault.head("main")), FOLDS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["alice.qms", "copy.qms"]
    with pytest.raises(QuantumMemoryError):
        state_in(__file__, FOLDS)
