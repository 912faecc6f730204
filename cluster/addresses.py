"""Addresses of Ray: which this user's processes serve, which only this machine reaches, who listens. Loads no Ray."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import psutil

AUTO = "auto"
"""What is said for this user's Ray on this machine, or the one that RAY_ADDRESS names: see ``rays.join_ray``."""
LOOPBACKS = frozenset({"127.0.0.1", "localhost"})
KNOCK_S = 5.0
RAYLET, FLAG = "raylet", "--gcs-address="
"""The process that every node of a Ray has, and its word for the address of that Ray."""


def own_rays() -> frozenset[str]:
    """The addresses of the Rays that have a node on this machine which is a process of this user."""
    found: set[str] = set()
    for process in psutil.process_iter(["uids", "cmdline"]):
        uids, words = process.info["uids"], process.info["cmdline"]
        if uids is not None and uids.effective == os.geteuid() and words and Path(words[0]).name == RAYLET:
            found.update(word.removeprefix(FLAG) for word in words if word.startswith(FLAG))
    return frozenset(found)


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
