"""Addresses of Ray: which ones only this machine reaches, and whether anybody listens there. Loads no Ray."""

from __future__ import annotations

import socket

AUTO = "auto"
"""A Ray of this machine, whichever Ray finds."""
LOOPBACKS = frozenset({"127.0.0.1", "localhost"})
KNOCK_S = 5.0


def on_loopback(address: str) -> bool:
    """Whether only this machine can reach it."""
    return address.rpartition(":")[0] in LOOPBACKS


def answers(address: str) -> bool:
    """Whether somebody listens at this host and port. Ray would try for minutes."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), KNOCK_S).close()
    except (OSError, ValueError):
        return False
    return True
