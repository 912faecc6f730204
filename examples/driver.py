"""A driver script: one agent remembers, recalls with reasons, feels, forks and merges. Run it twice: it remembers."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

import ray

import quantum_memory as qm

YESTERDAY = [
    qm.Utterance(
        "Bob lent me his umbrella in the pouring rain.", "Alice", datetime(2026, 3, 1, 17, 5, tzinfo=UTC), id="m1"
    ),
    qm.Utterance("I forgot it on the tram and felt awful.", "Alice", datetime(2026, 3, 1, 18, 40, tzinfo=UTC), id="m2"),
    qm.Utterance("The kettle is broken again.", "Alice", datetime(2026, 3, 1, 19, 2, tzinfo=UTC), id="m3"),
]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--storage", default=".quantum_memory", help="folder of the vault (%(default)s)")
    options.add_argument("--perception", default="minilm", help="minilm, hashing or a model's folder (%(default)s)")
    given = options.parse_args()

    with qm.connect(storage=given.storage, config={"perception": {"model": given.perception}}) as memory:
        alice = memory.agent("alice")
        alice.remember(YESTERDAY)  # the same ids again add nothing
        print(f"alice has {len(alice.memories())} memories")

        for hit in alice.recall("Who helped me when it rained?", k=2):
            reasons = ", ".join(f"{part} {share:+.2f}" for part, share in hit.why.items() if abs(share) >= 0.01)
            print(f"  {hit.score:.2f}  {hit.memory.text}  ({reasons})")

        before = alice.checkpoint("before the confession")
        what_if = alice.fork(f"confession-{len(alice.branches())}")  # nothing is copied
        what_if.remember("Bob laughed and said he has four more umbrellas. I was so relieved!", speaker="Alice")
        fidelity = alice.diff(before, what_if).mood_fidelity
        print(f"on {what_if.branch} pleasure is {what_if.mood().mean.pleasure:+.2f}, fidelity to before {fidelity:.3f}")

        report = alice.merge(what_if)
        print(f"merged {len(report.added)} memory; {len(alice.memories())} now")
        alice.rollback(before)
        print(f"rolled back; {len(alice.memories())} now")

        asked = [alice.recall.remote(query, k=1) for query in ("umbrella", "kettle")]  # side by side, as Ray does
        for (hit,) in ray.get(asked):
            print(f"  {hit.memory.text}")


if __name__ == "__main__":
    main()
