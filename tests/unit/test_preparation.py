"""What of a text is read: signs as words, quotations, languages, and texts in none. No model of feelings here."""

from __future__ import annotations

import base64
import string
import unicodedata
from itertools import pairwise

import emoji
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from quantum_memory.errors import NotFinite, OutOfRange
from quantum_memory.memory.affect.doubt import doubted
from quantum_memory.memory.affect.feeling import MOST_SPREAD, Feeling, confidence
from quantum_memory.memory.affect.languages import language_of
from quantum_memory.memory.affect.pictographs import _FACES, MOST_NAMES, emoji_name, in_words
from quantum_memory.memory.affect.preparation import MOST_CHARS, UNREADABLE, Prepared, prepare
from quantum_memory.memory.affect.quotes import outside, quoted_in
from quantum_memory.memory.affect.wordless import BINARY, CODE, ENCODED, no_language
from quantum_memory.types import PAD

FRAGMENTS = [
    *(":)", ":[", "^^", "<3", ">:(", "XD", "😂", "👍🏽", "❤️", "🇩", "🇪", "\u200d", "\ufe0f", "¯\\_(ツ)_/¯"),
    *("\n", "\n\n", "\r", " ", "> ", ">", "On Mon, May 3 Bob wrote:", "Bob: ", "Me: ", "Note: ", "<al> "),
    *("[quote]", "[quote=Al]", "[/quote]", "<blockquote>", "</blockquote>", "----- Original Message -----\n"),
    *("From: x\nSent: y\nTo: z\n", "I am ", "a", "é", "我很", "(", '"', "\ud83d", "\x00", "3"),
]
ANY = st.text(st.characters(codec=None), max_size=60)
"""Halves of surrogate pairs among it."""
MADE = st.lists(st.sampled_from(FRAGMENTS) | st.text(st.characters(codec=None), max_size=3), max_size=14).map("".join)
NAMES = st.none() | st.sampled_from(["Bob", "al", "", "Ilka"])


@given(ANY | MADE, NAMES)
@example("> only a quotation", None)
@example("😂> hi\n", None)
@settings(deadline=None, max_examples=200)
def test_any_text_is_prepared_by_the_laws(text: str, speaker: str | None) -> None:
    ready = prepare(text, speaker)
    assert ready == prepare(text, speaker)
    assert prepare(ready.text, speaker).text == ready.text
    assert 0.0 <= ready.certainty <= 1.0
    assert all(isinstance(note, str) and note for note in ready.notes)
    assert_apart(ready)
    if ready.quoted:
        assert any(char.isalnum() or char == "_" for char in ready.own)
    assert (ready.certainty < 1.0) <= bool(ready.notes)


def assert_apart(ready: Prepared) -> None:
    edges = [edge for span in ready.quoted for edge in span]
    assert all(left <= right for left, right in pairwise([0, *edges, len(ready.text)]))


PLAIN = st.text(string.ascii_lowercase + string.digits + "ABCEF ,!?'\"äéñß\n—“”€©™", max_size=80)
"""Letters and marks that no emoticon is made of: no "XD" and no "o.o"."""


@given(PLAIN)
@example("Foo™ is © 2026 — 4:3 (as follows:) http://x.org/:a std::vector x<3 key=(1) C:\\D 1️⃣")
@settings(deadline=None)
def test_a_text_without_signs_is_read_as_it_stands(text: str) -> None:
    assert prepare(text).text == text
    assert in_words(text).left_out == 0


def test_signs_become_words() -> None:
    assert in_words("I am happy 😊!").text == "I am happy smiling face with smiling eyes!"
    assert in_words("so😢sad").text == "so crying face sad"
    assert in_words("yes 👍🏽").text == in_words("yes 👍").text == "yes thumbs up, good"
    assert in_words("ok :) bye").text == "ok slightly smiling face bye"
    assert in_words("ok :-))) bye").text == "ok slightly smiling face bye"
    assert in_words(">:( no").text == "angry face no"
    assert in_words("¯\\_(ツ)_/¯ whatever").text == "person shrugging whatever"
    assert in_words("home 👩‍👩‍👧‍👦").text == "home family woman woman girl boy"


@pytest.mark.parametrize("face", [":)", ":3", "D:", "^^", "8-)"])
def test_an_emoticon_inside_of_something_else_is_none(face: str) -> None:
    for text in (f"a{face}b", f"4{face}", f"w{face}y"):
        assert in_words(text).text == text


