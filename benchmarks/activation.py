"""How soon an agent that was put away answers: its first recall, beside that of one that is awake.

    python benchmarks/activation.py [--memories 1000 100000] [--batch 100] [--dim 384] [--repeats 5] [--json FILE]

One orchestrator with its views and its vault in this process, without Ray; embeddings and feelings are ready-made. The
agent is put away as the clock would do it: what is worth it is written down first. Then a question is asked by text
and vector; each view comes back from the vault. "cold" is the first time after the vault and the views were opened
anew, too, so that nothing is held but the files that the system keeps in its cache. Where the time goes is told by
view: `loading` it alone, one after the other, side by side in a call.

Bounds: 0.1 s at 1,000 memories, 1 s at 100,000.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from quantum_memory.actors.agent import QuantumMemoryHost
from quantum_memory.actors.directory import Directory
from quantum_memory.actors.journal import Journal
from quantum_memory.actors.parts import local_parts
from quantum_memory.actors.ports import LocalVault
from quantum_memory.actors.requests import RecallRequest, RememberRequest
from quantum_memory.actors.vault import VaultHost
from quantum_memory.actors.views import ViewHost
from quantum_memory.settings import Settings, load
from quantum_memory.types import PAD, Branch, Filters, Place, Utterance

BOUNDS_S = {1_000: 0.1, 100_000: 1.0}
START = datetime(2026, 1, 1, tzinfo=UTC)
PLACES = ("mill", "river", "market", "garden", "bridge", "ferry", "well", "tower", "bakery", "gate", "yard", "quay")
THINGS = ("bread", "letter", "song", "umbrella", "kettle", "boat", "lamp", "coat", "violin", "apple", "rope", "clock")
DONE = ("found", "lost", "mended", "sold", "borrowed", "painted", "dropped", "carried")
NAMES = tuple(f"{first}{last}" for first in ("An", "Ber", "Cla", "Do", "El", "Fi") for last in ("na", "ra", "us", "is"))
QUESTION = "Who mended the violin by the river?"


class Stage:
    """An orchestrator over a vault in a folder."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.loop = asyncio.Runner()
        self.open()

    def open(self) -> None:
        """Open the vault and make the views."""
        self.vault = VaultHost(self.settings)
        journal = Journal(LocalVault(self.vault), lambda _: True)
        self.views: tuple[ViewHost, ...] = ()
        parts = local_parts(self.settings, journal, self.vault)
        self.views = tuple(port._host for port in parts.views)  # type: ignore[attr-defined]  # noqa: SLF001
        self.host = QuantumMemoryHost(self.settings, Directory("none", {"agents": 1}, 600.0, 1.0), parts=parts)

    def reopen(self) -> None:
        """Close everything and begin again from what is on disk."""
        self.close_views()
        self.vault.close()
        self.open()

    def close_views(self) -> None:
        for view in self.views:
            view.close()

    def put_away(self) -> None:
        """Put everything away, as the clock would do it."""
        for view in self.views:
            held = view.residence.residents
            view.residence.let_go(lambda held=held: held.unused(0.0), None, "idle", 120.0)  # type: ignore[misc]


def utterances(chance: np.random.Generator, first: int, count: int, dim: int) -> tuple[Utterance, ...]:
    """So many things that happened, perceived already."""
    vectors = chance.normal(size=(count, dim)).astype(np.float32)
    feelings, words = chance.uniform(-0.9, 0.9, (count, 3)), chance.integers(0, 1 << 20, (count, 4))
    return tuple(
        Utterance(
            f"On day {first + n} {NAMES[own[3] % 24]} {DONE[own[0] % 8]} the {THINGS[own[1] % 12]} by the "
            f"{PLACES[own[2] % 12]} for the {first + n}th time.",
            speaker=NAMES[own[3] % 7],
            session=f"week {(first + n) // 40}",
            at=START + timedelta(minutes=first + n),
            pad=PAD(*feelings[n]),
            embedding=vectors[n],
        )
        for n, own in enumerate(words)
    )


def timed(work: Callable[[], Any]) -> float:
    """How many seconds something takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def measured(memories: int, batch: int, dim: int, repeats: int, folder: Path) -> dict[str, Any]:
    """How long the first recall takes, of an agent with so many memories, and where the time goes."""
    perception = {"model": "hashing", "dim": dim}
    stage = Stage(load({"perception": perception, "storage": str(folder), "placement": "inline"}))
    chance = np.random.default_rng(0)
    branch: Branch = stage.loop.run(stage.host.open(["alice"], create=True))[0].info

    def fill() -> None:
        for first in range(0, memories, batch):
            told = utterances(chance, first, min(batch, memories - first), dim)
            stage.loop.run(stage.host.remember_one(RememberRequest(branch, told, f"op-{first}")))

    def recall() -> None:
        found = stage.loop.run(stage.host.recall_one(RecallRequest(branch, QUESTION, 10, Filters(), None)))
        assert len(found) == min(10, memories), len(found)

    filled_s = timed(fill)
    recall()
    awake = [timed(recall) for _ in range(repeats)]
    away_s = timed(stage.put_away)
    back = [timed(recall)]
    for _ in range(repeats - 1):
        stage.put_away()
        back.append(timed(recall))
    place = Place(branch.id, stage.vault.head(branch.id))
    stage.put_away()
    loading = {view.pool: timed(lambda view=view: view.warm([place])) for view in stage.views}  # type: ignore[misc]
    awake_after = timed(recall)
    stage.reopen()
    cold_s = timed(recall)
    stage.close_views()
    stage.vault.close()
    stage.loop.close()
    bound = BOUNDS_S.get(memories)
    return {
        "memories": memories,
        "batch": batch,
        "filled_s": round(filled_s, 2),
        "put_away_s": round(away_s, 3),
        "awake_ms": round(1e3 * statistics.median(awake), 2),
        "first_ms": round(1e3 * statistics.median(back), 1),
        "first_worst_ms": round(1e3 * max(back), 1),
        "cold_ms": round(1e3 * cold_s, 1),
        "warmed_ms": round(1e3 * awake_after, 2),
        "loading_ms": {name: round(1e3 * seconds, 1) for name, seconds in loading.items()},
        "bound_ms": None if bound is None else 1e3 * bound,
        "holds": None if bound is None else bool(max(back) <= bound),
    }


def main() -> None:
    """Measure each size, and say what held."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--memories", type=int, nargs="+", default=[1_000, 100_000])
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rows = []
    for memories in given.memories:
        with TemporaryDirectory() as folder:
            rows.append(measured(memories, given.batch, given.dim, given.repeats, Path(folder)))
        print(json.dumps(rows[-1]), flush=True)
    if given.json is not None:
        told = {"benchmark": "activation", "machine": platform.platform(), "rows": rows}
        given.json.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
