"""One contract for every extractor: by rules, by a spaCy pipeline, and by a language model behind HTTP on loopback."""

from __future__ import annotations

import json
import logging
import pickle
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from quantum_memory.errors import (
    EmptyText,
    EndpointFailed,
    InvalidSettings,
    InvalidValue,
    MissingDependency,
    OutOfRange,
    Unavailable,
)
from quantum_memory.memory.semantic.endpoint import MAX_REPLY_BYTES
from quantum_memory.memory.semantic.endpoint_extractor import SCHEMA, EndpointExtractor
from quantum_memory.memory.semantic.extract import KINDS, extract
from quantum_memory.memory.semantic.extractors import Extractor, RuleExtractor
from quantum_memory.memory.semantic.spacy_extractor import SpacyExtractor
from quantum_memory.memory.semantic.triples import Triple
from quantum_memory.settings import load
from tests.unit.chat import LIVES, Server, saying, statement

AT = datetime(2023, 5, 8, tzinfo=UTC)
MARRIED, ASKED = "My sister Eve married Tom in Paris.", "Do you live in Rome?"
KEY = "sk-quite-secret"
TEXTS = (LIVES, MARRIED, ASKED, "", "  \n", "🙂", "我爱北京。", "x" * 5_000, "\u0000 \ud7ff", "She don't not 'ave \"it")


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


