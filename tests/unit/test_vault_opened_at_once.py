"""Two processes open one vault at the same time, where its tables have to be made or brought on by Alembic's own steps:
one has it, the other is refused with StorageLocked until the first lets go, and then finds it whole.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from quantum_memory.memory.vault import migrations, schema
from quantum_memory.memory.vault.opening import blocks_of
from quantum_memory.memory.vault.vault import Vault
from tests.unit.postgres import database_url
from tests.unit.test_vault_migrations import START, FirstWriter, a_year, first_vault, older_vault, positions, rows

PATIENCE_S = 60.0
ROUNDS = 4
AHEAD_S = 0.05
"""How long before it both are told when to begin."""

OPENER = """
import json, sys, time
from datetime import UTC, datetime
from alembic import command  # loaded before, so that all of them take as long
from quantum_memory.errors import QuantumMemoryError, StorageLocked
from quantum_memory.memory.vault.opening import blocks_of
from quantum_memory.memory.vault.vault import Vault
from quantum_memory.memory.vault.writes import CreateAgent

def now():
    return datetime.now(UTC)

def opened(storage, until):
    refused = 0
    while True:
        try:
            return Vault.open(storage, now=now, embedding="minilm/4", blocks=blocks_of(storage)), refused
        except StorageLocked:
            refused += 1
            if time.time() > until:
                raise
            time.sleep(0.002)

print("ready", flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    while time.time() < asked["at"]:
        pass
    try:
        vault, refused = opened(asked["storage"], asked["at"] + asked["patience_s"])
        with vault:
            (made,) = vault.write([CreateAgent(asked["name"], "root of " + asked["name"])])
        told = {"refused": refused, "error": repr(made) if isinstance(made, QuantumMemoryError) else None}
    except BaseException as error:
        told = {"refused": 0, "error": repr(error)}
    print(json.dumps(told), flush=True)
"""


class Opener:
    """A process that opens vaults when it is told to, makes an agent there, and lets go."""

    def __init__(self, name: str) -> None:
        self.name = name
        command = [sys.executable, "-c", OPENER]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ready(self) -> None:
        assert self._told() == "ready"

    def begin(self, storage: str, at: float) -> None:
        asked = {"storage": storage, "at": at, "name": self.name, "patience_s": PATIENCE_S}
        assert self._process.stdin is not None
        print(json.dumps(asked), file=self._process.stdin, flush=True)

    def outcome(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self._told())
        return told

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _told(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@pytest.fixture(scope="module")
def openers() -> Iterator[list[Opener]]:
    with ExitStack() as stack:
        made = []
        for name in ("ann", "ben"):
            made.append(Opener(name))
            stack.callback(made[-1].close)
        for one in made:
            one.ready()
        yield made


Written = list[tuple[Any, ...]]


def nothing(_: str) -> Written:
    """There is no vault yet."""
    return []


def first(storage: str) -> Written:
    """A vault of the first version, with something of everything in it."""
    database = first_vault(storage)
    with database.transaction() as connection:
        writer = FirstWriter(connection)
        a_year(writer)
    database.close()
    return writer.written


def before_keys(storage: str) -> Written:
    """An empty vault of the step before keys and requests came."""
    older_vault(storage, "0004").close()
    return []


def emptied(storage: str) -> None:
    """Take away what the round before left."""
    if "://" not in storage:
        return
    engine = sa.create_engine(database_url(storage), isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool)
    with engine.connect() as connection:
        connection.execute(sa.text("DROP SCHEMA public CASCADE"))
        connection.execute(sa.text("CREATE SCHEMA public"))


@pytest.mark.parametrize(
    "before", [nothing, first, before_keys], ids=["new", "of the first version", "of an older step"]
)
def test_of_two_that_open_a_vault_at_once_one_waits_and_both_find_it_whole(
    storage: str, openers: list[Opener], before: Callable[[str], Written]
) -> None:
    refused = 0
    for number in range(ROUNDS):
        emptied(storage)
        place = storage if "://" in storage else f"{storage} {number}"
        written = before(place)
        at = time.time() + AHEAD_S
        for one in openers:
            one.begin(place, at)
        told = [one.outcome() for one in openers]
        assert [one["error"] for one in told] == [None, None]
        refused += sum(one["refused"] for one in told)
        whole(place, written)
    assert refused, "they never met"


def whole(storage: str, written: Written) -> None:
    """All steps were done once, and what both have made comes after what was there."""
    with Vault.open(storage, now=lambda: START, blocks=blocks_of(storage)) as vault:
        assert {"ann", "ben"} <= set(vault.agents())
        with vault.database.read() as connection:
            assert rows(connection, migrations.VERSION_TABLE, "1") == [{"version_num": migrations.HEAD}]
            assert set(schema.metadata.tables) <= set(sa.inspect(connection).get_table_names())
            assert positions(connection)[: len(written)] == written
            assert len(positions(connection)) == len(written) + 2
            assert rows(connection, "meta", "key") == [{"key": "embedding", "value": "minilm/4"}]


def test_whoever_comes_while_a_vault_is_held_is_refused_at_once(tmp_path: Path, openers: list[Opener]) -> None:
    """However often he asks, until it is let go."""
    with Vault.open(tmp_path, now=lambda: START, blocks=blocks_of(tmp_path)) as vault:
        openers[0].begin(str(tmp_path), time.time())
        time.sleep(0.3)
        assert vault.agents() == []
    told = openers[0].outcome()
    assert told["error"] is None
    assert told["refused"] > 1