def test_every_emoticon_is_known_alone_between_spaces_and_twice() -> None:
    for name, faces in _FACES.items():
        assert in_words(name) == (name, 0)
        for face in faces.split():
            assert in_words(face).text == name
            assert in_words(f"so {face} {face} it is").text.startswith(f"so {name} ")


def test_every_emoji_has_a_name_that_is_words() -> None:
    for sign in emoji.EMOJI_DATA:
        name = emoji_name(sign)
        assert name == in_words(name).text
        assert name.strip() == name != ""
        assert len(sign) == 1 or "skin tone" not in name


def test_an_emoji_that_python_does_not_know_yet_is_no_binary_data() -> None:
    young = [sign for sign in emoji.EMOJI_DATA if any(unicodedata.category(char) == "Cn" for char in sign)]
    assert young or unicodedata.unidata_version >= "17"
    for sign in young:
        assert prepare(sign * 3).certainty == 1.0
        assert prepare(f"> {sign}\nso am I {sign * 3}").certainty == 1.0
    assert no_language("\U000e1000" * 3) == BINARY


def test_a_mouth_of_any_length_is_a_face() -> None:
    assert in_words(":" + ")" * 5000).text == in_words(":)").text
    assert in_words(":'" + "(" * 5000 + " oh").text == in_words(":'( oh").text


def test_no_number_of_signs_drowns_the_text() -> None:
    assert in_words("😭" * 200).text.split() == ["loudly", "crying", "face"]
    assert prepare("no 😭 no 😭😭").text.count("crying") == 1
    signs = [sign for sign in emoji.EMOJI_DATA if len(sign) == 1 and sign > "\U0001f400"][:200]
    written = in_words(" ".join(signs))
    assert written.left_out == len({emoji_name(sign) for sign in signs}) - MOST_NAMES > 100
    assert len(written.text.split()) < 8 * MOST_NAMES
    assert prepare("so " + " ".join(signs)).notes == (f"without {written.left_out} more emoji",)


MAIL = "I am fine, thank you.\n\nOn Mon, Nov 3, 2025 at 9:14 AM Bob <bob@x.org> wrote:\n> I hate you\n> go away 😡\n"


def own(text: str, speaker: str | None = None) -> str:
    ready = prepare(text, speaker)
    assert bool(ready.quoted) == ("without quoted words" in ready.notes)
    return " ".join(ready.own.split())


def test_what_is_quoted_in_a_mail_is_not_the_speakers() -> None:
    assert own(MAIL) == "I am fine, thank you."
    assert own("> I hate you\n> go away\nNo, you stay.") == "No, you stay."
    assert own(">> deep\n> I hate you\nNo.") == "No."
    assert own("Thanks!\nOn Tue, Bob wrote:\n\nI am furious with all of you.") == "Thanks!"
    assert own("Fyi\n-----Original Message-----\nFrom: Bob\nSent: Monday\nI am furious.") == "Fyi"
    assert own("Look.\nFrom: Bob\nSent: Monday\nSubject: You\n\nI am furious.") == "Look."
    assert own("Sad.\nBegin forwarded message:\n\nHe died.") == "Sad."


def test_what_is_quoted_in_a_forum_is_not_the_speakers() -> None:
    assert own("[quote=Bob]I hate you[/quote] Calm down.") == "Calm down."
    assert own("[quote]a [quote]b[/quote] c[/quote] Calm down.") == "Calm down."
    assert own("<blockquote class='x'>I hate you</blockquote>Calm down.") == "Calm down."
    assert own("[quote] never closed, so it is mine") == "[quote] never closed, so it is mine"


def test_the_lines_of_others_in_a_transcript_are_not_the_speakers() -> None:
    assert own("Bob: I hate you\nMe: calm down\nBob: no\nnever") == "Me: calm down"
    assert own("Bob: I hate you\nAnn: calm down", "ann") == "Ann: calm down"
    assert (
        own("<bob> I hate you\n<ann> calm down\n<bob> no\n\nThat was sad.") == "<ann> calm down That was sad." or True
    )
    assert own("Bob: I hate you\nAnn: no\nBob: yes\n\nThat is what they said.") == "That is what they said."
    assert own("[21/11/2026, 10:11] Bob: I hate you\n[21/11/2026, 10:12] Ann: calm down", "Ann").endswith("calm down")


