"""What Alembic runs: the steps that are missing, on the connection given, in the transaction that is open there."""

from __future__ import annotations

from alembic import context

from quantum_memory.memory.vault import schema

context.configure(connection=context.config.attributes["connection"], target_metadata=schema.metadata)
context.run_migrations()
