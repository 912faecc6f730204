"""Fixtures of many tests here: a private PostgreSQL, and a storage in each kind of database."""

from tests.unit.postgres import postgres, server, storage

__all__ = ["postgres", "server", "storage"]
