"""The commands of qmem on a real cluster: what they say and write, and that import and export undo each other."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from quantum_memory.cluster.cli import app
from quantum_memory.cluster.connect import MemoryCluster
from quantum_memory.cluster.formats import FIELDS
from quantum_memory.types import PAD, Utterance

QMEM = Path(sys.executable).with_name("qmem")


class Qmem:
    """qmem in this process, on the session's cluster."""

    def __init__(self, cluster: MemoryCluster) -> None:
        self._where = ["--storage", cluster.settings.storage, "--namespace", "actors"]

    def run(self, *args: str, stdin: str | None = None, code: int = 0) -> tuple[str, str]:
        result = CliRunner().invoke(app, [*args, *self._where], input=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.stderr
        return result.stdout, result.stderr

    def json(self, *args: str, stdin: str | None = None) -> Any:
        return json.loads(self.run(*args, "--json", stdin=stdin)[0])


@pytest.fixture(scope="module")
def qmem(cluster: MemoryCluster) -> Qmem:
    return Qmem(cluster)


def test_remember_and_recall_with_reasons(qmem: Qmem) -> None:
    made = qmem.json(
        "remember", "cli-alice", "Bob lent me his umbrella in the rain.", "The kettle is broken.",
        "--speaker", "Alice", "--at", "2025-01-11T18:02Z", "--tag", "weather", "--importance", "0.7", "--session", "s1",
    )  # fmt: skip
    assert len(made["ids"]) == 2
    hits = qmem.json("recall", "cli-alice", "who lent an umbrella?", "-k", "1")
    assert [hit["memory"]["id"] for hit in hits] == made["ids"][:1]
    memory = hits[0]["memory"]
    assert (memory["speaker"], memory["at"], memory["tags"]) == ("Alice", "2025-01-11T18:02:00+00:00", ["weather"])
    assert (memory["importance"], memory["session"]) == (0.7, "s1")
    assert sum(hits[0]["why"].values()) == pytest.approx(hits[0]["score"], abs=1e-5)
    table, _ = qmem.run("recall", "cli-alice", "who lent an umbrella?", "-k", "1")
    for piece in ("relevance", "lexical", "umbrella", f"{hits[0]['score']:.3f}"):
        assert piece in table
    assert qmem.json("recall", "cli-alice", "umbrella", "--until", "2025-01-01") == []


def test_texts_are_perceived_and_nothing_is_remembered(qmem: Qmem, cluster: MemoryCluster) -> None:
    told = qmem.json("perceive", "Bob lent me his umbrella.", "-", "--speaker", "Ilka", stdin="The kettle is broken.\n")
    texts = ["Bob lent me his umbrella.", "The kettle is broken."]
    assert [one["text"] for one in told] == texts
    for one, percept in zip(told, cluster.perceive(texts, ["Ilka"] * 2), strict=True):
        assert one["pad"]["pleasure"] == pytest.approx(percept.pad.pleasure)
        assert one["confidence"] == pytest.approx(percept.confidence)
    assert "feeling" in qmem.run("perceive", texts[0])[0]


@pytest.mark.parametrize("kind", ["time", "space", "radar", "compare"])
def test_pictures_of_an_agent_are_written(qmem: Qmem, kind: str, tmp_path: Path) -> None:
    agent = f"cli-picture-{kind}"
    for text in ("We won the prize!", "Then it rained all day."):
        qmem.run("remember", agent, text, "--session", "s1")
    qmem.run("fork", agent, "b")
    qmem.run("remember", f"{agent}@b", "The sun came out at last.")
    against = ["--against", "b"] if kind in ("radar", "compare") else ["--branch", "b"]
    path = tmp_path / "picture.png"
    told = qmem.json("picture", agent, "--kind", kind, *against, "--output", str(path))
    assert told == {"agent": agent, "kind": kind, "output": str(path)}
    assert path.read_bytes().startswith(b"\x89PNG")
    nowhere = str(tmp_path / "no" / "picture.png")
    assert "No such file" in qmem.run("picture", agent, "--kind", "radar", "--output", nowhere, code=1)[1]
    assert "nobody" in qmem.run("picture", "nobody", "--kind", "time", "--output", str(path), code=1)[1]


def test_texts_come_from_stdin_one_a_line(qmem: Qmem) -> None:
    made = qmem.json("remember", "cli-stdin", "-", stdin="first\n\nsecond\n")
    assert len(made["ids"]) == 2
    assert "cli-stdin" in qmem.json("agents")


def test_an_agent_that_is_not_there_is_named(qmem: Qmem) -> None:
    for args in (
        ["recall", "cli-nobody", "x"],
        ["mood", "cli-nobody"],
        ["export", "cli-nobody"],
        ["log", "cli-nobody@b"],
    ):
        out, err = qmem.run(*args, code=1)
        assert (out, err) == ("", "qmem: no agent is named 'cli-nobody'\n")
    assert "cli-nobody" not in qmem.json("agents")


def test_the_history_of_an_agent(qmem: Qmem, cluster: MemoryCluster) -> None:
    """Checkpoint, fork, something else there, compare, merge, roll back; and places by event, name and time."""
    qmem.run("remember", "cli-tree", "We planted an apple tree.")
    commit = qmem.json("checkpoint", "cli-tree", "planted")
    qmem.run("fork", "cli-tree", "storm", "--at", "planted")
    qmem.run("remember", "cli-tree@storm", "The storm broke the tree.", "We cried.")
    qmem.run("remember", "cli-tree", "The tree bears apples.")
    assert [one["name"] for one in qmem.json("branches", "cli-tree")] == ["main", "storm"]
    difference = qmem.json("diff", "cli-tree", "storm")
    assert [one["text"] for one in difference["only_left"]] == ["The storm broke the tree.", "We cried."]
    assert [one["text"] for one in difference["only_right"]] == ["The tree bears apples."]
    assert len(qmem.json("merge", "cli-tree", "storm")["added"]) == 2
    assert qmem.json("merge", "cli-tree", "cli-tree@storm")["added"] == []
    assert len(cluster.agent("cli-tree").memories()) == 4
    log = qmem.json("log", "cli-tree@storm")
    assert [entry["kind"] for entry in log] == ["remembered", "remembered"]
    assert f":{log[0]['place']['seq']}" in qmem.run("log", "cli-tree@storm")[0]
    inherited = f":{log[1]['place']['seq']}"
    assert qmem.json("mood", "cli-tree@storm", "--as-of", inherited) == qmem.json(
        "mood", "cli-tree", "--as-of", commit["id"]
    )
    qmem.run("rollback", "cli-tree", "planted", "--part", "memories")
    assert [one.text for one in cluster.agent("cli-tree").memories()] == ["We planted an apple tree."]
    qmem.run("rollback", "cli-tree", "planted", "--part", "nonsense", code=1)
    twin = qmem.json("clone", "cli-tree", "cli-twin")
    assert (twin["agent"], twin["kind"]) == ("cli-twin", "clone")
    _, err = qmem.run("rollback", "cli-tree", "never was", code=1)
    assert "'never was' names no commit" in err


def test_forget_mood_skills_and_concepts(qmem: Qmem) -> None:
    ids = qmem.json("remember", "cli-cook", "I burnt the soup in Lisbon and felt terrible.", "Lisbon was sunny.")["ids"]
    mood = qmem.json("mood", "cli-cook")
    assert set(mood["mean"]) == {"pleasure", "arousal", "dominance"}
    assert "pleasure" in qmem.run("mood", "cli-cook")[0]
    assert qmem.json("learn", "cli-cook", "soup", "chop", "simmer", "--when", "it is cold")["steps"] == [
        "chop",
        "simmer",
    ]
    assert [one["name"] for one in qmem.json("skills", "cli-cook", "cold weather")] == ["soup"]
    steps = qmem.json("remember", "cli-cook", "knead the dough", "bake it", "--tag", "baking")["ids"]
    assert qmem.json("learn-from", "cli-cook", "bread", *steps, "--failed", "--preview")["failures"] == 1
    bread = qmem.json("learn-from", "cli-cook", "bread", "--tag", "baking", "--when", "guests come")
    assert (bread["steps"], bread["sources"], bread["successes"]) == (["knead the dough", "bake it"], steps, 1)
    (hit,) = qmem.json("skills", "cli-cook", "knead dough")
    assert (hit["name"], set(hit["why"])) == ("bread", {"relevance", "lexical", "success"})
    assert "lisbon" in [one["concept"].lower() for one in qmem.json("concepts", "cli-cook")]
    assert qmem.json("forget", "cli-cook", ids[0])["forgotten"] == 1
    _, err = qmem.run("forget", "cli-cook", ids[0], code=1)
    assert ids[0] in err


def test_the_life_of_memories_is_shown_first_and_done_when_told_to(qmem: Qmem) -> None:
    told = [f"I drink green tea {often} in the garden" for often in ("often", "always", "mostly", "often")]
    ids = qmem.json("remember", "cli-life", *told, "--speaker", "Ann", "--at", "2020-01-01")["ids"]
    preview = qmem.json("dedupe", "cli-life")
    assert (preview["dry_run"], [group["id"] for group in preview["groups"]]) == (True, [min(ids[0], ids[3])])
    done = qmem.json("dedupe", "cli-life", "--apply")
    assert done["checkpoint"]["message"] == "before merging duplicates"
    stays = done["groups"][0]["id"]
    gone = done["groups"][0]["absorbed"][0]["id"]
    assert qmem.json("provenance", "cli-life", stays)["gone"] == [gone]
    made = qmem.json("consolidate", "cli-life", "--apply")["made"]
    assert [one["how"] for one in made] == ["fact"]
    assert "made as fact" in qmem.run("provenance", "cli-life", made[0]["id"])[0]
    assert "stay" in qmem.run("tidy", "cli-life", "--most", "2")[0]
    tidied = qmem.json("tidy", "cli-life", "--most", "2", "--apply")
    assert tidied["kept"] <= 2
    qmem.run("rollback", "cli-life", f":{tidied['checkpoint']['place']['seq']}")
    assert {one["id"] for one in qmem.json("tidy", "cli-life")["gone"]} <= {*ids}


def test_import_and_export_undo_each_other(qmem: Qmem, cluster: MemoryCluster, tmp_path: Path) -> None:
    given = cluster.agent("cli-out")
    given.remember(
        [
            Utterance(
                "Häuser\nam Meer: [schön]",
                "Zoë",
                kind="note",
                session="s",
                tags=("a", "b"),
                metadata={"n": {"x": [1, None]}},
            ),
            Utterance("felt", pad=PAD(0.5, -0.5, 0.25), confidence=0.25, importance=0.9, id="mine"),
        ]
    )
    file = tmp_path / "out.jsonl"
    assert qmem.json("export", "cli-out", "--embeddings", "-o", str(file))["memories"] == 2
    counts = {"agent": "cli-back", "read": 2, "added": 2, "known": 0, "skipped": 0, "format": "jsonl"}
    assert qmem.json("import", "cli-back", str(file)) == counts
    for one, other in zip(given.memories(), cluster.agent("cli-back").memories(), strict=True):
        for name in FIELDS[:-1]:
            assert getattr(one, name) == getattr(other, name), name
        assert one.embedding == pytest.approx(other.embedding, abs=1e-6)
    assert qmem.run("export", "cli-back", "--embeddings")[0].splitlines()[1].startswith('{"id": "mine"')
    assert qmem.json("import", "cli-back", str(file))["added"] == 0


def test_a_transcript_is_imported_once(qmem: Qmem, cluster: MemoryCluster, tmp_path: Path) -> None:
    file = tmp_path / "chat.txt"
    file.write_text("2025-01-11\n[18:02] Ilka: Happy new year!\nEleven days late.\n[18:04] Tomasz: You too.\n")
    assert qmem.json("import", "cli-chat", str(file))["added"] == 2
    assert "0 memories added" in qmem.run("import", "cli-chat", str(file))[0]
    with file.open("a") as more:
        more.write("[18:06] Ilka: Thanks.\n")
    assert qmem.json("import", "cli-chat", str(file))["added"] == 1
    out, _ = qmem.run("export", "cli-chat", "--format", "transcript")
    assert out.splitlines()[:3] == [
        "[2025-01-11 18:02:00] Ilka: Happy new year!",
        "    Eleven days late.",
        "[2025-01-11 18:04:00] Tomasz: You too.",
    ]
    assert {memory.session for memory in cluster.agent("cli-chat").memories()} == {"2025-01-11"}


def test_a_bad_line_leaves_nothing_written(qmem: Qmem, cluster: MemoryCluster, tmp_path: Path) -> None:
    """Whether it shows at once or only against the limits of the cluster."""
    file = tmp_path / "bad.jsonl"
    many = "".join(f'{{"text": "line {n}"}}\n' for n in range(300))
    limit = cluster.settings.limits.text_chars
    for last in ('{"text": ""}', '{"text": "a", "embedding": [1, 2]}', json.dumps({"text": "x" * (limit + 1)})):
        file.write_text(many + last)
        _, err = qmem.run("import", "cli-bad", str(file), code=1)
        assert err.startswith(f"qmem: {file}, line 301: ")
    assert "cli-bad" not in qmem.json("agents")


def test_an_import_with_options(qmem: Qmem, cluster: MemoryCluster, tmp_path: Path) -> None:
    file = tmp_path / "chat.csv"
    file.write_text("when,who,what\n2025-01-11T18:02,Ann,hello\nsoon,Bob,bad\n")
    columns = ("--column", "text=what", "--column", "speaker=who", "--column", "at=when", "--zone", "Europe/Berlin")
    dry = qmem.json("import", str(file), "--agent", "cli-opts", *columns, "--skip-bad", "--dry-run")
    assert (dry["added"], dry["skipped"], dry["dry_run"], len(dry["bad"])) == (1, 1, True, 1)
    assert "cli-opts" not in qmem.json("agents")
    out, err = qmem.run("import", str(file), "--agent", "cli-opts", *columns, "--skip-bad")
    assert out.splitlines() == [
        "1 memories added to cli-opts, 0 were known already",
        "1 could not be read and were left out",
    ]
    assert f"{file}, line 3: at: expected a time" in err
    (one,) = cluster.agent("cli-opts").memories()
    assert (one.speaker, one.text, one.at.isoformat()) == ("Ann", "hello", "2025-01-11T17:02:00+00:00")


def test_export_replaces_a_file_whole_or_not_at_all(qmem: Qmem, tmp_path: Path) -> None:
    qmem.run("remember", "cli-file", "something")
    file = tmp_path / "kept.jsonl"
    file.write_text("old")
    _, err = qmem.run("export", "cli-file", "-o", str(tmp_path / "no" / "such" / "folder.jsonl"), code=1)
    assert "No such file or directory" in err
    qmem.run("export", "cli-file", "-o", str(file))
    assert json.loads(file.read_text())["text"] == "something"
    assert [path.name for path in tmp_path.iterdir()] == ["kept.jsonl"]


def test_keys_are_made_beside_a_ray_that_holds_the_vault(cluster: MemoryCluster, tmp_path: Path) -> None:
    """By another process, which is told of the vault alone and finds the cluster by itself."""
    where = ["--json", "--storage", cluster.settings.storage]
    of_its_own = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}

    def told(*args: str) -> Any:
        command = [str(QMEM), *where, "keys", *args]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=90, cwd=tmp_path, check=True, env=of_its_own
        )
        return json.loads(done.stdout)

    made = told("create", "laptop", "--tenant", "beside")
    assert [one["id"] for one in told("list", "--tenant", "beside")] == [made["id"]]


