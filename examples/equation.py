"""The equation of a friendship: fitted to what an agent remembers, and how it changes in a fork where things go wrong.

Ada and Ben talk for weeks. What they feel is drawn from a system that is known, so that what is found can be held
against it. On the first branch Ben's joy goes on to be hers; in the fork it begins to hurt.
"""

from __future__ import annotations

import argparse
import tempfile
from datetime import UTC, datetime

import numpy as np

import quantum_memory as qm
from quantum_memory.memory.affect.dynamics import Reverting, Series, difference

HOUR_S = 3600.0
START = datetime(2026, 4, 6, 8, 0, tzinfo=UTC)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--turns", type=int, default=120, help="of each of the two in each chapter (%(default)s)")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--storage", help="folder of the vault; a fresh one by default")
    given = options.parse_args()
    settings = {"perception": {"model": "hashing"}}  # the feelings are given, so no model is asked
    with (
        tempfile.TemporaryDirectory() as fresh,
        qm.connect(storage=given.storage or fresh, config=settings) as memory,
    ):
        ada = memory.agent("ada")
        end_s = live(ada, friendship(0.4), given.turns, given.seed, START.timestamp())
        before = ada.keep_equation("Ben")
        print(before, before.sentence, sep="\n\n", end="\n\n")

        hurt = ada.fork("it began to hurt")
        live(ada, friendship(0.4), given.turns, given.seed + 1, end_s)
        live(hurt, friendship(-0.4), given.turns, given.seed + 1, end_s)
        kept, changed = ada.keep_equation("Ben"), hurt.keep_equation("Ben")
        print(f"from here to the fork: {difference(kept, changed)}\n")

        good_news = [(HOUR_S, qm.PAD(0.8, 0.3, 0.2))]
        for handle, one in ((ada, kept), (hurt, changed)):
            foreseen = one.forecast(1.5 * HOUR_S, qm.PAD(0.0, 0.0, 0.0), good_news)
            print(
                f"on {handle.branch}, half an hour after Ben's good news: pleasure {foreseen.pad.pleasure:+.2f}", end=""
            )
            print(f" ± {foreseen.spread[0]:.2f}")

        print(f"\nkept on the fork, oldest first: {len(hurt.equation_history('Ben'))} versions")
        ada.merge(hurt, policy="theirs")
        print(f"merged: ada's equation is the fork's, {ada.equations() == hurt.equations()}")


def friendship(push: float) -> Reverting:
    """Ada, as she is: her feelings halve in hours, and Ben's pleasure moves hers."""
    return Reverting(
        rest=np.array([0.2, 0.0, 0.1]),
        pull=np.diag(np.log(2.0) / (np.array([3.0, 1.0, 2.0]) * HOUR_S)),
        push=np.diag([push, 0.3, 0.1]),
        spread=0.03 * np.eye(3),
    )


def live(branch: qm.AgentHandle, model: Reverting, turns: int, seed: int, begin_s: float) -> float:
    """Let both talk; returns when they were done."""
    chance = np.random.default_rng(seed)
    hers = begin_s + np.cumsum(2.0 + chance.exponential(0.5 * HOUR_S, turns))
    his = np.sort(chance.uniform(hers[0], hers[-1], turns))
    felt = np.clip(chance.normal(0.0, 0.4, (turns, 3)), -1.0, 1.0)
    series = model.simulated(hers, seed, "Ada", Series(his, felt, np.ones(turns), ("Ben",) * turns))
    branch.remember(
        [
            qm.Utterance(f"turn {index}", who, datetime.fromtimestamp(at_s, UTC), pad=qm.PAD(*pad))
            for index, (at_s, pad, who) in enumerate(
                zip(series.at_s.tolist(), series.pads.tolist(), series.who, strict=True)
            )
        ]
    )
    return float(hers[-1])


if __name__ == "__main__":
    main()
