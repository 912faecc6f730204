"""How well feelings are read from texts, measured against EmoBank's ratings: agreement, calibration and speed.

    python benchmarks/emobank.py --data emobank.csv --split dev [--lexicon glasgow_vad.tsv] [--json FILE]

reads a CSV with the columns id, split, V, A, D and text, ratings from 1 to 5 (https://github.com/JULIELab/EmoBank),
and prints one table: the packaged readers below the baselines. Baselines learn from the split train of the same file,
or of that given by --train; without either, those that learn are left out. For each axis:

* r: Pearson's correlation. CCC: Lin's concordance (1989), of what is read as it is, and "rescaled" after it was brought
  to the training labels' mean and spread. MAE: mean absolute error, of ratings in [-1, 1]. Each with its 95 % bootstrap
  interval over texts.
* 50 %, 80 %, 90 %, 95 %: the share of ratings inside the intervals of that level that the reader names.
* texts/s, and the milliseconds of one text alone, median and 95th percentile, in processor time on one thread: the time
  on a core of its own. Nothing is cached. The wall clock's figures are in --json.
"""

from __future__ import annotations

import os

# Before numpy is imported: more than one BLAS thread makes these small matrices slower, not faster.
os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from agreement import (
    Estimate,
    Numbers,
    Statistic,
    absolute_error,
    concordance,
    coverage,
    estimate,
    pearson,
    rescaled_concordance,
)
from emobank_readers import (
    AXES,
    Labels,
    Lexicon,
    Mean,
    Reader,
    Readings,
    Ridge,
    Split,
    Vader,
    labels_of,
    perceivers,
    split_of,
    splits_of,
)

from quantum_memory.errors import MissingDependency, QuantumMemoryError

LEVELS = (0.5, 0.8, 0.9, 0.95)
HEADINGS = ("reader", "axis", "r", "CCC", "CCC rescaled", "MAE", *(f"{level:.0%}" for level in LEVELS))
SPEEDS = ("texts/s", "ms, median", "ms, p95")


@dataclass(frozen=True)
class Axis:
    """One reader on one axis; shares by level, empty where it names no spread."""

    r: Estimate
    ccc: Estimate
    ccc_rescaled: Estimate
    mae: Estimate
    coverage: dict[str, float]


@dataclass(frozen=True)
class Speed:
    """Texts per second in one call, and milliseconds of one text: in processor time, and by the clock on the wall."""

    texts_per_s: float
    median_ms: float
    p95_ms: float
    wall_texts_per_s: float
    wall_median_ms: float
    wall_p95_ms: float


@dataclass(frozen=True)
class Row:
    """One reader; an axis that it does not read is missing."""

    reader: str
    axes: dict[str, Axis]
    speed: Speed


def measured(reader: Reader, split: Split, labels: Labels, options: argparse.Namespace) -> Row:
    """One reader on the split."""
    spent, readings = timed(lambda: reader.read(split.texts))
    one = [timed(lambda text=text: reader.read([text]))[0] for text in split.texts[: options.singles]]  # type: ignore[misc]  # mypy cannot infer a lambda's default
    axes = {
        axis: agreement(readings, split, labels, column, options)
        for column, axis in enumerate(AXES)
        if np.isfinite(readings.pads[:, column]).all()
    }
    figures: list[float] = []
    for each, total in zip(np.array(one).T * 1e3, spent, strict=True):
        figures += [len(split.texts) / max(total, 1e-9), float(np.median(each)), float(np.quantile(each, 0.95))]
    return Row(reader.name, axes, Speed(*figures))


def timed(work: Callable[[], Readings]) -> tuple[tuple[float, float], Readings]:
    """Seconds of the processor and of the wall, and what came of it."""
    start = time.process_time(), time.perf_counter()
    readings = work()
    return (time.process_time() - start[0], time.perf_counter() - start[1]), readings


def agreement(readings: Readings, split: Split, labels: Labels, column: int, options: argparse.Namespace) -> Axis:
    """How well one axis is read."""
    read, rated = readings.pads[:, column], split.ratings[:, column]

    def sure(statistic: Statistic) -> Estimate:
        return estimate(statistic, read, rated, options.resamples, options.seed)

    spread: Numbers | None = None if readings.spread is None else readings.spread[:, column]
    held = {} if spread is None else {f"{level:.2f}": coverage(read, spread, rated, level) for level in LEVELS}
    moved = rescaled_concordance(float(labels.mean[column]), float(labels.spread[column]))
    return Axis(sure(pearson), sure(concordance), sure(moved), sure(absolute_error), held)


def readers(train: Split | None, labels: Labels, options: argparse.Namespace) -> list[Reader]:
    """Every reader that can be had here, baselines first; the others are told of."""
    made: list[Reader] = [Mean(labels)]
    packaged = perceivers(options.head, options.threads)
    if options.lexicon is None:
        print("left out: the lexicon, because no --lexicon is given")
    else:
        made.append(Lexicon(options.lexicon))
    try:
        made.append(Vader())
    except MissingDependency as error:
        print(f"left out: {error}")
    if train is None:
        print("left out: ridge, because there is no split train, here or by --train")
    else:
        made.append(Ridge(packaged[0].perceiver, train, options.seed))
    return [*made, *packaged]


