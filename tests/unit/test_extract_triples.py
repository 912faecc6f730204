"""Statements that plain rules read in a text: who did what, and all that they must leave alone."""

from __future__ import annotations

import doctest
import sys
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.memory.semantic.english.phrases import phrases
from quantum_memory.memory.semantic.english.sentences import MAX_TOKENS, sentences
from quantum_memory.memory.semantic.english.verbs import FORMS, ing, participle, past, third
from quantum_memory.memory.semantic.extract import extract
from quantum_memory.memory.semantic.triples import triples

AT = datetime(2023, 5, 8, 13, 56, tzinfo=UTC)


def read(text: str, speaker: str | None = "Ann") -> list[str]:
    return [f"{'not: ' if one.negated else ''}{' | '.join(one[:3])}" for one in triples(text, speaker)]


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("I live in Berlin.", ["Ann | lives in | Berlin"]),
        ("I'm living in Berlin", ["Ann | lives in | Berlin"]),
        ("I’ve lived in Boston for ten years.", ["Ann | lives in | Boston"]),
        ("I lived in Boston.", ["Ann | lived in | Boston"]),
        ("I used to live in Boston.", ["Ann | lived in | Boston"]),
        ("I no longer work at Google.", ["not: Ann | works at | Google"]),
        ("I don't work at Google anymore.", ["not: Ann | works at | Google"]),
        ("I work as a nurse at Mercy Hospital.", ["Ann | works as | nurse", "Ann | works at | Mercy Hospital"]),
        ("Anna works at Google!", ["Anna | works at | Google"]),
        (
            "Anna Smith moved from Sweden to Boston.",
            ["Anna Smith | moved from | Sweden", "Anna Smith | moved to | Boston"],
        ),
        ("My name is Eve.", ["Ann | is named | Eve"]),
        ("My dog's name is Oscar.", ["Ann's dog | is named | Oscar"]),
        ("My friend Bob lent me his umbrella.", ["Bob | is | Ann's friend", "Bob | lent | Bob's umbrella"]),
        ("I adopted a dog named Max.", ["Ann | adopted | dog", "Max | is | dog"]),
        ("Eve is married to Tom.", ["Eve | is married to | Tom"]),
        ("I got married to Tom.", ["Ann | got married to | Tom"]),
        ("I'm married.", ["Ann | is | married"]),
        ("I have two kids and a cat.", ["Ann | has | two kids", "Ann | has | cat"]),
        ("I have no kids.", ["not: Ann | has | kids"]),
        ("I've got a dog.", ["Ann | has | dog"]),
        ("I've been to Paris.", ["Ann | has been to | Paris"]),
        ("I was born in 1990.", ["Ann | was born in | 1990"]),
        ("I was born in Sweden.", ["Ann | was born in | Sweden"]),
        ("Eve's a nurse.", ["Eve | is | nurse"]),
        ("I love hiking.", ["Ann | loves | hiking"]),
        ("I love playing the guitar.", ["Ann | loves | playing guitar"]),
        ("I like to paint landscapes.", ["Ann | likes | painting landscapes"]),
        ("I play guitar, piano and drums.", ["Ann | plays | guitar", "Ann | plays | piano", "Ann | plays | drums"]),
        ("Yesterday I bought a red umbrella at the market.", ["Ann | bought | red umbrella"]),
        ("In 2019 I moved to Boston.", ["Ann | moved to | Boston"]),
        ("Last week, my brother graduated from Harvard.", ["Ann's brother | graduated from | Harvard"]),
        ("We adopted a puppy.", ["Ann | adopted | puppy"]),
        ("I went to Paris and visited the Louvre.", ["Ann | went to | Paris", "Ann | visited | Louvre"]),
        ("Bob and I went to Rome.", ["Bob | went to | Rome", "Ann | went to | Rome"]),
        ("We left class early.", ["Ann | left | class"]),
        ("We loved skateboards back then.", ["Ann | loved | skateboards"]),
        ("I'm researching policies and writing about them.", ["Ann | is researching | policies"]),
        ("Eve was brought to Rome and made virtual prisoners there.", ["Eve | was brought to | Rome"]),
        ("My kids love pizza.", ["Ann's kids | loves | pizza"]),
        ("Tom gave me a book.", ["Tom | gave | book"]),
        ("Tom gave Eve a book.", ["Tom | gave | book"]),
        ("Tom helped me.", ["Tom | helped | Ann"]),
        ('I read "Sapiens".', ["Ann | read | Sapiens"]),
        ("I read the book “Sapiens” last year.", ["Ann | read | Sapiens"]),
        ("I'm from Sweden.", ["Ann | is from | Sweden"]),
        ("I'm allergic to peanuts.", ["Ann | is allergic to | peanuts"]),
        ("I'm a vegetarian.", ["Ann | is | vegetarian"]),
        ("I'm 30 years old.", ["Ann | is | 30 years old"]),
        ("I am not a doctor.", ["not: Ann | is | doctor"]),
        ("I was a teacher.", ["Ann | was | teacher"]),
        ("The company hired Eve.", ["company | hired | Eve"]),
        ("Eve was hired by Google.", ["Eve | was hired by | Google"]),
        ("I never eat meat.", ["not: Ann | eats | meat"]),
        ("I met Dr. Müller at the conference.", ["Ann | met | Dr Müller"]),
        ("Eve loves her dog.", ["Eve | loves | Eve's dog"]),
        ("Paris is the capital of France.", ["Paris | is | capital of France"]),
        ("Sam plays chess every Sunday.", ["Sam | plays | chess"]),
        ("My wife and I bought a house.", ["Ann's wife | bought | house", "Ann | bought | house"]),
        ("On 7 May 2023 I started a new job.", ["Ann | started | new job"]),
        ("I attended my sister's wedding.", ["Ann | attended | Ann's sister's wedding"]),
        ("I took a machine learning course.", ["Ann | took | machine learning course"]),
        ("When I was ten, I lived in Boston.", ["Ann | lived in | Boston"]),
        ("I drink tea because my mom drinks tea.", ["Ann | drinks | tea", "Ann's mom | drinks | tea"]),
        ("I've always liked Under Armour.", ["Ann | has liked | Under Armour"]),
        ("Mark likes tea.", ["Mark | likes | tea"]),
        ("I'm proud of my team.", ["Ann | is proud of | Ann's team"]),
        ("Tetris is a drink distilled in France.", ["Tetris | is | drink"]),
        ("Eve was an envoy of the U.S in Rome.", ["Eve | was | envoy of U.S"]),
        ("I signed up for a pottery class.", ["Ann | signed up for | pottery class"]),
        ("I went camping.", ["Ann | went | camping"]),
        ("I went to an LGBTQ+ workshop.", ["Ann | went to | LGBTQ+ workshop"]),
        ("My kids love their dog.", ["Ann's kids | loves | Ann's kids' dog"]),
    ],
)
def test_what_is_stated(text: str, want: list[str]) -> None:
    assert read(text) == want


