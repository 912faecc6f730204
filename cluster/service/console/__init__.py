"""The console's files, as a browser asks for them. Owns what goes with them; nothing of any agent is in them.

What is in ``built`` is made from ``clients/console`` by ``make console``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from quantum_memory.cluster.service.refusals import Refusal

PATH: Final = "/console"
PAGE: Final = "index.html"
ASSETS: Final = "assets"
TYPES: Final = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
"""By the ending of a file's name; what ends otherwise is not served."""
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
GUARDS: Final = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""Headers of every answer."""
FOR_GOOD: Final = "public, max-age=31536000, immutable"
ASK_AGAIN: Final = "no-cache"
_TAGS = re.compile(r'(?:W/)?("[^"]*")')


@dataclass(frozen=True, slots=True)
class File:
    """A file as it is sent.

    Attributes:
        content: its bytes.
        headers: all that go with it, its ETag among them.
    """

    content: bytes
    headers: dict[str, str]

    @classmethod
    def read(cls, found: Traversable, caching: str) -> File:
        """The file at a place in the package."""
        content = found.read_bytes()
        tag = f'"{blake2b(content, digest_size=16).hexdigest()}"'
        kind = TYPES[found.name.rpartition(".")[2]]
        return cls(content, {**GUARDS, "Content-Type": kind, "ETag": tag, "Cache-Control": caching})

    def answer(self, request: Request) -> Response:
        """The file, or that whoever asks has it already."""
        if self.headers["ETag"] in _TAGS.findall(request.headers.get("If-None-Match", "")):
            return Response(status_code=304, headers={**self.headers})
        return Response(self.content, headers=self.headers)


def console_routes(built: Traversable | None = None) -> list[Route]:
    """The page, and what it is made of.

    Args:
        built: a folder with what was built; the package's own when left out.
    """
    found = files(__package__) / "built" if built is None else built
    page = File.read(found / PAGE, ASK_AGAIN)
    assets = {
        one.name: File.read(one, FOR_GOOD)
        for one in (found / ASSETS).iterdir()
        if one.is_file() and one.name.rpartition(".")[2] in TYPES
    }

    async def shown(request: Request) -> Response:
        return page.answer(request)

    async def asset(request: Request) -> Response:
        file = assets.get(request.path_params["name"])
        if file is None:
            raise Refusal(404, "not-found", "there is no such file")
        return file.answer(request)

    return [
        Route(PATH, shown),
        Route(f"{PATH}/", shown),
        Route(f"{PATH}/{ASSETS}/{{name}}", asset),
    ]