@pytest.mark.slow
@pytest.mark.own_ray
def test_the_installed_command_starts_and_ends_its_own_ray(tmp_path: Path) -> None:
    """Options before the command; JSON alone on stdout; what one process remembers the next one recalls."""
    config = tmp_path / "settings.yaml"
    config.write_text("perception: {model: hashing}\nray: {dashboard: false, num_cpus: 4}\n")
    options = [str(QMEM), "--json", "--storage", str(tmp_path / "vault"), "--config", str(config)]

    command = [*options, "remember", "alice", "The key is under the blue pot."]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, cwd=tmp_path, check=True)
    (remembered,) = json.loads(done.stdout)["ids"]
    code, screen = on_a_terminal([*options, "recall", "alice", "where is the key?"], tmp_path)
    assert code == 0
    assert "Starting Ray" in screen
    assert "Traceback" not in screen
    answer = screen[screen.index("[{") :].splitlines()[0]
    assert [hit["memory"]["id"] for hit in json.loads(answer)] == [remembered]


def on_a_terminal(command: list[str], folder: Path) -> tuple[int, str]:
    """The exit code of a command and all that it wrote to a terminal, as somebody would see it scroll by."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, cwd=folder) as process:
        os.close(theirs)
        seen = bytearray()
        with contextlib.suppress(OSError):  # Linux says so when the other side of a terminal is closed
            while piece := os.read(ours, 65_536):
                seen += piece
        os.close(ours)
        return process.wait(timeout=60), seen.decode()
