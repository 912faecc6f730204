"""A state in other forms: read back it is equal in every bit, and what was not written so is refused."""

from __future__ import annotations

import base64
import io
import json
import random
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from quantum_memory.errors import CorruptRecord, InvalidValue, NewerSchema, QuantumMemoryError, ShapeMismatch, TooLong
from quantum_memory.memory.events import Event, Forgotten, Related, Remembered, Unified, Word
from quantum_memory.memory.portable import (
    FORMS,
    AgentState,
    Edge,
    Form,
    MoodTensors,
    Node,
    Web,
    form_of,
    read_state,
    state_of,
    web_of,
    write_state,
)
from quantum_memory.memory.portable.sheet import put_together, taken_apart
from quantum_memory.memory.quantum import Grid, Packet, QuantumState
from quantum_memory.memory.semantic.graph import GraphFold, to_networkx
from quantum_memory.types import PAD, Branch, Memory, Place, Relation, Skill

START = datetime(2026, 1, 1, tzinfo=UTC)
BRANCH = Branch("b0", "älice", "main", "b0", "root", None, 0, START)
TEXT = st.text(st.characters(codec="utf-8"), min_size=1).filter(lambda text: bool(text.strip()))
UNIT = st.floats(0.0, 1.0)
TIMES = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=st.just(UTC))  # noqa: DTZ001
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def memories(dim: int) -> st.SearchStrategy[Memory]:
    return st.builds(
        Memory,
        TEXT,
        TEXT,
        TIMES,
        st.builds(PAD, *[st.floats(-1.0, 1.0)] * 3),
        UNIT,
        UNIT,
        arrays.arrays(np.float32, dim, elements=st.floats(-1.0, 1.0, width=32)),
        st.none() | TEXT,
        TEXT,
        st.none() | TEXT,
        st.lists(TEXT, max_size=2).map(tuple),
        st.dictionaries(TEXT, JSON, max_size=2),
        st.none() | TIMES,
    )


@st.composite
def states(draw: st.DrawFn) -> AgentState:
    held = draw(st.lists(memories(draw(st.integers(1, 5))), max_size=4))
    skills = draw(
        st.lists(st.builds(Skill, TEXT, st.lists(TEXT, max_size=2).map(tuple), TEXT, at=st.none() | TIMES), max_size=2)
    )
    told = draw(st.lists(st.builds(Relation, TEXT, TEXT, TEXT, st.floats(1e-6, 1e9), st.none() | TIMES), max_size=2))
    spans = st.builds(Relation, TEXT, TEXT, TEXT, st.floats(1e-6, 1e9), st.none() | TIMES, st.none() | TEXT, TIMES)
    over, names = draw(st.lists(spans, max_size=2)), draw(st.lists(st.tuples(TEXT, TEXT), max_size=2))
    nodes = draw(st.lists(st.builds(Node, st.just("concept"), TEXT, TEXT, TEXT, st.integers(0, 9)), max_size=3))
    numbers = st.integers(0, max(0, len(nodes) - 1))
    kinds = st.sampled_from(["mentions", "follows", "together"])
    edges = draw(st.lists(st.builds(Edge, numbers, numbers, kinds, st.integers(1, 2**40)), max_size=3)) if nodes else []
    bits = draw(st.sampled_from([(2, 2, 2), (4, 3, 3)]))
    dtype = draw(st.sampled_from([np.complex64, np.complex128]))
    mean = draw(st.floats(-0.5, 0.5))
    psi = QuantumState.from_packet(Grid(bits), Packet((mean, 0.0, 0.2), (0.5, 0.5, 0.5), (0.1, 0.0, 0.0)), dtype=dtype)
    return state_of(
        BRANCH,
        Place("b0", draw(st.integers(0, 2**62))),
        draw(st.none() | TIMES),
        memories=held,
        skills=skills,
        working=[one.id for one in held],
        web=Web(tuple(nodes), tuple(edges), tuple(told), tuple(over), tuple(names)),
        tensors=psi.to_bytes(),
    )


def example(count: int = 3) -> AgentState:
    chance = np.random.default_rng(count)
    held = [
        Memory(
            f"m{number}",
            f"Alice met Bob in Lisbon, {number} times.",
            START,
            PAD(*chance.uniform(-1, 1, 3)),
            0.5,
            0.25,
            chance.normal(size=16).astype(np.float32),
            "Alice",
            session="s",
            metadata={"n": number},
        )
        for number in range(count)
    ]
    fold = GraphFold()
    graph = fold.apply(fold.empty(), Remembered(tuple(held)))
    graph = fold.apply(graph, Related((Relation("Bob", "likes", "Lisbon", 2.0, START),)))
    psi = QuantumState.from_packet(Grid(), Packet((0.2, 0.1, 0.0), (0.3, 0.3, 0.3)))
    skill = Skill("juggling", ("throw", "catch"), "bored", 2, 1, START)
    parts: dict[str, Any] = {"skills": [skill], "working": ["m1"], "web": web_of(graph), "tensors": psi.to_bytes()}
    return state_of(BRANCH, Place("b0", 3), START, memories=held, **parts)