PARSED: dict[str, list[tuple[str, str, str, str, int]]] = {
    LIVES: [
        ("I", "PRON", "PRP", "nsubj", 1),
        ("live", "VERB", "VBP", "ROOT", 1),
        ("in", "ADP", "IN", "prep", 1),
        ("Rome", "PROPN", "NNP", "pobj", 2),
        (".", "PUNCT", ".", "punct", 1),
    ],
    MARRIED: [
        ("My", "PRON", "PRP$", "poss", 1),
        ("sister", "NOUN", "NN", "compound", 2),
        ("Eve", "PROPN", "NNP", "nsubj", 3),
        ("married", "VERB", "VBD", "ROOT", 3),
        ("Tom", "PROPN", "NNP", "dobj", 3),
        ("in", "ADP", "IN", "prep", 3),
        ("Paris", "PROPN", "NNP", "pobj", 5),
        (".", "PUNCT", ".", "punct", 3),
    ],
    ASKED: [
        ("Do", "AUX", "VBP", "aux", 2),
        ("you", "PRON", "PRP", "nsubj", 2),
        ("live", "VERB", "VB", "ROOT", 2),
        ("in", "ADP", "IN", "prep", 2),
        ("Rome", "PROPN", "NNP", "pobj", 3),
        ("?", "PUNCT", ".", "punct", 2),
    ],
    "Bob did not lend Eve's sister his umbrella and was hired by Apple.": [
        ("Bob", "PROPN", "NNP", "nsubj", 3),
        ("did", "AUX", "VBD", "aux", 3),
        ("not", "PART", "RB", "neg", 3),
        ("lend", "VERB", "VB", "ROOT", 3),
        ("Eve", "PROPN", "NNP", "poss", 6),
        ("'s", "PART", "POS", "case", 4),
        ("sister", "NOUN", "NN", "dative", 3),
        ("his", "PRON", "PRP$", "poss", 8),
        ("umbrella", "NOUN", "NN", "dobj", 3),
        ("and", "CCONJ", "CC", "cc", 3),
        ("was", "AUX", "VBD", "auxpass", 11),
        ("hired", "VERB", "VBN", "conj", 3),
        ("by", "ADP", "IN", "agent", 11),
        ("Apple", "PROPN", "NNP", "pobj", 12),
        (".", "PUNCT", ".", "punct", 3),
    ],
    "I think Bob is a nurse.": [
        ("I", "PRON", "PRP", "nsubj", 1),
        ("think", "VERB", "VBP", "ROOT", 1),
        ("Bob", "PROPN", "NNP", "nsubj", 3),
        ("is", "AUX", "VBZ", "ccomp", 1),
        ("a", "DET", "DT", "det", 5),
        ("nurse", "NOUN", "NN", "attr", 3),
        (".", "PUNCT", ".", "punct", 1),
    ],
    "Bob is a nurse.": [
        ("Bob", "PROPN", "NNP", "nsubj", 1),
        ("is", "AUX", "VBZ", "ROOT", 1),
        ("a", "DET", "DT", "det", 3),
        ("nurse", "NOUN", "NN", "attr", 1),
        (".", "PUNCT", ".", "punct", 1),
    ],
}
"""What a parser would say of these texts: word, part of speech, tag, dependency, and the number of its head."""


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a pipeline with rules for entities, and a parser that knows a few texts by heart."""
    spacy = pytest.importorskip("spacy")

    @spacy.Language.component("parser_by_heart")  # type: ignore[untyped-decorator,unused-ignore]  # spaCy may be absent
    def parser_by_heart(document: Any) -> Any:
        rows = PARSED.get(document.text)
        if rows is None:
            return document
        words, parts, tags, links, heads = (list(column) for column in zip(*rows, strict=True))
        assert words == [token.text for token in document]
        made = spacy.tokens.Doc(
            document.vocab,
            words=words,
            spaces=[bool(token.whitespace_) for token in document],
            pos=parts,
            tags=tags,
            deps=links,
            heads=heads,
        )
        made.ents = document.ents
        return made

    pipe = spacy.blank("en")
    ruler = pipe.add_pipe("entity_ruler")
    ruler.add_patterns(
        [
            {"label": "GPE", "pattern": "Rome"},
            {"label": "PERSON", "pattern": "Eve"},
            {"label": "DATE", "pattern": "live"},
        ]
    )
    pipe.add_pipe("parser_by_heart")
    folder = tmp_path_factory.mktemp("pipeline") / "model"
    pipe.to_disk(folder)
    return str(folder)


@pytest.fixture(params=["rules", "spacy", "endpoint"])
def extractor(request: pytest.FixtureRequest) -> Extractor:
    if request.param == "rules":
        return RuleExtractor()
    if request.param == "spacy":
        return SpacyExtractor(request.getfixturevalue("pipeline"))
    return EndpointExtractor(request.getfixturevalue("server").url, "small")


def test_it_is_an_extractor_that_says_who_it_is(extractor: Extractor) -> None:
    assert isinstance(extractor, Extractor)
    assert extractor.name.split(":")[0] in {"rules", "spacy", "endpoint"}
    assert extractor.deterministic is (extractor.name == "rules")


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("speaker", [None, "Ann", " "])
def test_laws_of_what_comes_out(extractor: Extractor, text: str, speaker: str | None) -> None:
    concepts, said = extractor.concepts(text, speaker), extractor.triples(text, speaker, AT)
    assert (concepts, said) == (extractor.concepts(text, speaker), extractor.triples(text, speaker, AT))
    assert len({concept.key for concept in concepts}) == len(concepts)
    assert {concept.key for concept in extract(text, speaker)} <= {concept.key for concept in concepts}
    for concept in concepts:
        assert concept.key
        assert concept.label
        assert concept.kind in KINDS
    for one in said:
        assert 0 <= one.start < one.end <= len(text)
        assert all(part.strip() for part in one[:3])
        assert 0 < one.confidence <= 1
        assert one.at is not None
        assert one.at.tzinfo is UTC


def test_one_call_leaves_nothing_behind_for_the_next(extractor: Extractor) -> None:
    before = extractor.triples(LIVES, "Ann", AT), extractor.concepts(MARRIED, "Ann")
    for text in TEXTS:
        extractor.triples(text, "Bob")
        extractor.concepts(text, "Bob")
    assert (extractor.triples(LIVES, "Ann", AT), extractor.concepts(MARRIED, "Ann")) == before


def test_a_plain_statement_is_read_and_a_question_is_not(extractor: Extractor) -> None:
    (one,) = extractor.triples(LIVES, "Ann", AT.replace(tzinfo=None))
    assert one[:5] == ("Ann", "lives in", "Rome", False, "present")
    assert LIVES[one.start : one.end] == "I live in Rome"
    assert one.at == AT
    assert extractor.triples(ASKED, "Ann") == ()
    assert {concept.key: concept.kind for concept in extractor.concepts(LIVES, "Ann")}["rome"] == "entity"


# --- spaCy ------------------------------------------------------------------------------------------------------------


def test_a_parser_tells_who_did_what(pipeline: str) -> None:
    extractor = SpacyExtractor(pipeline)

    def read(text: str, speaker: str | None = "Ann") -> list[str]:
        return [f"{'not: ' if one.negated else ''}{' | '.join(one[:3])}" for one in extractor.triples(text, speaker)]

    assert read(MARRIED) == ["Ann's sister Eve | married | Tom", "Ann's sister Eve | married in | Paris"]
    assert read(MARRIED, None) == []
    assert read("Bob did not lend Eve's sister his umbrella and was hired by Apple.") == [
        "not: Bob | lent | Bob's umbrella",
        "Bob | was hired by | Apple",
    ]
    assert read("Bob is a nurse.") == ["Bob | is | nurse"]
    assert read("I think Bob is a nurse.") == []


def test_entities_are_persons_where_the_pipeline_says_so_and_dates_are_left_to_rules(pipeline: str) -> None:
    kinds = {one.key: one.kind for one in SpacyExtractor(pipeline).concepts("Eve came. I live here.")}
    assert kinds["eve"] == "person"
    assert kinds["live"] == "topic"


def test_a_model_that_is_not_there_is_named_with_what_brings_it() -> None:
    pytest.importorskip("spacy")
    with pytest.raises(MissingDependency, match=r"no_such_model.*python -m spacy download no_such_model"):
        SpacyExtractor("no_such_model")


def test_without_spacy_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spacy", None)
    with pytest.raises(MissingDependency, match=r"pip install 'quantum-memory\[spacy\]'"):
        SpacyExtractor("en_core_web_sm")


# --- the endpoint -----------------------------------------------------------------------------------------------------


def rests() -> tuple[list[float], Callable[[float], None]]:
    rested: list[float] = []
    return rested, rested.append


def test_a_request_asks_for_the_schema_and_carries_the_key(server: Server, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(f"{KEY}\n")
    extractor = EndpointExtractor(server.url + "/", "small", key)
    extractor.concepts(LIVES, "Ann")
    extractor.triples(LIVES, "Ann")
    (asked,) = server.asked
    assert server.paths == ["/v1/chat/completions"]
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert asked["model"] == "small"
    assert asked["response_format"]["json_schema"] == {"name": "extraction", "strict": True, "schema": SCHEMA}
    assert json.loads(asked["messages"][-1]["content"]) == {"speaker": "Ann", "message": LIVES}


def test_a_key_comes_from_a_named_variable_as_well(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", KEY)
    EndpointExtractor(server.url, "small", api_key_env="SOME_KEY").triples(LIVES)
    EndpointExtractor(server.url, "small").triples(LIVES)
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert "Authorization" not in server.headers[1]


def test_the_key_is_in_no_message_and_no_log(server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    key = tmp_path / "key"
    key.write_text(KEY)
    server.answers = [saying("{}", 401)]
    extractor = EndpointExtractor(server.url, "small", key)
    with caplog.at_level(logging.DEBUG), pytest.raises(EndpointFailed) as caught:
        extractor.triples(LIVES)
    assert KEY not in repr(extractor) + str(caught.value) + repr(caught.value) + caplog.text
    for bad in ("", "two\nlines", "naïve"):
        key.write_text(bad)
        with pytest.raises(InvalidValue, match="api_key") as refused:
            EndpointExtractor(server.url, "small", key)
        assert not bad or bad not in str(refused.value)


def test_only_what_the_text_says_is_taken(server: Server) -> None:
    server.answers = [
        saying(
            {
                "entities": [{"name": "Oslo", "kind": "entity"}, {"name": " ", "kind": "person"}],
                "statements": [statement(quote="I live in Oslo"), statement(object=" "), statement(), statement()],
            }
        )
    ]
    extractor = EndpointExtractor(server.url, "small")
    assert len(extractor.triples(LIVES, "Ann")) == 1
    assert extractor.concepts(LIVES, "Ann") == extract(LIVES, "Ann")


@pytest.mark.parametrize(
    "content",
    [
        "not json",
        "[]",
        {"entities": []},
        {"entities": [], "statements": [], "more": 1},
        {"entities": [{"name": "Rome", "kind": "city"}], "statements": []},
        {"entities": [], "statements": [statement(confidence=2)]},
        {"entities": [], "statements": [statement(confidence="high")]},
        {"entities": [], "statements": [statement(subject="")]},
        {"entities": [], "statements": [statement(object="x" * 513)]},
        {"entities": [], "statements": [statement(extra=1)]},
        {"entities": [], "statements": [statement()] * 257},
    ],
)
def test_an_answer_off_its_schema_is_asked_for_again_and_then_refused(server: Server, content: object) -> None:
    rested, sleep = rests()
    server.answers = [saying(content)]
    extractor = EndpointExtractor(server.url, "small", retries=1, sleep=sleep)
    assert len(extractor.triples(LIVES, "Ann")) == 1
    assert rested == [0.5]
    server.answers = [saying(content), saying(content)]
    with pytest.raises(EndpointFailed, match=r"does not fit its schema.*after 2 tries"):
        extractor.triples("I live in Rome, too.", "Ann")


def test_a_busy_endpoint_is_left_alone_longer_and_longer(server: Server) -> None:
    rested, sleep = rests()
    server.answers = [saying("", status) for status in (429, 503, 500)]
    assert EndpointExtractor(server.url, "small", sleep=sleep).triples(LIVES, "Ann")
    assert rested == [0.5, 1.0, 2.0]
    server.answers, server.retry_after = [saying("", 429), saying("", 429)], "7"
    rested.clear()
    assert EndpointExtractor(server.url, "small", sleep=sleep).triples(LIVES, "Ann")
    assert rested == [7.0, 7.0]
    server.answers, server.retry_after = [saying("", 429)], "99999"
    rested.clear()
    assert EndpointExtractor(server.url, "small", sleep=sleep).triples(LIVES, "Ann")
    assert rested == [30.0]


@pytest.mark.parametrize("status", [301, 307, 400, 401, 404])
def test_what_will_not_pass_is_not_tried_again_and_no_redirect_is_followed(server: Server, status: int) -> None:
    server.answers, server.location = [saying("", status)], f"{server.url}/elsewhere"
    with pytest.raises(EndpointFailed, match=rf"status {status} \(after 1 try\)"):
        EndpointExtractor(server.url, "small").triples(LIVES)
    assert len(server.asked) == 1


def test_a_slow_endpoint_and_none_at_all_are_given_up(server: Server) -> None:
    def slow(server: Server) -> tuple[int, bytes]:
        time.sleep(0.5)
        return server.usual()

    _, sleep = rests()
    server.answers = [slow]
    with pytest.raises(EndpointFailed, match="TimeoutError"):
        EndpointExtractor(server.url, "small", timeout_s=0.05, retries=0).triples(LIVES)
    server.answers = [lambda _: (200, b"x" * (MAX_REPLY_BYTES + 1))]
    with pytest.raises(EndpointFailed, match="OSError"):
        EndpointExtractor(server.url, "small", retries=0).triples(LIVES)
    gone = Server()
    gone.close()
    with pytest.raises(Unavailable, match=r"ConnectionRefusedError.*after 3 tries"):
        EndpointExtractor(gone.url, "small", retries=2, sleep=sleep).triples(LIVES)


def test_several_threads_get_the_same(server: Server) -> None:
    extractor = EndpointExtractor(server.url, "small")
    found: list[tuple[Triple, ...]] = []
    threads = [threading.Thread(target=lambda: found.append(extractor.triples(LIVES, "Ann"))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [extractor.triples(LIVES, "Ann")] * 6
    assert 1 <= len(server.asked) <= 6


def test_the_error_survives_a_journey() -> None:
    error = pickle.loads(pickle.dumps(EndpointFailed("https://a/v1", "status 500", 2)))  # noqa: S301  (made here)
    assert str(error) == "https://a/v1: status 500 (after 2 tries)"
    assert isinstance(error, Unavailable)


def test_a_text_without_words_costs_no_request(server: Server) -> None:
    extractor = EndpointExtractor(server.url, "small")
    assert extractor.triples(" \n") == ()
    assert extractor.concepts("") == ()
    assert server.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/v1",
        "http://10.0.0.1/v1",
        "http://localhost.example.com/v1",
        "ftp://localhost/v1",
        "localhost/v1",
        "https:///v1",
        "https://user:secret@example.com/v1",
        "https://example.com/v1?key=secret",
        "https://example.com/v1#secret",
        "https://example.com:99999/v1",
        "https://[::1/v1",
        "https://example.com/a b",
    ],
)
def test_addresses_that_would_leak_or_cannot_be_are_refused(url: str) -> None:
    with pytest.raises(InvalidValue, match="url") as caught:
        EndpointExtractor(url, "small")
    assert "secret" not in str(caught.value)


def test_addresses_that_are_safe_are_taken() -> None:
    for url in ("https://example.com/v1", "http://localhost:1/v1", "http://127.0.0.2/v1", "http://[::1]:8080"):
        assert EndpointExtractor(url, "small").name == "endpoint:small"


def test_bad_arguments_are_named(tmp_path: Path) -> None:
    url = "https://example.com/v1"
    with pytest.raises(EmptyText, match="model"):
        EndpointExtractor(url, " ")
    with pytest.raises(OutOfRange, match="timeout_s"):
        EndpointExtractor(url, "small", timeout_s=0.0)
    with pytest.raises(OutOfRange, match="retries"):
        EndpointExtractor(url, "small", retries=-1)
    with pytest.raises(InvalidValue, match="api_key_file"):
        EndpointExtractor(url, "small", tmp_path / "none")
    with pytest.raises(InvalidValue, match="one of both"):
        EndpointExtractor(url, "small", tmp_path / "none", api_key_env="X")
    with pytest.raises(InvalidValue, match="the variable NOT_SET_ANYWHERE"):
        EndpointExtractor(url, "small", api_key_env="NOT_SET_ANYWHERE")


def test_settings_name_what_an_endpoint_needs() -> None:
    with pytest.raises(InvalidSettings, match="endpoint_url and endpoint_model"):
        load({"graph": {"extractor": "endpoint"}})
    with pytest.raises(InvalidSettings, match="exclude each other"):
        load({"graph": {"endpoint_key_file": "a", "endpoint_key_env": "b"}})
    assert load({"graph": {"extractor": False}}).graph.extractor == "off"
