"""Refusals of HTTP itself: what is wrong with a request before anybody reads what it is about."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.exceptions import HTTPException

ROOM_S = 5
"""After which time there may be room for an upload again."""


class Refusal(HTTPException):
    """A request that is not taken as it came.

    Attributes:
        kind: the last part of the problem's type.
        detail: one line for people.
    """

    def __init__(self, status: int, kind: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, detail, headers)
        self.kind = kind


def too_large(limit: int) -> Refusal:
    """The body has more bytes than are taken."""
    return Refusal(413, "body-too-large", f"the body is over the limit of {limit} bytes", {"Connection": "close"})


def no_room(others: str) -> Refusal:
    """All uploads together, or one caller's, have as much on disk as they may."""
    headers = {"Connection": "close", "Retry-After": str(ROOM_S)}
    detail = f"{others} take all the room that there is for files; ask again in {ROOM_S} s"
    return Refusal(503, "uploads-full", detail, headers)


def too_slow(limit_s: float) -> Refusal:
    """The body did not come in time."""
    return Refusal(408, "slow-body", f"the body did not come within {limit_s:g} s", {"Connection": "close"})


def unsupported(given: str, wanted: str) -> Refusal:
    """The body is of a media type that is not read here."""
    told = repr(given[:80]) if given else "no media type"
    return Refusal(415, "unsupported-media-type", f"expected a body of {wanted}, got {told}")
