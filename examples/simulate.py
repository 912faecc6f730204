"""A town of a thousand agents: they meet, talk, remember, gossip and catch each other's moods, and a plot shows it.

Nobody is scripted. What somebody passes on is what she recalls when she is asked for news; how she speaks, and what
those around her catch of it, follows her mood. One who knows of a letter starts the rumour; who heard it, when and from
whom is read from the memories at the end. Sentences come from a grammar and words are hashed, so that no model is
needed. The same seed gives the same town.

Each round is a handful of calls over all agents together: `memory.recall`, `memory.mood`, `memory.remember`.
"""

from __future__ import annotations

import argparse
import random
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count, islice, product
from pathlib import Path
from time import perf_counter

import numpy as np

import quantum_memory as qm
from quantum_memory.memory.quantum.drawing import COLOURS, DPI, INK, new_figure, set_title, tidy

START = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)
NEWS_FEELING = qm.PAD(-0.7, 0.6, -0.3)
FEELINGS = {"cheerful": qm.PAD(0.6, 0.3, 0.3), "plain": qm.PAD(0.1, 0.0, 0.1), "gloomy": qm.PAD(-0.5, 0.1, -0.3)}
CONTAGION = 0.4
"""The share of the speaker's mood in what a listener feels."""
CIRCLE = 4
"""How many stand together: one speaks, the others listen."""
GOSSIP = 0.85
"""How likely it is that one who has news to tell tells it."""
STEP = 0.08
"""How far people walk from home, as a share of the town's width."""
ASKED = "Have you heard the news about the old mill?"
GRAMMAR: Mapping[str, Sequence[str]] = {
    "thought": ("I woke up and thought: <cheerful-topic>.", "I woke up and thought: <plain-topic>."),
    "news": ("<opening> The old mill will be sold to <buyer>. <witness>", "The old mill goes to <buyer>! <witness>"),
    "opening": ("Have you heard?", "Listen to this.", "You will not believe it.", "They say it <place>."),
    "witness": ("I have it from <source>.", "<source> told me <place>.", "So says <source>."),
    "buyer": ("strangers", "a company from the city", "the count's nephew"),
    "cheerful": ("<joy>! <cheerful-topic>.", "I was <place>, and <cheerful-topic>."),
    "plain": ("Good day. I was <place>, and <plain-topic>.", "There you are. <plain-topic>."),
    "gloomy": ("Leave me be. <gloomy-topic>.", "<sigh>: <gloomy-topic>, and that <place>."),
    "joy": ("What a morning", "How good to see you", "I could sing"),
    "sigh": ("Everything hurts", "Another grey day", "It never ends"),
    "place": ("at the well", "on the market", "by the river", "in the bakery", "under the lime tree", "at the ferry"),
    "cheerful-topic": ("the bread smells of <good>", "the swallows are back", "we will dance on <day>"),
    "plain-topic": ("the ferry was on time", "they are painting the gate", "the well is high", "it will rain on <day>"),
    "gloomy-topic": ("my roof leaks again", "the <good> is gone", "nobody greets me any more"),
    "good": ("honey", "raisins", "smoke", "apples", "rye"),
    "day": ("Monday", "Friday", "Sunday", "market day"),
}
SENTENCES = ("news", "cheerful", "plain", "gloomy")
SYLLABLES = (
    ("Ad", "Bel", "Cle", "Dar", "Ed", "Fal", "Git", "Hug", "In", "Jon", "Kir", "Lev", "Min", "Nil", "Od", "Pav"),
    ("a", "e", "i", "o", "u", "ia", "io", "ea"),
    ("n", "lin", "ra", "s", "mar", "tte", "van", "ko"),
)


@dataclass(frozen=True)
class Circle:
    """Who stands together: the one who speaks, those who listen, and whether it is the news that she tells."""

    speaker: str
    listeners: tuple[str, ...]
    gossip: bool


@dataclass(frozen=True)
class Heard:
    """How the news came to somebody: from whom, in which round, by how many mouths."""

    source: str
    number: int
    hops: int


@dataclass(frozen=True)
class Course:
    """What came of it.

    Attributes:
        homes: where each lives, (n, 2) in the unit square.
        heard: how the news came to those who know it.
        pleasure: how each feels at the end.
        tones: by round the pleasure of those who spoke, first of who knew the news and then of who did not.
    """

    homes: Mapping[str, tuple[float, float]]
    heard: Mapping[str, Heard]
    pleasure: Mapping[str, float]
    tones: Sequence[tuple[list[float], list[float]]]

    def knowing(self, number: int) -> float:
        """The share who know the news after a round."""
        return sum(one.number <= number for one in self.heard.values()) / len(self.homes)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--agents", type=int, default=1000, help=f"{CIRCLE} or more (%(default)s)")
    options.add_argument("--rounds", type=int, default=8, help="of meetings (%(default)s)")
    options.add_argument("--seed", type=int, default=7)
    options.add_argument("--picture", default="town.png", help="where to (%(default)s)")
    options.add_argument("--placement", choices=("actors", "inline"), default="inline", help="(%(default)s)")
    options.add_argument("--pool", type=int, default=2, help="orchestrators (%(default)s)")
    options.add_argument("--storage", help="folder of the vault; a fresh one by default")
    given = options.parse_args()
    if given.agents < CIRCLE or given.rounds < 1:
        options.error(f"--agents: from {CIRCLE}; --rounds: from 1")
    config = {
        "perception": {"model": "hashing"},
        "placement": given.placement,
        "pools": {"agents": {"size": given.pool}},
        "ray": {"dashboard": False},
    }
    with tempfile.TemporaryDirectory() as fresh, qm.connect(storage=given.storage or fresh, config=config) as memory:
        begun = perf_counter()
        course = simulate(memory, people(given.agents), given.rounds, given.seed)
        seconds = perf_counter() - begun
    tell(course, given.rounds)
    draw(course, given.rounds, Path(given.picture))
    print(f"{given.agents} agents, {given.rounds} rounds in {seconds:.1f} s; the picture is {given.picture}.")


