"""The demo from beginning to end, with real kills, and its manners with folders."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from quantum_memory.cluster import demo, demo_story
from quantum_memory.errors import InvalidValue
from quantum_memory.types import PAD, Hit, Memory

QMEM = Path(sys.executable).with_name("qmem")


@pytest.mark.slow
def test_the_demo_plays_and_nothing_is_lost(tmp_path: Path) -> None:
    """As ``make demo`` runs it, apart from the port of the dashboard, which may be taken here."""
    (tmp_path / "settings.yaml").write_text("ray: {dashboard: false}\n")
    command = [str(QMEM), "demo", "--config", "settings.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    for piece in ("session by session", "recall@10", "drawn: demo-output/moods.png", "SIGKILL", "Nothing was lost."):
        assert piece in done.stdout
    assert "raylet" not in done.stdout + done.stderr
    told = json.loads((tmp_path / "demo-output" / demo.SUMMARY).read_text())
    assert (told["memories"], told["sessions"]) == (268, 15)
    assert told["nothing_lost"]
    assert told["rolled_back"]
    assert set(told["killed"]) == {"episodic", "quantum"}
    assert set(told["restarted_as"]) == set(told["killed"])
    assert all(told["restarted_as"][pool] != pid for pool, pid in told["killed"].items())
    assert 0.4 < told["recall_at_10"] <= 1
    assert set(told["recall_at_10_by_kind"]) == {"single-hop", "multi-hop", "temporal", "changed-fact", "emotional"}
    assert told["merged"] == told["what_if"]["only_imagined"] == len(demo_story.future(demo_story.TOLD_HER))
    assert told["what_if"]["only_in_the_story"] == 19
    there, imagined = told["what_if"]["mood_in_the_story"], told["what_if"]["mood_imagined"]
    assert there["mean"]["pleasure"] < imagined["mean"]["pleasure"]
    assert 0 <= told["what_if"]["mood_fidelity"] < 0.99
    for hits in told["recollections"].values():
        for hit in hits:
            assert sum(hit["why"].values()) == pytest.approx(hit["score"], abs=1e-4)
    for picture in told["pictures"]:
        assert imread(tmp_path / picture).std() > 0.02
    assert told["total_s"] == pytest.approx(sum(told["seconds"].values()))


def test_a_folder_that_no_demo_made_is_left_alone(tmp_path: Path) -> None:
    kept = tmp_path / "mine" / "letters.txt"
    kept.parent.mkdir()
    kept.write_text("dear")
    with pytest.raises(InvalidValue, match="one that a demo made"):
        demo.fresh_folder(kept.parent)
    with pytest.raises(InvalidValue, match="one that a demo made"):
        demo.fresh_folder(kept)
    assert kept.read_text() == "dear"


def test_a_folder_of_an_earlier_demo_is_made_anew(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "demo-output"
    assert not demo.fresh_folder(folder)
    (folder / "old.png").write_text("x")
    assert demo.fresh_folder(folder)
    assert [path.name for path in folder.iterdir()] == [demo.MARKER]
    (tmp_path / "empty").mkdir()
    assert not demo.fresh_folder(tmp_path / "empty")


def test_the_story_comes_with_the_package() -> None:
    sessions = demo_story.sessions()
    turns = [turn for session in sessions for turn in session.turns]
    assert [session.name for session in sessions] == [f"s{number:02}" for number in range(1, 16)]
    assert len(turns) == 268
    known = {turn.id for turn in turns}
    assert all(set(question.evidence) <= known for question in demo_story.questions())
    assert len(demo_story.questions()) == 36
    assert set(demo_story.SHOWN) <= {question.id for question in demo_story.questions()}
    before = max(turn.at for session in sessions[:7] for turn in session.turns if turn.at)
    for name in demo_story.FUTURES:
        times = [turn.at for turn in demo_story.future(name) if turn.at]
        assert times == sorted(times)
        assert times[0] > before, "a future begins after the past that it shares"
        assert {turn.speaker for turn in demo_story.future(name)} == {"Ilka", "Tomasz"}


def test_recall_at_k_is_the_share_of_the_evidence_that_was_found() -> None:
    question = demo_story.Question("q", "?", "!", ("a", "b", "c"), "multi-hop")
    memory = Memory("a", "x", datetime(2025, 1, 1, tzinfo=UTC), PAD(0, 0, 0), 1, 0, np.ones(1, dtype=np.float32))
    assert demo_story.recall_at_k(question, [Hit(memory, 1.0, {})]) == pytest.approx(1 / 3)
    assert demo_story.recall_at_k(question, []) == 0
    scores = [("one", 1.0), ("two", 0.5), ("one", 0.0)]
    assert demo_story.means_by_kind(scores) == {"one": (2, 0.5), "two": (1, 0.5)}
