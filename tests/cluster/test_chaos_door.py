"""A little of ``benchmarks/chaos_door.py``: what the door acknowledged is there once, and was told to subscribers once.

``make test-chaos`` plays it, and four minutes of the same.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

CHAOS = Path(__file__).parents[2] / "benchmarks" / "chaos_door.py"


@pytest.mark.chaos
@pytest.mark.parametrize(
    ("way", "victims"), [([], ["replica", "vault", "agents"]), (["--proxied"], ["replica", "episodic"])], ids=str
)
def test_kills_behind_the_door_under_the_load_of_its_clients(
    tmp_path: Path, way: list[str], victims: list[str]
) -> None:
    told = tmp_path / "told.json"
    arguments = ["--seconds", "20", "--agents", "2", "--untimed", "--json", str(told), *way, "--victims", *victims]
    done = subprocess.run(
        [sys.executable, str(CHAOS), *arguments], capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    came = json.loads(told.read_text(encoding="utf-8"))
    assert set(came["kills"]) == set(victims)
    assert came["done"] > 50
    assert not any(came["bad"].values())
