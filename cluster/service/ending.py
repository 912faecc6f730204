"""Whether Serve is about to end this replica. Asks Serve, and knows nothing of what is served.

Serve waits for open WebSockets before it ends the lifespan of a replica, and cuts those that are left after a time: so
their sessions have to be told before, whether the application is deleted or this replica alone is to go.
"""

from __future__ import annotations

import ray
from ray.serve.context import _get_global_client
from ray.serve.schema import ApplicationStatus, ServeInstanceDetails


def ending(application: str, replica: str) -> bool:
    """Whether a replica is stopping, or its application is being deleted or is gone. Blocks for a call to Serve.

    Args:
        application: its name.
        replica: its id; see ``serve.get_replica_context``.

    ``serve.status`` asks the same of Serve, and gives only how many replicas are stopping.
    """
    client = _get_global_client(raise_if_no_controller_running=False) if ray.is_initialized() else None
    if client is None:
        return False
    there = ServeInstanceDetails(**client.get_serve_details()).applications.get(application)
    if there is None or there.status == ApplicationStatus.DELETING:
        return True
    replicas = (one for deployment in there.deployments.values() for one in deployment.replicas)
    return any(one.replica_id == replica and one.state == "STOPPING" for one in replicas)
