"""The REST door against cases made from its own document: no 5xx, and nothing that the document does not say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable

from tests.unit.doors import Rest, said

schemathesis = pytest.importorskip("schemathesis")
checks = pytest.importorskip("schemathesis.specs.openapi.checks")
STREAMS = ["application/x-ndjson", "application/jsonl", "application/zip", "text/csv"]
CASES = 30
"""Of each operation and mode."""
CHECKS = (
    pytest.importorskip("schemathesis.checks").not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
)


@pytest.mark.slow
def test_every_operation_answers_as_the_document_says(tmp_path: Path) -> None:
    rest = Rest(tmp_path)
    try:
        _furnish(rest)
        schemathesis.serializer.alias(STREAMS, "application/octet-stream")
        schema = schemathesis.openapi.from_asgi("/v1/openapi.json", rest.app)
        count, failed = 0, []
        for found in schema.get_all_operations():
            operation = found.ok()
            for mode in schemathesis.GenerationMode:
                try:
                    count += _tried(operation, mode)
                except BaseExceptionGroup as error:
                    failed += [f"{operation.label} ({mode.value}): {one}" for one in error.exceptions]
                except Unsatisfiable:
                    continue  # nothing of it can be wrong
                except AssertionError as error:
                    failed.append(f"{operation.label} ({mode.value}): {error}")
        assert not failed, "\n\n".join(failed)
        assert count >= 400
    finally:
        rest.close()


def _furnish(rest: Rest) -> None:
    """An agent that has a little of everything."""
    rest.put("/agents/alice")
    rest.post("/agents/alice/remember/batch", {"memories": [said(number, speaker="Ann") for number in range(5)]})
    rest.post("/agents/alice/skills", {"name": "tea", "steps": ["boil"]})
    rest.post("/agents/alice/relations", {"subject": "Ann", "predicate": "likes", "object": "tea"})
    rest.post("/agents/alice/checkpoint", {"message": "before the move"})
    rest.post("/agents/alice/fork", {"name": "what-if"})


def _tried(operation: Any, mode: Any) -> int:
    count = 0

    @settings(
        max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None
    )
    @given(operation.as_strategy(generation_mode=mode))
    def run(case: Any) -> None:
        nonlocal count
        count += 1
        # Half of them about somebody who is there.
        if count % 2 and "agent" in (case.path_parameters or {}) and mode.is_positive:
            case.path_parameters["agent"] = "alice"
        case.headers = {**(case.headers or {}), "Authorization": "Bearer admin"}
        case.call_and_validate(checks=CHECKS)

    run()
    return count
