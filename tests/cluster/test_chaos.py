"""Half a minute of ``benchmarks/chaos.py``: nothing acknowledged is lost, nothing is done twice, no call is late."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

CHAOS = Path(__file__).parents[2] / "benchmarks" / "chaos.py"


def test_random_kills_under_the_load_of_two_drivers(tmp_path: Path) -> None:
    told = tmp_path / "told.json"
    arguments = ["--seconds", "30", "--agents", "4", "--seed", "3", "--untimed", "--json", str(told)]
    done = subprocess.run(
        [sys.executable, str(CHAOS), *arguments], capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    came = json.loads(told.read_text(encoding="utf-8"))
    assert sum(came["kills"].values()) >= 2
    assert not any(came["bad"].values())
