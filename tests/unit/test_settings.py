"""Settings are checked once, by name, and ray_config.yaml says what the defaults are."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from quantum_memory.errors import InvalidSettings, QuantumMemoryError
from quantum_memory.policies.recall import PART_NAMES, RecallWeights
from quantum_memory.settings import Settings, load

ROOT = Path(__file__).parents[2]


def test_the_file_in_the_repository_states_every_default() -> None:
    assert load(ROOT / "ray_config.yaml") == Settings()
    text = (ROOT / "ray_config.yaml").read_text()
    for name in Settings.model_fields:
        assert f"\n{name}:" in text, f"{name} is not explained"


def test_the_default_weights_are_the_policys() -> None:
    assert Settings().recall.weights.policy() == RecallWeights()


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"storrage": "x"}, "storrage: unknown key"),
        ({"pools": {"quantum": {"gpus": 1}}}, "pools.quantum.gpus: unknown key"),
        ({"pools": {"vault": {"size": 2}}}, "pools.vault: .*one actor, got size 2"),
        ({"pools": {"graph": {"size": 0}}}, "pools.graph.size: .*got 0"),
        ({"pools": {"quantum": {"num_gpus": -0.5}}}, "pools.quantum.num_gpus: .*-0.5"),
        ({"recall": {"weights": {"relevance": -1.0}}}, "recall.weights: .*relevance.*-1.0"),
        ({"recall": {"weights": dict.fromkeys(PART_NAMES, 0)}}, "all zero"),
        ({"mood": {"temperament": [0, 0, 2]}}, r"mood.temperament: .*dominance: 2.0 is outside \[-1.0, 1.0\]"),
        ({"timeouts": {"call_s": float("inf")}}, "timeouts.call_s"),
        ({"placement": "everywhere"}, "placement: .*'actors' or 'inline'.*'everywhere'"),
        ({"storage": 7}, "storage: .*got 7"),
    ],
)
def test_what_cannot_be_is_refused_by_its_dotted_name(tree: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidSettings, match=message):
        load(tree)


def test_every_problem_is_named_at_once_and_the_error_survives_a_journey() -> None:
    with pytest.raises(InvalidSettings) as caught:
        load({"storrage": "x", "views": {"resident_states": 0}})
    error = pickle.loads(pickle.dumps(caught.value))  # noqa: S301  (made a line ago)
    assert len(error.problems) == 2
    assert str(error) == str(caught.value)
    assert isinstance(error, QuantumMemoryError)


def test_files_are_read_and_bad_ones_named(tmp_path: Path) -> None:
    good = tmp_path / "good.yaml"
    good.write_text("placement: inline\nrecall: {candidates: 7}\n")
    settings = load(str(good))
    assert (settings.placement, settings.recall.candidates) == ("inline", 7)
    for text, message in (
        ("- a list", "got list"),
        ("a: [", "good.yaml"),
        ("placement: !!python/name:os.system", "good.yaml"),
    ):
        good.write_text(text)
        with pytest.raises(InvalidSettings, match=message):
            load(good)
    good.write_text("")
    assert load(good) == Settings()
    with pytest.raises(InvalidSettings, match="No such file"):
        load(tmp_path / "nowhere.yaml")


def test_settings_never_change() -> None:
    with pytest.raises(Exception, match="frozen"):
        Settings().storage = "elsewhere"
    assert load(None) == Settings()
    assert load(Settings()) == Settings()
