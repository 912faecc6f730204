"""What extraction finds in a text, and what it must never do."""

from __future__ import annotations

import doctest
import sys
import threading
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.memory.semantic.extract import KINDS, Concept, extract
from quantum_memory.memory.semantic.tokens import MAX_WORD_CHARS, cut, forms, segments
from quantum_memory.memory.semantic.words import STOP_WORDS


def keys(text: str, speaker: str | None = None) -> list[str]:
    return [concept.key for concept in extract(text, speaker)]


def kinds(text: str, speaker: str | None = None) -> dict[str, str]:
    return {concept.key: concept.kind for concept in extract(text, speaker)}


PIECES = (
    "Bob Alice New York the umbrella 7 May 2023 2023-05-07 3,000 5pm U.S. don't 我爱北京 नमस्ते . ! ? , Dr. friend "
    "name is @bob #tag https://a.b/c İstanbul ﬁne ① 'tis ’s - & AT&T of"
)
TEXTS = st.text(max_size=200) | st.lists(st.sampled_from(PIECES.split()), max_size=25).map(" ".join)


@settings(deadline=None, max_examples=300)
@given(TEXTS, st.none() | st.text(max_size=20))
def test_laws_on_any_text(text: str, speaker: str | None) -> None:
    found = extract(text, speaker)
    assert found == extract(text, speaker)
    assert len({concept.key for concept in found}) == len(found)
    for concept in found:
        assert concept.key
        assert concept.label
        assert concept.kind in KINDS
        assert len(concept.key) <= 8 * MAX_WORD_CHARS or speaker
        if concept.kind == "topic":
            assert concept.label not in STOP_WORDS


@settings(deadline=None, max_examples=300)
@given(
    TEXTS | st.lists(st.sampled_from([*PIECES.split(), "_a.b._", "May", "5", " ", "-", "www.", "1,200.5"])).map("".join)
)
def test_looking_only_for_what_a_text_can_have_finds_the_same(text: str) -> None:
    plain = unicodedata.normalize("NFKC", text).replace("’", "'")
    assert segments(text) == cut(plain, forms(digits=True, signs=True, ascii_only=False))


def test_forms_of_a_word_are_one_concept() -> None:
    assert keys("running umbrellas") == keys("Runs, umbrella!") == ["run", "umbrella"]


def test_function_words_are_none() -> None:
    assert extract("I was there with them, and you weren't. Don't! It's ours, won't you? Yeah, wow.") == ()


@pytest.mark.parametrize("text", ["...!?", "🙂 🙂", "-", "_", "''", "’", "  \n\t ", "$%&", "\u200d"])
def test_signs_alone_are_none(text: str) -> None:
    assert extract(text) == ()


def test_a_capital_inside_a_sentence_makes_a_name() -> None:
    assert kinds("Then we drove to Paris.")["pari"] == "entity"
    assert kinds("Painting is fun.")["paint"] == "topic"
    assert kinds("It rained. Painting helped.")["paint"] == "topic"
    assert kinds("Painting! They love Painting.")["paint"] == "entity"


def test_a_text_all_in_capitals_tells_nothing_about_names() -> None:
    assert set(kinds("WE DROVE TO PARIS").values()) == {"topic"}


def test_a_name_of_several_words_brings_each_of_them() -> None:
    assert keys("We saw the Golden Gate Bridge.") == ["golden gate bridg", "golden", "gate", "bridg"]
    assert keys("at the University of Washington") == ["universiti of washington", "universiti", "washington"]
    assert keys("in New York") == ["new york", "york"]
    assert keys("to Bob, Alice") == ["bob", "alic"]
    assert keys("Alice's Bob came") == ["alic", "bob"]


def test_greetings_are_no_part_of_a_name() -> None:
    assert keys("Hey Caroline! Thanks Bob.") == ["carolin", "bob"]


@pytest.mark.parametrize(
    "text",
    [
        "We met Dr. Vera there",
        "my friend Vera",
        "her name is Vera",
        "a girl named Vera",
        "with Aunt Vera",
        "my name's Vera",
    ],
)
def test_persons_are_known_by_what_stands_before_them(text: str) -> None:
    assert kinds(text)["vera"] == "person"


def test_the_speaker_is_a_person_and_comes_first() -> None:
    assert extract("Hi there", "Mel Gibson") == (
        Concept("mel gibson", "Mel Gibson", "person"),
        Concept("mel", "Mel", "person"),
        Concept("gibson", "Gibson", "person"),
    )
    assert kinds("so Mel laughed", "Mel Gibson")["mel"] == "person"
    assert extract("!", "🙂")[0] == Concept("🙂", "🙂", "person")
    assert extract("!", "  ") == ()


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("on 2023-05-07", "date:2023-05-07"),
        ("on 7 May 2023", "date:2023-05-07"),
        ("on May 7th, 2023", "date:2023-05-07"),
        ("on the 7th of May, 2023", "date:2023-05-07"),
        ("on 7 May", "date:--05-07"),
        ("in Sept. 2023", "date:2023-09"),
        ("in 2023", "date:2023"),
        ("in May", "date:--05"),
        ("August came", "date:--08"),
        ("on Monday", "date:monday"),
        ("on Mondays", "date:monday"),
        ("at 5pm", "date:17:00"),
        ("at 12 am", "date:00:00"),
        ("at 17:30", "date:17:30"),
    ],
)
def test_dates(text: str, key: str) -> None:
    assert kinds(text).get(key) == "date", extract(text)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("3,000 km", "number:3000"),
        ("$12.50", "number:12.5"),
        ("40.0%", "number:40"),
        ("three", "number:3"),
        ("007", "number:7"),
    ],
)
def test_numbers(text: str, key: str) -> None:
    assert kinds(text).get(key) == "number", extract(text)


def test_verbs_that_look_like_months_are_none() -> None:
    assert not any(key.startswith("date:") for key in keys("you may march. Jan said the 12 may be enough"))


def test_addresses_and_tags() -> None:
    assert kinds("see https://www.Example.com/a, ok") == {"example.com/a": "entity"}
    assert kinds("write to Bob.Lee@example.com") == {"write": "topic", "bob.lee@example.com": "entity"}
    assert kinds("@bob #Garden") == {"bob": "entity", "garden": "entity"}


def test_other_scripts() -> None:
    assert keys("नमस्ते दुनिया") == ["नमस्ते", "दुनिया"]
    assert set(keys("北京天安门")) & set(keys("我爱北京")) == {"北京"}
    assert keys("猫") == ["猫"]
    assert keys("NY我爱") == ["ny", "我爱"]
    assert keys("Straße") == keys("straße")


def test_composed_and_decomposed_letters_are_the_same() -> None:
    assert keys("the café") == keys(unicodedata.normalize("NFD", "the café")) == ["café"]


def test_a_blob_is_no_word() -> None:
    assert extract("x" * 10_000) == ()


def test_threads_get_the_same() -> None:
    text = "Bob's umbrellas were running through gardens " + " ".join(f"walking{i}ing" for i in range(200))
    want = extract(text)
    found: list[tuple[Concept, ...]] = []
    threads = [threading.Thread(target=lambda: found.append(extract(text + " "))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [want] * 4


def test_the_examples_in_the_docstrings_hold() -> None:
    failed, tried = doctest.testmod(sys.modules["quantum_memory.memory.semantic.extract"])
    assert tried > 0
    assert failed == 0
