"""What the commands of the life of memories show."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

from quantum_memory.cluster import cli_tables as tables
from quantum_memory.cluster.cli_life import duplicates_table, made_table, provenance_lines, tidy_table
from quantum_memory.memory.life.provenance import Provenance
from quantum_memory.memory.life.reports import (
    Absorbed,
    ConsolidationReport,
    DuplicateGroup,
    DuplicatesReport,
    Fading,
    Made,
    TidyReport,
)
from quantum_memory.types import Commit, Place
from tests.unit.lives import said
from tests.unit.test_cli import drawn

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
COMMIT = Commit("c1", "alice", Place("b1", 7), "before tidying up", NOON)
GONE = Fading("m1", "It [rained] all day", "utterance", NOON, 0.01, 0.2, 3, "retention 0.010 below 0.05")


def test_what_would_go_says_that_nothing_was_changed_and_what_went_how_to_have_it_back() -> None:
    preview = TidyReport(True, NOON, (GONE,), 4)
    text = drawn(tidy_table(preview), 140)
    for piece in ("It [rained] all day", "0.010", "retention 0.010 below 0.05", "4 stay", "nothing was changed"):
        assert piece in text
    assert "roll back to :7" in drawn(tidy_table(replace(preview, dry_run=False, checkpoint=COMMIT)), 140)
    assert "4 stay; done" in drawn(tidy_table(replace(preview, dry_run=False)), 140)
    told = json.loads(json.dumps(tables.data(replace(preview, checkpoint=COMMIT)), allow_nan=False))
    assert told["gone"][0]["uses"] == 3
    assert told["checkpoint"]["place"] == {"branch": "b1", "seq": 7}


def test_copies_and_what_is_made_are_shown_with_their_numbers() -> None:
    group = DuplicateGroup("m1", "We met", (Absorbed("m2", "We met!", 1.0, 0.98),))
    text = drawn(duplicates_table(DuplicatesReport(True, NOON, (group,))))
    for piece in ("We met!", "1.00", "0.98"):
        assert piece in text
    made = (Made("fact:1", "fact", "I like tea " * 20, ("a", "b", "c"), True), Made("e", "episode", "x", ("a",), False))
    text = drawn(made_table(ConsolidationReport(False, NOON, made, ())), 120)
    for piece in ("fact", "…", "new", "grown", "done"):
        assert piece in text


def test_provenance_names_what_is_there_and_what_is_gone() -> None:
    fact, source = said(1, "I like tea", 0, kind="fact"), said(2, "I like\ntea", 0)
    lines = provenance_lines(Provenance(fact, "fact", (source,), ("m9",), ()))
    assert lines == [
        "I like tea: made as fact",
        "  of  m2 (utterance) 2026-01-01 00:00: I like tea",
        "  of  m9: is not there any more",
    ]
    assert provenance_lines(Provenance(source, None, (), (), (fact,)))[1].startswith("  to  m1 (fact)")
