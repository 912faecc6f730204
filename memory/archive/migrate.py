"""Older archives as the current version has them: one step for each version, on what is read and never in the file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from quantum_memory.memory.archive import layout
from quantum_memory.memory.archive.columns import Column, Given, length, rows

Tables = dict[str, dict[str, Column]]


class Step(NamedTuple):
    """From a version to the next, and what it does in words."""

    version: int
    what: str
    apply: Callable[[Tables], Tables]


def migrated(tables: Tables, version: int) -> tuple[Tables, tuple[str, ...]]:
    """The tables as version ``layout.VERSION`` has them, and what was done to them."""
    done = []
    for step in STEPS:
        if step.version >= version:
            tables = step.apply(tables)
            done.append(f"{step.version} to {step.version + 1}: {step.what}")
    return tables, tuple(done)


def _from_1(tables: Tables) -> Tables:
    """Version 1 had no order over all changes, nothing that was deleted, no contexts, tags and sessions."""
    branches, journal, commits = _order(tables)
    count = length(tables["branches"])
    nothing = Given([None] * count)
    later = {"order": Given(branches), "deleted_at": nothing, "deleted_order": nothing}
    said = {"order": Given(commits), "context": Given([None] * len(commits))}
    return {
        **tables,
        "branches": tables["branches"] | later,
        "journal": tables["journal"] | {"order": Given(journal)},
        "merges": tables["merges"] | {"parts": Given([None] * length(tables["merges"]))},
        "commits": tables["commits"] | said,
        "tags": dict.fromkeys(layout.TAGS, Given(())),
        "sessions": dict.fromkeys(layout.SESSIONS, Given(())),
    }


def _order(tables: Tables) -> tuple[Sequence[int], Sequence[int], Sequence[int]]:
    """The rank of every branch, entry and commit in the order in which they must have come about.

    By time; at one time by branch, which is made after its parent; on a branch it first, then its entries, then what
    names them.
    """
    made = [(at, number, 0, 0) for number, (at,) in enumerate(rows(tables["branches"], ("created_at",)))]
    happened = [(at, branch, 1, seq) for at, branch, seq in rows(tables["journal"], ("at", "branch", "seq"))]
    named = [(at, branch, 2, number) for number, (at, branch) in enumerate(rows(tables["commits"], ("at", "branch")))]
    keys = np.array(made + happened + named, np.int64).reshape(-1, 4)
    ranks = np.empty(len(keys), np.int64)
    ranks[np.lexsort(keys.T[::-1])] = np.arange(len(keys))
    cut = len(made), len(made) + len(happened)
    return ranks[: cut[0]].tolist(), ranks[cut[0] : cut[1]].tolist(), ranks[cut[1] :].tolist()


STEPS = (Step(1, "an order over all changes; no relations, tags, contexts, sessions and revisions yet", _from_1),)
