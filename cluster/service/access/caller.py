"""What of a connection tells who it is from: one credential, an address, and whether it came straight from there."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address
from typing import Any, NamedTuple
from urllib.parse import urlsplit

FORWARDING = frozenset({"forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip"})
"""Headers that something in between adds, with those that begin as below."""
FORWARDED = "x-forwarded"


class Caller(NamedTuple):
    """Where a request or a WebSocket comes from.

    Attributes:
        authorization: the header of this name; two of them read as one that nobody takes.
        address: the other end of the connection, as far as it is known.
        direct: whether it asks for this machine by a loopback name, nothing in between said that it passed it on or
            speaks as old a protocol as proxies do, and no page of another site sent it. Only so does the address tell
            whether it is from this machine.
    """

    authorization: str | None
    address: str | None
    direct: bool

    def __repr__(self) -> str:
        return f"Caller({self.address!r}, direct={self.direct})"


def caller_of(scope: Mapping[str, Any]) -> Caller:
    """The caller of an ASGI connection, HTTP or WebSocket."""
    headers = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]]
    client = scope.get("client")

    def values(wanted: str) -> list[str]:
        return [value for name, value in headers if name == wanted]

    credentials = values("authorization")
    passed_on = any(name in FORWARDING or name.startswith(FORWARDED) for name, _ in headers)
    # Proxies that were told nothing speak HTTP/1.0 to what is behind them and add no header. Hardly anybody else does.
    passed_on = passed_on or scope.get("http_version") == "1.0"
    passed_on = passed_on or any(site not in ("same-origin", "none") for site in values("sec-fetch-site"))
    hosts, origins = values("host"), values("origin")
    here = len(hosts) == 1 and _local_name(f"//{hosts[0]}") and all(_is_of(origin, hosts[0]) for origin in origins)
    return Caller(
        ", ".join(credentials) if credentials else None, client[0] if client else None, here and not passed_on
    )


def is_loopback(address: str | None) -> bool:
    """Whether an address is this machine's own."""
    try:
        found = ip_address(address or "")
    except ValueError:
        return False
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped.is_loopback
    return found.is_loopback


def _is_of(origin: str, host: str) -> bool:
    """Whether a page is of the very host that is asked: another port of this machine is another site."""
    try:
        return urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:
        return False


def _local_name(url: str) -> bool:
    """Whether a URL names this machine, in a way that no name server has a say in."""
    try:
        name = urlsplit(url).hostname
    except ValueError:
        return False
    return name == "localhost" or is_loopback(name)
