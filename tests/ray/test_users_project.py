"""A user's own memory.py, actors.py, policies.py and cluster.py stand beside a driver that uses quantum_memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FILES = {
    "memory.py": "WORD = 'the memory of the user'\n",
    "policies.py": "def polite(text: str) -> str:\n    return f'please: {text}'\n",
    "cluster.py": "CONFIG = {'perception': {'model': 'hashing'}, 'ray': {'dashboard': False, 'num_cpus': 4}}\n",
    "actors.py": (
        "import ray\nimport memory\n\n\n"
        "@ray.remote(num_cpus=0)\nclass Teller:\n"
        "    def tell(self, alice):\n"
        "        return memory.WORD, alice.recall('who is kind?', k=1)[0].memory.text\n"
    ),
    "driver.py": (
        "import ray\nimport quantum_memory as qm\nfrom actors import Teller\nfrom cluster import CONFIG\n"
        "from memory import WORD\nfrom policies import polite\n\n"
        "with qm.connect(storage='vault', config=CONFIG) as cluster:\n"
        "    alice = cluster.agent('alice')\n"
        "    alice.remember(polite('Bob is kind.'))\n"
        "    assert ray.get(Teller.remote().tell.remote(alice)) == (WORD, 'please: Bob is kind.')\n"
        "    print('fine', alice.mood().at is None)\n"
    ),
}


@pytest.mark.slow
@pytest.mark.own_ray
def test_a_users_own_modules_are_not_mistaken_for_ours(tmp_path: Path) -> None:
    """Neither in the driver nor in an actor of the user's, which takes a handle with it."""
    for name, content in FILES.items():
        (tmp_path / name).write_text(content)
    done = subprocess.run(
        [sys.executable, "driver.py"], cwd=tmp_path, capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("fine")


@pytest.mark.parametrize("package", ["actors", "memory", "policies", "cluster"])
def test_our_folders_refuse_to_be_imported_by_their_short_names(package: str) -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", f"import {package}"], cwd=root, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert f"import quantum_memory.{package}, not {package}" in done.stderr
