"""Whether the keys of callers from outside can be read."""

from __future__ import annotations

import sqlalchemy as sa

from quantum_memory.memory.vault.admission import HASH_BYTES
from quantum_memory.memory.vault.keyring import key_of, key_rows
from quantum_memory.memory.vault.verify.finding import Report


def check_callers(connection: sa.Connection, report: Report) -> None:
    """Look at every key. One that cannot be read opens nothing; another has to be made in its place."""
    for row in key_rows(connection):
        report.count("key")
        try:
            key = key_of(row)
        except (ValueError, TypeError, OverflowError) as error:
            report.add("key", str(row[0]), f"it cannot be read: {error}", "none")
            continue
        if len(key.salt) not in HASH_BYTES or len(key.hash) not in HASH_BYTES:
            report.add("key", key.id, "its hash is none", "none")
