"""The rows of an archive as the rows of a vault, each checked: trusts nothing that it reads. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, get_args

import msgspec
import numpy as np
from numpy.typing import NDArray

from quantum_memory.checks import MAX_ID_CHARS, named, visible
from quantum_memory.errors import CorruptRecord, InvalidInput
from quantum_memory.memory.archive import layout
from quantum_memory.memory.archive.columns import length, rows
from quantum_memory.memory.archive.read import Archive
from quantum_memory.memory.archive.rename import Names
from quantum_memory.memory.archive.vectors import EVENTS_AT_ONCE
from quantum_memory.memory.events import Event, Merged, RolledBack
from quantum_memory.memory.vault import embedding as pins
from quantum_memory.memory.vault.adopt import HIDDEN, Adoption, Entered, Row
from quantum_memory.memory.vault.catalog import from_us
from quantum_memory.memory.vault.codec import encode
from quantum_memory.memory.vault.describe import kind_of
from quantum_memory.memory.vault.judge_events import marker
from quantum_memory.types import AgentName, BranchId, BranchKind, Place

Ints = NDArray[np.int64]
MOST = 2**62
_CONTEXT: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])


class Intake:
    """An archive on its way into a vault.

    Args:
        archive: open.
        agent: what to call its agent.
        renamed: whether branches and commits get other ids.

    Attributes:
        agent: the same.
        owners: agents by their number in the archive, the first is its own.

    Raises: CorruptRecord from the constructor and wherever a row is read; InvalidInput for a name that none can have.
    """

    def __init__(self, archive: Archive, agent: AgentName, *, renamed: bool) -> None:
        self._archive, self._what, self.agent = archive, str(archive.path), agent
        self._branches = self._read("branches", layout.BRANCHES)
        self._ids: list[BranchId] = [row["id"] for row in self._branches]
        self._number = {branch: number for number, branch in enumerate(self._ids)}
        self._names = Names(agent, self._number, renamed=renamed)
        self.owners: tuple[AgentName, ...] = tuple(row["name"] for row in self._read("agents", layout.AGENTS))
        self._check_owners()
        if archive.about.embedding is not None:
            self._fit("about", lambda _, pin: pins.checked(pin), "embedding", archive.about.embedding)
        for number, row in enumerate(self._branches):
            self._check_branch(number, row)
        self._orders = self._entry_orders()
        self._order = self._whole_order()

    def adoption(self) -> Adoption:
        """The rows. Its journal is read while it is being taken in."""
        about = self._archive.about
        commits = self._read("commits", layout.COMMITS)
        named_commits = [self._commit(row) for row in commits]
        contexts = [
            {"commit": made["id"], "body": self._context(row)}
            for made, row in zip(named_commits, commits, strict=True)
            if row["context"] is not None
        ]
        sessions = [self._session(row) for row in self._read("sessions", layout.SESSIONS)]
        return Adoption(
            self.agent,
            about.embedding,
            frozenset(self._archive.vectors.dims()),
            len(self._order),
            self._agents(),
            self._branch_rows(),
            named_commits,
            contexts,
            [self._tag(row) for row in self._read("tags", layout.TAGS)],
            sessions,
            self._journal(),
            f"{about.agent}: {len(self._ids)} branches, {length(self._archive.tables['journal'])} events",
        )

    def _read(self, name: str, columns: layout.Columns) -> list[Row]:
        names = tuple(columns)
        return [dict(zip(names, row, strict=True)) for row in rows(self._archive.tables[name], names)]

    def _check_owners(self) -> None:
        if not self.owners or self.owners[0] != self._archive.about.agent or len(set(self.owners)) < len(self.owners):
            raise self._bad("agents", f"{self.owners[:3]} for an archive of {self._archive.about.agent!r}")
        for owner in self.owners:
            for part in owner.split(HIDDEN):
                self._fit("agents", named, "agent", part)

    def _check_branch(self, number: int, row: Row) -> None:
        what = f"branch {row['id']}"
        for name in ("id", "op_id"):
            if row[name] is not None:
                self._check_id(what, name, row[name])
        self._fit(what, named, "branch", row["name"])
        parent, fork_seq, head = row["parent"], row["fork_seq"], row["head"]
        if self._number[row["id"]] != number:
            raise self._bad(what, "its id stands twice")
        if row["kind"] not in get_args(BranchKind) or not 0 <= row["agent"] < len(self.owners):
            raise self._bad(what, f"kind {row['kind']!r} of agent {row['agent']}")
        first = parent == layout.NOTHING
        if first != (row["kind"] == "root") or not (first or 0 <= parent < number):
            raise self._bad(what, f"a {row['kind']} whose parent is {parent}")
        upto = 0 if first else self._branches[parent]["head"]
        if not (0 <= fork_seq <= upto and fork_seq <= head < MOST):
            raise self._bad(what, f"begins after {fork_seq} of {upto} and ends at {head}")
        for name in ("created_at", "deleted_at"):
            self._check_time(what, row[name])
        if (row["deleted_at"] is None) != (row["deleted_order"] is None):
            raise self._bad(what, "it is deleted by halves")

    def _entry_orders(self) -> list[Ints]:
        """The rank of every entry, by branch: entries come branch by branch, without a gap."""
        journal = self._archive.tables["journal"]
        count = length(journal)
        orders: list[Ints] = []
        start = 0
        for row in self._branches:
            size = row["head"] - row["fork_seq"]
            if start + size > count:
                raise self._bad(f"branch {row['id']}", f"{size} entries, {count - start} are left")
            orders.append(np.array(journal["order"].read(start, start + size), np.int64))
            start += size
        if start != count:
            raise self._bad("journal", f"{count} entries, branches have {start}")
        return orders

    def _whole_order(self) -> Ints:
        """Every rank that the archive has, sorted."""
        found = [np.array([row["order"] for row in self._branches], np.int64), *self._orders]
        found += [
            np.array(self._archive.tables[name]["order"].read(0, length(self._archive.tables[name])), np.int64)
            for name in ("commits", "tags", "sessions")
        ]
        every = np.concatenate(found)
        whole: Ints = np.unique(every)
        if len(whole) < len(every) or (len(whole) and int(whole[0]) < 0):
            raise self._bad("order", "two changes have one place in it, or one is before the first")
        gone = [row["deleted_order"] for row in self._branches if row["deleted_order"] is not None]
        return np.union1d(whole, np.array(gone, np.int64))

    def _rank(self, order: int) -> int:
        return int(np.searchsorted(self._order, order))

    def _agents(self) -> list[Row]:
        roots: dict[int, BranchId] = {}
        for row in self._branches:
            if row["agent"] != 0 or row["id"] == self._archive.about.root:
                roots.setdefault(row["agent"], self._names.branch(row["id"]))
        if set(roots) != set(range(len(self.owners))):
            raise self._bad("agents", "one of them has no root")
        return [{"name": self._owner(number), "root": roots[number]} for number in range(len(self.owners))]

    def _owner(self, number: int) -> AgentName:
        return self.agent if number == 0 else self._names.owner(self.owners[number])

    def _branch_rows(self) -> list[Row]:
        made: list[Row] = []
        taken: set[tuple[int, str]] = set()
        for row in self._branches:
            parent = None if row["parent"] == layout.NOTHING else made[row["parent"]]
            branch = self._names.branch(row["id"])
            alive = row["deleted_at"] is None
            if alive and (row["agent"], row["name"]) in taken:
                raise self._bad(f"branch {row['id']}", f"a second one is named {row['name']!r}")
            taken |= {(row["agent"], row["name"])} if alive else set()
            made.append(
                {
                    "id": branch,
                    "agent": self._owner(row["agent"]),
                    "name": row["name"],
                    "lineage": branch if parent is None else parent["lineage"],
                    "kind": row["kind"],
                    "parent": None if parent is None else parent["id"],
                    "fork_seq": row["fork_seq"],
                    "created_at": row["created_at"],
                    "op_id": row["op_id"],
                    "position": self._rank(row["order"]),
                    "deleted_at": row["deleted_at"],
                    "deleted_position": None if alive else self._rank(row["deleted_order"]),
                }
            )
        return made

    def _commit(self, row: Row) -> Row:
        what = f"commit {row['id']}"
        self._check_id(what, "id", row["id"])
        self._check_id(what, "op_id", row["op_id"])
        self._fit(what, visible, "message", row["message"])
        if not 0 <= row["agent"] < len(self.owners):
            raise self._bad(what, f"of agent {row['agent']}")
        told = {name: row[name] for name in ("message", "at", "op_id")}
        place = self._named_place(what, row)
        commit = self._names.commit(row["id"])
        return {"id": commit, "agent": self._owner(row["agent"]), "position": self._rank(row["order"])} | place | told

    def _context(self, row: Row) -> str:
        """What was so at a commit, if it is an object as JSON has them."""
        text = str(row["context"])
        try:
            _CONTEXT.decode(text)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise self._bad(f"commit {row['id']}", f"context: {error}") from error
        return text

    def _tag(self, row: Row) -> Row:
        what = f"tag {row['name']}"
        self._fit(what, named, "tag", row["name"])
        told = {"agent": self.agent, "name": row["name"], "at": row["at"], "position": self._rank(row["order"])}
        return told | self._named_place(what, row)

    def _session(self, row: Row) -> Row:
        what = f"session {row['id']}"
        self._check_id(what, "id", row["id"])
        self._fit(what, visible, "who", row["who"])
        self._check_time(what, row["at"])
        return {name: row[name] for name in ("id", "who", "at")} | {"position": self._rank(row["order"])}

    def _named_place(self, what: str, row: Row) -> Row:
        """Branch and number of a commit or a tag."""
        self._check_time(what, row["at"])
        if not 0 <= row["branch"] < len(self._ids) or not 0 <= row["seq"] <= self._branches[row["branch"]]["head"]:
            raise self._bad(what, f"names {row['branch']}@{row['seq']}")
        return {"branch": self._names.branch(self._ids[row["branch"]]), "seq": row["seq"]}

    def _journal(self) -> Iterator[Entered]:
        """The entries, branch by branch."""
        read = rows(self._archive.tables["journal"], tuple(layout.JOURNAL), EVENTS_AT_ONCE)
        for number, row in enumerate(self._branches):
            seqs: Sequence[int] = range(row["fork_seq"] + 1, row["head"] + 1)
            for seq, order, entry in zip(seqs, self._orders[number].tolist(), read, strict=False):
                yield self._entered(number, seq, order, entry)

    def _entered(self, number: int, seq: int, order: int, entry: tuple[Any, ...]) -> Entered:
        branch, found, at, kind, op_id, _, record = entry
        what = f"entry {self._ids[number]}@{seq}"
        if (branch, found) != (number, seq):
            raise self._bad(what, f"in its place stands {branch}@{found}")
        self._check_id(what, "op_id", op_id)
        self._check_time(what, at)
        event = self._archive.events.decode(record, f"{self._what}: {what}")
        if kind_of(event) != kind:
            raise self._bad(what, f"a {kind_of(event)} listed as {kind!r}")
        if isinstance(event, RolledBack):
            self._check_past(what, event.to, order)
        event = self._names.event(event)
        place: Row = {"branch": self._names.branch(self._ids[number]), "seq": seq}
        said = {"at": at, "kind": kind, "agent": self._owner(self._branches[number]["agent"]), "op_id": op_id}
        payload = self._encoded(what, event)
        merge = marker(Place(place["branch"], seq), event) if isinstance(event, Merged) else None
        return Entered(place | said | {"payload": payload, "position": self._rank(order)}, merge)

    def _encoded(self, what: str, event: Event) -> bytes:
        try:
            return encode(event)
        except InvalidInput as error:
            raise self._bad(what, str(error)) from error

    def _check_past(self, what: str, place: Place, order: int) -> None:
        """What an event goes back to must have been before it: that is why every walk through history ends."""
        number = self._number.get(place.branch)
        if number is None or not 0 <= place.seq <= self._branches[number]["head"]:
            raise self._bad(what, f"goes back to {place.branch}@{place.seq}, which is not there")
        while place.seq <= self._branches[number]["fork_seq"] and self._branches[number]["parent"] != layout.NOTHING:
            number = self._branches[number]["parent"]
        row = self._branches[number]
        then = row["order"] if place.seq <= row["fork_seq"] else self._orders[number][place.seq - row["fork_seq"] - 1]
        if then >= order:
            raise self._bad(what, f"goes back to {place.branch}@{place.seq}, which came later")

    def _check_id(self, what: str, name: str, value: str) -> None:
        self._fit(what, visible, name, value)
        if len(value) > MAX_ID_CHARS:
            raise self._bad(what, f"{name}: {len(value)} characters, the limit is {MAX_ID_CHARS}")

    def _check_time(self, what: str, at_us: int | None) -> None:
        try:
            _ = None if at_us is None else from_us(at_us)
        except OverflowError as error:
            raise self._bad(what, str(error)) from error

    def _fit(self, what: str, check: Any, name: str, value: str) -> None:
        try:
            check(name, value)
        except InvalidInput as error:
            raise self._bad(what, str(error)) from error
        if "\x00" in value:
            raise self._bad(what, f"{name}: a NUL, which PostgreSQL cannot hold")

    def _bad(self, what: str, reason: str) -> CorruptRecord:
        return CorruptRecord(f"{self._what}: {what}", reason)
