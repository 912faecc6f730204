"""Blocks for prompts: how much evidence is in them, and what they cost.

    python benchmarks/context.py --data locomo.json [--every 5] [--share remembered=1 ...]
    python benchmarks/context.py --speed [--memories 10000]

With ``--data``: each conversation of a LoCoMo file is remembered by an agent of its own, through the real orchestrator
and vault without Ray. Of every so many questions: the share of their evidence turns that is in the block, by budget,
beside plain packing: the same recollections, best first, as lines "7 May 2023, Caroline: text", as long as they fit.
A turn counts as told if it is cited under its whole text. Nothing is fitted to these conversations.

With ``--speed``: made-up conversations with ready embeddings; time of the block beyond that of recalling what it is
made of, in CPU seconds of this process.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Coroutine, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, TypeVar

import numpy as np

from quantum_memory.actors.agent import QuantumMemoryHost
from quantum_memory.actors.contexts import ContextRequest, Contexts
from quantum_memory.actors.directory import Directory
from quantum_memory.actors.journal import Journal
from quantum_memory.actors.parts import local_parts
from quantum_memory.actors.ports import LocalVault
from quantum_memory.actors.recalling import Recaller
from quantum_memory.actors.requests import RecallRequest, RememberRequest
from quantum_memory.actors.vault import VaultHost, utc_now
from quantum_memory.memory.affect.perceiver import MiniLMPerceiver
from quantum_memory.memory.prompting.block import Context
from quantum_memory.memory.prompting.counting import TokenCounter, counter_of
from quantum_memory.memory.prompting.material import Wish
from quantum_memory.memory.prompting.quoting import day, said
from quantum_memory.settings import load as settings_of
from quantum_memory.types import PAD, Branch, Filters, Hit, Memory, Utterance

sys.path.insert(0, str(Path(__file__).parent))

R = TypeVar("R")
BUDGETS = (500, 1_000, 2_000, 4_000, 8_000)
START = datetime(2023, 1, 1, tzinfo=UTC)
DIM = 384


class Bench:
    """An orchestrator with all its parts in this process."""

    def __init__(self, folder: str, **settings: Any) -> None:
        self.settings = settings_of({"storage": folder, "graph": {"extractor": "off"}, **settings})
        self.runner = asyncio.Runner()
        self.vault = VaultHost(self.settings)
        parts = local_parts(self.settings, Journal(LocalVault(self.vault), lambda _: True), self.vault)
        self.host = QuantumMemoryHost(self.settings, Directory("none", {"agents": 1}, 60.0, 1.0), parts=parts)
        self.recaller = Recaller(parts, self.settings, utc_now)
        self.contexts = Contexts(parts, self.recaller, self.settings)

    def run(self, work: Coroutine[Any, Any, R]) -> R:
        return self.runner.run(work)

    def agent(self, name: str, memories: Sequence[Memory]) -> Branch:
        branch = self.run(self.host.open([name], create=True))[0].info
        for begin in range(0, len(memories), 1_000):
            given = tuple(map(_utterance, memories[begin : begin + 1_000]))
            self.run(self.host.remember_one(RememberRequest(branch, given, f"{name}-{begin}")))
        return branch

    def recall(self, branch: Branch, query: str | Any, k: int) -> list[Hit]:
        return self.run(self.recaller.recall([RecallRequest(branch, query, k, Filters(), None)]))[0]

    def context(self, branch: Branch, query: str | Any, wish: Wish) -> Context:
        asked = RecallRequest(branch, query, 0, Filters(), None)
        return self.run(self.contexts.context(ContextRequest(asked, wish)))

    def close(self) -> None:
        self.run(self.host.close())
        self.vault.close()
        self.runner.close()


def _utterance(one: Memory) -> Utterance:
    return Utterance(
        one.text,
        one.speaker,
        one.at,
        session=one.session,
        id=one.id,
        importance=one.importance,
        embedding=one.embedding,
        pad=one.pad,
        confidence=one.confidence,
    )


class Row(NamedTuple):
    """One question at one budget: the shares of its evidence in a block and in plain packing, and tokens used."""

    budget: int
    block: float
    plain: float
    tokens: int


def plain(hits: Sequence[Hit], budget: int, counter: TokenCounter) -> set[str]:
    """The ids of recollections, best first, as lines as long as they fit."""
    told, left = set(), budget
    for hit in hits:
        cost = counter.count(f"{day(hit.memory.at)}, {said(hit.memory.text, hit.memory.speaker)}")
        if cost <= left:
            told.add(hit.memory.id)
            left -= cost
    return told


def told_whole(context: Context, memories: dict[str, Memory]) -> set[str]:
    """The ids of memories whose whole text is in a block."""
    lines = [line for section in context.sections for line in section.lines if line.memory is not None]
    whole = {one.id: said(one.text, one.speaker) for one in memories.values()}
    return {str(line.memory) for line in lines if line.text == f"{line.mark} {whole[str(line.memory)]}"}


def coverage(options: argparse.Namespace) -> None:
    import locomo

    counter, shares = counter_of(None), dict(one.split("=") for one in options.share)
    rows: list[Row] = []
    talks = locomo.load(options.data, MiniLMPerceiver(), captions=False)
    with TemporaryDirectory() as folder:
        bench = Bench(folder, context={"shares": shares, "walk": options.walk})
        for talk in talks:
            branch = bench.agent(talk.name, talk.memories)
            known = {one.id: one for one in talk.memories}
            for question in talk.questions[:: options.every]:
                hits = bench.recall(branch, question.text, min(600, len(known)))
                for budget in BUDGETS:
                    wish = Wish(budget, options.neighbours)
                    context = bench.context(branch, question.text, wish)
                    got = told_whole(context, known), plain(hits, budget, counter)
                    block, alone = (len(question.evidence & one) / len(question.evidence) for one in got)
                    rows.append(Row(budget, block, alone, context.tokens))
            print(f"{talk.name}: {len(talk.memories)} memories", flush=True)
        bench.close()
    print(f"{'budget':>7} {'block':>7} {'plain':>7} {'tokens':>7}  over {len(rows) // len(BUDGETS)} questions")
    for budget in BUDGETS:
        chosen = np.array([(row.block, row.plain, row.tokens) for row in rows if row.budget == budget])
        block, alone, tokens = chosen.mean(axis=0)
        print(f"{budget:>7} {block:>7.3f} {alone:>7.3f} {tokens:>7.0f}")


def made_up(count: int) -> Iterator[Memory]:
    """Conversations of 20 turns of 2 speakers, of about 110 characters each, about things of a common stock."""
    rng = np.random.default_rng(0)
    starts, ends = (
        ("ba", "ke", "lo", "mi", "nu", "ra", "si", "to"),
        ("n", "r", "l", "d", "st", "m", "ck", "v", "p", "ff"),
    )
    words = np.array([start + end for start in starts for end in ends])
    topics = rng.normal(size=(200, DIM))
    for number in range(count):
        vector = topics[number // 20 % 200] + rng.normal(size=DIM)
        text = " ".join(rng.choice(words, 22)).capitalize() + "."
        at = START + timedelta(hours=number // 20, seconds=number)
        embedding = (vector / np.linalg.norm(vector)).astype(np.float32)
        pad = PAD(*rng.uniform(-0.5, 0.5, 3))
        speaker, session = ("Ann", "Bob")[number % 2], f"s{number // 20}"
        yield Memory(f"id{number}", text, at, pad, 0.5, 0.5, embedding, speaker, session=session)


def speed(options: argparse.Namespace) -> None:
    memories = list(made_up(options.memories))
    rng = np.random.default_rng(1)
    with TemporaryDirectory() as folder:
        bench = Bench(folder, perception={"model": "hashing", "dim": DIM})
        branch = bench.agent("alice", memories)
        print(f"{len(memories)} memories; median and worst of {options.queries} questions, ms of CPU")
        for budget in (*BUDGETS, 200_000):
            wish, times = Wish(budget, options.neighbours), []
            queries = [memories[int(rng.integers(len(memories)))] for _ in range(options.queries + 1)]
            for query in queries:
                text = " ".join(query.text.split()[:6])
                begin = time.process_time()
                bench.recall(branch, text, min(wish.hits, bench.settings.limits.recalled))
                middle = time.process_time()
                context = bench.context(branch, text, wish)
                times.append((middle - begin, time.process_time() - middle))
            recalled, whole = 1e3 * np.array(times[1:]).T
            beyond = whole - recalled
            print(
                f"{budget:>7} tokens ({context.tokens} used): recall {np.median(recalled):6.1f}, "
                f"beyond it {np.median(beyond):6.1f}, worst {beyond.max():6.1f}",
                flush=True,
            )
        bench.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a LoCoMo JSON file")
    parser.add_argument("--every", type=int, default=5, help="ask every so many questions")
    parser.add_argument("--share", action="append", default=[], metavar="SECTION=SHARE", help="another share")
    parser.add_argument("--walk", choices=("quantum", "classical"), default="quantum")
    parser.add_argument("--neighbours", type=int, default=Wish().neighbours)
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--memories", type=int, default=10_000)
    parser.add_argument("--queries", type=int, default=10)
    options = parser.parse_args()
    if options.data is not None:
        coverage(options)
    if options.speed:
        speed(options)


if __name__ == "__main__":
    main()
