"""A small town: some twenty agents meet, talk, remember, gossip and catch each other's moods.

Nobody is scripted: what an agent passes on is what it recalls when asked for news, and how it speaks follows its mood.
Feelings are written with the phrases, and words are hashed, so that no model is needed. The same seed gives the same
town.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from time import perf_counter

import ray

import quantum_memory as qm

START = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)
NAMES = (
    *("Ada", "Bela", "Cleo", "Dario", "Edda", "Falk", "Gita", "Hugo", "Ines", "Jonas", "Kira", "Lev", "Mina"),
    *("Nils", "Oda", "Pavel", "Quirin", "Rosa", "Silas", "Tove", "Uma", "Viggo", "Wanda", "Xaver", "Yara", "Zeno"),
)
PLACES = ("at the well", "on the market", "by the river", "in the bakery", "under the lime tree", "at the ferry")
GREETINGS = {
    "cheerful": ("What a morning", "How good to see you", "I could sing"),
    "plain": ("Good day", "There you are", "Mild today"),
    "gloomy": ("Leave me be", "Everything hurts", "Another grey day"),
}
TOPICS = {
    "cheerful": ("the bread smells of honey", "the swallows are back", "we will dance on Sunday"),
    "plain": ("the ferry was on time", "they are painting the gate", "the well is high"),
    "gloomy": ("my roof leaks again", "the bread was stale", "nobody greets me any more"),
}
FEELINGS = {"cheerful": (0.7, 0.5, 0.3), "plain": (0.05, 0.0, 0.05), "gloomy": (-0.6, 0.1, -0.3)}
NEWS = "the old mill will be sold to strangers"
NEWS_FEELING = (-0.5, 0.6, -0.2)
ASKED = "Have you heard the news about the old mill?"
CONTAGION = 0.4
"""The share of the speaker's mood in what the listener feels."""


@dataclass(frozen=True)
class Meeting:
    """Two who meet, and where."""

    speaker: str
    listener: str
    place: str


@dataclass(frozen=True)
class Town:
    """What came of it: who knows the news, from whom and since when; how each feels; how many meetings there were."""

    knows: dict[str, tuple[str, int]]
    pleasure: dict[str, float]
    meetings: int


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--agents", type=int, default=20, help=f"2 to {len(NAMES)} (%(default)s)")
    options.add_argument("--rounds", type=int, default=8, help="of meetings (%(default)s)")
    options.add_argument("--seed", type=int, default=7)
    options.add_argument("--placement", choices=("actors", "inline"), default="inline", help="(%(default)s)")
    options.add_argument("--storage", help="folder of the vault; a fresh one by default")
    given = options.parse_args()
    if not 2 <= given.agents <= len(NAMES):
        options.error(f"--agents: from 2 to {len(NAMES)}")
    config = {"perception": {"model": "hashing"}, "placement": given.placement}
    with tempfile.TemporaryDirectory() as fresh, qm.connect(storage=given.storage or fresh, config=config) as memory:
        begun = perf_counter()
        town = simulate(memory, NAMES[: given.agents], given.rounds, given.seed)
        tell(town, perf_counter() - begun)