@pytest.mark.parametrize(
    "text",
    [
        "Do you live in Rome?",
        "I live in Rome?",
        "Have you met my friend Bob",
        "Where did Eve buy the red umbrella",
        "If it rains, I take the bus.",
        "I take the bus if it rains.",
        "Unless Eve calls, Bob takes the bus.",
        "I wish I had a dog.",
        "I would buy a car.",
        "I'd love a dog.",
        "I will move to Rome.",
        "I'll buy a car.",
        "I'm going to move to Rome.",
        "I might adopt a dog.",
        "I can play guitar.",
        "I want to brag.",
        "I want Eve to buy a house.",
        "I think Eve lives in Rome.",
        "Eve said she lives in Rome.",
        "Bob told me that Eve moved to Rome and she bought a house.",
        "I heard Eve bought a car.",
        '"I love Rome," said Eve.',
        'He said "I live in Rome and I have a dog and three cats there with my wife".',
        "I almost bought a car.",
        "Maybe Eve likes tea.",
        "I probably own a car.",
        "She lives in Rome.",
        "They bought a house.",
        "You have a dog.",
        "This is a dog.",
        "There is a dog.",
        "It was a great day.",
        "I had fun.",
        "I love it.",
        "Sounds like a plan!",
        "Bring a cake.",
        "Took the kids to the park.",
        "Overcoming challenges builds strength.",
        "Let's go to Rome.",
        "I was in a hurry.",
        "I moved in May.",
        "I'm happy.",
        "I saw Eve leave.",
        "I have a quick and easy recipe.",
        "The man who bought a car",
        "a basketball signed by Eve",
        "Veggies are his favourite.",
        "Tom loves their dog.",
        "I use C#/F# there",
        "I haven't visited many countries.",
        "I was doing rope jumping.",
        "Rome remained connected.",
        "The court has overruled that kids play.",
        "The Times was the first citizen owned and operated paper.",
        "Tetris is an off-road racing game.",
        "Tetris is a shoot 'em up game.",
        "I enjoy curling up with a book.",
        "I love sharing what I know.",
    ],
)
def test_what_is_left_alone(text: str) -> None:
    assert read(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "Ich wohne in Berlin und mag Eve.",
        "J'habite à Paris avec ma sœur.",
        "Me gusta Madrid y tengo un perro.",
        "Eu moro em Lisboa.",
        "Mieszkam w Warszawie.",
        "我爱北京。",
        "昨日、東京へ行きました。",
        "मैं दिल्ली में रहता हूँ।",
        "Я живу в Москве.",
        "أنا أعيش في القاهرة",
    ],
)
def test_other_languages_give_concepts_and_no_statements(text: str) -> None:
    assert read(text) == []
    assert extract(text)


