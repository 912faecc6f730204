"""What seemps takes to compress a sum of packets, and to compare one state with many.

Run by ``benchmarks/quantum.py`` with the Python of an environment that holds ``requirements-trains.txt``; it imports
nothing of ours. Reads trains of cores from an npz file, prints one JSON object of milliseconds of processor time.

    python trains.py FILE
"""

from __future__ import annotations

import os

# Before numpy is imported: more than one BLAS thread makes these small matrices slower, not faster.
os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from seemps.state import MPS, Simplification, Strategy, scprod, simplify

REPEATS = 10


def train(stored: Any, name: str) -> MPS:
    count = sum(1 for key in stored.files if key.startswith(f"{name}/"))
    return MPS([np.ascontiguousarray(stored[f"{name}/{site}"]) for site in range(count)])


def median_ms(work: Callable[[], object]) -> float:
    work()
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return statistics.median(times) * 1e3


def main() -> None:
    stored = np.load(sys.argv[1])
    whole, mood = train(stored, "sum"), train(stored, "mood")
    packets = [train(stored, f"packet{number}") for number in range(int(stored["packets"]))]
    strategy = Strategy(method=Simplification.CANONICAL_FORM, max_bond_dimension=64, tolerance=1e-7)
    found = {
        "compress": median_ms(lambda: simplify(whole, strategy)),
        "overlap": median_ms(lambda: [scprod(packet, mood) for packet in packets]) / len(packets),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