@pytest.mark.parametrize("form", FORMS)
@given(state=states())
@settings(deadline=None, max_examples=40)
def test_a_state_read_back_is_equal_in_every_bit(form: Form, state: AgentState) -> None:
    data = write_state(state, form)
    assert form_of(data) == form
    again = read_state(data)
    assert again == state
    assert (again.place, type(again.place), type(again.skills)) == (state.place, Place, tuple)
    for ours, theirs in zip(again.memories, state.memories, strict=True):
        assert ours.embedding.dtype == np.float32
        assert ours.embedding.tobytes() == theirs.embedding.tobytes()
        assert ours.at.tzinfo is UTC
    assert [core.dtype for core in again.mood.cores] == [core.dtype for core in state.mood.cores]
    assert write_state(again, form) == data


def test_what_held_once_and_which_names_are_one_come_along_and_are_not_written_where_there_is_nothing() -> None:
    fold, day = GraphFold(), timedelta(days=1)
    bob = Relation("Bob", "likes", "Lisbon", 2.0, START)
    closing = Word(bob.key, START + 3 * day)
    events: list[Event] = [
        Related((bob, replace(bob, weight=3.0, at=START + day))),
        Related((Relation("Bob", "likes", "Porto", 1.0, closing.at),), ended=(closing,)),
        Unified("Bob", ("Robert", "Bobby")),
    ]
    graph = fold.empty()
    for event in events:
        graph = fold.apply(graph, event)
    web = web_of(graph)
    assert [one.object for one in web.relations] == ["Porto"]
    assert web.ended == (replace(bob, weight=3.0, at=START + day, until=closing.at),)
    assert web.names == (("Bobby", "Bob"), ("Robert", "Bob"))
    state = replace(example(), ended=web.ended, names=web.names)
    assert read_state(write_state(state, "json")) == state
    assert {"ended", "names"} <= json.loads(write_state(state, "json"))["texts"].keys()
    assert not {"ended", "names"} & json.loads(write_state(example(), "json"))["texts"].keys(), "as it always was"
    with pytest.raises(InvalidValue, match="ended"):
        write_state(replace(state, ended=(bob,)), "json")


def test_the_same_time_elsewhere_is_the_same_state() -> None:
    state = example()
    there = timezone(timedelta(hours=5))
    moved = [replace(one, at=one.at.astimezone(there)) for one in state.memories]
    web = Web(state.nodes, state.edges, state.relations)
    tensors = QuantumState(Grid(state.mood.bits), state.mood.cores).to_bytes()
    again = state_of(
        BRANCH, state.place, START.astimezone(there), memories=moved, skills=state.skills, working=state.working,
        web=web, tensors=tensors,
    )  # fmt: skip
    assert again == state
    assert write_state(again, "msgpack") == write_state(state, "msgpack")


def test_states_that_differ_in_one_bit_are_not_equal() -> None:
    state = example()
    vector = state.memories[0].embedding.copy()
    vector[3] = np.nextafter(vector[3], np.float32(2.0))
    others = [
        replace(state, memories=(replace(state.memories[0], embedding=vector), *state.memories[1:])),
        replace(state, at=START + timedelta(microseconds=1)),
        replace(state, working=()),
        replace(state, mood=replace(state.mood, cores=tuple(core.astype(np.complex128) for core in state.mood.cores))),
    ]
    for other in others:
        assert other != state
    assert state != "a state"


def test_the_rows_of_a_graph_are_what_networkx_is_given() -> None:
    fold = GraphFold()
    state = fold.apply(fold.empty(), Remembered(example(5).memories))
    state = fold.apply(state, Forgotten(("m2",)))
    web, graph = web_of(state), to_networkx(state)
    assert [((one.type, one.key), one.kind, one.weight) for one in web.nodes] == [
        (node, found["kind"], found["weight"]) for node, found in graph.nodes(data=True)
    ]
    keys = [(one.type, one.key) for one in web.nodes]
    ours = {(frozenset({keys[one.source], keys[one.target]}), one.kind, one.weight) for one in web.edges}
    assert ours == {(frozenset(ends), found["kind"], found["weight"]) for *ends, found in graph.edges(data=True)}
    assert len(web.edges) == graph.number_of_edges()


@pytest.mark.parametrize("form", FORMS)
def test_no_flipped_byte_gives_another_state(form: Form) -> None:
    state = example()
    whole = write_state(state, form)
    chance, same = random.Random(form), 0
    for _ in range(300):
        place = chance.randrange(len(whole))
        flipped = bytearray(whole)
        flipped[place] ^= 1 << chance.randrange(8)
        try:
            same += read_state(bytes(flipped), form) == state
        except QuantumMemoryError:
            continue
        assert read_state(bytes(flipped), form) == state
    # A decimal's last digit, the date of a member of a zip file: what tells the same or nothing may differ.
    assert same < 100


