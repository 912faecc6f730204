"""Fixtures of many tests here: a private PostgreSQL, a storage in each kind of database, and modules of arrays."""

from tests.unit.postgres import postgres, server, storage
from tests.unit.quantum_backends import every_xp, library, xp

__all__ = ["every_xp", "library", "postgres", "server", "storage", "xp"]