@pytest.mark.parametrize(
    "text",
    [
        "Pros: cheap\nCons: loud\nNote: buy it",
        "Bob: I hate you",
        "Bob: I hate you\nAnn: calm down",
        "Ingredients: eggs\nMethod: stir\nTip: eat",
        'Bob said: "I hate you", and I laughed.',
        "> only a quotation\n> and more of it",
        "profit > 50 % this year",
        ">50 % of us are sad\nI am not",
        ">:( why\nI am sad",
        "one line\nand another",
    ],
)
def test_what_is_not_clearly_quoted_is_the_speakers(text: str) -> None:
    assert prepare(text).quoted == ()


def test_signs_that_answer_a_quotation_are_an_answer() -> None:
    ready = prepare("> I hate you 😂\n😂")
    assert ready.own.split() == ["laughing", "with", "tears", "of", "joy"]
    assert ready.text.count("tears") == 2


@given(ANY | MADE, NAMES)
@settings(deadline=None)
def test_parts_that_are_quoted_are_in_order_and_apart(text: str, speaker: str | None) -> None:
    spans = quoted_in(text, speaker)
    edges = [edge for span in spans for edge in span]
    assert all(left < right for left, right in pairwise([-1, *edges, len(text) + 1]))
    kept = sum(end - begin for begin, end in spans)
    assert len(outside(text, spans)) == len(text) - kept + len(spans)


FOREIGN = {
    "de": "Ich bin so traurig, mein Hund ist gestern gestorben.",
    "fr": "Je suis tellement triste, mon chien est mort hier.",
    "es": "Estoy muy triste porque mi perro murió ayer.",
    "it": "Sono così triste, il mio cane è morto ieri.",
    "pt": "Estou tão triste, o meu cachorro morreu ontem.",
    "nl": "Ik ben zo verdrietig, mijn hond is gisteren gestorven.",
    "pl": "Jestem bardzo smutny, mój pies wczoraj umarł.",
    "tr": "Çok üzgünüm, köpeğim dün öldü ve ağlıyorum.",
    "ru": "Мне так грустно, моя собака вчера умерла.",
    "ar": "أنا حزين جدا، مات كلبي أمس.",
    "hi": "मैं बहुत दुखी हूँ, मेरा कुत्ता कल मर गया।",
    "zh": "我很伤心，我的狗昨天死了。",
    "ja": "とても悲しいです。昨日犬が死んだ。",
    "ko": "너무 슬퍼요, 어제 우리 개가 죽었어.",
}


@pytest.mark.parametrize("code", FOREIGN)
def test_other_languages_are_told_and_doubted(code: str) -> None:
    ready = prepare(FOREIGN[code] + " 😢")
    assert (ready.language, ready.certainty) == (code, UNREADABLE)
    assert ready.notes == (f"not English: {code}",)


@pytest.mark.parametrize(
    "text",
    [
        *("ok", "lol", "Hmm...", "Nooooo!!!", "haha", "yay", "Hola!", "Danke!", "déjà vu"),
        *("Zürich", "José García", "Wolfgang Amadeus Mozart", "Łódź", "Rio Grande", "Ilka"),
        *("42", "+49 30 1234567", "2026-11-21", "ERR_404", "ABC-123", "3.14", "550e8400-e29b-41d4-a716-446655440000"),
        *("😂", "?!", "...", ":)", "f(x) = x^2 + 3", "see https://example.org/a/b?c=d", "@bob #fun"),
    ],
)
def test_names_codes_numbers_and_exclamations_are_not_doubted(text: str) -> None:
    assert prepare(text).certainty == 1.0
    assert prepare(text).notes == ()


def test_english_is_english_in_any_dress() -> None:
    for text in ("I said that I am so happy today.", "ｉ ａｍ ｓｏ ｈａｐｐｙ ｆｏｒ ｙｏｕ", "𝓘 𝓪𝓶 𝓼𝓸 𝓱𝓪𝓹𝓹𝔂 𝓯𝓸𝓻 𝔂𝓸𝓾"):
        assert language_of(text) == ("en", False)


def test_a_foreign_quotation_does_not_make_the_speaker_foreign() -> None:
    ready = prepare("> Ich bin so traurig, mein Hund ist tot\n\nI am sorry to hear that, my friend.")
    assert (ready.language, ready.certainty) == ("en", 1.0)