@pytest.mark.parametrize("form", FORMS)
def test_what_is_cut_off_or_too_large_is_refused(form: Form) -> None:
    whole = write_state(example(), form)
    for size in (0, 1, 10, len(whole) // 2, len(whole) - 1):
        with pytest.raises(CorruptRecord, match="my file"):
            read_state(whole[:size], form, "my file")
    with pytest.raises(TooLong):
        read_state(whole, form, max_bytes=len(whole) - 1)
    with pytest.raises(InvalidValue, match="form"):
        read_state(whole, "pickle")  # type: ignore[arg-type]
    with pytest.raises(InvalidValue, match="form"):
        write_state(example(), "pickle")  # type: ignore[arg-type]


def test_a_small_file_that_unpacks_to_much_is_refused() -> None:
    big = replace(example(1), branch="x" * 1_000_000)
    for form in ("msgpack", "npz", "base64"):
        data = write_state(big, form)
        assert len(data) < 100_000
        with pytest.raises(CorruptRecord, match="100000 bytes"):
            read_state(data, max_bytes=100_000)


def rewritten(change: Any) -> bytes:
    """A JSON form that was changed, with no care for its checksum."""
    value = json.loads(write_state(example(), "json"))
    change(value)
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda value: value.update(secret=1), "unknown field"),
        (lambda value: value["texts"].update(secret=1), "unknown field"),
        (lambda value: value["texts"]["memories"][0].update(secret=1), "unknown field"),
        (lambda value: value["texts"].pop("bits"), "bits"),
        (lambda value: value.update(format="other"), "format"),
        (lambda value: value["texts"].update(agent="mallory"), "checksum"),
        (lambda value: value.update(checksum="no"), "checksum"),
        (lambda value: value["arrays"]["pads"].update(dtype="|O"), "type"),
        (lambda value: value["arrays"]["pads"].update(shape=[1, 3]), "shape"),
        (lambda value: value["arrays"]["pads"].update(shape=[-3, -3]), "shape"),
        (lambda value: value["arrays"]["embeddings"]["values"].__setitem__(0, 0.1), "numbers"),
        (lambda value: value["arrays"]["edges"]["values"].__setitem__(0, 0.5), "numbers"),
        (lambda value: value["arrays"]["edge_kinds"]["values"].__setitem__(0, 300), "numbers"),
    ],
)
def test_json_that_does_not_fit_is_refused(change: Any, why: str) -> None:
    with pytest.raises(CorruptRecord, match=why):
        read_state(rewritten(change))


def test_a_newer_version_is_named() -> None:
    with pytest.raises(NewerSchema, match="version 2"):
        read_state(rewritten(lambda value: value.update(version=2)))
    envelope = msgspec.msgpack.decode(write_state(example(), "msgpack"))
    with pytest.raises(NewerSchema, match="version 2"):
        read_state(msgspec.msgpack.encode(envelope | {"version": 2, "later": True}))


def test_an_array_of_objects_is_never_unpickled() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(write_state(example(), "npz"))) as before, zipfile.ZipFile(out, "w") as after:
        for name in before.namelist():
            data = before.read(name)
            if name == "pads.npy":
                member = io.BytesIO()
                np.save(member, np.array([{"a": 1}], dtype=object), allow_pickle=True)
                data = member.getvalue()
            after.writestr(name, data)
    with pytest.raises(CorruptRecord, match="pads"):
        read_state(out.getvalue())


def test_npz_is_what_numpy_reads() -> None:
    state = example()
    with np.load(io.BytesIO(write_state(state, "npz")), allow_pickle=False) as found:
        assert (found["embeddings"] == np.stack([one.embedding for one in state.memories])).all()
        assert (found["mood_core_05"] == state.mood.cores[5]).all()


def test_base64_is_the_text_of_messagepack() -> None:
    state = example()
    assert base64.b64decode(write_state(state, "base64")) == write_state(state, "msgpack")
    assert read_state(write_state(state, "base64") + b"\n") == state


def test_embeddings_of_two_lengths_make_no_state() -> None:
    state = example()
    odd = replace(state.memories[0], embedding=np.ones(3, np.float32))
    with pytest.raises(InvalidValue, match="embeddings"):
        write_state(replace(state, memories=(odd, *state.memories[1:])), "json")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("symmetric", [True, False])
def test_a_mood_on_a_padded_grid_is_refused_before_anything_is_written(form: Form, symmetric: bool) -> None:
    packet = Packet((0.0, 0.0, 0.0) if symmetric else (0.2, 0.0, -0.1), (0.5, 0.5, 0.5))
    psi = QuantumState.from_packet(Grid((4, 4, 4), padding=1), packet)
    with pytest.raises(InvalidValue, match="on the PAD cube"):
        write_state(replace(example(), mood=MoodTensors.of(psi)), form)


def test_a_mood_that_tells_other_moments_than_its_cores_is_not_read() -> None:
    sheet = taken_apart(example())
    other = sheet._replace(arrays={**sheet.arrays, "mood_mean": sheet.arrays["mood_mean"] + 1e-3})
    with pytest.raises(CorruptRecord, match="mean of the mood"):
        put_together(other, other.checksum(), "a sheet")
    assert put_together(sheet, sheet.checksum(), "a sheet") == example()
    flat = replace(example().mood, mean=np.zeros(2))
    with pytest.raises(ShapeMismatch, match="mean of the mood"):
        taken_apart(replace(example(), mood=flat))
