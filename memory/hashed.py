"""How byte strings are named by the BLAKE3 of what is in them, wherever they lie. Touches no file."""

from __future__ import annotations

import re

from quantum_memory.errors import InvalidValue

NAME = re.compile(r"[0-9a-f]{64}")
TEMPORARY = ".tmp-"
"""How the name of a file begins that is still being written."""


def checked(name: str) -> str:
    """The name of a block, if it is one: nothing else becomes part of a path. Raises: InvalidValue."""
    if not isinstance(name, str) or NAME.fullmatch(name) is None:
        raise InvalidValue("block", repr(name), "64 hexadecimal digits in lower case")
    return name
