"""What goes around every request: its id, and an answer where something failed that nobody foresaw."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from typing import Final
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quantum_memory.cluster.service import problems
from quantum_memory.cluster.service.bodies import Refusable
from quantum_memory.errors import DeadlineExceeded
from quantum_memory.telemetry.carried import CARRIED, REQUEST_ID

HEADER: Final = "X-Request-ID"
_TAKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
logger = logging.getLogger(__name__)


BEGINNINGS = frozenset({"http.response.start", "websocket.http.response.start", "websocket.accept"})
"""The messages with which answers begin."""


class Envelope:
    """An application whose every request and stream has an id, and whose every failure an answer.

    So has a request that a replica which ends waits for no longer: nobody knows then how much of it was done.

    Args:
        app: the application.

    A caller's ``X-Request-ID`` is taken if it is 1 to 64 letters, digits, ".", "_" or "-".
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get(HEADER, "")
        request_id = given if _TAKEN.fullmatch(given) else uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        token = CARRIED.set({**(CARRIED.get() or {}), REQUEST_ID: request_id})
        try:
            await self._answered(scope, receive, send, request_id)
        finally:
            CARRIED.reset(token)

    async def _answered(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        begun, since_s = False, time.monotonic()
        whole = Refusable(receive, send)

        async def marked(message: Message) -> None:
            nonlocal begun
            if message["type"] in BEGINNINGS:
                begun = True
                message.setdefault("headers", [])
                told = MutableHeaders(scope=message)
                told[HEADER] = request_id
                if message["type"] != "websocket.accept":
                    told["X-Content-Type-Options"] = "nosniff"
                    told.setdefault("Cache-Control", "no-store")
            await whole.send(message)

        try:
            await self._app(scope, whole.receive, marked)
        except ClientDisconnect:
            logger.debug("whoever asked left before all of it was there")
        except asyncio.CancelledError:
            if not begun and scope["type"] == "http":
                told = problems.problem_of(DeadlineExceeded("the request", time.monotonic() - since_s), request_id)
                await problems.answer(told)(scope, whole.receive, marked)
            raise
        except Exception:
            logger.exception("a request failed")
            if begun or scope["type"] != "http":
                raise
            await problems.answer(problems.bug(request_id))(scope, whole.receive, marked)
