"""The OpenAPI document of the REST door, and docs/rest.md: what they say is what the door does."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from jsonschema import Draft202012Validator

from quantum_memory.cluster.service.document import PROBLEMS, RETRIES, WITH_BODY
from quantum_memory.cluster.service.principals import ROLES
from quantum_memory.cluster.service.problems import MEDIA_TYPE
from tests.unit.doors import Rest, said

DOCS = Path(__file__).parents[2] / "docs" / "rest.md"
OPERATIONS = {
    "readCaller", "listDenials", "listAgents", "makeAgent", "readAgent", "remember", "rememberMany", "rememberStream",
    "recall",
    "context", "readMood", "readMoodHistory", "feel", "listMemories", "readMemory", "readProvenance", "reviseMemory",
    "forgetMemory", "forget", "readLog", "checkpoint", "listCommits", "listTags", "putTag", "dropTag",
    "diff", "readTree", "readAudit",
    "listBranches", "deleteBranch", "fork", "clone", "rollback", "merge", "listConcepts", "listRelations", "relate",
    "unrelate", "listNeighbours", "listPaths", "listSkills", "learn", "learnFrom", "practise", "exportMemories",
    "importMemories", "exportArchive", "importArchive", "listProjects", "listEntries", "addEntry", "readEntry",
    "updateEntry", "deleteEntry", "searchLibrary",
}  # fmt: skip
"""Clients are made from these names: one that changes breaks them."""


@pytest.fixture(scope="module")
def rest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rest]:
    made = Rest(tmp_path_factory.mktemp("door"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def document(rest: Rest) -> dict[str, Any]:
    answer = rest.get("/openapi.json", who="stranger")
    assert answer.status_code == 200, "the document is for everybody"
    found: dict[str, Any] = answer.json()
    return found


def test_the_document_is_encoded_once_and_not_sent_to_whoever_has_it(rest: Rest) -> None:
    answer = rest.get("/openapi.json", who="stranger")
    tag = answer.headers["etag"]
    for told in (tag, f"W/{tag}", f'"another", {tag}'):
        again = rest.get("/openapi.json", who="stranger", headers={"If-None-Match": told})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    other = rest.get("/openapi.json", who="stranger", headers={"If-None-Match": '"another"'})
    assert (other.status_code, other.content) == (200, answer.content)


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, one) for path, found in document["paths"].items() for method, one in found.items()]


def test_operations_have_stable_names_a_summary_a_role_and_their_problems(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert document["security"] == [{"bearer": []}]
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    found = operations(document)
    assert sorted(one["operationId"] for _, _, one in found) == sorted(OPERATIONS)
    for path, method, one in found:
        assert path.startswith("/v1/")
        assert one["summary"].endswith(".")
        assert one["x-role"] in ROLES
        told = one["responses"]
        wanted = {str(status) for status in PROBLEMS if method != "get" or status not in WITH_BODY}
        assert wanted <= set(told), one["operationId"]
        assert any(status.startswith("2") for status in told)
        parameters = {parameter.get("$ref", "").rpartition("/")[2] for parameter in one["parameters"]}
        assert ("IdempotencyKey" in parameters) == (method != "get" and one["x-role"] != "reader")
        assert "RequestId" in parameters


def test_operations_show_by_example_what_they_take(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for path, _, one in operations(document):
        for parameter in one["parameters"]:
            if parameter.get("in") in ("path", "query") and parameter["required"]:
                assert parameter["schema"]["examples"] or parameter["examples"], path
        body = one.get("requestBody", {}).get("content", {}).get("application/json")
        if body is not None and body["schema"].get("format") != "binary":
            schema = schemas[body["schema"]["$ref"].rpartition("/")[2]]
            assert schema["examples"], one["operationId"]
            validator = Draft202012Validator({**schema, "components": document["components"]})
            for example in schema["examples"]:
                validator.validate(example)


def test_streams_are_shown_by_examples_that_can_be_sent(rest: Rest, document: dict[str, Any]) -> None:
    sent = 0
    for path, method, one in operations(document):
        for kind, told in one.get("requestBody", {}).get("content", {}).items():
            if told["schema"].get("format") == "binary" and "example" in told:
                url = path.removeprefix("/v1").format(agent=f"agent-{sent}")
                headers = {"Content-Type": kind}
                answer = rest.ask(method, f"{url}?create=true", content=told["example"], headers=headers)
                assert answer.status_code == 200, answer.text
                assert len(rest.get(f"/agents/agent-{sent}/memories").json()["items"]) == 2, (path, kind)
                sent += 1
    assert sent == 5


def test_problems_have_an_example_each_and_say_when_to_ask_again(document: dict[str, Any]) -> None:
    told = document["components"]["responses"]
    for status in PROBLEMS:
        content = told[f"Problem{status}"]["content"][MEDIA_TYPE]
        assert content["example"]["status"] == status
        assert ("Retry-After" in told[f"Problem{status}"]["headers"]) == (status in RETRIES)
        Draft202012Validator(document["components"]["schemas"]["Problem"]).validate(content["example"])


def test_everything_that_is_pointed_to_is_there(document: dict[str, Any]) -> None:
    for reference in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document)):
        found: Any = document
        for step in reference.split("/"):
            found = found[step]
        assert found, reference


def test_answers_are_as_the_document_has_them(rest: Rest, document: dict[str, Any]) -> None:
    rest.post("/agents/bob/remember/batch?create=true", {"memories": [said(1), said(2)]})
    answer = rest.post("/agents/bob/recall", {"query": "thing"}).json()
    Draft202012Validator({"$ref": "#/components/schemas/Recalled", "components": document["components"]}).validate(
        answer
    )
    assert len(answer["hits"]) == 2


# docs/rest.md

MANUAL = DOCS.read_text(encoding="utf-8")
COMMANDS = re.findall(r"^curl (.*)$", MANUAL.replace("\\\n", " "), re.MULTILINE)


def called(command: str, files: Mapping[str, bytes]) -> tuple[str, str, dict[str, str], bytes | None]:
    """Method, path, headers and body of a command."""
    method, url, headers, body = "GET", "", {}, None
    left = iter(shlex.split(command))
    for word in left:
        if word in ("-X", "--request"):
            method = next(left)
        elif word in ("-H", "--header"):
            name, _, value = next(left).partition(": ")
            headers[name] = value
        elif word in ("-d", "--json", "--data-binary"):
            given = next(left)
            body = files[given.removeprefix("@")] if given.startswith("@") else given.encode()
            method = "POST" if method == "GET" else method
            if word == "--json":
                headers["Content-Type"] = "application/json"
        elif word in ("-o", "--output"):
            next(left)
        elif not word.startswith("-"):
            url = word
    return method, url, headers, body


FILES = {
    "memories.jsonl": b'{"text": "The cat came too."}\n{"text": "It likes the balcony."}\n',
    "chat.txt": b"Ann: hello\nBob: hi\n",
}


def test_the_commands_of_the_manual_work_one_after_the_other(tmp_path: Path) -> None:
    assert len(COMMANDS) >= 20
    rest = Rest(tmp_path)
    files = dict(FILES)
    try:
        for command in COMMANDS:
            method, url, headers, body = called(command, files)
            parts = urlsplit(url.replace("$DOOR", "http://door"))
            path = parts.path.removeprefix("/v1") + (f"?{parts.query}" if parts.query else "")
            headers["Authorization"] = headers.get("Authorization", "").replace("$KEY", "admin")
            answer = rest.ask(method, path, content=body, headers=headers)
            assert answer.status_code < 300, f"{command}\n{answer.text}"
            if path.startswith("/agents/alice/archive"):
                files["alice.qms"] = answer.content
    finally:
        rest.close()


def test_the_manual_names_every_operation(document: dict[str, Any]) -> None:
    for path, method, one in operations(document):
        row = f"| `{method.upper()} {path.removeprefix('/v1')}` | {one['x-role']} |"
        assert row in MANUAL, row
