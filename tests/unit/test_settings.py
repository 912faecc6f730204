"""Settings are checked once, by name, and ray_config.yaml says what the defaults are."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from quantum_memory.actors.folds import mood_fold, plain_folds
from quantum_memory.errors import InvalidSettings, OutOfRange, QuantumMemoryError
from quantum_memory.policies.recall import PART_NAMES, RecallWeights
from quantum_memory.settings import LEAST_STATE_BYTES, MoodSettings, Settings, load

ROOT = Path(__file__).parents[2]


def test_the_file_in_the_repository_states_every_default() -> None:
    assert load(ROOT / "ray_config.yaml") == Settings()
    text = (ROOT / "ray_config.yaml").read_text()
    for name in Settings.model_fields:
        assert f"\n{name}:" in text, f"{name} is not explained"


def test_the_least_bytes_of_a_mood_are_those_that_the_engine_takes() -> None:
    least = load({"mood": {"state_bytes": LEAST_STATE_BYTES}}).mood
    assert mood_fold(least).empty().state.bond == 1
    with pytest.raises(OutOfRange, match=str(LEAST_STATE_BYTES)):
        mood_fold(least.model_copy(update={"state_bytes": LEAST_STATE_BYTES - 1}))


def test_where_moods_are_computed_is_told_in_no_archive() -> None:
    """What they become is: the same settings on another machine make the same moods."""
    told = plain_folds(Settings()).about["mood"]
    assert set(MoodSettings.model_fields) - set(told) == {"backend", "gpu_memory_limit_mb", "resident_mb"}
    assert plain_folds(load({"mood": {"state_bytes": 4096}})).mood.parameters["max_bytes"] == 4096


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
        ({"mood": {"backend": "cupy-cuda12x"}}, "mood.backend: .*'cuquantum'.*'cupy-cuda12x'"),
        ({"mood": {"learning_rate": 0.95}}, "mood.learning_rate: .*0.9.*got 0.95"),
        ({"mood": {"half_life_s": 0.5}}, "mood.half_life_s: .*got 0.5"),
        ({"mood": {"state_bytes": 447}}, "mood.state_bytes: .*448.*got 447"),
        ({"mood": {"resident_mb": 0}}, "mood.resident_mb: .*got 0"),
        ({"mood": {"resident_mb": None}}, "mood.resident_mb: .*got None"),
        ({"mood": {"gpu_memory_limit_mb": 0.5}}, "mood.gpu_memory_limit_mb: .*got 0.5"),
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
