"""What tools say of themselves to whoever decides whether to ask before they are used."""

from __future__ import annotations

from mcp_types import ToolAnnotations


def reads(title: str) -> tuple[str, ToolAnnotations]:
    """Of one that changes nothing."""
    return title, ToolAnnotations(read_only_hint=True, open_world_hint=False)


def writes(title: str, *, destructive: bool = False, idempotent: bool = False) -> tuple[str, ToolAnnotations]:
    """Of one that does."""
    return title, ToolAnnotations(
        read_only_hint=False, destructive_hint=destructive, idempotent_hint=idempotent, open_world_hint=False
    )
