"""What a name means to an agent: a commit, a tag, a branch, or the commit whose id begins with it. Only reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa

from quantum_memory.errors import InvalidValue, PlaceNotFound
from quantum_memory.memory.vault.catalog import (
    SELECT_COMMITS_LIKE,
    SELECT_COMMITS_LIKE_BELOW,
    SELECT_NAMED,
    SELECT_TAG,
    SELECT_TAGS_BELOW,
    Catalog,
    branch_of,
    commit_of,
    findable,
    tag_of,
)
from quantum_memory.memory.vault.schema import MIN_PREFIX_CHARS
from quantum_memory.types import Branch, BranchId, Commit, Place


def inherited(root: Branch, branch: Callable[[BranchId], Branch]) -> Iterator[Place]:
    """The last place on each branch of other agents that the agent of a root branch has in its past, nearest first.

    Everything before such a place on its branch is the agent's past too. No fork of the agent has more: it starts at
    a place of the agent's own or at one of these.
    """
    row, upto = root, root.fork_seq
    while row.parent is not None:
        upto = min(upto, row.fork_seq)
        yield Place(row.parent, upto)
        row = branch(row.parent)


def find_place(catalog: Catalog, connection: sa.Connection, branch: Branch, ref: str) -> Place:
    """See ``Vault.find_place``. Raises: AgentNotFound, PlaceNotFound, InvalidValue."""
    agent = branch.agent
    root = catalog.root(connection, agent)
    if not ref or not findable(ref):
        raise PlaceNotFound(agent, ref)
    seen = _own(connection, branch, ref), _of_the_past(catalog, connection, root, ref)
    found = _exact(seen, "id", ref) or _tagged(catalog, connection, root, ref) or _exact(seen, "message", ref)
    if found is not None:
        return found
    row = connection.execute(SELECT_NAMED, {"agent": agent, "name": ref}).one_or_none()
    if row is not None:
        named = branch_of(row)
        return Place(named.id, catalog.head(connection, named).seq)
    for commits in seen:
        if len(commits) > 1:
            raise InvalidValue("commit", repr(ref), f"a longer prefix: {len(commits)} commits begin with it")
        if commits:
            return commits[0].place
    raise PlaceNotFound(agent, ref)


def _exact(seen: Sequence[Sequence[Commit]], field: str, ref: str) -> Place | None:
    """The place of the newest commit that is named just so: of the agent's own, or else of the others."""
    for commits in seen:
        exact = [commit for commit in commits if getattr(commit, field) == ref]
        if exact:
            return exact[-1].place
    return None


def _tagged(catalog: Catalog, connection: sa.Connection, root: Branch, name: str) -> Place | None:
    """Where the agent's tag is, or else the tag of another agent that was put last in the inherited past."""
    row = connection.execute(SELECT_TAG, {"agent": root.agent, "name": name}).one_or_none()
    if row is not None:
        return tag_of(row).place
    rows: list[Sequence[Any]] = []
    for branch, seq in inherited(root, partial(catalog.branch, connection)):
        rows += connection.execute(SELECT_TAGS_BELOW, {"branch": branch, "upto": seq, "name": name}).all()
    return tag_of(max(rows, key=lambda row: int(row[0]))[1:]).place if rows else None


def _own(connection: sa.Connection, branch: Branch, ref: str) -> list[Commit]:
    """The agent's commits that the name may mean, oldest first; those in a transaction only to itself."""
    values = {"agent": branch.agent, "inside": [branch.id], "ref": ref}
    return _meant(connection.execute(SELECT_COMMITS_LIKE, values).all(), ref)


def _of_the_past(catalog: Catalog, connection: sa.Connection, root: Branch, ref: str) -> list[Commit]:
    """The commits of other agents in the inherited past that the name may mean, oldest first."""
    rows: list[Sequence[Any]] = []
    for branch, seq in inherited(root, partial(catalog.branch, connection)):
        values = {"agent": catalog.branch(connection, branch).agent, "branch": branch, "upto": seq, "ref": ref}
        rows += connection.execute(SELECT_COMMITS_LIKE_BELOW, values).all()
    return _meant(rows, ref)


def _meant(rows: Iterable[Sequence[Any]], ref: str) -> list[Commit]:
    """Those of the commits, with their ordinals before them, that have this message or this beginning of an id."""
    found = {int(row[0]): commit_of(row[1:]) for row in rows}
    like_an_id = len(ref) >= MIN_PREFIX_CHARS
    in_order = (found[ordinal] for ordinal in sorted(found))
    return [commit for commit in in_order if commit.message == ref or (like_an_id and commit.id.startswith(ref))]
