"""What an agent's memories speak of and how that hangs together: the graph of memories and concepts.

``SemanticGraph`` is loaded when it is first asked for, so that the walks inside can be used without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quantum_memory.memory.semantic.knowledge import SemanticGraph

__all__ = ["SemanticGraph"]


def __getattr__(name: str) -> Any:
    """Load the public name from its home."""
    if name != "SemanticGraph":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from quantum_memory.memory.semantic.knowledge import SemanticGraph

    return SemanticGraph
