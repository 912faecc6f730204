"""Whether Serve is about to delete the application. Asks Serve, and knows nothing of what is served.

Serve waits for open WebSockets before it ends the lifespan of a replica, so their sessions have to be told before.
"""

from __future__ import annotations

import ray
from ray import serve
from ray.serve.schema import ApplicationStatus


def being_deleted(name: str) -> bool:
    """Whether an application is being deleted, or is gone. Blocks for a call to Serve's controller."""
    if not ray.is_initialized():
        return False
    there = serve.status().applications.get(name)
    return there is None or there.status == ApplicationStatus.DELETING
