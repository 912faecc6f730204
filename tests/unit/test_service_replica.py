"""A replica with all its real parts, on real sockets: keys, REST, the stream, tools, health, limits. Only Ray is away."""

from __future__ import annotations

import asyncio
import json
import socket as sockets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from mcp import Client
from websockets.asyncio.client import connect

from quantum_memory.cluster.service.access.keys import mint
from quantum_memory.cluster.service.access.ledger import Ledger
from quantum_memory.cluster.service.backend import Backend
from quantum_memory.cluster.service.limits.host import RateLimitsHost
from quantum_memory.cluster.service.principals import Principal, Role
from quantum_memory.cluster.service.replica import Replica
from tests.unit.front import Front

ADMIN = Principal("tests", "acme", "admin")


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    made = Front(tmp_path, service={"limits": {"key": {"per_s": 100.0, "burst": 120.0}}})
    yield made
    made.close()
