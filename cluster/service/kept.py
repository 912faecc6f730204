"""Documents that never change while a replica serves: encoded once, and sent to whoever has not got them yet."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from functools import cached_property
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

_TAGS = re.compile(r'"[^"]*"')


class Kept:
    """One document of JSON, at a path of its own.

    Args:
        made: what it says; asked once, when somebody first wants it.
        media: its type.
    """

    def __init__(self, made: Callable[[], Any], media: str) -> None:
        self._made, self._media = made, media

    @cached_property
    def _encoded(self) -> bytes:
        return json.dumps(self._made(), ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()

    @cached_property
    def _tag(self) -> str:
        return f'"{hashlib.sha256(self._encoded).hexdigest()[:32]}"'

    async def answer(self, request: Request) -> Response:
        """The document, or nothing for whoever has it: as ``If-None-Match`` says by its ``ETag``."""
        headers = {"ETag": self._tag, "Cache-Control": "no-cache"}
        if self._tag in _TAGS.findall(request.headers.get("If-None-Match", "")):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return Response(self._encoded, media_type=self._media, headers=headers)
