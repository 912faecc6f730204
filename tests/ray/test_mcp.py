"""The tools of the Model Context Protocol as an assistant starts them: ``qmem mcp``, by the SDK's own client."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import ray
from mcp import Client, StdioServerParameters

from quantum_memory.cluster.connect import MemoryCluster

QMEM = Path(sys.executable).with_name("qmem")


def test_an_assistant_starts_the_tools_and_finds_what_a_driver_remembered(cluster: MemoryCluster) -> None:
    cluster.agent("mcp-alice").remember("Bob lent me his umbrella in the rain.", speaker="Alice")
    asked = StdioServerParameters(
        command=str(QMEM),
        args=[
            "mcp", "--storage", cluster.settings.storage, "--namespace", "actors",
            "--address", ray.get_runtime_context().gcs_address, "--agent", "mcp-*",
        ],
        env=dict(os.environ),
    )  # fmt: skip

    async def play() -> None:
        async with asyncio.timeout(120), Client(asked) as client:
            found = await client.call_tool("recall", {"agent": "mcp-alice", "query": "who lent an umbrella?"})
            assert found.structured_content is not None, found.content
            assert found.structured_content["memories"][0]["speaker"] == "Alice"
            kept = await client.call_tool("remember", {"agent": "mcp-alice", "texts": ["The kettle is broken."]})
            assert not kept.is_error, kept.content
            refused = await client.call_tool("recall", {"agent": "cli-alice", "query": "x"})
            assert refused.is_error

    asyncio.run(play())
    assert [one.text for one in cluster.agent("mcp-alice").memories()][-1] == "The kettle is broken."
    assert any("mcp:" in entry.who for entry in cluster.agent("mcp-alice").audit() if entry.who)
