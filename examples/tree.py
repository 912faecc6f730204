"""Search over forked futures: a thousand branches of one agent, grown level by level, of which the best ones go on.

Mara has an offer from another town. A tree of futures grows from where she stands: first how she answers, then what
comes of it, turn by turn. A future scores by the mood that it leaves her in and by how what she recalls as her happiest
hour feels. Each level is a handful of calls over all its branches together; of a level the best go on (beam search).
The best future of all is merged into her life. Nothing is copied: all branches share one past.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import perf_counter

import ray

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


@dataclass(frozen=True)
class Future:
    """A branch of the tree: what happened on it since the offer, and what it is worth."""

    handle: qm.AgentHandle
    story: tuple[Event, ...]
    mood: qm.Mood
    recalled: qm.Hit

    @property
    def score(self) -> float:
        mean = self.mood.mean
        return mean.pleasure + 0.5 * mean.dominance + 0.25 * self.recalled.memory.pad.pleasure


@dataclass(frozen=True)
class Level:
    """The futures that have gone on equally long, best first; and how long forking and all the rest took."""

    futures: Sequence[Future]
    fork_s: float
    seconds: float


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--width", type=int, default=32, help="branches of a level that go on (%(default)s)")
    options.add_argument("--children", type=int, default=10, help=f"of each, up to {len(TURNS)} (%(default)s)")
    options.add_argument("--depth", type=int, default=6, help=f"levels, up to {len(TURNS)} (%(default)s)")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--storage", help="folder of the vault; a fresh one by default")
    options.add_argument("--placement", choices=("actors", "inline"), default="actors", help="(%(default)s)")
    options.add_argument("--perception", default="hashing", help="minilm, hashing or a model's folder (%(default)s)")
    given = options.parse_args()
    if min(given.width, given.children, given.depth) < 1 or max(given.children, given.depth) > len(TURNS):
        options.error(f"--width, --children and --depth: at least 1; the last two at most {len(TURNS)}")
    config = {"perception": {"model": given.perception}, "placement": given.placement, "ray": {"dashboard": False}}
    with tempfile.TemporaryDirectory() as fresh, qm.connect(storage=given.storage or fresh, config=config) as memory:
        mara = memory.agent("mara")
        told = given.perception == "hashing"  # which reads no feelings
        mara.remember([lived(event, hour, told) for hour, event in enumerate(PAST)])
        mara.checkpoint("the offer")
        levels = search(memory, mara, given.width, given.children, given.depth, random.Random(given.seed), told)  # noqa: S311
        tell(levels)
        best = max((future for level in levels for future in level.futures), key=lambda one: one.score)
        report = mara.merge(best.handle, mood_weight=0.5)
        print(f"\nkept {best.handle.branch}: merged {len(report.added)} memories, {len(mara.memories())} in all.")
        pleasure = mara.mood().mean.pleasure
        print(f"{len(mara.branches()) - 1} branches share one past; Mara's pleasure is now {pleasure:+.2f}.")


def search(
    memory: qm.MemoryCluster,
    mara: qm.AgentHandle,
    width: int,
    children: int,
    depth: int,
    chance: random.Random,
    told: bool,
) -> list[Level]:
    """The levels of the tree."""
    levels = [grown(memory, [(mara, (), event) for event in ANSWERS], 0, told)]
    for number in range(1, depth):
        wanted = [
            (future.handle, future.story, event)
            for future in levels[-1].futures[:width]
            for event in chance.sample([one for one in TURNS if one not in future.story], k=_left(future, children))
        ]
        levels.append(grown(memory, wanted, number, told))
    return levels


def _left(future: Future, children: int) -> int:
    """How many turns there are for a future to take."""
    return min(children, len(TURNS) + 1 - len(future.story))


def grown(
    memory: qm.MemoryCluster,
    wanted: Sequence[tuple[qm.AgentHandle, tuple[Event, ...], Event]],
    level: int,
    told: bool,
) -> Level:
    """A branch for each event after a story: forked side by side, then lived and judged all in one."""
    begun = perf_counter()
    forks: list[qm.AgentHandle] = ray.get(
        [parent.fork.remote(f"future-{level}-{number:03}") for number, (parent, _, _) in enumerate(wanted)]
    )
    forked = perf_counter()
    hour = len(PAST) + level
    memory.remember({fork: lived(event, hour, told) for fork, (_, _, event) in zip(forks, wanted, strict=True)})
    moods = memory.mood(forks)
    recalled = memory.recall(dict.fromkeys(forks, QUESTION), k=1)
    futures = [
        Future(fork, (*story, event), moods[fork], recalled[fork][0])
        for fork, (_, story, event) in zip(forks, wanted, strict=True)
    ]
    futures.sort(key=lambda one: (-one.score, one.handle.branch))
    return Level(futures, forked - begun, perf_counter() - forked)


def lived(event: Event, hour: int, told: bool) -> qm.Utterance:
    """What happens, so many hours after the beginning."""
    text, feeling = event
    return qm.Utterance(text, "Mara", START + timedelta(hours=hour), pad=qm.PAD(*feeling) if told else None)


def tell(levels: Sequence[Level]) -> None:
    """The levels, the best future and the worst, and what a branch costs."""
    print(f"{'level':>5} {'branches':>8} {'best':>6} {'median':>6} {'worst':>6} {'fork ms':>8} {'the rest ms':>11}")
    for number, level in enumerate(levels):
        count, scores = len(level.futures), [future.score for future in level.futures]
        worth = f"{scores[0]:>6.2f} {scores[count // 2]:>6.2f} {scores[-1]:>6.2f}"
        times = f"{1000 * level.fork_s / count:>8.1f} {1000 * level.seconds / count:>11.1f}"
        print(f"{number:>5} {count:>8} {worth} {times}")
    futures = sorted((future for level in levels for future in level.futures), key=lambda one: -one.score)
    for name, future in (("the best", futures[0]), ("the worst", futures[-1])):
        print(f"\n{name}, {future.handle.branch}, {future.score:+.2f}: pleasure {future.mood.mean.pleasure:+.2f}")
        for text, _ in future.story:
            print(f"    {text}")
        print(f"    her happiest hour: {future.recalled.memory.text}")
    seconds = sum(level.fork_s + level.seconds for level in levels)
    print(f"\n{len(futures)} futures in {seconds:.1f} s.")


if __name__ == "__main__":
    main()
