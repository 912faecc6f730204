"""A replica with all its real parts that serves on loopback beside a test, without Ray, and a story to look at."""

from __future__ import annotations

import asyncio
import socket as sockets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from quantum_memory.cluster.service.principals import Role
from quantum_memory.cluster.service.replica import Replica
from tests.unit.front import Front
from tests.unit.test_service_replica import Direct, Served

NO_LIMIT = {"per_s": 2000.0, "burst": 2000.0}


class Doorstep:
    """A door that is open.

    Attributes:
        url: where it is.
        front: what it opens onto.
    """

    def __init__(self, front: Front, url: str, loop: asyncio.AbstractEventLoop) -> None:
        self.front, self.url, self._loop = front, url, loop

    def key(self, role: Role = "writer", agents: tuple[str, ...] = ("*",)) -> str:
        """A key of the default tenant."""
        made = Served(self.front, self.url).key(role, tenant="default", agents=agents)
        return asyncio.run_coroutine_threadsafe(made, self._loop).result(30)

    @contextmanager
    def client(self, key: str) -> Iterator[httpx.Client]:
        """What asks below ``/v1``."""
        with httpx.Client(
            base_url=f"{self.url}/v1", headers={"Authorization": f"Bearer {key}"}, timeout=30.0, trust_env=False
        ) as client:
            yield client


@contextmanager
def doorstep(folder: Path, **service: Any) -> Iterator[Doorstep]:
    """A door onto a vault of its own, as long as the block lasts."""
    front = Front(folder, service={"limits": {"key": NO_LIMIT, "connection": NO_LIMIT}} | service)
    app = Replica(front.memory, front.settings, Direct(front)).app
    listener = sockets.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="websockets-sansio"))
    loop, ready = asyncio.new_event_loop(), threading.Event()

    async def serve() -> None:
        task = asyncio.create_task(server.serve([listener]))
        while not server.started:  # noqa: ASYNC110 - it tells nobody when it has
            await asyncio.sleep(0.01)
        ready.set()
        await task

    def run() -> None:
        loop.run_until_complete(serve())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(30)
        yield Doorstep(front, f"http://127.0.0.1:{listener.getsockname()[1]}", loop)
    finally:
        server.should_exit = True
        thread.join(30)
        front.close()


SAID: tuple[tuple[str, str, list[str]], ...] = (
    ("Ann", "We moved to Lisbon in March.", ["home"]),
    ("Ann", "The balcony faces south, and in the evening the whole river is gold.", ["home"]),
    ("Bob", "I missed the last ferry and walked home across the bridge in the rain.", ["travel"]),
    ("Ann", "Bob visits on Sunday, and brings the cat.", []),
    ("Bob", "The cat hid under the stove for two days. I was so worried.", ["cat"]),
    ("Ann", "She came out for sardines. I have never been so relieved.", ["cat"]),
)
FELT = (
    {"emotion": "sadness", "intensity": 0.7, "cause": "the ferry was gone"},
    {"emotion": "fear", "intensity": 0.8, "cause": "the cat was hiding"},
    {"emotion": "relief", "intensity": 0.8, "cause": "sardines"},
    {"emotion": "joy", "intensity": 0.9, "cause": "the sun came out"},
)


def story(client: httpx.Client, agent: str = "alice") -> None:
    """An agent with branches, checkpoints, a merge, a rollback and moods."""
    path = f"/agents/{agent}"

    def done(method: str, what: str, json: Any = None, **params: str) -> Any:
        answer = client.request(method, f"{path}{what}", json=json, params=params)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def say(number: int, **params: str) -> None:
        speaker, text, tags = SAID[number]
        told = {"id": f"said-{number}", "text": text, "speaker": speaker, "tags": tags}
        done("POST", "/remember", told, **params)

    done("PUT", "")
    say(0)
    say(1)
    done("POST", "/checkpoint", {"message": "before the visit"})
    done("POST", "/fork", {"name": "what-if"})
    say(2)
    done("POST", "/feel", FELT[0])
    say(3)
    done("POST", "/remember", {"id": "porto", "text": "They stayed in Porto after all."}, branch="what-if")
    done("PATCH", "/memories/said-0", {"text": "We moved to Porto in March."}, branch="what-if")
    say(4)
    done("POST", "/feel", FELT[1])
    done("POST", "/checkpoint", {"message": "the cat is missing"})
    done("PUT", "/tags/v1", {})
    done("PATCH", "/memories/said-0", {"text": "We moved to Lisbon early in March."})
    done("POST", "/merge", {"branch": "what-if", "policy": "ours"})
    done("POST", "/feel", {"emotion": "anger", "intensity": 0.8, "cause": "a merge of futures"})
    done("POST", "/rollback", {"to": "the cat is missing"})
    say(5)
    done("POST", "/feel", FELT[2])
    done("POST", "/fork", {"name": "winter"})
    done("POST", "/feel", FELT[3])
