"""A chat endpoint on loopback that speaks as OpenAI-compatible servers do, and says what a test tells it to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LIVES = "I live in Rome."
Answer = Callable[["Server"], tuple[int, bytes]]


def statement(**other: object) -> dict[str, object]:
    told: dict[str, object] = {
        "subject": "Ann",
        "predicate": "lives in",
        "object": "Rome",
        "negated": False,
        "tense": "present",
        "confidence": 0.7,
        "quote": "I live in Rome",
    }
    return told | other


def completion(content: object) -> bytes:
    text = content if isinstance(content, str) else json.dumps(content)
    return json.dumps(
        {"id": "1", "choices": [{"index": 0, "message": {"role": "assistant", "content": text}}]}
    ).encode()


class Server:
    """A chat endpoint on loopback that answers with what it is told, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.answers: list[Answer] = []
        self.retry_after: str | None = None
        self.location: str | None = None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.asked.append(json.loads(body))
                outer.headers.append(dict(self.headers.items()))
                outer.paths.append(self.path)
                status, reply = (outer.answers.pop(0) if outer.answers else Server.usual)(outer)
                self.send_response(status)
                self.send_header("Content-Length", str(len(reply)))
                if outer.retry_after is not None:
                    self.send_header("Retry-After", outer.retry_after)
                if outer.location is not None:
                    self.send_header("Location", outer.location)
                with suppress(ConnectionError):  # who asked may have given up
                    self.end_headers()
                    self.wfile.write(reply)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
                """Keep the test's output clean."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def usual(self) -> tuple[int, bytes]:
        """What a fair model would say of the last text."""
        text = json.loads(self.asked[-1]["messages"][-1]["content"])["message"]
        entities = [
            {"name": name, "kind": kind} for name, kind in (("Rome", "entity"), ("Eve", "person")) if name in text
        ]
        statements = [statement()] if text == LIVES else []
        return 200, completion({"entities": entities, "statements": statements})

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def saying(content: object, status: int = 200) -> Answer:
    return lambda _: (status, completion(content))
