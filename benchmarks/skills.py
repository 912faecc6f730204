"""Finding skills and learning them from attempts, without the encoder: python benchmarks/skills.py.

Made-up skills of 8 steps, with the word frequencies of natural texts and embeddings of 384 numbers; one thread.
"""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime

import numpy as np

from quantum_memory.memory.events import SkillLearned, SkillUsed
from quantum_memory.memory.skills import Lesson, SkillsFold, SkillsState, attempt_of, ranked
from quantum_memory.types import NEUTRAL, Memory, Skill, Vector

DIM, VOCABULARY, STEPS, WORDS_PER_STEP, WORDS_ASKED = 384, 8_000, 8, 5, 8
AT = datetime(2026, 1, 1, tzinfo=UTC)


def texts(rng: np.random.Generator, count: int, words: int) -> list[str]:
    """So many texts of so many words, the n-th word as frequent as 1/n."""
    frequency = 1.0 / np.arange(1, VOCABULARY + 1)
    drawn = rng.choice(VOCABULARY, (count, words), p=frequency / frequency.sum())
    return [" ".join(f"word{word}" for word in row) for row in drawn.tolist()]


def vectors(rng: np.random.Generator, count: int) -> list[Vector]:
    drawn = rng.standard_normal((count, DIM)).astype(np.float32)
    return list(drawn / np.linalg.norm(drawn, axis=1, keepdims=True))


def skills(count: int, seed: int) -> list[Skill]:
    """So many skills."""
    rng = np.random.default_rng(seed)
    steps, whens, meanings = texts(rng, count * STEPS, WORDS_PER_STEP), texts(rng, count, 6), vectors(rng, count)
    tries = rng.integers(0, 20, (count, 2)).tolist()
    return [
        Skill(f"skill {n}", tuple(steps[n * STEPS : (n + 1) * STEPS]), whens[n], won, lost, embedding=meanings[n])
        for n, (won, lost) in enumerate(tries)
    ]


def asking_ms(state: SkillsState, text: str, meaning: Vector | None) -> float:
    """CPU time of one question, in milliseconds."""
    begin = time.process_time()
    ranked(state, text, meaning, 10)
    return 1e3 * (time.process_time() - begin)


def finding(state: SkillsState, queries: int) -> None:
    """How long a question takes: laid out already, and the first after an embedding changed."""
    rng = np.random.default_rng(1)
    asked = list(zip(texts(rng, queries, WORDS_ASKED), vectors(rng, queries), strict=True))
    asking_ms(state, *asked[0])
    taken = [asking_ms(state, text, meaning) for text, meaning in asked]
    words = [asking_ms(state, text, None) for text, _ in asked]
    fold, first = SkillsFold(), []
    for text, meaning in asked[:20]:
        taught = fold.apply(state, SkillLearned(Skill("skill 0", ("again",), embedding=meaning)))
        first.append(asking_ms(taught, text, meaning))
    for name, figures in (("by meaning and words", taken), ("by words alone", words), ("just after a lesson", first)):
        print(f"  find, {name}: p50 {np.median(figures):.2f} ms, p95 {np.quantile(figures, 0.95):.2f} ms")


def growing(made: list[Skill]) -> SkillsState:
    """The state with all of them, learned one by one and tried once each."""
    fold = SkillsFold()
    state = fold.empty()
    begin = time.process_time()
    for skill in made:
        state = fold.apply(state, SkillLearned(skill))
        state = fold.apply(state, SkillUsed(skill.name, succeeded=True))
    print(f"{len(made)} skills: replayed {2 * len(made) / (time.process_time() - begin):.0f} events/s")
    return state


def teaching(attempts: int, actions: int) -> None:
    """How long it takes to align attempts at one task, each with a fifth of its steps left out."""
    rng = np.random.default_rng(2)
    pool = texts(rng, actions, WORDS_PER_STEP)
    meanings = dict(zip(pool, vectors(rng, actions), strict=True))
    taught = tuple(
        attempt_of([memory(f"{number}-{n}", text) for n, text in enumerate(pool) if rng.random() < 0.8])
        for number in range(attempts)
    )
    begin = time.process_time()
    Lesson("task", taught).skill(meanings)
    took_ms = 1e3 * (time.process_time() - begin)
    print(f"a lesson of {attempts} attempts of up to {actions} steps: {took_ms:.0f} ms")


def memory(identity: str, text: str) -> Memory:
    return Memory(identity, text, AT, NEUTRAL, 1.0, 0.5, np.ones(1, np.float32), kind="action")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--queries", type=int, default=200)
    asked = parser.parse_args()
    for size in asked.sizes:
        finding(growing(skills(size, seed=0)), asked.queries)
    teaching(10, 20)
    teaching(100, 50)


if __name__ == "__main__":
    main()
