"""What the texts name is there: commands and their options, settings, modules and folders, links."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer

from quantum_memory.cluster import service
from quantum_memory.cluster.cli import app
from quantum_memory.cluster.service import access, limits, stream
from quantum_memory.settings import Settings

ROOT = Path(__file__).parents[2]
TEXTS = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md")), *sorted(ROOT.glob("clients/*/README.md"))]
COMMAND = re.compile(r"(?:^|[`$] ?)qmem +([a-z][^`#\n\\]*+)(?!\\)", re.MULTILINE)
SETTING = re.compile(r"`([a-z_]+(?:\.[a-z_]+)+)[`:=]")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#([^)]+))?\)")
NO_SETTINGS = {"context.levels", "context.citations", "graph.associate", "ray.get", "vault.write"}
"""Members of an answer, spans and a function, whose names begin as sections of the settings do."""


def settings() -> set[str]:
    found: set[str] = set()

    def walk(tree: dict[str, object], above: str) -> None:
        for name, value in tree.items():
            found.add(f"{above}{name}")
            if isinstance(value, dict):
                walk(value, f"{above}{name}.")

    walk(Settings().model_dump(), "")
    return found


def wrong(line: str) -> str | None:
    """What of a command line is no command, or no option of it."""
    command: Any = typer.main.get_command(app)
    words = line.split()
    while hasattr(command, "commands"):
        name = words.pop(0).rstrip(".,;:)") if words else ""
        if name not in command.commands:
            return f"{name!r} in {line!r}" if name else None
        command = command.commands[name]
    known = {option for one in command.params for option in (*one.opts, *one.secondary_opts)} | {"--help"}
    asked = {word.partition("=")[0].rstrip(".,;:)") for word in words if word.startswith("--")}
    return f"{sorted(asked - known)} in {line!r}" if asked - known else None


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_text_names_is_there(text: Path) -> None:
    told = text.read_text(encoding="utf-8")
    assert [fault for line in COMMAND.findall(told) if (fault := wrong(line))] == []

    known = settings()
    sections = {name.partition(".")[0] for name in known}
    named = {name for name in SETTING.findall(told) if name.partition(".")[0] in sections}
    assert named - known - NO_SETTINGS == set()


@pytest.mark.parametrize("text", [*TEXTS, ROOT / "CHANGELOG.md"], ids=lambda path: str(path.relative_to(ROOT)))
def test_the_links_of_a_text_lead_somewhere(text: Path) -> None:
    for path, anchor in LINK.findall(text.read_text(encoding="utf-8")):
        target = text.parent / path
        assert target.exists(), path
        if anchor:
            heads = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}, (path, anchor)


def test_the_layout_names_every_folder_of_the_packages() -> None:
    told = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    layout = told[told.index("## Layout") : told.index("## Processes")]
    folders = {
        one.parent.name
        for package in ("actors", "memory", "policies", "cluster")
        for one in (ROOT / package).rglob("__init__.py")
        if one.parent.name != "versions"
    }
    assert {folder for folder in folders if f"{folder}/" not in layout} == set()


@pytest.mark.parametrize("part", [access, limits, stream], ids=lambda part: str(part.__name__.rpartition(".")[2]))
def test_a_part_of_the_door_lists_its_modules(part: ModuleType) -> None:
    there = {one.stem for one in Path(str(part.__file__)).parent.glob("*.py")} - {"__init__"}
    assert {name for name in there if not re.search(rf"^ *{name} ", part.__doc__ or "", re.MULTILINE)} == set()


def test_the_door_lists_its_modules() -> None:
    """Those that share a beginning with an asterisk in its list, as ``models_*``, need not be named each."""
    told = service.__doc__ or ""
    there = {one.stem for one in (ROOT / "cluster" / "service").glob("*.py")} - {"__init__"}
    there |= {f"{one.parent.name}/" for one in (ROOT / "cluster" / "service").glob("*/__init__.py")}
    assert {name for name in there if not name.startswith("models_") and not re.search(rf"\b{name}", told)} == set()
