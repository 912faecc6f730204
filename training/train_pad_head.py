"""Train what reads feelings: the PAD head over the frozen encoder, and the second encoder of the accurate reading.

    python training/train_pad_head.py --data emobank.csv --out memory/affect/weights

reads a CSV with the columns split, V, A, D and text, ratings from 1 to 5 (https://github.com/JULIELab/EmoBank). It
learns from the train split alone and reports on the dev split, from which it takes nothing; no test split is read. On
two cores it takes some 40 minutes, most of them for the fine-tuning.

1. Teachers: the encoder is fine-tuned five times, each time without one fifth of the texts, and says what it expects
   of that fifth. So every text has an opinion from a teacher that has not learned it.
2. The head learns, for its means, the average of rating and opinion. Ratings are noisy, and the average is less so
   (self-distillation: Furlanello et al., 2018; Mobahi et al., 2020).
3. The second encoder is fine-tuned on the same averages, from several seeds whose weights are averaged (Wortsman et
   al., 2022), which costs nothing when it reads.
4. Heads in the same folds say what the head would expect of texts that it has not learned. From these and the teachers'
   opinions follow the calibrations, and the share of the second encoder on each axis.

Every text is learned by the head in two forms, plain and said by somebody, whose name is drawn from ``SPEAKERS``. Dev
is measured in both as well, with names from ``STRANGERS``, which are not learned. The defaults were settled after runs
whose figures on dev had been seen, so these may be slightly better than on texts that nobody has looked at.

It writes ``pad_head.safetensors``, ``second_encoder.safetensors`` and ``metrics.json`` into the folder given.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import go_emotions
import torch
from fine_tuning import Reader, Schedule
from head_fitting import Lesson, Recipe, ensemble, in_folds
from measuring import measure
from rated_texts import AXIS_NAMES, SPEAKERS, STRANGERS, Split, correlation, folds, names, read
from torch import Tensor
from tuning_jobs import Job, keep, result, result_path, run

from quantum_memory.memory.affect import head as heads
from quantum_memory.memory.affect import second as seconds
from quantum_memory.memory.affect.calibration import Calibration
from quantum_memory.memory.affect.encoder import Encoder, packaged_model
from quantum_memory.memory.affect.head import PadHead
from quantum_memory.memory.affect.second import Second

FOLDS = 5
STUDENTS = 2
TAUGHT = 0.5
"""Share of the teacher's opinion in what is taught."""
STUDENT_SEEDS = 100
"""How far the seeds of students are from those of teachers."""
STEPS = 21
"""Shares of the second encoder that are tried."""


class Labels(NamedTuple):
    """Mean and deviation of the ratings of the train split, (3,) each."""

    mean: Tensor
    scale: Tensor

    @classmethod
    def of(cls, ratings: Tensor) -> Labels:
        return cls(ratings.mean(0), ratings.std(0))

    def standard(self, ratings: Tensor) -> Tensor:
        return (ratings - self.mean) / self.scale


class How(NamedTuple):
    """Of a run: the folder in which its long parts are kept, how many of them side by side, and the seed."""

    work: Path
    processes: int
    seed: int


class Trained(NamedTuple):
    """What a run makes."""

    head: PadHead
    second: Second


def teacher_jobs(texts: Sequence[str], wanted: Tensor, fold: Tensor, seed: int) -> list[Job]:
    """A fine-tuning for each fold, without the texts of that fold, and asked about them."""
    jobs = []
    for number in range(FOLDS):
        kept = (fold != number).nonzero().flatten().tolist()
        asked = [texts[row] for row in (fold == number).nonzero().flatten().tolist()]
        jobs.append(Job(f"teacher-{number + 1}", [texts[row] for row in kept], wanted[kept], seed + number, asked))
    return jobs


def opinions(fold: Tensor, work: Path) -> Tensor:
    """(n, 3) what teachers expect of each text that have not learned it."""
    said = torch.empty(len(fold), len(AXIS_NAMES))
    for number in range(FOLDS):
        said[fold == number] = result(work, f"teacher-{number + 1}")["said"]
    return said


