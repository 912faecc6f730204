"""The tools on stdin and stdout, for one assistant that started this process. Owns the way there, and nothing else."""

from __future__ import annotations

import logging
from contextlib import redirect_stdout
from typing import Any, TextIO

import anyio
from mcp.server.mcpserver import Context

from quantum_memory.cluster.connect import MemoryCluster
from quantum_memory.cluster.service.backend import Backend
from quantum_memory.cluster.service.principals import Principal
from quantum_memory.cluster.service.tools import ToolCall, server
from quantum_memory.errors import Denied

logger = logging.getLogger(__name__)


def serve(memory: MemoryCluster, who: Principal, stdout: TextIO) -> None:
    """Serve until stdin ends.

    Args:
        memory: the cluster.
        who: in whose name everything is done.
        stdout: the process's own, also where something has redirected it.
    """

    async def caller(_: Context[Any, Any]) -> Principal:
        return who

    def denied(error: Denied, call: ToolCall) -> None:
        logger.info("%s was denied: %s", call.what, error)

    with redirect_stdout(stdout):
        anyio.run(server(Backend(memory), caller, denied).run_stdio_async)
