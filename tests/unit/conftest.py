"""Fixtures of many tests here: a private PostgreSQL, a storage in each kind of database, and modules of arrays."""

from collections.abc import Iterator

import pytest

from quantum_memory.memory.vault import migrations
from tests.unit.postgres import postgres, server, storage
from tests.unit.quantum_backends import every_xp, library, xp
from tests.unit.steps import STEPS

__all__ = ["every_xp", "library", "postgres", "server", "steps", "storage", "xp"]


@pytest.fixture(scope="module", autouse=True)
def steps() -> Iterator[None]:
    """How new vaults get their tables; a module whose subject that is has its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrations, "_run", STEPS)
        yield