def cells(row: Row) -> list[list[str]]:
    """A line for each axis; what is about the whole reader stands in the first."""
    lines = []
    for axis, found in row.axes.items():
        estimates = [told(one) for one in (found.r, found.ccc, found.ccc_rescaled, found.mae)]
        shares = [f"{found.coverage[f'{level:.2f}']:.1%}" if found.coverage else "-" for level in LEVELS]
        lines.append(["", axis, *estimates, *shares, *[""] * len(SPEEDS)])
    lines[0][0] = row.reader
    speed = row.speed
    lines[0][-3:] = [f"{speed.texts_per_s:,.0f}", f"{speed.median_ms:.1f}", f"{speed.p95_ms:.1f}"]
    return lines


def told(one: Estimate) -> str:
    """A statistic with its interval."""
    return "-" if math.isnan(one.value) else f"{one.value:z.3f} [{one.low:z.3f}, {one.high:z.3f}]"


def table(rows: Sequence[Row]) -> str:
    """As Markdown, in columns."""
    lines = [[*HEADINGS, *SPEEDS], *(line for row in rows for line in cells(row))]
    wide = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    shown = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, wide, strict=True)) + " |" for line in lines
    ]
    rule = (
        "| " + " | ".join("-" * (width - 1) + (":" if column > 1 else "-") for column, width in enumerate(wide)) + " |"
    )
    return "\n".join([shown[0], rule, *shown[1:]])


def plain(value: Any) -> Any:
    """As JSON can hold it: an estimate as value and interval, what is not a number as null."""
    if isinstance(value, Estimate):
        return {"value": plain(value.value), "interval": [plain(value.low), plain(value.high)]}
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value


def whole_report(rows: Sequence[Row], split: Split, labels: Labels, options: argparse.Namespace) -> dict[str, Any]:
    """Everything that was measured, and with what."""
    return {
        "data": options.data.name,
        "split": options.split,
        "texts": len(split.texts),
        "training_labels": {
            "source": labels.source,
            "mean": dict(zip(AXES, labels.mean.tolist(), strict=True)),
            "spread": dict(zip(AXES, labels.spread.tolist(), strict=True)),
        },
        "resamples": options.resamples,
        "seed": options.seed,
        "threads": options.threads,
        "single_texts": min(options.singles, len(split.texts)),
        "readers": {
            row.reader: {"axes": {name: fields(axis) for name, axis in row.axes.items()}, "speed": asdict(row.speed)}
            for row in rows
        },
    }


def fields(axis: Axis) -> dict[str, Any]:
    """The fields of one axis by name; not by ``asdict``, which would take the estimates apart."""
    return {name: plain(getattr(axis, name)) for name in ("r", "ccc", "ccc_rescaled", "mae", "coverage")}


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="EmoBank as CSV")
    parser.add_argument("--split", required=True, help="what is measured: a name in the column split")
    parser.add_argument("--train", type=Path, help="a file whose split train the baselines learn from")
    parser.add_argument("--lexicon", type=Path, help="the Glasgow norms as TSV; without it that row is left out")
    parser.add_argument("--head", type=Path, help="other weights of the PAD head, as a row of their own")
    parser.add_argument("--json", type=Path, help="where everything is written, as JSON")
    parser.add_argument("--resamples", type=int, default=2000, help="of the bootstrap")
    parser.add_argument("--singles", type=int, default=200, help="how many texts are read alone, for the latency")
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap and of the folds of ridge")
    parser.add_argument("--threads", type=int, default=1, help="of the models; processor time counts all of them")
    return parser.parse_args(argv)


def run(options: argparse.Namespace) -> None:
    """Raises: InvalidValue for a file, a column, a rating or a split that is not there."""
    splits = splits_of(options.data)
    split = split_of(splits, options.split)
    train = split_of(splits_of(options.train), "train") if options.train else splits.get("train")
    if train is not None and options.split == "train":
        print("note: what is measured here, the baselines have learned from")
    labels = labels_of(train, str((options.train or options.data).name))
    rows = []
    for reader in readers(train, labels, options):
        rows.append(measured(reader, split, labels, options))
        print(f"measured: {reader.name}", flush=True)
    print(f"\n{options.data.name}, split {options.split}, {len(split.texts)} texts; labels of {labels.source}\n")
    print(table(rows))
    if options.json is not None:
        report = whole_report(rows, split, labels, options)
        options.json.write_text(json.dumps(report, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def main(argv: Sequence[str] | None = None) -> None:
    options = arguments(argv)
    try:
        run(options)
    except QuantumMemoryError as error:
        raise SystemExit(f"emobank: {error}") from None


if __name__ == "__main__":
    main()
