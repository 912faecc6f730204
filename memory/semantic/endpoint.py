"""One HTTP endpoint that takes JSON: an address that is checked once, and a request. Knows nothing of what is sent.

Follows no redirect and no proxy, so that a key and a text go to the address that was named and nowhere else.
"""

from __future__ import annotations

import http.client
import ipaddress
import ssl
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from quantum_memory.checks import visible
from quantum_memory.errors import InvalidValue

MAX_REPLY_BYTES = 4 << 20
Post = Mapping[str, Any]


class Reply(NamedTuple):
    """What came back: the status, the body, and how long the server asks to be left alone."""

    status: int
    body: bytes
    retry_after_s: float | None


class Endpoint:
    """The chat completions of an API.

    Args:
        url: the base of the API; ``/chat/completions`` is added.
        timeout_s: of the connection and of each read.

    Raises: InvalidValue for an address with a user, a query or a fragment, and for plain http to another machine.
    """

    def __init__(self, url: str, timeout_s: float) -> None:
        try:
            parts = urlsplit(visible("url", url))
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise InvalidValue("url", "an address that cannot be read", "http(s)://host[:port]/path") from None
        if "@" in parts.netloc or parts.query or parts.fragment:
            raise InvalidValue("url", f"an address at {host} with a user, a query or a fragment", "none of these")
        if parts.scheme not in {"http", "https"} or not host:
            raise InvalidValue("url", repr(url), "http(s)://host[:port]/path")
        if parts.scheme == "http" and not _is_here(host):
            raise InvalidValue("url", repr(url), "https, because the host is not this machine")
        self._path = parts.path.rstrip("/") + "/chat/completions"
        if not self._path.isascii() or any(char.isspace() or not char.isprintable() for char in self._path):
            raise InvalidValue("url", repr(url), "a path of printable ASCII characters")
        self._secure, self._host, self._port, self._timeout_s = parts.scheme == "https", host, port, timeout_s
        self.url = url

    def send(self, post: Post, key: str | None) -> Reply:
        """Post, and read what comes back. Raises: OSError, also for an answer that is no HTTP or is too long."""
        headers = {"Content-Type": "application/json", "Accept": "application/json", "Connection": "close"}
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        connection = self._opened()
        try:
            connection.request("POST", self._path, msgspec.json.encode(post), headers)
            with connection.getresponse() as response:
                body = response.read(MAX_REPLY_BYTES + 1)
                if len(body) > MAX_REPLY_BYTES:
                    raise OSError(f"a reply of more than {MAX_REPLY_BYTES} bytes")
                return Reply(response.status, body, _seconds(response.getheader("Retry-After")))
        except http.client.HTTPException as error:
            raise OSError(type(error).__name__) from None
        finally:
            connection.close()

    def _opened(self) -> http.client.HTTPConnection:
        if self._secure:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout_s, context=context)
        return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout_s)


def _is_here(host: str) -> bool:
    """Whether a host is this machine by its form; no name but "localhost" is looked up."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _seconds(text: str | None) -> float | None:
    """The seconds of a Retry-After; ``None`` if there is none, or a date."""
    return float(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 6 else None
