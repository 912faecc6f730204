"""Tools as the protocol describes them: whether they read, write or destroy; arguments are checked strictly."""

from __future__ import annotations

from collections.abc import Mapping

from mcp.server.mcpserver.tools import Tool
from mcp_types import ToolAnnotations
from pydantic import create_model

Hints = Mapping[str, tuple[str, ToolAnnotations]]


def strict(tools: object, hints: Hints) -> list[Tool]:
    """The tools that an object has by these names. What one does not know among its arguments is refused.

    The library drops it without a word: a branch that is misspelt would be the main one.
    """
    made: list[Tool] = []
    for name, (title, told) in hints.items():
        tool = Tool.from_function(getattr(tools, name), title=title, annotations=told)
        known = tool.fn_metadata.arg_model
        taken = create_model(known.__name__, __base__=known, __cls_kwargs__={"extra": "forbid"})
        tool.fn_metadata.arg_model, tool.parameters = taken, taken.model_json_schema(by_alias=True)
        made.append(tool)
    return made


def reads(title: str) -> tuple[str, ToolAnnotations]:
    """The hints of a tool that changes nothing."""
    return title, ToolAnnotations(read_only_hint=True, open_world_hint=False)


def writes(title: str, *, destructive: bool = False, idempotent: bool = False) -> tuple[str, ToolAnnotations]:
    """The hints of a tool that changes something."""
    return title, ToolAnnotations(
        read_only_hint=False, destructive_hint=destructive, idempotent_hint=idempotent, open_world_hint=False
    )
