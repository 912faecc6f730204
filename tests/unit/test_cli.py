"""The command line without Ray: options, exit codes, tables, JSON, and what the doctor sees."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
import unicodedata
from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import typer
from packaging.requirements import Requirement
from rich.console import Console, RenderableType
from typer.testing import CliRunner

from quantum_memory.actors.directory import Directory
from quantum_memory.actors.handle import AgentHandle
from quantum_memory.cluster import cli_tables as tables
from quantum_memory.cluster import doctor
from quantum_memory.cluster.cli import app
from quantum_memory.cluster.cli_session import Options, Session, moment, place, reported, without_dashboard
from quantum_memory.cluster.connect import asked_for
from quantum_memory.errors import AgentNotFound
from quantum_memory.settings import Settings
from quantum_memory.types import (
    PAD,
    Branch,
    Commit,
    Diff,
    Hit,
    LogEntry,
    Memory,
    MergeConflict,
    MergeReport,
    Mood,
    Place,
    Relation,
    RelationKey,
    Skill,
    SkillHit,
    Tag,
)

NOON = datetime(2025, 1, 11, 12, 0, tzinfo=UTC)
MEMORY = Memory(
    "m1", "Bob lent me [his] umbrella.", NOON, PAD(0.5, 0.1, 0), 1.0, 0.5, np.ones(2, dtype=np.float32), "Alice"
)
MOOD = Mood(PAD(0.5, -0.25, 0.0), (0.1, 0.2, 0.3), (("hope", 0.4), ("joy", 0.1)), 0.01, 0.999999, 12, 15_840, NOON)
HIT = Hit(MEMORY, 0.75, {"relevance": 0.5, "lexical": 0.25, "mood": 0.0})
BRANCH = Branch("b0", "alice", "main", "b0", "root", None, 0, NOON)
COMMANDS = (
    "agents", "audit", "backup", "backups", "branches", "checkpoint", "clone", "concepts", "consolidate", "context",
    "convert", "dedupe", "delete", "demo", "diff", "doctor", "equation", "export", "find", "forget", "fork", "gc",
    "import",
    "learn", "learn-from", "log", "mcp", "merge", "mood", "perceive", "picture", "provenance", "recall", "remember",
    "resize", "restore", "rollback", "serve", "skills", "status", "tag", "tidy", "verify", "warm-up",
)  # fmt: skip


GROUPS = {
    "keys": ("create", "list", "revoke"),
    "library": ("projects", "add", "list", "show", "search", "edit", "delete"),
}


def call(*args: str, stdin: str | None = None) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(args), input=stdin)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def drawn(picture: RenderableType, width: int = 100) -> str:
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115  (a sink)
    console.print(picture)
    text = console.export_text()
    console.file.close()
    return text


def test_every_command_is_there_and_has_help() -> None:
    assert sorted(one.name or one.callback.__name__ for one in app.registered_commands if one.callback) == sorted(
        COMMANDS
    )
    for name in COMMANDS:
        code, out, _ = call(name, "--help")
        assert (code, "--storage" in out, "--json" in out) == (0, True, True), name


def test_every_command_of_a_group_is_there_and_has_help() -> None:
    assert {group.name: group for group in app.registered_groups}.keys() == GROUPS.keys()
    for group, commands in GROUPS.items():
        code, out, _ = call(group, "--help")
        assert code == 0
        for name in commands:
            assert name in out
            code, told, _ = call(group, name, "--help")
            assert (code, "--storage" in told, "--json" in told) == (0, True, True), name


def test_help_loads_neither_ray_nor_torch() -> None:
    script = (
        "import sys, typer.testing; from quantum_memory.cluster.cli import app;"
        "typer.testing.CliRunner().invoke(app, ['recall', '--help']);"
        "print(sorted({'ray', 'torch', 'matplotlib', 'transformers', 'faiss'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "args",
    [
        ["recall", "alice"],
        ["recall", "alice", "x", "-k", "-1"],
        ["recall", "alice", "x", "--since", "yesterday"],
        ["remember", "alice"],
        ["merge", "alice", "b", "--policy", "mine"],
        ["import", "alice", "x", "--format", "xml"],
        ["learn-from", "alice", "cook"],
        ["learn-from", "alice", "cook", "m1", "--tag", "cooking"],
        ["tag", "alice", "--delete"],
        ["tag", "alice", "best", "--delete", "--move"],
        ["find", "--since", "yesterday"],
        ["export", "alice", "--format", "transcript", "--json"],
        ["demo", "--address", "auto"],
        ["resize", "agents", "2"],
        ["resize", "agents", "0", "--address", "auto"],
        ["audit", "--tenant", "acme"],
        ["audit", "alice", "--denied"],
        ["keys", "create"],
        ["keys", "create", "x", "--days", "0"],
        ["keys", "revoke"],
        ["nonsense"],
        ["--nonsense"],
    ],
)
def test_wrong_usage_exits_with_2_and_writes_nothing_to_stdout(args: list[str]) -> None:
    code, out, err = call(*args)
    assert (code, out) == (2, "")
    assert err


def test_an_error_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text("recal: {}\nmood: {half_life_s: -1}\n")
    for args in (["--config", str(settings), "--json", "agents"], ["agents", "--json", "--config", str(settings)]):
        code, out, err = call(*args)
        assert (code, out) == (1, "")
        assert err.startswith(f"qmem: {settings}: ")
        assert "recal: unknown key" in err
        assert "mood.half_life_s: " in err
        assert err.count("\n") == 1


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "missing.jsonl", "No such file"), (tmp_path, "nothing in it is of a format")):
        code, out, err = call("import", "alice", str(path))
        assert (code, out) == (1, "")
        assert err.startswith(f"qmem: {path}: {reason}")


def test_a_bad_file_is_refused_with_its_line_before_ray_is_started(tmp_path: Path) -> None:
    file = tmp_path / "chat.jsonl"
    file.write_text('{"text": "fine"}\n{"txt": "not fine"}\n')
    code, _, err = call("import", "alice", str(file))
    assert (code, err.count("\n")) == (1, 1)
    assert err.startswith(f"qmem: {file}, line 2: txt: expected one of")
    code, _, err = call("import", "alice", "-", stdin="hello\n")
    assert (code, err) == (1, "qmem: <stdin>, line 1: no turn begins here: 'hello' has no speaker\n")


def test_options_after_the_command_win_over_those_before_it() -> None:
    before = Options("a", Path("b"), "c", "d", json=True)
    assert Options().over(before) == before
    assert Options(storage="x").over(before) == Options("x", Path("b"), "c", "d", json=True)


def test_what_ray_prints_stays_out_of_the_answer_and_is_shown_when_nothing_else_explains_a_failure(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def work(words: str, error: Exception | None = None) -> None:
        with Session(Options())._hushed():
            print(words)  # noqa: T201  (as Ray does it)
            if error is not None:
                raise error

    work("(raylet) something")
    with pytest.raises(AgentNotFound):
        work("(raylet) something", AgentNotFound("bob"))
    assert capsys.readouterr() == ("", "")
    with pytest.raises(ZeroDivisionError):
        work("(raylet) out of memory", ZeroDivisionError())
    assert capsys.readouterr() == ("", "(raylet) out of memory\n")


def test_a_command_takes_the_settings_of_its_folder_and_no_dashboard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert asked_for(None, None) == (Settings(), Settings())
    Path("ray_config.yaml").write_text("storage: here\nblas_threads: 2\n")
    wishes, settings = asked_for(None, None)
    assert wishes == Settings(), "a file that happens to lie there is no wish"
    assert (settings.storage, settings.blas_threads) == ("here", 2)
    wishes, settings = asked_for("there", None)
    assert wishes.storage == settings.storage == str(tmp_path / "there")
    assert settings.blas_threads == 2
    Path("other.yaml").write_text("blas_threads: 3\n")
    wishes, settings = asked_for(None, Path("other.yaml"))
    assert wishes == settings
    assert settings.blas_threads == 3
    quiet = without_dashboard(settings)
    assert (quiet.ray.dashboard, quiet.blas_threads) == (False, 3)


def test_places_as_they_are_typed() -> None:
    handle = AgentHandle(BRANCH, Directory("none", {"agents": 1}, 1.0, 1.0))
    assert place(handle, None) is None
    assert place(handle, ":12") == Place("b0", 12)
    assert place(handle, "2025-01-11T12:00+00:00") == NOON
    assert place(handle, "before the quarrel") == "before the quarrel"
    assert place(handle, ":x") == ":x"
    assert moment("2025-01-11T12:00:00Z") == NOON
    assert moment(None) is None


def test_recollections_show_every_part_that_counts() -> None:
    text = drawn(tables.hits_table([HIT]))
    for piece in (
        "0.750",
        "Bob lent me [his] umbrella.",
        "2025-01-11 12:00 · Alice · m1",
        "relevance  +0.500",
        "lexical    +0.250",
    ):
        assert piece in text
    assert "mood" not in text
    assert "nothing comes to mind" in drawn(tables.hits_table([]))
    (one,) = json.loads(json.dumps(tables.hits_data([HIT]), allow_nan=False))
    assert one["why"] == {"relevance": 0.5, "lexical": 0.25, "mood": 0.0}
    assert (one["memory"]["id"], one["memory"]["at"]) == ("m1", "2025-01-11T12:00:00+00:00")
    assert "embedding" not in one["memory"]


def test_a_mood_is_shown_with_its_numbers() -> None:
    text = drawn(tables.mood_table(MOOD))
    for piece in ("+0.500", "±0.100", "-0.250", "hope 40%, joy 10%", "entropy 0.010 bits", "bond 12", "15.5 KiB"):
        assert piece in text
    found = json.loads(json.dumps(tables.mood_data(MOOD)))
    assert found["mean"] == {"pleasure": 0.5, "arousal": -0.25, "dominance": 0.0}
    assert found["spread"] == {"pleasure": 0.1, "arousal": 0.2, "dominance": 0.3}
    assert found["emotions"] == {"hope": 0.4, "joy": 0.1}
    assert "nothing felt yet" in drawn(tables.mood_table(Mood(PAD(0, 0, 0), (0, 0, 0), (), 0, 1, 1, 1, None)))


@pytest.mark.parametrize(("value", "cell"), [(-1.0, 0), (1.0, 23), (0.5, 17)])
def test_the_scale_marks_where_the_mean_is(value: float, cell: int) -> None:
    mood = Mood(PAD(value, 0, 0), (0, 0, 0), (), 0, 1, 1, 1, None)
    row = next(line for line in drawn(tables.mood_table(mood)).splitlines() if "pleasure" in line)
    scale = row.split("│")[4].strip()
    assert (len(scale), scale.index("●")) == (24, cell)


def test_history_is_shown_with_places_that_can_be_typed() -> None:
    commit = Commit("c1", "alice", Place("b1", 3), "before [it]", NOON)
    entry = LogEntry(Place("b1", 3), NOON, "remembered", "Bob [said] it", (commit,))
    text = drawn(tables.log_table([entry], {"b1": "what-if"}))
    for piece in (":3", "what-if", "2025-01-11 12:00", "remembered: Bob [said] it", "before [it]"):
        assert piece in text
    fork = Branch("b1", "alice", "what-if", "b0", "fork", "b0", 2, NOON)
    assert "main:2" in drawn(tables.branches_table([BRANCH, fork]))
    assert json.loads(json.dumps(tables.data([entry])))[0]["place"] == {"branch": "b1", "seq": 3}


def test_a_difference_shows_both_sides() -> None:
    many = tuple(Memory(str(n), f"text {n}", NOON, PAD(0, 0, 0), 1, 0, MEMORY.embedding) for n in range(5))
    found = Diff((MEMORY,), many, (), (Skill("tea", ("boil",)),), MOOD, MOOD, 0.5)
    text = drawn(tables.diff_table(found))
    for piece in ("- 2025-01-11 12:00 Alice: Bob lent me [his] umbrella.", "text 4", "fidelity of the moods 0.5000"):
        assert piece in text
    assert "+ … and 3 more" in drawn(tables.diff_table(found, texts=2))


def test_a_difference_shows_revisions_and_relations() -> None:
    told = replace(MEMORY, text="Bob lent me a coat.", tags=("rain",), revised_at=NOON)
    weaker, stronger = Relation("Bob", "helps", "Ann", 1.0, NOON), Relation("Bob", "helps", "Ann", 2.5, NOON)
    found = Diff((), (), (), (), MOOD, MOOD, 0.5, ((MEMORY, told),) * 3, (weaker,), (stronger,))
    text = drawn(tables.diff_table(found, texts=2))
    for piece in (
        "~ 2025-01-11 12:00 Alice: Bob lent me [his] umbrella. → Bob lent me a coat. (tags)",
        "~ … and 1 more",
        "- Bob helps Ann (weight 1, 2025-01-11 12:00)",
        "+ Bob helps Ann (weight 2.5, 2025-01-11 12:00)",
    ):
        assert piece in text
    answer = json.loads(json.dumps(tables.data(found)))
    assert [one["text"] for one in answer["revised"][0]] == [MEMORY.text, "Bob lent me a coat."]
    assert [answer[side][0]["weight"] for side in ("relations_left", "relations_right")] == [1.0, 2.5]


def test_a_merge_tells_what_it_lost() -> None:
    conflicts = (
        MergeConflict(
            "skills", "tea", "steps", None, ("boil",), ("steep", "pour"), "ours", ("boil",), "both changed it"
        ),
        MergeConflict("memories", "m7", "forgotten", MEMORY, None, MEMORY, "theirs", MEMORY, "an edit"),
        MergeConflict("graph", RelationKey("Bob", "likes", "tea"), "weight", 1.0, 2.0, 3.0, "theirs", 3.0, "newest"),
        MergeConflict("mood", "b", "", None, MOOD, MOOD, "theirs", MOOD, "theirs"),
    )
    report = MergeReport(Place("a", 1), None, ("m1",), (), (), conflicts, Place("b", 2), mood=0.5)
    assert json.loads(json.dumps(tables.data(report)))["conflicts"][0]["ours"] == ["boil"]
    text = drawn(tables.merge_table(report))
    for piece in (
        "1 memories added",
        "50% of the other",
        "both changed it",
        "boil",
        "steep; pour",
        "nothing",
        "Bob likes",
    ):
        assert piece in text
    empty = MergeReport(Place("a", 1), None, (), (), (), (), Place("b", 2))
    assert "nothing new" in drawn(tables.merge_table(empty))


def test_skills_show_how_often_they_went_well() -> None:
    text = drawn(tables.skills_table([Skill("tea", ("boil", "steep"), "when sad", 3, 1)]))
    for piece in ("tea", "boil", "steep", "when sad", "3 of 4"):
        assert piece in text
    assert "no skills yet" in drawn(tables.skills_table([]))


def test_skills_that_were_asked_for_say_why_they_fit_and_what_is_optional() -> None:
    why = {"relevance": 0.5, "lexical": 0.2, "success": 0.075}
    hit = SkillHit("tea", ("boil", "steep"), optional=(1,), embedding=np.ones(2, np.float32), score=0.775, why=why)
    text = drawn(tables.skills_table([hit]))
    for piece in ("0.775", "relevance", "+0.500", "steep (optional)"):
        assert piece in text
    assert tables.data(hit)["why"] == why
    assert "embedding" not in tables.data(hit)


def found(findings: list[doctor.Finding]) -> dict[str, doctor.Finding]:
    return {one.name: one for one in findings}


def test_the_doctor_finds_what_is_required(tmp_path: Path) -> None:
    findings = doctor.examine(None, str(tmp_path / "new"))
    assert [one for one in findings if not one.fine] == []
    names = found(findings)
    for name in (
        "python",
        "ray",
        "torch",
        "transformers",
        "numpy",
        "networkx",
        "h5py",
        "tensors",
        "FAISS",
        "GPUs of torch",
    ):
        assert names[name].value, name
    assert names["torch"].value == torch.__version__
    assert names["perception model"].value.startswith("minilm in ")
    assert names["tensors"].value.startswith("numpy, numpy ")
    assert names["mood memory"].value == "1,024 MiB of moods held by an actor"
    assert "writable, will be made" in names["folder"].value
    assert names["in use"].value == "no vault there yet"
    assert not (tmp_path / "new").exists()


def test_the_doctor_sees_a_vault_that_is_in_use(tmp_path: Path) -> None:
    with (tmp_path / "journal.sqlite.lock").open("w") as file:
        assert found(doctor.examine(None, str(tmp_path)))["in use"].value == "no"
        fcntl.flock(file, fcntl.LOCK_EX)
        held = found(doctor.examine(None, str(tmp_path)))["in use"]
    assert (held.value, held.fine) == ("held open by a running vault", True)
    assert "--address auto" in held.advice


def test_the_doctor_refuses_a_file_for_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, out, _ = call("doctor", "--json", "--storage", str(tmp_path / "file" / "inside"))
    answer = json.loads(out)
    assert (code, answer["fine"]) == (1, False)
    assert [one["name"] for one in answer["findings"] if not one["fine"]] == ["folder"]


@pytest.mark.parametrize(
    "storage", ["~surely-no-such-user/x", "a" * 5000, "nul\0", "postgresql://me:sec/ret@host/db", "postgresql://h:x/db"]
)
def test_the_doctor_survives_a_storage_that_cannot_be(storage: str) -> None:
    told = [one for one in doctor.examine(None, storage) if one.area == "storage"]
    assert told
    assert not any("sec" in one.value for one in told)


def test_the_doctor_names_bad_settings_and_goes_on(tmp_path: Path) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text("moood: {}\n")
    bad = found(doctor.examine(settings, str(tmp_path)))["read from"]
    assert (bad.fine, bad.advice) == (False, f"{settings}: moood: unknown key")


def test_the_doctor_follows_the_settings(tmp_path: Path) -> None:
    settings = tmp_path / "settings.yaml"
    device = "cpu" if torch.cuda.is_available() else "cuda"
    settings.write_text(
        "mood: {resident_mb: 2048, state_bytes: 9000, gpu_memory_limit_mb: 4096}\n"
        f"perception: {{model: {tmp_path}, device: {device}}}\nstorage: postgresql://me:secret@host/memories\n"
    )
    names = found(doctor.examine(settings))
    assert not names["perception model"].fine
    memory = names["mood memory"].value
    assert memory == "2,048 MiB of moods held by an actor, 9,000 bytes for one, 4,096 MiB of its GPU"
    assert names["perception device"].fine == torch.cuda.is_available()
    assert names["database"].value == "postgresql+psycopg://me:***@host/memories"


def test_what_is_missing_comes_with_the_command_that_brings_it() -> None:
    missing = doctor._installed("extra", Requirement("surely-not-there>=1"), "pip install it", needed=False)
    assert (missing.value, missing.fine, missing.advice) == ("not installed", True, "pip install it")
    needed = doctor._installed("required", Requirement("numpy<0.1"), "pip install it", needed=True)
    assert (needed.fine, needed.advice) == (False, "pip install it")
    assert needed.value.endswith("<0.1 is wanted")
    extras = [one for one in doctor.examine(None, "x") if one.area.startswith("extra")]
    assert {one.area for one in extras} == {f"extra {extra}" for extra in doctor.EXTRAS}
    assert all(one.fine for one in extras)
    for one in extras:
        assert bool(one.advice) == (one.value == "not installed")


def test_a_library_that_breaks_when_it_is_touched_is_reported() -> None:
    def broken() -> str:
        raise OSError("libcudart.so: cannot open shared object file")

    report = doctor._probed("backends", "thing", broken, "reinstall it", needed=True)
    assert (report.fine, report.value) == (False, "OSError: libcudart.so: cannot open shared object file")
    assert "reinstall it" in drawn(doctor.table([report]))


def test_the_doctor_starts_no_ray() -> None:
    script = (
        "import sys; from quantum_memory.cluster import doctor; doctor.examine(None, 'nowhere');"
        "print('ray' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "False"


def test_the_doctor_draws_a_table() -> None:
    code, out, _ = call("doctor", "--storage", "nowhere")
    assert code == 0
    assert "required" in out


def test_anything_an_answer_holds_becomes_json() -> None:
    values: dict[str, Any] = {
        "memory": MEMORY,
        "place": Place("b", 1),
        "times": (NOON,),
        "numbers": np.arange(2),
        "one": np.float64(2),
    }
    assert json.loads(json.dumps(tables.data(values))) == {
        "memory": tables.data(MEMORY),
        "place": {"branch": "b", "seq": 1},
        "times": ["2025-01-11T12:00:00+00:00"],
        "numbers": [0, 1],
        "one": 2.0,
    }


def test_texts_cannot_move_the_terminal() -> None:
    nasty = "\x1b]0;owned\x07 \x9b2J \u202eback\r gone\ttab\nline"
    shown = tables.harmless(nasty)
    assert not {"\x1b", "\x07", "\x9b", "\u202e", "\r"} & set(shown)
    assert "\ttab\nline" in shown
    memory = Memory("m", nasty, NOON, PAD(0, 0, 0), 1.0, 0.5, np.array([1, 0], dtype=np.float32), speaker=nasty)
    out = StringIO()
    Console(file=out, force_terminal=True, width=200).print(tables.hits_table([Hit(memory, 1.0, {"lexical": 1.0})]))
    assert "\x1b]" not in out.getvalue()
    assert "\x9b" not in out.getvalue()


def test_names_and_errors_stay_on_their_line(capsys: pytest.CaptureFixture[str]) -> None:
    nasty = "alice\nbob\u2028carol\t\x1b[2J\u2067dave"
    out = StringIO()
    console = Console(file=out, width=200)
    console.print(tables.lines("first", nasty))
    console.print(tables.tags_table([Tag(nasty, "alice", Place("b", 1), NOON)], {"b": nasty}))
    Session(Options()).note(nasty)
    with pytest.raises(typer.Exit), reported():
        raise FileNotFoundError(2, "no such file", nasty)
    with pytest.raises(typer.Exit), reported():
        raise AgentNotFound(nasty)
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 3
    for text in (out.getvalue(), said):
        assert not {"\x1b", "\u2067", "\u2028", "\t"} & set(text)
    assert out.getvalue().splitlines()[:2] == ["first", "alice␊bob\ufffdcarol␉␛[2J\ufffddave"]


UNSEEN = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) in ("Cc", "Cf", "Zl", "Zp")]


def test_nothing_that_nobody_sees_is_printed_on_a_line() -> None:
    """All that Unicode calls a control, a format or an end of a line, and fillers: no name looks like another one."""
    for char in [*UNSEEN, "\u034f", "\u115f", "\u1160", "\u3164", "\uffa0"]:
        for text in (f"al{char}ice", f"{char}alice", f"alice{char}", char):
            shown = tables.one_line(text)
            assert len(shown) == len(text)
            assert char not in shown
            assert "\ufffd" in shown or "\u2400" <= shown[text.index(char)] <= "\u241f"
    assert tables.one_line("pay\u200bpal \ufeffbob") == "pay\ufffdpal \ufffdbob"
    hidden = "".join(chr(0xE0000 + ord(char)) for char in "root")
    assert tables.one_line(f"alice{hidden}") == "alice" + 4 * "\ufffd"


@pytest.mark.parametrize(
    "text",
    [
        "plain, Ünïcödé, 北京, مرحبا, שלום",
        "👩\u200d🚀 👨\u200d👩\u200d👧 👩🏽\u200d💻 ❤\ufe0f\u200d🔥 🧔\u200d♂\ufe0f 🏳\ufe0f\u200d🌈",
        "می\u200cخواهم",
        "क्\u200dष न्\u200cन",
    ],
    ids=["letters", "emoji", "Persian", "Devanagari"],
)
def test_what_is_seen_is_printed_as_it_is(text: str) -> None:
    assert tables.one_line(text) == text


@pytest.mark.parametrize(
    "text", ["a\u200db", "a\u200cb", "👩\u200d", "\u200d👩", "👩\u200d\u200d👩", "م\u200dم", "👩\u200c👩"]
)
def test_a_joiner_that_joins_nothing_is_shown(text: str) -> None:
    shown = tables.one_line(text)
    assert not {"\u200c", "\u200d"} & set(shown)
    assert "\ufffd" in shown


@pytest.mark.parametrize(("typed", "meant"), [("2025-01-01", "2025-01-01"), ("20250111", "20250111"), ("main", "main")])
def test_a_bare_date_is_a_name(typed: str, meant: str) -> None:
    assert place(AgentHandle(BRANCH, Directory("none", {"agents": 1}, 1.0, 1.0)), typed) == meant
