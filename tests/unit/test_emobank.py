"""The statistics of agreement against definitions, hand-made examples and slow twins; the benchmark from end to end."""

from __future__ import annotations

import importlib.util
import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from quantum_memory.errors import InvalidValue, NotFinite, OutOfRange, ShapeMismatch
from quantum_memory.types import Floats

FOLDER = Path(__file__).parents[2] / "benchmarks"
PAIRS = st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), min_size=3, max_size=40)
QUICK = settings(max_examples=100, deadline=None)


def benchmark(name: str) -> Any:
    """A script of the folder, which is no package, under a name that no other folder's script has."""
    whole = f"benchmarks_{name}"
    spec = importlib.util.spec_from_file_location(whole, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[whole] = module  # where a dataclass looks its module up by name
    sys.path.insert(0, str(FOLDER))  # where a script finds what lies beside it
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(FOLDER))
    return module


agreement = benchmark("agreement")
readers = benchmark("emobank_readers")


def columns(pairs: list[tuple[float, float]]) -> tuple[Floats, Floats]:
    x, y = np.array(pairs).T
    assume(x.std() > 1e-3)
    assume(y.std() > 1e-3)
    return x, y


# Agreement


@QUICK
@given(PAIRS)
def test_correlation_agrees_with_numpy(pairs: list[tuple[float, float]]) -> None:
    x, y = columns(pairs)
    assert agreement.pearson(x, y) == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-9)


@QUICK
@given(PAIRS)
def test_concordance_is_symmetric_bounded_and_never_beyond_the_correlation(pairs: list[tuple[float, float]]) -> None:
    x, y = columns(pairs)
    ccc, r = float(agreement.concordance(x, y)), float(agreement.pearson(x, y))
    assert ccc == agreement.concordance(y, x)
    assert -1.0 <= ccc <= 1.0
    assert abs(ccc) <= abs(r) + 1e-9
    assert ccc * r >= -1e-12
    means, spreads = (x.mean(), y.mean()), (x.std(), y.std())
    shift = (means[0] - means[1]) / math.sqrt(spreads[0] * spreads[1])
    accuracy = 2.0 / (spreads[0] / spreads[1] + spreads[1] / spreads[0] + shift**2)
    assert ccc == pytest.approx(r * accuracy, abs=1e-9)  # Lin's own form: precision times accuracy


@QUICK
@given(PAIRS, st.floats(-0.5, 0.5), st.floats(0.05, 2))
def test_concordance_is_the_correlation_where_means_and_spreads_agree(
    pairs: list[tuple[float, float]], mean: float, spread: float
) -> None:
    x, y = columns(pairs)
    moved = agreement.rescaled(x, float(y.mean()), float(y.std()))
    assert agreement.concordance(moved, y) == pytest.approx(agreement.pearson(x, y), abs=1e-9)
    other = agreement.rescaled(x, mean, spread)
    assert (other.mean(), other.std()) == (pytest.approx(mean, abs=1e-9), pytest.approx(spread, abs=1e-9))
    assert agreement.pearson(other, y) == pytest.approx(agreement.pearson(x, y), abs=1e-9)
    assert agreement.concordance(x, x) == pytest.approx(1.0)


def test_concordance_by_hand() -> None:
    x, y = np.array([1.0, 2.0, 3.0]), np.array([2.0, 3.0, 4.0])
    assert agreement.concordance(x, y) == pytest.approx(4.0 / 7.0)  # 2 * 2/3 / (2/3 + 2/3 + 1)
    assert agreement.concordance(x, 2.0 * x) == pytest.approx((8.0 / 3.0) / (2.0 / 3.0 + 8.0 / 3.0 + 4.0))
    assert agreement.concordance(x, -x) == pytest.approx(-(4.0 / 3.0) / (4.0 / 3.0 + 16.0))
    assert agreement.absolute_error(x, np.array([1.0, 0.0, 7.0])) == pytest.approx(2.0)


def test_what_is_constant_has_no_correlation() -> None:
    flat, y = np.full(5, 0.3), np.linspace(0, 1, 5)
    assert math.isnan(agreement.pearson(flat, y))
    assert agreement.concordance(flat, y) == 0.0
    assert math.isnan(agreement.concordance(flat, flat))
    assert np.isnan(agreement.rescaled(flat, 0.0, 1.0)).all()
    assert all(math.isnan(one) for one in agreement.estimate(agreement.pearson, flat, y, 10, 0))


def test_coverage_counts_ratings_inside() -> None:
    read, spread, rated = np.zeros(4), np.array([1.0, 1.0, 1.0, 2.0]), np.array([0.67, -0.68, 2.0, 1.3])
    assert agreement.coverage(read, spread, rated, 0.5) == 0.5  # within 0.6745 standard deviations
    assert agreement.coverage(read, spread, rated, 0.95) == 0.75
    chance = np.random.default_rng(0)
    truth = chance.normal(0.0, 0.3, 20_000)
    for level in (0.5, 0.8, 0.9, 0.95):
        assert agreement.coverage(np.zeros(20_000), np.full(20_000, 0.3), truth, level) == pytest.approx(
            level, abs=0.01
        )


