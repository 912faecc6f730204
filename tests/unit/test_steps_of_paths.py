"""Names and ids that no URL can hold: nothing new is called so, and what there is is read and imported as before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from quantum_memory.actors.handle import AgentHandle
from quantum_memory.errors import InvalidValue
from quantum_memory.types import Utterance
from tests.unit.front import Front

UPWARDS = [".", ".."]


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    made = Front(tmp_path / "vault")
    yield made
    made.close()


def brought(front: Front, alice: AgentHandle) -> str:
    """An archive of an agent, under a ticket."""
    ticket = uuid4().hex
    front.vault.export_archive(alice.name, ticket, "every")
    return ticket


@pytest.mark.parametrize("name", UPWARDS)
def test_nothing_new_is_called_like_a_step_of_a_path(front: Front, name: str) -> None:
    alice = front.agent()
    alice.remember("The legs unfold at 200 m.")
    ticket, before = brought(front, alice), front.vault.position()
    works: dict[str, Callable[[], object]] = {
        "agent": lambda: front.memory.agent(name),
        "branch": lambda: alice.fork(name),
        "tag": lambda: alice.tag(name),
        "id": lambda: alice.remember(Utterance("The engine stops at 2 m.", id=name)),
    }
    for kind, work in works.items():
        with pytest.raises(InvalidValue, match=rf"{kind}: expected anything but '\.' and '\.\.'.* got '{name}'"):
            work()
    for again in (lambda: alice.clone(name), lambda: front.vault.import_archive(ticket, name, False)):
        with pytest.raises(InvalidValue, match="agent: expected anything but"):
            again()
    assert front.vault.position() == before, "nothing was changed"
    assert alice.fork("...").branch == "..."
    assert alice.tag(".a").name == ".a"


@pytest.mark.parametrize("name", UPWARDS)
def test_what_was_called_so_before_is_read_changed_taken_away_and_imported(
    front: Front, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("quantum_memory.checks.no_step", lambda _, text: text)
        patch.setattr("quantum_memory.types.no_step", lambda _, text: text)
        agent = front.memory.agent(name)
        agent.remember(Utterance("The legs unfold at 200 m.", id=name))
        agent.tag(name)
        agent.fork(name).remember("The engine stops at 2 m.")
    for opened in (front.memory.agent(name), front.memory.agent(name, create=False), front.memory.agent(name, name)):
        assert opened.memory(name).text == "The legs unfold at 200 m."
    agent.revise(name, text="The legs unfold at 300 m.")
    assert agent.fork("what-if", at=name).memory(name).text == "The legs unfold at 200 m."

    ticket = brought(front, agent)
    other = Front(tmp_path / "other")
    try:
        other.vault.put_archive(ticket, 0, front.vault.archive_piece(ticket, 0))
        other.vault.import_archive(ticket, None, False)
        assert other.memory.agent(name, name).memory(name).text == "The legs unfold at 200 m."
        assert [one.name for one in other.memory.agent(name).tags()] == [name]
    finally:
        other.close()
    agent.untag(name)
    agent.forget([name])
    front.memory.agent(name, name).delete()
    assert (agent.tags(), agent.memories()) == ([], [])
