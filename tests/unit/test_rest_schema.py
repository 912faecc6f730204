"""The REST door against cases made from its own document: no 5xx, and nothing that the document does not say.

Examples, the edges of every parameter and body, random cases that fit and that do not, and operations in a row, each
with what those before it answered. ``QM_TEST_CASES`` says how many at least; ``make test-contract`` plays 10,000.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import MutableMapping
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.unit.doors import Rest, said

schemathesis = pytest.importorskip("schemathesis")
engine = pytest.importorskip("schemathesis.engine")
events = pytest.importorskip("schemathesis.engine.events")
SchemathesisConfig = pytest.importorskip("schemathesis.config").SchemathesisConfig
STREAMS = ["application/x-ndjson", "application/jsonl", "application/zip", "text/csv"]
CASES = int(os.environ.get("QM_TEST_CASES", "3600"))
PHASES = ("examples", "coverage", "fuzzing", "stateful")
PATIENT_S = 120.0
"""Who gives the door a millisecond is answered 504, as he asked for; here nobody does."""
THERE = "alice"


class Playing:
    """What was played so far, and what was wrong.

    Attributes:
        played: cases by operation and phase.
        failed: what was wrong, and how it is asked for again.
    """

    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self.played: Counter[tuple[str, str]] = Counter()
        self.failed: list[str] = []

    def play(self, phases: tuple[str, ...], examples: int, seed: int) -> None:
        """Play phases, with so many random cases of each operation at most."""
        for event in engine.from_schema(self._schema(phases, examples, seed)).execute():
            if isinstance(event, events.ScenarioFinished):
                self._took(event)
            elif isinstance(event, events.NonFatalError):
                self.failed.append(f"{event.label}: {event.info.format()}")
            elif isinstance(event, events.FatalError):
                raise event.exception

    def _schema(self, phases: tuple[str, ...], examples: int, seed: int) -> Any:
        wanted = {
            "seed": seed,
            "headers": {"Authorization": "Bearer admin"},
            "continue-on-failure": True,
            "generation": {"max-examples": examples, "database": "none"},
            "phases": {phase: {"enabled": phase in phases} for phase in PHASES},
            # A document cannot say that a branch has to be there: cases that fit it may be refused, as it says.
            "checks": {"positive_data_acceptance": {"enabled": False}},
        }
        schema = schemathesis.openapi.from_asgi(
            "/v1/openapi.json", self._rest.app, config=SchemathesisConfig.from_dict(wanted)
        )
        turns = count()

        @schema.hook  # type: ignore[untyped-decorator]  # the library's
        def map_case(context: Any, case: Any) -> Any:
            """Half of them are about somebody who is there, and nobody is in a hurry."""
            if case.meta is not None and case.meta.generation.mode.is_positive:
                if next(turns) % 2 and "agent" in (case.path_parameters or {}):
                    case.path_parameters["agent"] = THERE
                for given in (case.query, case.body):
                    if isinstance(given, MutableMapping) and given.get("deadline_s") is not None:
                        given["deadline_s"] = PATIENT_S
            return case

        return schema

    def _took(self, scenario: Any) -> None:
        recorder = scenario.recorder
        for case in recorder.cases.values():
            self.played[case.value.operation.label, scenario.phase.value] += 1
        for checks in recorder.checks.values():
            for check in checks:
                if (found := check.failure_info) is not None:
                    told = f"{found.failure.title}: {found.failure.message}\n{found.code_sample}"
                    self.failed.append(f"{scenario.phase.value}, {recorder.label}, {check.name}: {told}")


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_operation_answers_as_the_document_says(tmp_path: Path) -> None:
    schemathesis.serializer.alias(STREAMS, "application/octet-stream")
    rest = Rest(tmp_path)
    try:
        _furnish(rest)
        operations = _operations(rest)
        playing = Playing(rest)
        playing.play(("examples", "coverage", "stateful"), 5, seed=0)
        for seed in count(1):
            missing = CASES - playing.played.total()
            if missing <= 0 and seed > 1:
                break
            playing.play(("fuzzing",), max(2, -(-missing // len(operations))), seed)
        by_phase = Counter[str]()
        for (_, phase), number in playing.played.items():
            by_phase[phase] += number
        told = f"{playing.played.total()} cases of {len(operations)} operations: {dict(by_phase)}"
        print(told)  # noqa: T201 (what make test-contract is asked for)
        assert not playing.failed, "\n\n".join(playing.failed[:20])
        assert {operation for operation, _ in playing.played} == operations
        assert all(by_phase[phase] for phase in PHASES), by_phase
    finally:
        rest.close()


def _operations(rest: Rest) -> set[str]:
    document = rest.app.openapi()
    return {f"{method.upper()} {path}" for path, found in document["paths"].items() for method in found}


def _furnish(rest: Rest) -> None:
    """An agent that has a little of everything."""
    rest.put(f"/agents/{THERE}")
    rest.post(f"/agents/{THERE}/remember/batch", {"memories": [said(number, speaker="Ann") for number in range(5)]})
    rest.post(f"/agents/{THERE}/skills", {"name": "tea", "steps": ["boil"]})
    rest.post(f"/agents/{THERE}/relations", {"subject": "Ann", "predicate": "likes", "object": "tea"})
    rest.post(f"/agents/{THERE}/checkpoint", {"message": "before the move"})
    rest.post(f"/agents/{THERE}/fork", {"name": "what-if"})