def people(number: int) -> list[str]:
    """So many names."""
    plain = ["".join(parts) for parts in product(*SYLLABLES)]
    random.Random(0).shuffle(plain)  # noqa: S311  (a story, not a secret)
    named = (name if not again else f"{name} {again + 1}" for again in count() for name in plain)
    return list(islice(named, number))


def simulate(memory: qm.MemoryCluster, names: Sequence[str], rounds: int, seed: int) -> Course:
    """Some rounds of meetings. The first of the names has seen the letter at the beginning."""
    chance = random.Random(seed)  # noqa: S311
    homes = {name: (chance.random(), chance.random()) for name in names}
    memory.remember({name: morning(name, chance) for name in names})
    source = f"the letter that {names[0]} saw"
    letter = sentence("news", chance, source=source)
    memory.remember({names[0]: news(letter, names[0], 0, Heard(source, 0, 0))})
    tones: list[tuple[list[float], list[float]]] = []
    for number in range(1, rounds + 1):
        known = memory.recall(dict.fromkeys(names, ASKED), k=1, kind="news")
        met = circles(homes, known, chance)
        moods = memory.mood([circle.speaker for circle in met])
        spoken: dict[str, qm.Utterance] = {}
        for circle in met:
            mood = moods[circle.speaker].mean
            said = says(circle, known[circle.speaker], mood, number, chance)
            spoken[circle.speaker] = said
            spoken.update((one, heard(said, mood)) for one in circle.listeners)
        memory.remember(spoken)
        pleasures = {name: mood.mean.pleasure for name, mood in moods.items()}
        knowing, others = ([pleasures[one] for one in pleasures if bool(known[one]) is know] for know in (True, False))
        tones.append((knowing, others))
    return Course(homes, first_heard(memory, names), ends(memory, names), tones)


def sentence(symbol: str, chance: random.Random, **known: str) -> str:
    """What a symbol of the grammar becomes; of what is known already, that."""
    told = known.get(symbol) or chance.choice(GRAMMAR[symbol])
    told = re.sub(r"<([a-z-]+)>", lambda found: sentence(found[1], chance, **known), told)
    if symbol not in SENTENCES:
        return told
    return re.sub(r"(^|[.!?] )([a-z])", lambda found: found[1] + found[2].upper(), told)


def morning(name: str, chance: random.Random) -> qm.Utterance:
    """How somebody gets up: nobody has a worry yet."""
    feeling = chance.choice((FEELINGS["cheerful"], FEELINGS["plain"]))
    at = START + timedelta(minutes=1)
    return qm.Utterance(sentence("thought", chance), name, at, "thought", id="morning", pad=feeling)


def circles(
    homes: Mapping[str, tuple[float, float]], known: Mapping[str, Sequence[qm.Hit]], chance: random.Random
) -> list[Circle]:
    """Everybody takes a walk, and those who are near each other stand together.

    One who has news to tell mostly gets to speak; else it is up to chance.
    """
    strips = max(1, round((len(homes) / CIRCLE) ** 0.5))
    places = {name: (x + chance.gauss(0, STEP), y + chance.gauss(0, STEP)) for name, (x, y) in homes.items()}
    order = sorted(places, key=lambda name: (int(places[name][0] * strips), places[name][1]))
    met = []
    for start in range(0, len(order), CIRCLE):
        group = order[start : start + CIRCLE]
        chance.shuffle(group)
        gossips = chance.random() < GOSSIP
        if gossips:
            group.sort(key=lambda name: not known[name])
        met.append(Circle(group[0], tuple(group[1:]), gossips and bool(known[group[0]])))
    return met


def says(circle: Circle, found: Sequence[qm.Hit], mood: qm.PAD, number: int, chance: random.Random) -> qm.Utterance:
    """What is said: the news that the speaker recalls, or what her mood suggests."""
    speaker = circle.speaker
    if circle.gossip:
        told, own = found[0].memory.metadata, found[0].memory.speaker == speaker
        passed = Heard(str(told["source"] if own else told["from"]), number, int(told["hops"]) + (not own))
        return news(sentence("news", chance, source=passed.source), speaker, number, passed)
    tone = "cheerful" if mood.pleasure > 0.15 else "gloomy" if mood.pleasure < -0.05 else "plain"
    at = START + timedelta(hours=number)
    return qm.Utterance(sentence(tone, chance), speaker, at, id=f"round-{number}", pad=FEELINGS[tone])


