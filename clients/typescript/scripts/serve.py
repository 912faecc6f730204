"""A replica with all its real parts on loopback, for the tests of clients that are not Python.

``serve.py FOLDER PORT`` serves a vault in a folder, prints one line of JSON with ``url`` and ``key``, and ends when its
standard input does. At port 0 it finds one. The key is made when the folder has none: a server that was killed comes
back with the same.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket as sockets
import sys
from pathlib import Path

import uvicorn
from tests.unit.front import Front
from tests.unit.test_service_replica import Direct, Served

from quantum_memory.cluster.service.replica import Replica

KEY = "client.key"


async def serve(folder: Path, port: int) -> None:
    """Serve until nobody holds the other end of the standard input."""
    front = Front(folder / "vault", service={"limits": {"key": {"per_s": 400.0, "burst": 400.0}}})
    app = Replica(front.memory, front.settings, Direct(front)).app
    listener = sockets.create_server(("127.0.0.1", port))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    kept = folder / KEY
    if not kept.exists():
        kept.write_text(await Served(front, url).key("admin", tenant="default"))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="websockets-sansio"))
    serving = asyncio.create_task(server.serve([listener]))
    while not server.started:  # noqa: ASYNC110 - it tells nobody when it has
        await asyncio.sleep(0.01)
    sys.stdout.write(json.dumps({"url": url, "key": kept.read_text()}) + "\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    server.should_exit = True
    await serving
    await asyncio.to_thread(front.close)


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2])))
    os._exit(0)  # what threads of libraries still do holds up nobody
