"""Skills are found by meaning and by words together, and each hit says what its score is made of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.memory.episodic.lexical import Bm25
from quantum_memory.memory.events import SkillLearned, SkillUsed
from quantum_memory.memory.skills import Fit, SkillsFold, SkillsState, find, hit_of, ranked
from quantum_memory.memory.skills.finding import LEAST_COSINE, LEXICAL, RELEVANCE, SUCCESS, expected
from quantum_memory.types import Skill, SkillHit, Vector
from tests.unit.episodes import textbook_bm25, textbook_terms

DIM = 4
NAMES = ("brew tea", "ask for help", "mend a sail", "run", "light a fire")


def unit(number: int, dim: int = DIM) -> Vector:
    vector = np.random.default_rng(number).normal(size=dim)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


SKILLS = st.builds(
    Skill,
    name=st.sampled_from(NAMES),
    steps=st.lists(st.sampled_from(["boil water", "pour the tea", "ask Bob", "sew"]), min_size=1, max_size=3).map(
        tuple
    ),
    when=st.sampled_from(["", "someone is thirsty", "the sail is torn"]),
    successes=st.integers(0, 3),
    failures=st.integers(0, 3),
    embedding=st.none() | st.integers(0, 20).map(unit),
)
MANY = st.lists(SKILLS, max_size=5, unique_by=lambda skill: skill.name)
TEXTS = st.lists(st.sampled_from(["tea", "the", "thirsty", "sails", "help", "nothing"]), max_size=4).map(" ".join)


def slowly(skills: Sequence[Skill], text: str, meaning: Vector | None) -> list[tuple[float, str]]:
    """Score and name of every skill that fits, from the formula, one by one."""
    query = list(dict.fromkeys(textbook_terms(text)))
    documents = [textbook_terms(" ".join((one.name, one.when, *one.steps))) for one in skills]
    words = textbook_bm25(documents, query, Bm25())
    counts = [sum(term in document for document in documents) for term in query]
    most = sum(math.log1p((len(skills) - count + 0.5) / (count + 0.5)) for count in counts) * (Bm25().k1 + 1.0)
    found = []
    for skill, score in zip(skills, words, strict=True):
        cosine = 0.0 if meaning is None or skill.embedding is None else float(skill.embedding @ meaning)
        if score > 0.0 or (cosine >= LEAST_COSINE and meaning is not None):
            tried = (skill.successes + 1) / (skill.successes + skill.failures + 2)
            lexical = score / most if most else 0.0
            found.append((RELEVANCE * max(0.0, cosine) + LEXICAL * lexical + SUCCESS * tried, skill.name))
    return sorted(found, key=lambda one: (-one[0], one[1]))


@settings(deadline=None, max_examples=150)
@given(MANY, TEXTS, st.none() | st.integers(0, 20).map(unit), st.integers(0, 6))
def test_finding_agrees_with_the_formula(skills: list[Skill], text: str, meaning: Vector | None, top: int) -> None:
    state = SkillsState.of(skills)
    found = ranked(state, text, meaning, top)
    wanted = slowly(skills, text, meaning)
    assert [fit.score for fit in found] == pytest.approx([score for score, _ in wanted[:top]])
    scores = [round(score, 6) for score, _ in wanted]
    if len(set(scores)) == len(scores):
        assert [fit.skill.name for fit in found] == [name for _, name in wanted[:top]]
    for fit in found:
        assert list(fit.why) == ["relevance", "lexical", "success"]
        assert sum(fit.why.values()) == pytest.approx(fit.score)
        assert all(part >= 0.0 for part in fit.why.values())


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(SKILLS, st.booleans()), max_size=12))
def test_whatever_was_learned_and_asked_before_a_state_finds_what_a_fresh_one_finds(
    told: list[tuple[Skill, bool]],
) -> None:
    fold = SkillsFold()
    state = fold.empty()
    for skill, asked in told:
        state = fold.apply(state, SkillLearned(skill))
        if asked:
            ranked(state, None, unit(3), 1)
    fresh = SkillsState.of(state.all())
    assert state.length == fresh.length
    assert set(state.postings) == set(fresh.postings)
    for text, meaning in (("tea help sail Bob", None), ("thirsty", unit(3)), (None, unit(4))):
        mine, other = ({fit.skill.name: fit for fit in ranked(one, text, meaning, 10)} for one in (state, fresh))
        assert {name: fit.score for name, fit in mine.items()} == pytest.approx(
            {name: fit.score for name, fit in other.items()}
        )


def test_a_skill_that_shares_no_word_is_found_by_its_meaning_and_an_old_one_by_its_words() -> None:
    sail = Skill("mend a sail", ("sew",), embedding=unit(1))
    tea = Skill("brew tea", ("boil water",))
    far = Skill("run", ("go",), embedding=-unit(1))
    state = SkillsState.of([sail, tea, far])
    by_meaning = ranked(state, "ripped canvas", unit(1), 10)
    assert [fit.skill for fit in by_meaning] == [sail]
    assert by_meaning[0].why == pytest.approx({"relevance": 1.0, "lexical": 0.0, "success": 0.05})
    assert [fit.skill for fit in ranked(state, "some tea", -unit(1), 10)] == [far, tea]
    assert [fit.skill for fit in ranked(state, None, unit(1), 10)] == [sail]
    assert ranked(state, "the", None, 10) == ()
    assert ranked(SkillsState(), "tea", unit(1), 10) == ()


def test_embeddings_of_another_length_are_left_to_the_words() -> None:
    state = SkillsState.of([Skill("mend a sail", ("sew",), embedding=unit(1, 8))])
    assert ranked(state, "ripped canvas", unit(1), 10) == ()
    (fit,) = ranked(state, "sail", unit(1), 10)
    assert fit.why["relevance"] == 0.0


def test_what_went_well_comes_first_among_equals_and_never_before_what_fits_much_better() -> None:
    axis, across = np.eye(2, DIM, dtype=np.float32)
    often = Skill("a", ("sew",), successes=5, embedding=axis)
    never = Skill("b", ("sew",), failures=5, embedding=axis)
    state = SkillsState.of([never, often, Skill("c", ("sew",), embedding=axis)])
    assert [fit.skill.name for fit in ranked(state, None, axis, 10)] == ["a", "c", "b"]
    for cosine, first in ((0.97, "a"), (0.8, "b")):
        turned = np.float32(cosine) * axis + np.float32(math.sqrt(1.0 - cosine**2)) * across
        state = SkillsState.of([often, replace(never, embedding=turned)])
        assert ranked(state, None, turned, 1)[0].skill.name == first


def test_a_try_changes_no_embedding_so_nothing_is_laid_out_again() -> None:
    state = SkillsState.of([Skill("a", ("sew",), embedding=unit(1))])
    assert SkillsFold().apply(state, SkillUsed("a", succeeded=True)).meanings is state.meanings


@given(st.integers(0, 50), st.integers(0, 50))
def test_the_expected_success_follows_the_tries_and_is_never_certain(won: int, lost: int) -> None:
    assert 0.0 < expected(won, lost) < 1.0
    assert expected(won + 1, lost) > expected(won, lost) > expected(won, lost + 1)
    assert expected(won, lost) == pytest.approx(1.0 - expected(lost, won))
    assert expected(0, 0) == 0.5


def test_a_skill_that_was_learned_anew_is_found_by_what_it_means_now() -> None:
    state = SkillsState.of([Skill("a", ("sew",), embedding=unit(1))])
    assert len(ranked(state, None, unit(1), 1)) == 1
    fold = SkillsFold()
    same_words = replace(state.get("a"), embedding=-unit(1))
    state = SkillsState.of([*state.all(), same_words])
    assert ranked(state, None, unit(1), 1) == ()
    assert ranked(state, None, -unit(1), 1)[0].score == pytest.approx(1.05)
    assert find(state, "sew", 1)[0][0] == same_words
    assert fold.apply(state, SkillUsed("nothing", succeeded=True)) is state


def test_a_hit_is_the_skill_and_says_why() -> None:
    skill = Skill("tea", ("boil",), "thirst", 2, 1, sources=("m1", "m2"), embedding=unit(1))
    hit = hit_of(Fit(skill, 0.5, {"relevance": 0.5}), ("m2",))
    assert (hit == skill, skill == hit, hash(hit) == hash(skill)) == (True, True, True)
    assert hit == hit_of(Fit(skill, 0.1, {})), "it is equal to the skill that it is"
    assert hit != replace(skill, when="never")
    assert hit != 3
    assert isinstance(hit, SkillHit)
    assert (hit.skill, hit.skill.embedding, type(hit.skill)) == (skill, skill.embedding, Skill)
    assert (hit.name, hit.score, hit.why, hit.gone) == ("tea", 0.5, {"relevance": 0.5}, ("m2",))
