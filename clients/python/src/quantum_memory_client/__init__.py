"""A client of quantum memory's door. Owns nothing that a server holds.

    with Client("http://127.0.0.1:8000", key) as memory:
        memory.remember("alice", "We moved to Lisbon in March.", create=True)
        memory.recall("alice", query="Where do they live?")["hits"]

``AsyncClient`` has the same methods, to be awaited.
"""

from __future__ import annotations

from quantum_memory_client.calls import UNSET, Page
from quantum_memory_client.client import AsyncClient, AsyncEvents, Client, Events
from quantum_memory_client.errors import (
    ClientError,
    Conflict,
    DeadlineExceeded,
    Denied,
    Forbidden,
    InvalidInput,
    KeyReused,
    NoAnswer,
    NotFound,
    RateLimited,
    Revoked,
    ServerFailure,
    Unauthenticated,
    Unavailable,
)
from quantum_memory_client.following import Channel
from quantum_memory_client.methods import AsyncPages, Pages
from quantum_memory_client.projects import AsyncProject, Project
from quantum_memory_client.retries import Retries
from quantum_memory_client.types import Event, Said
from quantum_memory_client.uploads import Uploaded

__all__ = [
    "UNSET",
    "AsyncClient",
    "AsyncEvents",
    "AsyncPages",
    "AsyncProject",
    "Channel",
    "Client",
    "ClientError",
    "Conflict",
    "DeadlineExceeded",
    "Denied",
    "Event",
    "Events",
    "Forbidden",
    "InvalidInput",
    "KeyReused",
    "NoAnswer",
    "NotFound",
    "Page",
    "Pages",
    "Project",
    "RateLimited",
    "Retries",
    "Revoked",
    "Said",
    "ServerFailure",
    "Unauthenticated",
    "Unavailable",
    "Uploaded",
]
__version__ = "0.1.0"
