"""``qmem demo``: a year of conversation remembered, asked about, felt, forked, merged, and found again after a kill.

Owns the order of the scenes and what is printed. What it claims it also checks: it fails if a kill lost anything.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, TextIO

import typer
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.table import Table
from rich.text import Text

from quantum_memory.cluster import cli_tables as tables
from quantum_memory.cluster import demo_story as story
from quantum_memory.cluster import pictures
from quantum_memory.cluster.cli_session import FAILED, Options, Session
from quantum_memory.errors import InvalidValue
from quantum_memory.types import Mood, Utterance

if TYPE_CHECKING:
    from quantum_memory.actors.handle import AgentHandle
    from quantum_memory.cluster.connect import MemoryCluster

AGENT = "friends"
MARKER = ".quantum_memory_demo"
RAY_WORDS, SUMMARY = "ray.txt", "summary.json"
BEFORE, AFTER = "before the quarrel", "after the quarrel"
TOP = 10
SHOWN_HITS = 3
SHARED_TURNS = 24
"""How much of the common past the picture of the futures shows."""
SAME_MOOD = 1e-6


def run(session: Session, output: Path, *, keep: bool) -> None:
    """Play the demo.

    Raises: InvalidValue if the output folder holds anything that no demo made; typer.Exit if a kill lost something.
    """
    if session.options.address is not None or session.options.storage is not None:
        raise typer.BadParameter("the demo starts a Ray and a vault of its own: leave --address and --storage out")
    say = Console(file=session.stdout, quiet=session.options.json)
    made = "removed and made anew" if fresh_folder(output) else "made"
    say.print(Text(f"{output} was {made}: the demo's vault and pictures go there."))
    with (output / RAY_WORDS).open("w", encoding="utf-8") as chatter:
        summary = _play(session, output, say, chatter, keep=keep)
    if not summary["nothing_lost"]:
        raise typer.Exit(FAILED)


def _play(session: Session, output: Path, say: Console, chatter: TextIO, *, keep: bool) -> dict[str, Any]:
    asked = session.options
    own = Session(Options(str(output / "vault"), asked.config, "local", asked.namespace), chatter)
    begun = perf_counter()
    with own.memory(dashboard=True) as memory:
        scenes = Scenes(memory, output, say, session, {"start Ray and the actors": perf_counter() - begun})
        summary = scenes.play()
        say.print(farewell(summary))
        (output / SUMMARY).write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
        if asked.json:
            session.show(summary, Text)
        if keep:
            session.note("The cluster runs until you press Enter.")
            sys.stdin.readline()
    return summary


def fresh_folder(output: Path) -> bool:
    """An empty folder for a demo, with its mark in it; whether one of an earlier demo was removed for it.

    Raises: InvalidValue if there is anything else in its place.
    """
    marked = (output / MARKER).is_file()
    if marked:
        shutil.rmtree(output)
    elif output.exists() and not (output.is_dir() and not any(output.iterdir())):
        raise InvalidValue("output", str(output), "a new or empty folder, or one that a demo made")
    output.mkdir(parents=True, exist_ok=True)
    (output / MARKER).write_text("qmem demo made this folder and removes it when it runs again.\n", encoding="utf-8")
    return marked


class Scenes:
    """The demo, scene by scene.

    Args:
        memory: the cluster that it plays on; its own, for actors are killed.
        output: where pictures go.
        say: where it tells what happens.
        session: how progress is shown.
        seconds: what has been timed already, by step.
    """

    def __init__(
        self, memory: MemoryCluster, output: Path, say: Console, session: Session, seconds: Mapping[str, float]
    ) -> None:
        self._memory, self._output, self._say, self._session = memory, output, say, session
        self._seconds = dict(seconds)
        self._points: list[pictures.MoodPoint] = []
        self._pictures: list[str] = []

    def play(self) -> dict[str, Any]:
        """Every scene in order; what came of them, as JSON can hold it."""
        agent = self._memory.agent(AGENT)
        answer = self._remember(agent) | self._recollect(agent) | self._measure(agent)
        self._draw(agent)
        with self._timed("fork from before the quarrel"):
            imagined = agent.fork(story.TOLD_HER, BEFORE)
        answer |= self._what_if(agent, imagined) | self._merge(agent, imagined) | self._roll_back(agent)
        answer |= self._kill(agent)
        return answer | {
            "pictures": self._pictures,
            "dashboard": self._memory.dashboard_url,
            "seconds": self._seconds,
            "total_s": sum(self._seconds.values()),
        }

    def _remember(self, agent: AgentHandle) -> dict[str, Any]:
        self._headline("A year of conversation is remembered, session by session")
        sessions = story.sessions()
        total = sum(len(session.turns) for session in sessions)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("turns"))
        with self._timed(f"remember {total} turns"), self._session.progress(*columns) as progress:
            task = progress.add_task("remembering", total=total)
            for session in sessions:
                if session.name == story.QUARREL:
                    agent.checkpoint(BEFORE)
                progress.update(task, description=f"{session.name}, {session.turns[0].at:%d %b %Y}")
                for turn in session.turns:
                    agent.remember(turn)  # one by one: each is an event of its own, with a mood of its own
                    progress.advance(task)
                if session.name == story.QUARREL:
                    agent.checkpoint(AFTER)
        with self._timed("read the mood after each turn"):
            history = agent.mood_history(limit=total)
        turns = [turn for session in sessions for turn in session.turns]
        self._points = [
            pictures.point(mood, turn.at or entry.at, turn.session or "")
            for turn, (entry, mood) in zip(turns, history, strict=True)
        ]
        self._say.print(Text(f"{total} turns in {len(sessions)} sessions. How it feels now:"))
        self._say.print(tables.mood_table(history[-1][1]))
        return {"memories": len(agent.memories()), "sessions": len(sessions), "mood": tables.mood_data(history[-1][1])}

    def _recollect(self, agent: AgentHandle) -> dict[str, Any]:
        self._headline("It is asked, and says why it remembers what it does")
        asked = [question for question in story.questions() if question.id in story.SHOWN]
        told = {}
        with self._timed(f"answer {len(asked)} questions"):
            for question in asked:
                told[question.id] = agent.recall(question.question, k=SHOWN_HITS)
        for question in asked:
            self._say.print(Text(f"\n{question.question}", style="bold"))
            self._say.print(Text(f"(the answer: {question.answer})", style="dim"))
            self._say.print(tables.hits_table(told[question.id]))
        return {"recollections": {one: tables.hits_data(hits) for one, hits in told.items()}}

    def _measure(self, agent: AgentHandle) -> dict[str, Any]:
        self._headline(f"How much of the evidence it finds: recall@{TOP}, without a judge")
        asked = story.questions()
        with self._timed(f"recall@{TOP} on {len(asked)} questions"):
            found = [agent.recall(question.question, k=TOP) for question in asked]
        scores = [story.recall_at_k(question, hits) for question, hits in zip(asked, found, strict=True)]
        by_kind = story.means_by_kind(zip((question.kind for question in asked), scores, strict=True))
        overall = sum(scores) / len(scores)
        table = Table("kind", "questions", f"recall@{TOP}")
        for kind, (count, mean) in by_kind.items():
            table.add_row(kind, str(count), f"{mean:.3f}")
        table.add_section()
        table.add_row("all", str(len(asked)), f"{overall:.3f}")
        self._say.print(table)
        return {"recall_at_10": overall, "recall_at_10_by_kind": {kind: mean for kind, (_, mean) in by_kind.items()}}

    def _draw(self, agent: AgentHandle) -> None:
        self._headline("Its moods are drawn")
        with self._timed("draw moods"):
            title = "A year of two friends: the mood after every turn, and what it is likeliest called beside neutral"
            self._picture("moods.png", pictures.mood_figure(self._points, title))
            title = "The mood after the quarrel, as probability on each axis of the PAD cube"
            self._picture("marginals.png", pictures.marginals_figure(agent.marginals(AFTER), title))

    def _what_if(self, agent: AgentHandle, imagined: AgentHandle) -> dict[str, Any]:
        self._headline("What if he had told her? A fork from before the quarrel, where something else happens")
        turns = story.future(story.TOLD_HER)
        with self._timed("live another future there"):
            _live(imagined, turns)
            lived = imagined.mood_history(limit=len(turns))
        with self._timed("compare both"):
            difference = agent.diff(AFTER, imagined)
        self._say.print(Text("left: as it was, after the quarrel; right: as it might have been"))
        self._say.print(tables.diff_table(difference, texts=3))
        quarrel = [one for one in self._points if one.session == story.QUARREL]
        past = self._points[: self._points.index(quarrel[0])][-SHARED_TURNS:]
        future = [pictures.point(mood, turn.at or entry.at) for turn, (entry, mood) in zip(turns, lived, strict=True)]
        with self._timed("draw both futures"):
            figure = pictures.futures_figure(
                {"as it was": quarrel, "had he told her": future}, past, "One past, two futures: the mood turn by turn"
            )
            self._picture("futures.png", figure)
            self._picture("branches.png", pictures.tree_figure(agent.tree(), "What was, and what might have been"))
        return {
            "what_if": {
                "only_in_the_story": len(difference.only_left),
                "only_imagined": len(difference.only_right),
                "mood_in_the_story": tables.mood_data(difference.mood_left),
                "mood_imagined": tables.mood_data(difference.mood_right),
                "mood_fidelity": float(difference.mood_fidelity),
            }
        }

    def _merge(self, agent: AgentHandle, imagined: AgentHandle) -> dict[str, Any]:
        self._headline("The imagined future is merged: from now on the agent remembers having imagined it")
        before = agent.mood()
        with self._timed("merge"):
            report = agent.merge(imagined, mood_weight=0.3)
        self._say.print(tables.merge_table(report))
        self._say.print(_moods({"before": before, "after": agent.mood()}))
        recalled = agent.recall("What if he had told her about the audition?", k=1, kind=story.IMAGINED)
        self._say.print(tables.hits_table(recalled))
        return {"merged": len(report.added), "conflicts": len(report.conflicts)}

    def _roll_back(self, agent: AgentHandle) -> dict[str, Any]:
        self._headline("A worse future is tried in another fork, and rolled back")
        worse = agent.fork(story.LEFT_HIM, BEFORE)
        at_first, known = worse.mood(), len(worse.memories())
        _live(worse, story.future(story.LEFT_HIM))
        in_between = worse.mood()
        with self._timed("roll back"):
            worse.rollback(BEFORE)
        again = worse.mood()
        self._say.print(_moods({BEFORE: at_first, "having lived it": in_between, "rolled back": again}))
        same = _as_before(at_first, again) and len(worse.memories()) == known
        self._say.print(Text(f"The fork is {'as it was' if same else 'NOT as it was'}; the agent never knew of it."))
        return {"rolled_back": same}

    def _kill(self, agent: AgentHandle) -> dict[str, Any]:
        self._headline("Actors are killed")
        question = story.questions()[0].question

        def knows() -> tuple[list[str], int, str, Mood]:
            kept = agent.memories()
            return [hit.memory.id for hit in agent.recall(question, k=TOP)], len(kept), kept[-1].id, agent.mood()

        before = knows()
        pids = self._memory.processes()
        hosts: tuple[str, ...] = ("episodic", "quantum") if "episodic" in pids else ("agents",)
        victims = {pool: pids[pool][0] for pool in hosts}
        with self._timed("kill actors and find everything again"):
            for pid in victims.values():
                os.kill(pid, signal.SIGKILL)
            after = knows()
        reborn = self._memory.processes()
        same = before[:3] == after[:3] and _as_before(before[3], after[3])
        told = ", ".join(f"the {pool} actor (process {pid})" for pool, pid in victims.items())
        self._say.print(Text(f"Killed with SIGKILL: {told}. Ray started them again, and the vault told them the past."))
        self._say.print(Text(f"What Ray says about it is in {self._output / RAY_WORDS}.", style="dim"))
        table = Table("", "before", "after")
        table.add_row("memories", str(before[1]), str(after[1]))
        table.add_row("the last of them", before[2], after[2])
        table.add_row(f"recall@{TOP}: ids", *(Text(" ".join(ids[:4]) + " …") for ids in (before[0], after[0])))
        table.add_row("mood", _feeling(before[3]), _feeling(after[3]))
        self._say.print(table)
        self._say.print(
            Text("Nothing was lost." if same else "SOMETHING WAS LOST.", style="bold green" if same else "bold red")
        )
        return {
            "killed": victims,
            "restarted_as": {pool: reborn[pool][0] for pool in victims},
            "nothing_lost": same,
        }

    @contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        start = perf_counter()
        yield
        self._seconds[step] = perf_counter() - start

    def _picture(self, name: str, figure: Any) -> None:
        path = pictures.save(figure, self._output / name)
        self._pictures.append(str(path))
        self._say.print(Text(f"drawn: {path}"))

    def _headline(self, text: str) -> None:
        self._say.print(Text(f"\n{text}", style="bold cyan"))


def _live(agent: AgentHandle, turns: Iterable[Utterance]) -> None:
    """Remember turns one by one, so that each is an event of its own with a mood of its own, in this order."""
    for turn in turns:
        agent.remember(turn)


def _feeling(mood: Mood) -> str:
    mean = " ".join(f"{value:+.3f}" for value in (mood.mean.pleasure, mood.mean.arousal, mood.mean.dominance))
    return f"{mean} ({mood.emotions[0][0]})"


def _moods(moods: Mapping[str, Mood]) -> RenderableType:
    table = Table("", "pleasure, arousal, dominance (likeliest emotion)")
    for name, mood in moods.items():
        table.add_row(name, _feeling(mood))
    return table


def _as_before(left: Mood, right: Mood) -> bool:
    """Whether two moods are one, as far as anybody can read them."""
    means = zip(tables.data(left.mean).values(), tables.data(right.mean).values(), strict=True)
    return left.at == right.at and all(abs(one - other) <= SAME_MOOD for one, other in means)


def farewell(summary: Mapping[str, Any]) -> RenderableType:
    """How long each step took, and where to look next."""
    table = Table("step", "seconds", title="How long it took", title_justify="left")
    table.columns[1].justify = "right"
    for step, seconds in summary["seconds"].items():
        table.add_row(step, f"{seconds:.2f}")
    table.add_section()
    table.add_row("all", f"{summary['total_s']:.2f}")
    if summary["dashboard"]:
        table.caption = (
            f"Ray's dashboard: {summary['dashboard']} while the cluster runs (--keep); "
            "`ray get-auth-token` gives its token."
        )
        table.caption_justify = "left"
    return table
