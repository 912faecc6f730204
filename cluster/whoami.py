"""Who a process is that works on a vault, as the audit tells people."""

from __future__ import annotations

import getpass
import os
import socket
import sys
from pathlib import Path


def whoami() -> str:
    """Who this process is, for people who read the audit: the user, the machine, the program and its number."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # an id without a name, as in some containers
        user = str(os.getuid())
    program = Path(sys.argv[0]).name if sys.argv and sys.argv[0] not in ("", "-c", "-") else "python"
    return f"{user}@{socket.gethostname()} {program} [{os.getpid()}]"
