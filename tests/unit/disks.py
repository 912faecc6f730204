"""Small disks of their own: a scenario in a process whose mounts nobody else sees, gone with it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Literal

import pytest

ROOT = Path(__file__).parents[2]
LIMIT_S = 120.0


def on_a_disk(kind: Literal["tmpfs", "ext4"], mib: int, module: str, scenario: str, place: Path) -> str:
    """Run a function of a module, called with the folder that the disk is mounted at. What it printed.

    A module that is run so calls the function that its first argument names. Skips where no disk can be mounted.
    """
    place.mkdir(parents=True, exist_ok=True)
    if kind == "tmpfs":
        made = f'mount -t tmpfs -o size={mib}m tmpfs "{place}"'
    else:
        image = place.with_name(f"{place.name}.image")
        with image.open("wb") as file:
            file.truncate(mib * 2**20)
        made = f'mkfs.ext4 -q -F "{image}" && mount -o loop "{image}" "{place}"'
    apart = _apart()
    if subprocess.run([*apart, made], capture_output=True, check=False).returncode:
        pytest.skip(f"no {kind} can be mounted here")
    done = subprocess.run(
        [*apart, f'{made} && exec "{sys.executable}" -m {module} {scenario} "{place}"'],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=LIMIT_S,
    )
    assert done.returncode == 0, f"{scenario} exited with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@cache
def _apart() -> tuple[str, ...]:
    """How to start a shell with mounts of its own."""
    if shutil.which("unshare") is None:
        pytest.skip("unshare is not installed")
    command = ("unshare", "--mount", *(() if os.geteuid() == 0 else ("--map-root-user",)), "sh", "-c")
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
        pytest.skip("unshare may not make a mount namespace here")
    return command


def remount(place: Path, options: str) -> None:
    """Change how a disk is mounted."""
    subprocess.run(["mount", "-o", f"remount,{options}", str(place)], check=True, capture_output=True)