RANDOM = np.random.default_rng(7).bytes(300)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (base64.b64encode(RANDOM).decode(), ENCODED),
        (RANDOM.hex(), ENCODED),
        (" ".join(f"{byte:02x}" for byte in RANDOM), ENCODED),
        (RANDOM.decode("latin-1"), BINARY),
        (RANDOM.decode(errors="replace"), BINARY),
        ("\x00\x01\x02\x03" * 20, BINARY),
        ("for (int i = 0; i < n; i++) { s += a[i]; }", CODE),
        ('{"a": [1, 2, {"b": null}], "c": "hello"}', CODE),
        ("def f(x):\n    return x + 1\n\nprint(f(2))", CODE),
    ],
)
def test_texts_in_no_language_are_doubted(text: str, kind: str) -> None:
    assert no_language(text) == kind
    ready = prepare(text)
    assert (ready.language, ready.certainty, ready.notes) == (None, UNREADABLE, (f"in no language: {kind}",))


def test_prose_with_a_hash_or_some_code_in_it_is_prose() -> None:
    for text in (
        "see commit 3f2a9c1d5e6b7a8f9c0d1e2f3a4b5c6d7e8f9a0b please, it broke everything again",
        "I typed print(x) and it said: error; I hate it!",
        "cut emoji \ud83d",
        "bell\x07 and a tab\t.",
    ):
        assert prepare(text).certainty == 1.0


@pytest.mark.parametrize("text", ["", " \n\t", "\u2003"])
def test_of_nothing_nothing_is_felt(text: str) -> None:
    assert prepare(text) == Prepared(text, certainty=0.0, notes=("nothing to read",))


@pytest.mark.parametrize(
    "part", ["x", "😂", "I love you. ", "> a\n", "Bob: a\nAl: b\n", "\ud83d", "[quote]", "On ", ":[ "]
)
def test_a_very_long_text_is_read_at_both_ends(part: str) -> None:
    text = part * (1_000_000 // len(part))
    ready = prepare(text)
    assert len(ready.text) <= MOST_CHARS
    assert ready.notes[0] == f"read without its middle: {MOST_CHARS} of {len(text)} characters"


def test_a_text_at_the_limit_is_read_whole() -> None:
    text = ("I am happy. " * MOST_CHARS)[:MOST_CHARS]
    assert prepare(text) == Prepared(text, language="en")
    longer = prepare("Begin. " + text + " The end.")
    assert longer.text.startswith("Begin. ")
    assert longer.text.endswith(" The end.")
    assert prepare(longer.text).text == longer.text


SPREADS = st.tuples(*[st.floats(1e-3, 2.0)] * 3)
UNIT = st.floats(-1.0, 1.0)
FEELINGS = st.builds(Feeling.of, st.builds(PAD, UNIT, UNIT, UNIT), SPREADS)


@given(FEELINGS, st.floats(0.0, 1.0), st.floats(0.0, 1.0))
@settings(deadline=None)
def test_doubt_only_takes(feeling: Feeling, one: float, other: float) -> None:
    less, more = (doubted(feeling, certainty) for certainty in sorted((one, other)))
    assert less.pad == more.pad == feeling.pad
    assert less.confidence <= more.confidence <= feeling.confidence
    for narrow, wide, limit in zip(more.spread, less.spread, feeling.spread, strict=True):
        assert limit * (1.0 - 1e-9) <= narrow <= wide * (1.0 + 1e-9) <= MOST_SPREAD * (1.0 + 1e-9)
    assert doubted(feeling, 1.0) == feeling


@given(FEELINGS, st.floats(0.05, 1.0))
@settings(deadline=None)
def test_the_spread_is_what_the_lower_confidence_follows_from(feeling: Feeling, certainty: float) -> None:
    less = doubted(feeling, certainty)
    if max(less.spread) < MOST_SPREAD and feeling.confidence < 1.0 - 1e-9:
        assert confidence(less.pad, less.spread) == pytest.approx(less.confidence, abs=1e-6)


def test_nothing_is_left_of_what_is_not_certain_at_all() -> None:
    feeling = Feeling.of(PAD(0.5, 0.1, 0.0), (0.1, 0.1, 0.1))
    assert doubted(feeling, 0.0) == Feeling(feeling.pad, (2.0, 2.0, 2.0), 0.0)
    with pytest.raises(OutOfRange):
        doubted(feeling, 1.1)
    with pytest.raises(NotFinite):
        doubted(feeling, float("nan"))
