"""Try many futures of one agent, each in a fork of its own, and keep the best.

Mara has an offer from another town. A tree of futures grows from where she stands: first how she answers, then what
comes of it. A future scores by the mood that it leaves her in and by what it makes her recall. The best one is merged.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from statistics import median
from time import perf_counter

import quantum_memory as qm

START = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
Event = tuple[str, tuple[float, float, float]]
"""What happens, and how it feels where no model is there to tell."""

PAST: list[Event] = [
    ("The bakery offered me the night shift in Port Ellin, with a room above the ovens.", (0.2, 0.3, 0.0)),
    ("Here I know everybody, and nothing has happened since spring.", (-0.2, -0.4, -0.1)),
    ("My sister Nour said she would miss me at every single breakfast.", (0.1, 0.1, -0.2)),
]
ANSWERS: list[Event] = [
    ("I said yes, and my hands were shaking with joy.", (0.7, 0.6, 0.3)),
    ("I said no, and the line was quiet for a long time.", (-0.4, -0.2, -0.3)),
    ("I asked for a month to think, and they agreed.", (0.2, -0.1, 0.2)),
    ("I asked whether Nour could come too.", (0.4, 0.2, 0.3)),
    ("I never answered, and I was ashamed of it.", (-0.6, 0.1, -0.5)),
]
TURNS: list[Event] = [
    ("The first loaves came out burnt and I cried in the yard.", (-0.6, 0.3, -0.4)),
    ("An old fisherman waits for my rolls at five and calls me captain.", (0.7, 0.2, 0.4)),
    ("Nour came with two suitcases and the cat.", (0.8, 0.5, 0.2)),
    ("The room above the ovens is warm and smells of raisins.", (0.5, -0.3, 0.2)),
    ("I dreamt of the bridge at home and woke up lonely.", (-0.5, -0.3, -0.3)),
    ("They let me bake my grandmother's honey cake for the market.", (0.7, 0.4, 0.5)),
    ("I caught a cold, and nobody knocked for three days.", (-0.5, -0.4, -0.4)),
    ("I quarrelled with the master about salt, and I was right.", (0.2, 0.6, 0.6)),
    ("The ferry was cancelled and I missed her birthday.", (-0.7, 0.3, -0.4)),
    ("We danced in the empty shop until the dough had risen.", (0.9, 0.7, 0.3)),
]
QUESTION = "When was I happiest?"


@dataclass
class Future:
    """A leaf of the tree: a branch, what happened on it, and what it is worth."""

    handle: qm.AgentHandle
    story: list[Event]
    fork_ms: float
    mood: qm.Mood
    recalled: qm.Hit
    score: float


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--answers", type=int, default=5, help="branches of the first level (%(default)s)")
    options.add_argument("--futures", type=int, default=50, help="leaves of the tree (%(default)s)")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--storage", help="folder of the vault; a fresh one by default")
    options.add_argument("--perception", default="minilm", help="minilm, hashing or a model's folder (%(default)s)")
    given = options.parse_args()
    chance = random.Random(given.seed)  # noqa: S311  (a story, not a secret)
    told = given.perception == "hashing"  # which reads no feelings

    with (
        tempfile.TemporaryDirectory() as fresh,
        qm.connect(storage=given.storage or fresh, config={"perception": {"model": given.perception}}) as memory,
    ):
        mara = memory.agent("mara")
        live(mara, PAST, told)
        mara.checkpoint("the offer")
        answers = ANSWERS[: max(1, given.answers)]
        first = [(fork_of(mara, f"answer-{number}")[0], answer) for number, answer in enumerate(answers)]
        for branch, answer in first:
            live(branch, [answer], told)
        futures = [
            grown(*first[number % len(first)], f"future-{number:02}", chance, told) for number in range(given.futures)
        ]
        futures.sort(key=lambda future: -future.score)
        tell(futures)
        best = futures[0]
        report = mara.merge(best.handle, mood_weight=0.5)
        print(f"\nkept {best.handle.branch}: merged {len(report.added)} memories, {len(mara.memories())} in all.")
        pleasure = mara.mood().mean.pleasure
        print(f"{len(mara.branches()) - 1} branches share one past; Mara's pleasure is now {pleasure:+.2f}.")


def live(branch: qm.AgentHandle, events: list[Event], told: bool) -> None:
    """Let things happen, an hour apart."""
    begin = len(branch.memories())
    branch.remember(
        [
            qm.Utterance(text, "Mara", START + timedelta(hours=hour), pad=qm.PAD(*feeling) if told else None)
            for hour, (text, feeling) in zip(count(begin), events, strict=False)
        ]
    )


def fork_of(branch: qm.AgentHandle, name: str) -> tuple[qm.AgentHandle, float]:
    """A fork, and how many milliseconds it took."""
    begun = perf_counter()
    fork = branch.fork(name)
    return fork, 1000 * (perf_counter() - begun)


def grown(parent: qm.AgentHandle, answer: Event, name: str, chance: random.Random, told: bool) -> Future:
    """One future, lived and judged: how it leaves her, and how what she recalls as her happiest hour feels."""
    branch, fork_ms = fork_of(parent, name)
    turns = chance.sample(TURNS, 3)
    live(branch, turns, told)
    mood = branch.mood()
    (recalled,) = branch.recall(QUESTION, k=1)
    score = mood.mean.pleasure + 0.5 * mood.mean.dominance + 0.25 * recalled.memory.pad.pleasure
    return Future(branch, [answer, *turns], fork_ms, mood, recalled, score)


def tell(futures: list[Future]) -> None:
    """The best and the worst futures, and what a fork costs."""
    print(f"{'future':<10} {'score':>6} {'pleasure':>9} {'dominance':>10} {'fork ms':>8}  story")
    shown = futures if len(futures) <= 8 else [*futures[:5], *futures[-3:]]
    for future in shown:
        mean = future.mood.mean
        numbers = f"{future.score:>6.2f} {mean.pleasure:>+9.2f} {mean.dominance:>+10.2f} {future.fork_ms:>8.1f}"
        print(f"{future.handle.branch:<10} {numbers}  {future.story[0][0]}")
        for text, _ in future.story[1:]:
            print(f"{'':<48} {text}")
        print(f"{'':<48} her happiest hour: {future.recalled.memory.text}")
    times = [future.fork_ms for future in futures]
    print(f"\n{len(futures)} futures; a fork took {median(times):.1f} ms in the median, {max(times):.1f} ms at most.")


if __name__ == "__main__":
    main()