def simulate(memory: qm.MemoryCluster, names: Sequence[str], rounds: int, seed: int) -> Town:
    """Some rounds of meetings. The first of the names knows the news at the beginning."""
    chance = random.Random(seed)  # noqa: S311  (a story, not a secret)
    first = qm.Utterance(
        f"{NEWS.capitalize()}, I saw the letter.", names[0], START, "news", id="news-0", pad=qm.PAD(*NEWS_FEELING),
        metadata={"from": "a letter", "round": 0},
    )  # fmt: skip
    memory.remember({names[0]: first})
    memory.remember({name: morning(name, chance) for name in names})
    handles = {name: memory.agent(name) for name in names}
    meetings = 0
    for number in range(1, rounds + 1):
        met = pairs(names, chance)
        meetings += len(met)
        speakers = [meeting.speaker for meeting in met]
        known = memory.recall(dict.fromkeys(speakers, ASKED), k=1, kind="news")
        moods = dict(zip(speakers, ray.get([handles[name].mood.remote() for name in speakers]), strict=True))
        spoken: dict[str, list[qm.Utterance]] = {}
        for meeting in met:
            said = says(meeting, known[meeting.speaker], moods[meeting.speaker].mean, number, chance)
            spoken.setdefault(meeting.speaker, []).append(said)
            spoken.setdefault(meeting.listener, []).append(heard(said, moods[meeting.speaker].mean))
        memory.remember(spoken)
    known = memory.recall(dict.fromkeys(names, ASKED), k=100, kind="news")
    knows = {}
    for name, hits in known.items():
        if hits:
            earliest = min(hits, key=lambda hit: int(hit.memory.metadata["round"])).memory.metadata
            knows[name] = (str(earliest["from"]), int(earliest["round"]))
    moods = dict(zip(names, ray.get([handles[name].mood.remote() for name in names]), strict=True))
    return Town(knows, {name: mood.mean.pleasure for name, mood in moods.items()}, meetings)


def morning(name: str, chance: random.Random) -> qm.Utterance:
    """How somebody gets up."""
    mood = chance.choice(tuple(FEELINGS))
    text = f"I woke up and thought: {chance.choice(TOPICS[mood])}."
    return qm.Utterance(text, name, START + timedelta(minutes=1), "thought", id="morning", pad=qm.PAD(*FEELINGS[mood]))


def pairs(names: Sequence[str], chance: random.Random) -> list[Meeting]:
    """Everybody meets somebody; with an odd number one stays at home."""
    order = list(names)
    chance.shuffle(order)
    return [Meeting(one, other, chance.choice(PLACES)) for one, other in zip(order[::2], order[1::2], strict=False)]


def says(meeting: Meeting, news: Sequence[qm.Hit], mood: qm.PAD, number: int, chance: random.Random) -> qm.Utterance:
    """What is said: the news, if there is any to recall and it is on one's mind, else what one's mood suggests."""
    tone = "cheerful" if mood.pleasure > 0.1 else "gloomy" if mood.pleasure < -0.1 else "plain"
    greeting = f"{chance.choice(GREETINGS[tone])}, {meeting.listener}"
    at = START + timedelta(hours=number)
    gossips = chance.random() < 0.8
    if news and gossips:
        text = f"{greeting}! Have you heard {meeting.place}? {NEWS.capitalize()}."
        spread = {"from": meeting.speaker, "round": number}
        return qm.Utterance(
            text, meeting.speaker, at, "news", id=f"said-{number}", pad=qm.PAD(*NEWS_FEELING), metadata=spread
        )
    text = f"{greeting}. I was {meeting.place}, and {chance.choice(TOPICS[tone])}."
    return qm.Utterance(text, meeting.speaker, at, id=f"said-{number}", pad=qm.PAD(*FEELINGS[tone]))


def heard(said: qm.Utterance, mood: qm.PAD) -> qm.Utterance:
    """The same for the listener, who catches something of the speaker's mood."""
    own = said.pad or mood
    axes = ("pleasure", "arousal", "dominance")
    caught = (CONTAGION * getattr(mood, axis) + (1 - CONTAGION) * getattr(own, axis) for axis in axes)
    return replace(said, id=f"heard-{str(said.id).rpartition('-')[2]}", pad=qm.PAD(*caught))


def tell(town: Town, seconds: float) -> None:
    print(f"{'name':<8} {'pleasure':>8}  knows that {NEWS}")
    for name, pleasure in town.pleasure.items():
        source, number = town.knows.get(name, ("", 0))
        told = f"from {source}, round {number}" if name in town.knows else "-"
        print(f"{name:<8} {pleasure:>+8.2f}  {told}")
    average = sum(town.pleasure.values()) / len(town.pleasure)
    print(f"\n{len(town.knows)} of {len(town.pleasure)} know the news; mean pleasure {average:+.2f}; ", end="")
    print(f"{town.meetings} meetings in {seconds:.1f} s.")


if __name__ == "__main__":
    main()
