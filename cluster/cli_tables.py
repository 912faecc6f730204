"""Answers as tables for people and as plain data for JSON. Computes nothing and asks nobody."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from quantum_memory.cluster import branch_graph
from quantum_memory.cluster.formats import AXES, record
from quantum_memory.memory.vault.admission import Denial
from quantum_memory.types import (
    AuditEntry,
    Branch,
    Diff,
    Found,
    Hit,
    LogEntry,
    Memory,
    MergeReport,
    Mood,
    Place,
    Relation,
    Skill,
    SkillHit,
    Tag,
    Tree,
)

BAR_CELLS = 24
_DIRECTIONS = (0x061C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A))
_SHOWN = {code: 0x2400 + code for code in range(0x20) if chr(code) not in "\n\t"} | dict.fromkeys(
    (*range(0x7F, 0xA0), *_DIRECTIONS), 0xFFFD
)
_JOINERS = re.compile("[\u200c\u200d]")
_BLANK = frozenset("\u034f\u115f\u1160\u3164\uffa0")
"""Letters and marks that nothing is seen of."""
_VIRAMA = 9


class _Ends(dict[int, int]):
    """What stands on a line for a character that ends it, or that nobody sees."""

    def __missing__(self, code: int) -> int:
        char = chr(code)
        unseen = unicodedata.category(char) in ("Cf", "Zl", "Zp") or char in _BLANK
        return 0xFFFD if unseen and not _JOINERS.match(char) else code


_ENDS = _Ends({ord(char): 0x2400 + ord(char) for char in "\n\t"})


def harmless(text: str) -> str:
    """The text as a terminal may print it: control and direction characters that could move or hide things shown."""
    return text.translate(_SHOWN)


def one_line(text: str) -> str:
    """The same of what is to stay on its line: also the ends of lines in it are shown, and that there is something
    where nobody sees it (Unicode's formats, fillers), so that it looks like no other line and no other name.

    Joiners are left where they change what is seen: within an emoji and within a word of a script that has them. Flags
    that are spelt with tags (England's) lose them.
    """
    return _JOINERS.sub(_joiner, harmless(text)).translate(_ENDS)


def _joiner(found: re.Match[str]) -> str:
    """A joiner that is seen, or what stands for one that is not (RFC 5892, appendices A.1 and A.2; emoji beside it)."""
    at, text = found.start(), found.string
    before, after = text[max(at - 1, 0) : at], text[at + 1 : at + 2]
    if not before or not after:
        return "\ufffd"
    emoji = unicodedata.category(after) == "So" and (before == "\ufe0f" or unicodedata.category(before) in ("So", "Sk"))
    arabic = unicodedata.bidirectional(before) == unicodedata.bidirectional(after) == "AL"
    kept = emoji if found[0] == "\u200d" else arabic
    return found[0] if kept or unicodedata.combining(before) == _VIRAMA else "\ufffd"


def called(name: str, style: str = "") -> Text:
    """A name, a title or a tag, harmless and on one line."""
    return Text(one_line(name), style)


def words(text: str, style: str = "", **layout: Any) -> Text:
    """A harmless text without markup."""
    return Text(harmless(text), style, **layout)


def data(value: Any) -> Any:
    """A value as JSON can hold it: memories as ``qmem export`` writes them, times in ISO 8601, objects by field.

    A skill's embedding is left out.
    """
    if isinstance(value, Memory):
        return record(value)
    if isinstance(value, Place):
        return value._asdict()
    if is_dataclass(value) and not isinstance(value, type):
        shown = [one.name for one in fields(value) if not (isinstance(value, Skill) and one.name == "embedding")]
        return {name: data(getattr(value, name)) for name in shown}
    if isinstance(value, Mapping):
        return {str(key): data(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [data(inner) for inner in value]
    return value.isoformat() if isinstance(value, datetime) else _number(value)


def _number(value: Any) -> Any:
    """What numpy counted as Python counts it."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def mood_data(mood: Mood) -> dict[str, Any]:
    """A mood, its spread by axis and its emotions by name."""
    return {
        **data(mood),
        "spread": dict(zip(AXES, data(mood.spread), strict=True)),
        "emotions": {name: float(probability) for name, probability in mood.emotions},
    }


def hits_data(hits: Sequence[Hit]) -> list[dict[str, Any]]:
    """Recollections: the memory, its score and the parts that it is made of."""
    return [{"score": float(hit.score), "why": data(hit.why), "memory": data(hit.memory)} for hit in hits]


def when(at: datetime | None) -> str:
    """A time to the minute, in UTC."""
    return "" if at is None else at.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def hits_table(hits: Sequence[Hit]) -> RenderableType:
    """Recollections, best first, each with the parts of its score."""
    if not hits:
        return words("nothing comes to mind")
    parts = list(dict.fromkeys(part for hit in hits for part in hit.why))
    table = Table(show_lines=True)
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("memory", ratio=1, min_width=24)
    table.add_column("why", no_wrap=True)
    for hit in hits:
        by = " · ".join(part for part in (when(hit.memory.at), hit.memory.speaker, hit.memory.id) if part)
        memory = Text.assemble(harmless(hit.memory.text), "\n", (one_line(by), "dim"))
        table.add_row(f"{hit.score:.3f}", memory, _why(hit.why, parts))
    return table


def _why(why: Mapping[str, float], parts: Sequence[str]) -> Text:
    """The parts that count, largest first, as many to a line as stay readable."""
    told = sorted((part for part in parts if abs(why.get(part, 0.0)) >= 0.0005), key=lambda part: -why[part])
    return words("\n".join(f"{part:<10} {why[part]:+.3f}" for part in told))


def mood_table(mood: Mood) -> RenderableType:
    """A mood: mean and spread of each axis, the likeliest emotions, and the tensors behind it."""
    axes = Table()
    for heading, justify in (
        ("", "left"),
        ("mean", "right"),
        ("spread", "right"),
        ("-1          0          +1", "left"),
    ):
        axes.add_column(heading, justify="left" if justify == "left" else "right", no_wrap=True)
    for axis, spread in zip(AXES, mood.spread, strict=True):
        mean = getattr(mood.mean, axis)
        axes.add_row(axis, f"{mean:+.3f}", f"±{spread:.3f}", _scale(mean))
    likely = words("most likely  " + ", ".join(f"{name} {probability:.0%}" for name, probability in mood.emotions))
    felt = f"last feeling {when(mood.at)}" if mood.at else "nothing felt yet"
    quantum = words(
        f"{felt} · entropy {mood.entropy:.3f} bits · fidelity {mood.fidelity:.7f} · "
        f"bond {mood.bond} · {mood.nbytes / 1024:.1f} KiB",
        style="dim",
    )
    return Group(axes, likely, quantum)


def _scale(value: float) -> str:
    """A mark on a line from -1 to +1."""
    cells = ["─"] * BAR_CELLS
    cells[BAR_CELLS // 2] = "┼"
    cells[min(BAR_CELLS - 1, round((value + 1) / 2 * (BAR_CELLS - 1)))] = "●"
    return "".join(cells)


def log_table(entries: Sequence[LogEntry], branches: Mapping[str, str]) -> RenderableType:
    """The history, newest first; the place can be typed where a command wants one."""
    table = Table("place", "branch", "time", "what", "checkpoints")
    table.columns[3].ratio = 1
    for entry in entries:
        named = ", ".join(f"{one.message or one.id[:8]}" for one in entry.commits)
        branch = branches.get(entry.place.branch, entry.place.branch[:8])
        table.add_row(
            f":{entry.place.seq}",
            called(branch),
            when(entry.at),
            words(f"{entry.kind}: {entry.summary}"),
            called(named),
        )
    return table


def branches_table(branches: Sequence[Branch], tree: Tree | None = None) -> RenderableType:
    """Branches with where they left their parents, and with a tree also where they stand and what their tags are."""
    known = {branch.id: branch for branch in (tree.branches if tree else branches)}
    table = Table("branch", "kind", "from", "made", *(("at", "tags") if tree else ()))
    for branch in branches:
        more = () if tree is None else (f":{tree.heads[branch.id]}", called(_tags_on(branch, tree)))
        table.add_row(
            called(branch.name), branch.kind, called(_origin(branch, known, tree)), when(branch.created_at), *more
        )
    return table


def _origin(branch: Branch, known: Mapping[str, Branch], tree: Tree | None) -> str:
    if branch.parent is None:
        return ""
    parent = known.get(branch.parent)
    if parent is None or parent.agent != branch.agent:
        return f"another agent:{branch.fork_seq}"
    deleted = " (deleted)" if tree and parent.id in tree.deleted else ""
    return f"{parent.name}:{branch.fork_seq}{deleted}"


def _tags_on(branch: Branch, tree: Tree) -> str:
    return ", ".join(tag.name for tag in tree.tags if tag.place.branch == branch.id)


def tags_table(tags: Sequence[Tag], branches: Mapping[str, str]) -> RenderableType:
    """Tags with the places that they name."""
    if not tags:
        return words("no tags yet")
    table = Table("tag", "place", "branch", "put")
    for tag in tags:
        branch = branches.get(tag.place.branch, tag.place.branch[:8])
        table.add_row(called(tag.name), f":{tag.place.seq}", called(branch), when(tag.at))
    return table


def tree_data(tree: Tree) -> dict[str, Any]:
    """A tree as JSON can hold it."""
    return {
        "branches": [
            data(one) | {"head": tree.heads[one.id], "deleted": one.id in tree.deleted} for one in tree.branches
        ],
        "merges": [{"into": data(into), "from": data(source)} for into, source in tree.merges],
        "commits": data(tree.commits),
        "tags": data(tree.tags),
    }


def tree_lines(tree: Tree, limit: int) -> RenderableType:
    """The branches as a graph of text, newest first, with at most so many places."""
    drawn: list[Text] = []
    for line, spot in branch_graph.lines(branch_graph.graph(tree)):
        limit -= spot is not None
        if limit < 0:
            break
        text = words(line, "cyan", no_wrap=True, overflow="ellipsis")
        if spot is not None:
            text.append(f"  :{spot.place.seq} ", "bold")
            text.append(one_line(spot.branch.name), "dim" if spot.deleted else "green")
            text.append(harmless("".join(f"  {' '.join(one.split())}" for one in branch_graph.remarks(spot))))
            text.append(f"  {when(spot.at)}" if spot.at else "", "dim")
        drawn.append(text)
    return Group(*drawn)


def found_table(found: Sequence[Found]) -> RenderableType:
    """What a search of the vault found."""
    if not found:
        return words("nothing was ever remembered like this")
    table = Table("agent", "place", "time", "what")
    table.columns[3].ratio = 1
    for one in found:
        by = " · ".join(part for part in (one.emotion, one.speaker, one.session, one.id) if part)
        told = Text.assemble(harmless(one.text), "\n", (one_line(by), "dim"))
        table.add_row(called(one.agent), f":{one.place.seq}", when(one.at), told)
    return table


def audit_table(entries: Sequence[AuditEntry]) -> RenderableType:
    """Who changed what, newest first."""
    table = Table("change", "time", "who", "agent", "what")
    for one in entries:
        place = "" if one.seq is None else f" :{one.seq}"
        what = called(f"{one.action}{place}  {one.detail}".rstrip())
        table.add_row(str(one.position), when(one.at), called(one.who), called(one.agent or ""), what)
    return table


def denials_table(denials: Sequence[Denial]) -> RenderableType:
    """What callers from outside were denied, newest first."""
    if not denials:
        return words("nobody was denied anything")
    table = Table("time", "who", "what", "why")
    table.columns[1].overflow = "fold"
    table.columns[3].ratio = 1
    for one in denials:
        who = "\n".join(one_line(part) for part in (one.tenant, one.who, one.address) if part)
        what = called(f"{one.action}  {one.agent or ''}".rstrip())
        table.add_row(when(one.at), words(who), what, called(one.reason))
    return table


def skills_table(skills: Sequence[Skill]) -> RenderableType:
    """Skills with how often they went well."""
    if not skills:
        return words("no skills yet")
    asked = [skill for skill in skills if isinstance(skill, SkillHit) and skill.why]
    parts = list(dict.fromkeys(part for hit in asked for part in hit.why))
    table = Table("skill", "when", "steps", "went well", *(["score", "why"] if asked else []))
    for skill in skills:
        tries = skill.successes + skill.failures
        fits = [words(f"{skill.score:.3f}"), _why(skill.why, parts)] if isinstance(skill, SkillHit) and asked else []
        steps = (step + " (optional)" * (index in skill.optional) for index, step in enumerate(skill.steps))
        table.add_row(
            called(skill.name), words(skill.when), words("\n".join(steps)), f"{skill.successes} of {tries}", *fits
        )
    return table


def diff_table(diff: Diff, texts: int | None = None) -> RenderableType:
    """Two places side by side, what only one of them knows and what was revised: all, or the first few of each."""
    table = Table("", "left only", "right only")
    table.add_row("memories", str(len(diff.only_left)), str(len(diff.only_right)))
    table.add_row("revised", *[str(len(diff.revised))] * 2)
    table.add_row("relations", str(len(diff.relations_left)), str(len(diff.relations_right)))
    table.add_row("skills", str(len(diff.skills_left)), str(len(diff.skills_right)))
    for axis in AXES:
        table.add_row(axis, f"{getattr(diff.mood_left.mean, axis):+.3f}", f"{getattr(diff.mood_right.mean, axis):+.3f}")
    table.add_row("mood", *(_likeliest(mood) for mood in (diff.mood_left, diff.mood_right)))
    sides = (
        ("-", "red", [_remembered(one) for one in diff.only_left]),
        ("+", "green", [_remembered(one) for one in diff.only_right]),
        ("~", "yellow", [_revised(*pair) for pair in diff.revised]),
        ("-", "red", [_related(one) for one in diff.relations_left]),
        ("+", "green", [_related(one) for one in diff.relations_right]),
    )
    told = [_changed(sign, style, side, texts) for sign, style, side in sides if side]
    return Group(table, words(f"fidelity of the moods {diff.mood_fidelity:.4f}"), *told)


def _changed(sign: str, style: str, told: Sequence[str], most: int | None) -> Text:
    shown = [f"{sign} {one_line(one)}" for one in told[:most]]
    more = len(told) - len(shown)
    text = "\n".join([*shown, f"{sign} … and {more} more"] if more else shown)
    return words(text, style=style, no_wrap=True, overflow="ellipsis")


def _remembered(one: Memory) -> str:
    return f"{when(one.at)} {one.speaker or ''}: {' '.join(one.text.split())}"


def _revised(left: Memory, right: Memory) -> str:
    """A memory as it is on the left, its text on the right if that is another, and what else differs."""
    ours, theirs = data(left), data(right)
    names = [name for name in ours | theirs if ours.get(name) != theirs.get(name)]
    text = f" → {' '.join(right.text.split())}" if "text" in names else ""
    others = ", ".join(name for name in names if name not in ("text", "revised_at"))
    return _remembered(left) + text + (f" ({others})" if others else "")


def _related(one: Relation) -> str:
    return f"{' '.join(one.key)} (weight {one.weight:g}, {when(one.at)})"


def _likeliest(mood: Mood) -> str:
    return ", ".join(f"{name} {probability:.0%}" for name, probability in mood.emotions[:2])


def merge_table(report: MergeReport) -> RenderableType:
    """What a merge did, and what both sides had changed."""
    done = (
        (len(report.added), "memories added"),
        (len(report.revised), "revised"),
        (len(report.forgotten), "forgotten"),
        (len(report.skills), "skills taken"),
        (len(report.relations), "relations taken"),
        (len(report.unrelated), "relations ended"),
    )
    told = [f"{count} {what}" for count, what in done if count]
    if report.mood:
        told.append(f"{report.mood:.0%} of the other mood")
    summary = words(", ".join(told) or "there was nothing new to take")
    if not report.conflicts:
        return summary
    table = Table("part", "key", "field", "ours", "theirs", "why", title="Conflicts")
    for one in report.conflicts:
        key = one.key if isinstance(one.key, str) else " ".join(one.key)
        shown = (one.part, key, one.field, _value(one.ours), _value(one.theirs), one.reason)
        table.add_row(*(words(text) for text in shown))
    return Group(summary, table)


def _value(value: object) -> str:
    """One side of a conflict, for people."""
    match value:
        case None:
            return "nothing"
        case Memory(text=text) | str(text):
            return text
        case Mood():
            return _likeliest(value)
        case tuple() if all(isinstance(one, str) for one in value):
            return "; ".join(value)
        case _:
            return str(value)


def lines(*texts: str) -> RenderableType:
    """Plain lines, each of which stays one."""
    return Text("\n".join(map(one_line, texts)))