def averaged(states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The weights of readers from one beginning, averaged."""
    return {name: torch.stack([state[name].float() for state in states]).mean(0) for name in states[0]}


def second_tensors(states: Sequence[Mapping[str, Tensor]], base: Path) -> dict[str, Tensor]:
    """The tensors of a second encoder: what was changed of the model in ``base``, and the readout under "out."."""
    tuned, before = averaged(states), Reader(base, 0.0).state_dict()
    # A model knows its own weights by names without the first step.
    changes = {
        name.removeprefix("encoder."): weights - before[name]
        for name, weights in tuned.items()
        if name.startswith("encoder.") and not torch.equal(weights, before[name])
    }
    return changes | {"out.weight": tuned["out.weight"], "out.bias": tuned["out.bias"]}


def best_share(first: Tensor, other: Tensor, wanted: Tensor) -> Tensor:
    """(3,) the share of ``other`` on each axis with which both together agree best with ``wanted``."""
    shares = torch.linspace(0.0, 1.0, STEPS)
    found = torch.stack([correlation((1.0 - share) * first + share * other, wanted) for share in shares])
    return shares[found.argmax(dim=0)]


def train(split: Split, base: Path, begin: Path | None, recipe: Recipe, schedule: Schedule, how: How) -> Trained:
    """The head and the second encoder, calibrated, from one split of rated texts."""
    labels = Labels.of(split.ratings)
    wanted = labels.standard(split.ratings)
    fold = folds(len(wanted), FOLDS, how.seed)
    run(teacher_jobs(split.texts, wanted, fold, how.seed), base, begin, schedule, how.work, how.processes)
    teachers = opinions(fold, how.work)
    taught = (1.0 - TAUGHT) * wanted + TAUGHT * teachers
    students = [
        Job(f"student-{number + 1}", split.texts, taught, how.seed + STUDENT_SEEDS + number)
        for number in range(STUDENTS)
    ]
    run(students, base, begin, schedule, how.work, how.processes)
    tensors = second_tensors([result(how.work, job.name) for job in students], base)
    encoder = Encoder(base, threads=how.processes)
    by = names(SPEAKERS, len(split.texts), how.seed)
    # Out of inference mode, in which the encoder made them, or no gradient could be taken over them.
    forms = [encoder.read(split.texts, said).layers.cpu().clone() for said in (None, by)]
    print(f"read {len(split.texts)} texts in two forms", flush=True)
    lesson = Lesson(forms, taught, wanted)
    mean, variance = in_folds(lesson, fold, recipe, how.seed)
    alone = Calibration.fitted(mean, variance, split.ratings, labels.mean, labels.scale)
    head = replace(ensemble(lesson, encoder.fingerprint, recipe, how.seed), calibration=alone)
    share = best_share(mean, teachers, wanted)
    both = Calibration.fitted(mean + share * (teachers - mean), variance, split.ratings, labels.mean, labels.scale)
    readout, bias = tensors.pop("out.weight").T.contiguous(), tensors.pop("out.bias")
    return Trained(head, Second(encoder.fingerprint, tensors, readout, bias, share, both))


def report(folder: Path, base: Path, dev: Split, seed: int) -> dict[str, object]:
    """How well the weights in a folder read a split, as they were written: in half precision and in 8 bits."""
    head, second = heads.load(folder / "pad_head.safetensors"), seconds.load(folder / "second_encoder.safetensors")
    first, other = Encoder(base), Encoder(base, second=second)
    strangers = names(STRANGERS, len(dev.texts), seed)
    whole = other.read(dev.texts).whole
    found: dict[str, object] = {}
    for name, said in (("dev", None), ("dev_said", strangers)):
        mean, variance = head.expectations(first.read(dev.texts, said).layers)
        found[name] = measure(mean, variance, head.calibration, dev.ratings)
        both = second.blended(mean, second.expected(whole))
        found[f"{name}_accurate"] = measure(both, variance, second.calibration, dev.ratings)
    return found


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="EmoBank as CSV, with a train and a dev split")
    parser.add_argument("--out", type=Path, required=True, help="folder for the weights and the metrics")
    parser.add_argument("--model", type=Path, help="folder of the encoder; the packaged MiniLM if not given")
    parser.add_argument("--goemotions", type=Path, help="GoEmotions' train split as TSV, to begin the fine-tuning with")
    parser.add_argument("--work", type=Path, help="folder in which the long parts are kept, for a run that goes on")
    parser.add_argument("--processes", type=int, default=2, help="fine-tunings side by side")
    parser.add_argument("--seed", type=int, default=0)
    for group in (Recipe(), Schedule()):
        prefix = "head-" if isinstance(group, Recipe) else "tuning-"
        for name, value in asdict(group).items():
            parser.add_argument(f"--{prefix}{name.replace('_', '-')}", type=type(value), default=value)
    return parser.parse_args(argv)


def chosen(given: Mapping[str, object], prefix: str) -> dict[str, object]:
    """What was given under a prefix."""
    return {name.removeprefix(prefix): value for name, value in given.items() if name.startswith(prefix)}


def main(argv: Sequence[str] | None = None) -> None:
    given = arguments(argv)
    recipe = Recipe(**chosen(vars(given), "head_"))  # type: ignore[arg-type]  # argparse made each of its default's type
    schedule = Schedule(**chosen(vars(given), "tuning_"))  # type: ignore[arg-type]  # as above
    torch.set_num_threads(given.processes)
    splits = read(given.data)
    base = given.model or packaged_model()
    with TemporaryDirectory() as temporary:
        how = How(given.work or Path(temporary), given.processes, given.seed)
        how.work.mkdir(parents=True, exist_ok=True)
        begin = None if given.goemotions is None else result_path(how.work, "begin")
        if begin is not None and not begin.is_file():
            keep(go_emotions.begin(base, go_emotions.read(given.goemotions), given.seed), begin)
        head, second = train(splits["train"], base, begin, recipe, schedule, how)
    given.out.mkdir(parents=True, exist_ok=True)
    heads.save(head, given.out / "pad_head.safetensors")
    seconds.save(second, given.out / "second_encoder.safetensors")
    recipes = {"head": asdict(recipe), "tuning": asdict(schedule), "folds": FOLDS, "students": STUDENTS}
    shares = {axis: round(float(share), 2) for axis, share in zip(AXIS_NAMES, second.blend, strict=True)}
    made = {"recipe": recipes | {"taught": TAUGHT, "seed": given.seed}, "share_of_second_encoder": shares}
    metrics = made | report(given.out, base, splits["dev"], given.seed)
    (given.out / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(metrics, indent=2))


if __name__ == "__main__":
    main()
