"""Fine-tuning: jobs that are run once, side by side as one after the other, and the beginning on labelled comments."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

from tests.unit.test_perceiver import write_tiny_bert

TRAINING = Path(__file__).parents[2] / "training"
TEXTS = ["good day", "a bad day", "bad", "g o o d", "x y z good day bad day"] * 4
WANTED = torch.randn(len(TEXTS), 3, generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def _siblings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scripts find each other as they do when one is run, in processes that are started from here too."""
    monkeypatch.syspath_prepend(str(TRAINING))
    monkeypatch.setenv("PYTHONPATH", str(TRAINING))


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_bert(tmp_path_factory.mktemp("training") / "model")


@pytest.fixture
def tuning_jobs() -> ModuleType:
    return importlib.import_module("tuning_jobs")


def run(tuning_jobs: ModuleType, tiny: Path, work: Path, processes: int = 1, texts: list[str] = TEXTS) -> None:
    schedule = importlib.import_module("fine_tuning").Schedule(epochs=2, batch=8, tokens=32)
    jobs = [
        tuning_jobs.Job("teacher-1", texts, WANTED, 1, ask=["good", "bad day"]),
        tuning_jobs.Job("student-1", texts, WANTED, 2),
    ]
    work.mkdir(exist_ok=True)
    tuning_jobs.run(jobs, tiny, None, schedule, work, processes)


def test_a_job_that_left_its_result_is_not_run_again(tuning_jobs: ModuleType, tiny: Path, tmp_path: Path) -> None:
    run(tuning_jobs, tiny, tmp_path)
    assert tuning_jobs.result(tmp_path, "teacher-1")["said"].shape == (2, 3)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(before) == {"teacher-1.safetensors", "student-1.safetensors"}
    run(tuning_jobs, tiny, tmp_path, texts=["bad"] * len(TEXTS))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    (tmp_path / "teacher-1.safetensors").unlink()
    run(tuning_jobs, tiny, tmp_path, texts=["bad"] * len(TEXTS))
    assert (tmp_path / "teacher-1.safetensors").read_bytes() != before["teacher-1.safetensors"]
    assert (tmp_path / "student-1.safetensors").read_bytes() == before["student-1.safetensors"]


@pytest.mark.slow
def test_jobs_side_by_side_leave_what_they_leave_one_after_the_other(
    tuning_jobs: ModuleType, tiny: Path, tmp_path: Path
) -> None:
    run(tuning_jobs, tiny, tmp_path / "one")
    run(tuning_jobs, tiny, tmp_path / "two", processes=2)
    for name in ("teacher-1", "student-1"):
        left, right = (tuning_jobs.result(tmp_path / folder, name) for folder in ("one", "two"))
        assert left.keys() == right.keys()
        for key, tensor in left.items():
            assert torch.allclose(tensor, right[key], atol=1e-5), key


def test_comments_are_read_with_their_labels_and_without_masks(tmp_path: Path) -> None:
    path = tmp_path / "comments.tsv"
    path.write_text("[NAME] is \u2028 kind\t0,27\tabc\nno [RELIGION] here\t3\tdef\n", encoding="utf-8")
    texts, labels = importlib.import_module("go_emotions").read(path)
    assert texts == ["Alex is \u2028 kind", "no religion here"]
    assert labels.nonzero().tolist() == [[0, 0], [0, 27], [1, 3]]


def test_a_beginning_changes_the_encoder_and_the_next_fine_tuning_begins_there(
    tuning_jobs: ModuleType, tiny: Path, tmp_path: Path
) -> None:
    go_emotions, fine_tuning = (importlib.import_module(name) for name in ("go_emotions", "fine_tuning"))
    labels = torch.zeros(len(TEXTS), 28)
    labels[:, 3] = 1.0
    begun = go_emotions.begin(tiny, go_emotions.Labelled(TEXTS, labels), 0, batch=4, tokens=32)
    plain = fine_tuning.Reader(tiny, 0.0).state_dict()
    assert begun.keys() == {name for name in plain if name.startswith("encoder.")}
    moved = {name for name, weights in begun.items() if not torch.equal(weights, plain[name])}
    assert "encoder.encoder.layer.1.output.dense.weight" in moved
    assert not any("word_embeddings" in name for name in moved)
    tuning_jobs.keep(begun, tmp_path / "begin.safetensors")
    # A rate of almost nothing: what comes out is what was begun with.
    schedule = fine_tuning.Schedule(epochs=1, learning_rate=1e-12, weight_decay=0.0, tokens=32)
    tuner = fine_tuning.Tuner(tiny, schedule, tmp_path / "begin.safetensors")
    state = tuner.tune(TEXTS, WANTED, 0, "still").state_dict()
    assert all(torch.allclose(state[name], weights, atol=1e-6) for name, weights in begun.items())