def news(text: str, speaker: str, number: int, passed: Heard) -> qm.Utterance:
    """The news as somebody tells it: listeners have it from her, and she from somebody."""
    spread = {"from": speaker, "source": passed.source, "round": number, "hops": passed.hops}
    at = START + timedelta(hours=number)
    return qm.Utterance(text, speaker, at, "news", id=f"round-{number}", pad=NEWS_FEELING, metadata=spread)


def heard(said: qm.Utterance, mood: qm.PAD) -> qm.Utterance:
    """The same for a listener, who catches something of the speaker's mood."""
    return replace(said, pad=(said.pad or mood).blend(mood, CONTAGION))


def first_heard(memory: qm.MemoryCluster, names: Sequence[str]) -> dict[str, Heard]:
    """How the news came to each who can recall any."""
    found = memory.recall(dict.fromkeys(names, ASKED), k=1000, kind="news")
    told = {}
    for name, hits in found.items():
        if hits:
            first = min((hit.memory for hit in hits), key=lambda one: int(one.metadata["round"]))
            number = int(first.metadata["round"])
            mouths = int(first.metadata["hops"]) + 1 if number else 0  # a letter is no mouth
            told[name] = Heard(str(first.speaker), number, mouths)
    return told


def ends(memory: qm.MemoryCluster, names: Sequence[str]) -> dict[str, float]:
    """How pleasant each finds it at the end."""
    return {name: mood.mean.pleasure for name, mood in memory.mood(names).items()}


def tell(course: Course, rounds: int) -> None:
    """The rounds as a table."""
    print(f"{'round':>5} {'know it':>8} {'pleasure of those who spoke: knowing':>38} {'not knowing':>12}")
    for number, (knowing, others) in enumerate(course.tones, start=1):
        means = [f"{np.mean(some):+.2f}" if some else "-" for some in (knowing, others)]
        print(f"{number:>5} {course.knowing(number):>8.1%} {means[0]:>38} {means[1]:>12}")
    last = max(course.heard.items(), key=lambda entry: (entry[1].hops, entry[0]))
    print(f"\n{len(course.heard)} of {len(course.homes)} know the news after {rounds} rounds.")
    print(f"{last[0]} has it from {last[1].source}, in round {last[1].number}, by {last[1].hops} mouths.")
    print(f"Mean pleasure at the end: {np.mean(list(course.pleasure.values())):+.2f}.")


def draw(course: Course, rounds: int, path: Path) -> None:
    """Four panels: how the news spreads and what it does to moods, by round and over the town."""
    figure = new_figure(13.0, 10.0)
    (spread, feel), (when, mood) = figure.subplots(2, 2)
    numbers = np.arange(rounds + 1)
    spread.plot(numbers, [100 * course.knowing(int(number)) for number in numbers], color=INK, linewidth=2)
    spread.set(xlabel="round", ylabel="know the news, %", ylim=(0, 100), title="a rumour spreads")
    for place, (label, colour) in enumerate((("know the news", COLOURS[0]), ("do not", COLOURS[1]))):
        some = [(number, tones[place]) for number, tones in enumerate(course.tones, start=1) if tones[place]]
        at = np.array([number for number, _ in some])
        mean = np.array([np.mean(one) for _, one in some])
        off = np.array([np.std(one) for _, one in some])
        feel.plot(at, mean, color=colour, linewidth=2, label=label)
        feel.fill_between(at, mean - off, mean + off, color=colour, alpha=0.18, linewidth=0)
    feel.set(xlabel="round", ylabel="pleasure of those who spoke", title="and a mood with it: mean and deviation")
    feel.legend(frameon=False)
    for axes in (spread, feel):
        tidy(axes)
    homes = np.array(list(course.homes.values()))
    known = np.array([course.heard[name].number if name in course.heard else np.nan for name in course.homes])
    pleasure = np.array([course.pleasure[name] for name in course.homes])
    most = float(np.abs(pleasure).max())
    for axes, values, colours, limits, title in (
        (when, known, "viridis_r", (0, rounds), "the round in which the news came home; grey: never"),
        (mood, pleasure, "RdYlGn", (-most, most), "pleasure at the end"),
    ):
        axes.scatter(*homes.T, s=14, color="0.85", linewidths=0)
        dots = axes.scatter(*homes.T, s=14, c=values, cmap=colours, vmin=limits[0], vmax=limits[1], linewidths=0)
        axes.set(title=title, xticks=[], yticks=[], aspect="equal")
        figure.colorbar(dots, ax=axes, shrink=0.8)
    set_title(figure, f"{len(course.homes)} agents: a piece of news, and how it feels")
    figure.savefig(path, format="png", dpi=DPI)


if __name__ == "__main__":
    main()
