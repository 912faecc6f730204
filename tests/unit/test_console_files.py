"""The console's files as the door serves them, and that they are what the sources give. No browser, no Node."""

from __future__ import annotations

import asyncio
import re
import tomllib
from collections.abc import Iterator, MutableMapping
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from quantum_memory.cluster.service.console import GUARDS, TYPES, console_routes

ROOT = Path(__file__).parents[2]
CLIENTS = ROOT / "clients"
BUILT = ROOT / "cluster" / "service" / "console" / "built"
SOURCES = (
    "console/src",
    "console/index.html",
    "console/package-lock.json",
    "console/package.json",
    "console/vite.config.ts",
    "typescript/src",
)


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(Starlette(routes=console_routes())) as made:
        yield made


def test_what_is_served_was_built_from_the_sources_that_are_there() -> None:
    """As ``clients/console/scripts/stamp.mjs`` counts it. If this fails: ``make console``."""
    found = [path for name in SOURCES for path in sorted((CLIENTS / name).rglob("*")) or [CLIENTS / name]]
    digest = sha256()
    for path in sorted((one for one in found if one.is_file()), key=lambda one: one.relative_to(CLIENTS).as_posix()):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(CLIENTS).as_posix()}\0{len(content)}\0".encode() + content)
    assert (BUILT / "sources.digest").read_text().strip() == digest.hexdigest()


def test_the_page_is_asked_for_again_and_its_parts_are_kept_for_good(client: TestClient) -> None:
    page = client.get("/console")
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert page.headers["Cache-Control"] == "no-cache"
    assert client.get("/console/").content == page.content
    linked = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(linked) == 3
    for path in linked:
        part = client.get(path)
        assert part.headers["Content-Type"] == TYPES[path.rpartition(".")[2]]
        assert part.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert re.search(r"-[\w-]{8}\.\w+$", path), "its name says what is in it"


def test_who_has_a_file_already_is_not_sent_it_again(client: TestClient) -> None:
    whole = client.get("/console")
    tag = whole.headers["ETag"]
    for told in (tag, f'"other", W/{tag}'):
        again = client.get("/console", headers={"If-None-Match": told})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    assert client.get("/console", headers={"If-None-Match": '"other"'}).status_code == 200
    head = client.head("/console")
    assert (head.status_code, head.content, head.headers["Content-Length"]) == (200, b"", str(len(whole.content)))


def test_every_answer_forbids_what_the_page_does_not_need(client: TestClient) -> None:
    script = re.findall(r'src="([^"]+)"', client.get("/console").text)[0]
    for path in ("/console", script):
        for name, value in GUARDS.items():
            assert client.get(path).headers[name] == value, (path, name)
    policy = dict(one.split(" ", 1) for one in GUARDS["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert GUARDS["Referrer-Policy"] == "no-referrer"
    assert GUARDS["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "assets/",
        "assets/nothing.js",
        "assets/..%2findex.html",
        "assets/%2e%2e%2f__init__.py",
        "assets/..%5c..%5c__init__.py",
        "assets/%2fetc%2fpasswd",
        "assets/index.html",
        "assets/x/../../index.html",
        "sources.digest",
        "__init__.py",
        "built/index.html",
        "..%2f..%2fapp.py",
    ],
)
def test_nothing_but_the_files_of_the_page_is_served(path: str) -> None:
    """Paths as they may come over the wire: no client has put them in order before."""
    whole = f"/console/{path}"
    scope = {"type": "http", "method": "GET", "path": unquote(whole), "raw_path": whole.encode(), "headers": []}
    statuses = []

    async def send(message: MutableMapping[str, Any]) -> None:
        statuses.append(message.get("status"))

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.disconnect"}

    asyncio.run(Starlette(routes=console_routes())({**scope, "query_string": b""}, receive, send))
    assert statuses[0] == 404


def test_only_getting_is_served(client: TestClient) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert client.request(method, "/console").status_code == 405


def test_what_has_no_known_type_is_not_served(tmp_path: Path) -> None:
    (tmp_path / "assets" / "folder").mkdir(parents=True)
    (tmp_path / "index.html").write_text("page")
    for name in ("a.js", "b.map", "c", "d.php"):
        (tmp_path / "assets" / name).write_text(name)
    with TestClient(Starlette(routes=console_routes(tmp_path))) as client:
        found = {
            name: client.get(f"/console/assets/{name}").status_code
            for name in ("a.js", "b.map", "c", "d.php", "folder")
        }
    assert found == {"a.js": 200, "b.map": 404, "c": 404, "d.php": 404, "folder": 404}


def test_the_package_has_the_files() -> None:
    """With the patterns of ``package-data``, every file that was built is in a wheel."""
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["*"]
    built = [path for path in BUILT.rglob("*") if path.is_file()]
    assert len(built) >= 5
    assert [path.name for path in built if not any(path.match(pattern) for pattern in told)] == []
    assert (files("quantum_memory.cluster.service.console") / "built" / "index.html").is_file()


def test_no_address_of_another_machine_is_in_what_is_served() -> None:
    """But names of XML namespaces, which nobody asks for."""
    for path in (BUILT / "assets").iterdir():
        found = set(re.findall(r"\b(?:https?|wss?)://[\w.-]+", path.read_text()))
        assert found <= {"http://www.w3.org"}, path.name


def test_the_lock_file_names_no_registry() -> None:
    assert "resolved" not in (CLIENTS / "console" / "package-lock.json").read_text()