def test_the_bootstrap_is_that_of_one_resample_after_the_other_and_the_same_by_seed() -> None:
    chance = np.random.default_rng(3)
    x = chance.normal(size=60)
    y = 0.7 * x + chance.normal(size=60)
    found = agreement.estimate(agreement.pearson, x, y, 400, 11)
    rows = np.random.default_rng(11).integers(0, 60, (400, 60))
    slow = [np.corrcoef(x[row], y[row])[0, 1] for row in rows]
    assert found.value == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert (found.low, found.high) == (pytest.approx(np.quantile(slow, 0.025)), pytest.approx(np.quantile(slow, 0.975)))
    assert found == agreement.estimate(agreement.pearson, x, y, 400, 11)
    assert found != agreement.estimate(agreement.pearson, x, y, 400, 12)
    moved = agreement.rescaled_concordance(0.1, 0.2)
    assert agreement.estimate(moved, x, y, 50, 0).value == pytest.approx(
        agreement.concordance(agreement.rescaled(x, 0.1, 0.2), y)
    )


def test_resamples_in_parts_are_those_of_one_go(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = np.random.default_rng(5)
    x, y = chance.normal(size=(2, 30))
    at_once = agreement.estimate(agreement.concordance, x, y, 101, 2)
    monkeypatch.setattr(agreement, "MOST_AT_ONCE", 300)
    assert agreement.estimate(agreement.concordance, x, y, 101, 2) == at_once


def test_bad_numbers_are_refused() -> None:
    good = np.linspace(0, 1, 4)
    with pytest.raises(ShapeMismatch):
        agreement.estimate(agreement.pearson, good, good[:3], 10, 0)
    with pytest.raises(ShapeMismatch):
        agreement.estimate(agreement.pearson, good[:0], good[:0], 10, 0)
    with pytest.raises(NotFinite):
        agreement.estimate(agreement.pearson, good, np.array([0, 1, np.nan, 2]), 10, 0)
    with pytest.raises(OutOfRange):
        agreement.estimate(agreement.pearson, good, good, 0, 0)
    with pytest.raises(InvalidValue, match="above 0"):
        agreement.coverage(good, np.zeros(4), good, 0.8)
    with pytest.raises(OutOfRange):
        agreement.coverage(good, good + 1, good, 1.5)


# Readers


@QUICK
@given(st.integers(0, 10_000), st.sampled_from([1e-3, 0.1, 10.0]))
def test_ridge_solves_the_penalised_equations(seed: int, penalty: float) -> None:
    chance = np.random.default_rng(seed)
    features, ratings = chance.normal(size=(25, 6)), chance.normal(size=(25, 3))
    fits = readers.ridge_fits(features, ratings, [penalty, 2 * penalty])
    centred = features - features.mean(0)
    slow = np.linalg.solve(centred.T @ centred + 25 * penalty * np.eye(6), centred.T @ (ratings - ratings.mean(0)))
    np.testing.assert_allclose(fits.weights[0], slow, atol=1e-8)
    np.testing.assert_allclose(fits.read(features).mean(1), np.tile(ratings.mean(0), (2, 1)), atol=1e-9)


class Told:
    """A perceiver whose embeddings were made for the test."""

    dim = 5

    def __init__(self, embeddings: Floats) -> None:
        self._rows = {f"text {number}": row for number, row in enumerate(embeddings)}

    def perceive(self, texts: list[str]) -> Any:
        return [type("Seen", (), {"embedding": self._rows[text]})() for text in texts]


def test_ridge_finds_a_linear_law_each_axis_by_its_own_penalty() -> None:
    chance = np.random.default_rng(1)
    embeddings = chance.normal(size=(300, 5))
    law = chance.normal(size=(5, 3)) * (0.1, 0.1, 0.0)
    ratings = np.clip(embeddings @ law + (0.01, 0.1, 0.2) * chance.normal(size=(300, 3)), -1, 1)
    texts = [f"text {number}" for number in range(300)]
    ridge = readers.Ridge(Told(embeddings), readers.Split(texts[:250], ratings[:250]), seed=0)
    read = ridge.read(texts[250:])
    assert agreement.pearson(read.pads[:, 0], ratings[250:, 0]) > 0.95
    assert read.spread[0] == pytest.approx((0.01, 0.1, 0.2), rel=0.15)
    assert ridge.penalties[2] > ridge.penalties[0]


def test_the_lexicon_is_the_mean_of_the_words_it_knows(tmp_path: Path) -> None:
    norms = tmp_path / "norms.tsv"
    norms.write_text("word\tvalence_1_9\tarousal_1_9\tdominance_1_9\njoy\t9\t7\t5\nrain\t3\t5\t1\n", encoding="utf-8")
    read = readers.Lexicon(norms).read(["Joy, joy and rain!", "nothing known", "RAIN"])
    np.testing.assert_allclose(read.pads, [[0.5, 1 / 3, -1 / 3], [0.25, 0.25, -0.5], [-0.5, 0.0, -1.0]])
    assert read.spread is None
    with pytest.raises(InvalidValue, match="lexicon"):
        readers.Lexicon(tmp_path / "none.tsv")
    (tmp_path / "other.tsv").write_text("a\tb\n1\t2\n", encoding="utf-8")
    with pytest.raises(InvalidValue, match="columns"):
        readers.Lexicon(tmp_path / "other.tsv")


def test_vader_reads_pleasure_alone() -> None:
    pytest.importorskip("vaderSentiment")
    pads = readers.Vader().read(["I love this wonderful day", "I hate this horrible day"]).pads
    assert pads[0, 0] > 0.5
    assert pads[1, 0] < -0.5
    assert np.isnan(pads[:, 1:]).all()


HEAD = "id,split,V,A,D,text\n"
WORDS = ("I love this", "a sad and empty house", "the kettle is on", "what a terrible storm", "she won the prize")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Forty texts to learn from and ten to measure, with ratings that follow their words."""
    path = tmp_path / "emobank.csv"
    rated = ((4.5, 3.8, 3.4), (1.8, 2.6, 2.5), (3.0, 2.9, 3.0), (1.6, 4.0, 2.4), (4.4, 4.1, 3.9))
    rows = []
    for number in range(50):
        v, a, d = rated[number % 5]
        split = "train" if number < 40 else "dev"
        rows.append(f'{number},{split},{v - 0.01 * number},{a},{d + 0.005 * number},"{WORDS[number % 5]}, {number}"')
    path.write_text(HEAD + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_a_file_is_read_by_splits_in_units_of_pad(data: Path) -> None:
    splits = readers.splits_of(data)
    assert {name: len(split.texts) for name, split in splits.items()} == {"train": 40, "dev": 10}
    np.testing.assert_allclose(splits["train"].ratings[1], [(1.79 - 3) / 2, (2.6 - 3) / 2, (2.505 - 3) / 2])
    assert splits["dev"].texts[0] == "I love this, 40"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("id,split,V,A,text\n1,dev,3,3,x\n", "no column D"),
        (HEAD + "1,dev,3,3,3,x\n2,dev,3,six,3,y\n", "A in line 3"),
        (HEAD + "1,dev,5.5,3,3,x\n", "V in line 2"),
        (HEAD + "1,dev,,3,3,x\n", "V in line 2"),
        (HEAD + "1,dev,nan,3,3,x\n", "V in line 2"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_its_line(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidValue, match=words):
        readers.splits_of(path)


def test_a_split_or_a_file_that_is_not_there_ends_the_benchmark_with_one_line(data: Path) -> None:
    emobank = benchmark("emobank")
    with pytest.raises(SystemExit, match=r"^emobank: split: expected one of dev, train, got 'test'$"):
        emobank.main(["--data", str(data), "--split", "test"])
    with pytest.raises(SystemExit, match="a CSV file"):
        emobank.main(["--data", str(data.with_name("none.csv")), "--split", "dev"])


def test_labels_are_those_of_train_or_of_the_packaged_weights(data: Path) -> None:
    train = readers.splits_of(data)["train"]
    told = readers.labels_of(train, "a file")
    np.testing.assert_allclose(told.mean, train.ratings.mean(0))
    np.testing.assert_allclose(told.spread, train.ratings.std(0))
    packaged = readers.labels_of(None, "a file")
    assert packaged.source == "the packaged weights"
    assert (np.abs(packaged.mean) < 0.2).all()
    assert ((packaged.spread > 0.05) & (packaged.spread < 0.3)).all()


@pytest.fixture
def one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("one_thread")
def test_the_benchmark_measures_every_reader(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    emobank = benchmark("emobank")
    norms, report = tmp_path / "norms.tsv", tmp_path / "report.json"
    norms.write_text("word\tvalence_1_9\tarousal_1_9\tdominance_1_9\nlove\t8\t6\t6\nsad\t2\t3\t3\n", encoding="utf-8")
    given = ["--data", str(data), "--split", "dev", "--lexicon", str(norms), "--json", str(report)]
    emobank.main([*given, "--resamples", "50", "--singles", "2"])
    told = json.loads(report.read_text(encoding="utf-8"))
    assert (told["split"], told["texts"], told["resamples"], told["single_texts"]) == ("dev", 10, 50, 2)
    assert {"mean of train", "lexicon: Glasgow norms", "ridge on MiniLM", "default"} <= set(told["readers"])
    for name, reader in told["readers"].items():
        assert reader["speed"]["texts_per_s"] > 0
        assert set(reader["axes"]) == ({"V"} if name == "VADER" else {"V", "A", "D"})
        for axis in reader["axes"].values():
            for one in (axis["mae"], axis["ccc"]):
                assert one["interval"][0] <= one["interval"][1]
            assert set(axis["coverage"]) in ({"0.50", "0.80", "0.90", "0.95"}, set())
    assert told["readers"]["mean of train"]["axes"]["V"]["r"]["value"] is None
    assert told["readers"]["ridge on MiniLM"]["axes"]["V"]["r"]["value"] > 0.9
    assert told["readers"]["default"]["axes"]["V"]["r"]["value"] > 0.5
    table = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert len({len(line) for line in table}) == 1
    assert sum(line.startswith("| default") for line in table) == 1