def test_without_a_speaker_nobody_is_i() -> None:
    assert read("I live in Rome. My sister likes tea. Tom likes my sister. Tom likes tea.", None) == [
        "Tom | likes | tea"
    ]
    assert read("I live in Rome.", "  ") == []


def test_a_statement_carries_its_tense_its_span_and_its_time() -> None:
    text = "Hi! I moved to Boston two weeks ago, and I love the sea."
    moved, loves = triples(text, "Ann", AT)
    assert (moved.tense, loves.tense) == ("past", "present")
    assert text[moved.start : moved.end] == "I moved to Boston"
    assert text[loves.start : loves.end] == "I love the sea"
    assert moved.at == AT - timedelta(days=14)
    assert loves.at == AT


@pytest.mark.parametrize(
    ("text", "at", "want"),
    [
        ("I bought a car yesterday.", AT, AT - timedelta(days=1)),
        ("I bought a car 3 days ago.", AT, AT - timedelta(days=3)),
        ("I bought a car last night.", AT.replace(tzinfo=None), AT - timedelta(days=1)),
        ("I bought a car on 7 May 2023.", None, datetime(2023, 5, 7, tzinfo=UTC)),
        ("I bought a car in May 2022.", AT, datetime(2022, 5, 1, tzinfo=UTC)),
        ("I bought a car in 2019.", AT, datetime(2019, 1, 1, tzinfo=UTC)),
        ("I bought a car on 30 February 2019.", AT, AT),
        ("I bought a car in 2018 and 2019.", AT, AT),
        ("I bought a car yesterday.", None, None),
        ("I bought a car 9000 weeks ago.", datetime(2, 1, 1, tzinfo=UTC), datetime(2, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_clause_may_say_when(text: str, at: datetime | None, want: datetime | None) -> None:
    assert [one.at for one in triples(text, "Ann", at)] == [want]


def test_what_is_less_clear_is_less_sure() -> None:
    (mine,), (ours,) = triples("I bought a car.", "Ann"), triples("We bought a car.", "Ann")
    (team,) = triples("The team bought a car.", "Ann")
    assert 1 >= mine.confidence > ours.confidence > team.confidence > 0


_WORDS = """
I we my her Bob Eve Anna's the a no not never n't don't 've 'm 's is was have had been do did will would if when
and but because that who , . ! ? ; " “ ” - ( live lives lived in to at of for moved like loves hiking playing
red umbrella two 7 May 2023 years ago old named called me it us said think yesterday last week Dr. U.S. '’
“Emma” 5K friend sister kids people name one bit lot really up out away
"""
WORDS = _WORDS.split()
TEXTS = st.text(max_size=120) | st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join)
SPEAKERS = st.none() | st.sampled_from(["Ann", "Mel Gibson", "李"]) | st.text(max_size=10)


@settings(deadline=None, max_examples=400)
@given(TEXTS, SPEAKERS, st.none() | st.datetimes(timezones=st.none() | st.just(UTC)))
def test_laws_on_any_text(text: str, speaker: str | None, at: datetime | None) -> None:
    found = triples(text, speaker, at)
    assert found == triples(text, speaker, at)
    assert len({(one.subject, one.predicate, one.object, one.negated) for one in found}) == len(found)
    for one in found:
        assert 0 <= one.start < one.end <= len(text)
        assert text[one.start : one.end].strip() == text[one.start : one.end]
        assert all(part.strip() for part in one[:3])
        assert 0 < one.confidence <= 1
        assert one.tense in {"present", "past"}
        assert one.at is None or one.at.tzinfo is UTC
        assert speaker or "I" not in one.subject.split()


@settings(deadline=None, max_examples=300)
@given(TEXTS)
def test_tokens_stand_where_they_say_and_no_word_is_lost(text: str) -> None:
    end = 0
    for sentence in sentences(text):
        assert not sentence.whole or len(sentence.tokens) <= MAX_TOKENS
        for token in sentence.tokens:
            assert end <= token.start < token.end <= len(text)
            assert text[token.start : token.end].startswith(token.text)
            end = token.end


@settings(deadline=None, max_examples=200)
@given(TEXTS, SPEAKERS)
def test_a_question_mark_and_an_if_take_every_statement_away(text: str, speaker: str | None) -> None:
    flat = " ".join(word for word in text.split() if not set(word) & set('.!?…;:"“”«»'))
    assert triples(f"{flat}?", speaker) == ()
    assert triples(f"if {flat}", speaker) == ()


def test_a_sentence_without_end_is_none() -> None:
    assert read("I love tea and " * MAX_TOKENS) == []
    assert read("I love " + "x" * 10_000) == []


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("I left the red umbrella there.", ("red umbrella",)),
        ("We were at my sister's wedding.", ("Ann's sister's wedding",)),
        ("a machine learning course", ("machine learning course",)),
        ("a group of old friends", ("group of old friends",)),
        ("It was a great day, lots of fun, and nothing else.", ()),
        ("her sister's wedding", ("sister's wedding",)),
    ],
)
def test_noun_phrases(text: str, want: tuple[str, ...]) -> None:
    assert phrases(text, "Ann") == want


@settings(deadline=None, max_examples=200)
@given(TEXTS, SPEAKERS)
def test_noun_phrases_of_any_text(text: str, speaker: str | None) -> None:
    found = phrases(text, speaker)
    assert found == phrases(text, speaker)
    assert len(set(found)) == len(found)
    assert all(" " in phrase.strip() for phrase in found)


@pytest.mark.parametrize(
    ("base", "forms"),
    [
        ("live", "lives lived lived living"),
        ("study", "studies studied studied studying"),
        ("play", "plays played played playing"),
        ("plan", "plans planned planned planning"),
        ("go", "goes went gone going"),
        ("write", "writes wrote written writing"),
        ("watch", "watches watched watched watching"),
        ("die", "dies died died dying"),
        ("have", "has had had having"),
    ],
)
def test_verbs_are_inflected(base: str, forms: str) -> None:
    assert [third(base), past(base), participle(base), ing(base)] == forms.split()


def test_every_form_leads_back_to_its_verb() -> None:
    for form, (base, parts) in FORMS.items():
        made = {
            "base": base,
            "third": third(base),
            "past": past(base),
            "participle": participle(base),
            "ing": ing(base),
        }
        assert parts
        assert all(made[part] == form for part in parts)


@pytest.mark.parametrize("module", ["triples", "english.phrases", "predicates"])
def test_the_examples_in_the_docstrings_hold(module: str) -> None:
    __import__(f"quantum_memory.memory.semantic.{module}")
    failed, tried = doctest.testmod(sys.modules[f"quantum_memory.memory.semantic.{module}"])
    assert tried > 0
    assert failed == 0
