"""Where the blocks of a vault lie when nobody says: beside it, if it is a local one."""

from __future__ import annotations

from pathlib import Path

from quantum_memory.memory.vault.blocks import BlockStore, open_blocks
from quantum_memory.memory.vault.database import located

FOLDER = "blocks"


def blocks_of(storage: str | Path, blocks: str | Path | None = None) -> BlockStore | None:
    """The blocks of a vault at ``storage``; ``None`` if it has none, or makes its own because it is in memory.

    Args:
        storage: as for ``Vault.open``.
        blocks: a folder or an fsspec URL. Without one, those of a vault in a folder are in ``blocks`` there, and those
            of a SQLite file in a folder named after the file. A vault in PostgreSQL has none then.

    Raises: InvalidValue, MissingDependency, WriteFailed.
    """
    if blocks is not None:
        return open_blocks(blocks)
    _, file = located(storage)
    if file is None:
        return None
    in_folder = isinstance(storage, Path) or "://" not in storage
    return open_blocks(file.parent / FOLDER if in_folder else file.with_name(f"{file.name}-{FOLDER}"))
