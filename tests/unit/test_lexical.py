"""Words become stems, postings say where they stand, and BM25 is the formula of the textbook."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from hashlib import blake2b
from itertools import pairwise
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import NotFinite, OutOfRange
from quantum_memory.memory.episodic.lexical import (
    POSTING,
    Bm25,
    Postings,
    distinct,
    inverse_frequencies,
    match_flat,
    scores,
)
from quantum_memory.memory.episodic.words import MAX_TERM_CHARS, MOST_MARKS, STOP_WORDS, Analyzer, Codes, number
from tests.unit.episodes import textbook_bm25

DOCUMENTS = st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=9), min_size=1, max_size=12)
KNOBS = st.builds(Bm25, st.floats(0.0, 3.0), st.floats(0.0, 1.0))


def coded(documents: list[list[str]]) -> np.ndarray:
    """The documents as POSTING records, by row."""
    found = [
        (number(term), row, count)
        for row, document in enumerate(documents)
        for term, count in Counter(document).items()
    ]
    return np.array(found, dtype=POSTING)


def grouped(flat: np.ndarray) -> Postings:
    return Postings.group(flat["term"], flat["row"], flat["count"])


@settings(deadline=None, max_examples=100)
@given(DOCUMENTS, st.lists(st.sampled_from("abcdefghxyz"), max_size=9), KNOBS)
def test_grouped_and_flat_postings_give_the_scores_of_the_textbook(
    documents: list[list[str]], query: list[str], knobs: Bm25
) -> None:
    flat = coded(documents)
    terms = distinct([number(term) for term in query])
    lengths = np.array([len(document) for document in documents], dtype=np.int32)
    mean = max(lengths.mean(), 1e-9)
    wanted = np.array(textbook_bm25(documents, query, knobs))
    for groups in (grouped(flat).match(terms), match_flat(flat, terms)):
        found_in = np.zeros(len(terms), np.int64)
        for group in groups:
            found_in[group.term] = len(group.rows)
        weights = inverse_frequencies(len(documents), found_in)
        np.testing.assert_allclose(scores(groups, weights, lengths, mean, knobs), wanted, rtol=1e-13)


@settings(deadline=None, max_examples=50)
@given(DOCUMENTS)
def test_grouping_loses_nothing(documents: list[list[str]]) -> None:
    flat = coded(documents)
    postings = grouped(flat)
    again = zip(postings.each().tolist(), postings.rows.tolist(), postings.counts.tolist(), strict=True)
    assert sorted(again) == sorted(flat.tolist())
    assert (np.diff(postings.terms.astype(np.float64)) > 0).all()
    for start, end in pairwise(postings.starts.tolist()):
        assert (np.diff(postings.rows[start:end].astype(int)) > 0).all()


def test_postings_take_no_wider_numbers_than_they_need() -> None:
    terms = np.zeros(300, np.uint64)
    small = Postings.group(terms, np.arange(300), np.ones(300, np.int32))
    large = Postings.group(terms, np.arange(300) + 65_300, np.full(300, 256))
    assert (small.rows.dtype, small.counts.dtype) == (np.dtype(np.uint16), np.dtype(np.uint8))
    assert (large.rows.dtype, large.counts.dtype) == (np.dtype(np.int32), np.dtype(np.int32))
    assert (large.rows[-1], large.counts[-1]) == (65_599, 256)


def test_a_term_in_every_document_weighs_little_but_never_against() -> None:
    weights = inverse_frequencies(100, np.array([1, 50, 100]))
    assert weights[0] > weights[1] > weights[2] > 0
    assert inverse_frequencies(1, np.array([1]))[0] == pytest.approx(math.log(4 / 3))


def test_knobs_out_of_bounds_are_refused() -> None:
    with pytest.raises(OutOfRange):
        Bm25(k1=-1.0)
    with pytest.raises(OutOfRange):
        Bm25(b=1.1)
    with pytest.raises(NotFinite):
        Bm25(k1=math.nan)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("Running, RAN and runs!", ["run", "ran", "run"]),
        ("Alice's umbrella isn’t here; don't ask", ["alic", "umbrella", "ask"]),
        ("the not of and", []),
        ("snake_case e-mail x2", ["snake", "case", "e", "mail", "x2"]),
        ("Ｋｒａｋóｗ cafe\u0301", ["kraków", "café"]),
        ("雨の日 rain", ["雨", "の", "日", "rain"]),
        ("", []),
        ("\U0001f327 !?", []),
        ("x" * 500, ["x" * MAX_TERM_CHARS]),
    ],
)
def test_a_text_becomes_its_stems(text: str, terms: list[str]) -> None:
    assert Analyzer().terms(text) == terms


def test_no_letter_has_more_marks_than_can_be_put_in_order_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def normalize(form: Literal["NFC", "NFD", "NFKC", "NFKD"], text: str) -> str:
        seen.append(text)
        return plainly(form, text)

    plainly = unicodedata.normalize
    monkeypatch.setattr(unicodedata, "normalize", normalize)
    hostile = "rain a" + "\u0301\u0327" * 5000 + "\u0301b" + "\u0301" * 31 + " tea"
    assert Analyzer().terms(hostile)[::3] == ["rain", "tea"]
    marks = "".join("1" if unicodedata.combining(sign) else " " for sign in seen[0]).split()
    assert [len(row) for row in marks] == [MOST_MARKS, MOST_MARKS]
    assert Analyzer().terms("x " + "\u338f" * 40 + "\u2014" * 40 + " y") == ["x", ("kg" * 40)[:MAX_TERM_CHARS], "y"]


def test_a_stop_word_is_never_a_term() -> None:
    assert Analyzer().terms(" ".join(sorted(STOP_WORDS))) == []
    assert Analyzer(stop_words=frozenset()).terms("the rain") == ["the", "rain"]


def test_codes_are_given_in_the_order_of_first_sight() -> None:
    codes = Codes()
    assert [codes.learn(word) for word in ("b", "a", "b")] == [0, 1, 0]
    assert (codes.find("a"), codes.find("c"), len(codes)) == (1, -1, 2)


def test_a_number_stands_for_a_word_everywhere_and_a_query_has_each_once() -> None:
    assert number("umbrella") == int.from_bytes(blake2b(b"umbrella", digest_size=8).digest(), "little")
    assert number("\ud800") != number("\ud801"), "half a character is no text, but may be asked for"
    assert distinct([3, 2**64 - 1, 3]).tolist() == [3, 2**64 - 1]
    assert len({number(f"w{n}") for n in range(20_000)}) == 20_000
