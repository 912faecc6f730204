"""Fine-tunings that do not wait for each other, each in a process and on a thread of its own, kept in a folder.

One thread each, side by side, fine-tunes more texts a second than several threads on one, and a run that was stopped
goes on from what is in the folder.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from fine_tuning import Schedule, Tuner
from safetensors.torch import load_file, save_file
from torch import Tensor


@dataclass(frozen=True)
class Job:
    """One fine-tuning.

    Attributes:
        name: of the file that it leaves; a job whose file is there is not run again.
        texts: what is learned.
        wanted: (n, 3) standardised ratings of them.
        seed: of everything drawn.
        ask: texts to be said something of; what is left is then ``said`` (m, 3), else the weights of the reader.
    """

    name: str
    texts: Sequence[str]
    wanted: Tensor
    seed: int
    ask: Sequence[str] | None = None


def run(jobs: Sequence[Job], base: Path, begin: Path | None, schedule: Schedule, work: Path, processes: int) -> None:
    """Run the jobs that have left nothing in ``work`` yet, so many at a time, from the weights in ``begin``."""
    left = [job for job in jobs if not result_path(work, job.name).is_file()]
    do = partial(run_one, base=base, begin=begin, schedule=schedule, work=work)
    if processes == 1 or len(left) < 2:
        for job in left:
            do(job)
        return
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), initializer=_alone) as pool:
        for _ in pool.map(do, left):
            pass


def run_one(job: Job, base: Path, begin: Path | None, schedule: Schedule, work: Path) -> None:
    tuner = Tuner(base, schedule, begin)
    reader = tuner.tune(job.texts, job.wanted, job.seed, job.name)
    left = reader.state_dict() if job.ask is None else {"said": tuner.say(reader, job.ask)}
    keep(left, result_path(work, job.name))


def result(work: Path, name: str) -> dict[str, Tensor]:
    """What a job of that name has left."""
    return dict(load_file(result_path(work, name)))


def result_path(work: Path, name: str) -> Path:
    return work / f"{name}.safetensors"


def keep(tensors: dict[str, Tensor], path: Path) -> None:
    """Write tensors so that the file is there whole or not at all."""
    part = path.with_suffix(".part")
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, part)
    part.replace(path)


def _alone() -> None:
    torch.set_num_threads(1)
