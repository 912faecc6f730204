"""A vault is tied to the model and the dimension of its embeddings from the first opening that names them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from quantum_memory.errors import CorruptRecord, InvalidInput, OtherEmbedding, ShapeMismatch
from quantum_memory.memory.events import Forgotten, Merged, Remembered
from quantum_memory.memory.vault import Append, CreateAgent, Vault, Written
from quantum_memory.types import PAD, Memory, Place

START = datetime(2026, 1, 1, tzinfo=UTC)


def opened(folder: Path, embedding: str | None = None) -> Vault:
    return Vault.open(folder, now=lambda: START, embedding=embedding)


def memory_of(dim: int) -> Memory:
    return Memory("m", "text", START, PAD(0, 0, 0), 1.0, 0.5, np.ones(dim, np.float32))


def outcomes_of_each_dimension(vault: Vault) -> list[str]:
    """What becomes of vectors of length 3 and 4, remembered and merged, among events without any."""
    head = vault.head("main")
    outcomes: list[str] = []
    for memories in ((memory_of(3),), (memory_of(4), memory_of(3)), (memory_of(4),), ()):
        for event in (Remembered(memories), Merged(Place("main", 0), None, memories, (), (), None), Forgotten(("m",))):
            (outcome,) = vault.write([Append("main", head, event, f"{len(outcomes)} from {vault.head('main')}")])
            head = vault.head("main")
            outcomes.append(type(outcome).__name__)
    return outcomes


def test_a_vault_is_tied_by_the_first_opening_that_names_an_embedding(tmp_path: Path) -> None:
    with opened(tmp_path) as vault:
        assert vault.embedding is None
    folder = "/models/" + "long/" * 100 + "minilm/4"
    for embedding in (folder, None, folder):
        with opened(tmp_path, embedding) as vault:
            assert vault.embedding == folder


@pytest.mark.parametrize("other", ["minilm/3", "mpnet/4", "Minilm/4"])
def test_another_embedding_is_refused_and_the_vault_is_left_as_it_was(tmp_path: Path, other: str) -> None:
    opened(tmp_path, "minilm/4").close()
    with pytest.raises(OtherEmbedding) as refusal:
        opened(tmp_path, other)
    assert (refusal.value.storage, refusal.value.found, refusal.value.asked) == (str(tmp_path), "minilm/4", other)
    assert str(refusal.value) == f"{tmp_path}: its memories were embedded by minilm/4, asked for {other}"
    with opened(tmp_path, "minilm/4") as vault:
        assert vault.embedding == "minilm/4"


@pytest.mark.parametrize(
    "embedding", ["", "minilm", "minilm/", "/4", "minilm/0", "minilm/-4", "minilm/٤", "a\x00/4", "a" * 9000 + "/4"]
)
def test_an_embedding_that_says_too_little_is_refused_before_anything_is_made(tmp_path: Path, embedding: str) -> None:
    with pytest.raises(InvalidInput, match="embedding"):
        opened(tmp_path / "vault", embedding)
    assert list(tmp_path.iterdir()) == []


def test_an_embedding_on_disk_that_cannot_be_read_is_corrupt(tmp_path: Path) -> None:
    opened(tmp_path, "org/minilm/4").close()
    with closing(sqlite3.connect(tmp_path / "journal.sqlite")) as connection, connection:
        connection.execute("UPDATE meta SET value = 'minilm' WHERE key = 'embedding'")
    for embedding in ("minilm/4", None):
        with pytest.raises(CorruptRecord, match="embedding"):
            opened(tmp_path, embedding)


@pytest.mark.parametrize("again", ["org/minilm/4", None])
def test_vectors_of_another_length_are_refused_whoever_opened_it(tmp_path: Path, again: str | None) -> None:
    opened(tmp_path, "org/minilm/4").close()
    with opened(tmp_path, again) as vault:
        vault.write([CreateAgent("alice", "main")])
        no, ok = "ShapeMismatch", "Written"
        assert outcomes_of_each_dimension(vault) == [no, no, ok, no, no, ok, ok, ok, ok, ok, ok, ok]
        assert vault.head("main") == 8


def test_a_vault_that_is_not_tied_takes_any_length(tmp_path: Path) -> None:
    with opened(tmp_path) as vault:
        vault.write([CreateAgent("alice", "main")])
        assert outcomes_of_each_dimension(vault) == ["Written"] * 12


def test_a_vector_of_another_length_spoils_nothing_beside_it(tmp_path: Path) -> None:
    with opened(tmp_path, "minilm/4") as vault:
        first, bad, last = vault.write(
            [
                CreateAgent("alice", "main"),
                Append("main", 0, Remembered((memory_of(4), memory_of(3))), "bad"),
                Append("main", 0, Remembered((memory_of(4),)), "good"),
            ]
        )
        assert isinstance(first, Written)
        assert isinstance(bad, ShapeMismatch)
        assert (bad.want, bad.got) == ((4,), (3,))
        assert isinstance(last, Written)
        assert vault.outcome("alice", "bad") is None
        assert vault.entries("main", 0, 1)[0].event == Remembered((memory_of(4),))
