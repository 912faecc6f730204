"""The Serve application: replicas of the door, each of which connects to the memory as a driver does.

    serve run quantum_memory.cluster.serve:app storage=/path/to/vault

Owns how many replicas there are, and how they start and end. What the door does is in ``service``.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict
from ray import serve
from ray.serve import Application

from quantum_memory.cluster.connect import NAMESPACE, asked_for
from quantum_memory.cluster.launch import AT_HOME, BLAS_VARIABLES, here
from quantum_memory.cluster.service.ending import ending
from quantum_memory.cluster.service.listening import Address
from quantum_memory.cluster.service.replica import replica
from quantum_memory.settings import Settings

NAME = "quantum_memory"
"""Of the application."""


class Arguments(BaseModel):
    """What can be said beside ``serve run``, or as ``args`` in a file for ``serve deploy``.

    Attributes:
        storage: the vault's folder or database URL, as for ``connect``.
        config: a file of settings; without one ``ray_config.yaml`` of the folder that the command runs in.
        namespace: Ray's namespace for the actors.
    """

    model_config = ConfigDict(extra="forbid")

    storage: str | None = None
    config: str | None = None
    namespace: str = NAMESPACE


def app(arguments: Arguments) -> Application:
    """The application for ``serve run`` and ``serve deploy``. Raises: InvalidSettings."""
    wishes, settings = asked_for(arguments.storage, arguments.config)
    return application(wishes, settings, arguments.namespace)


def application(wishes: Settings, settings: Settings, namespace: str, address: Address | None = None) -> Application:
    """The application over a memory.

    Args:
        wishes: what was said explicitly; where the actors run already, they must have been made so.
        settings: what new actors are made with.
        namespace: where the actors are.
        address: of this machine, where the replicas listen themselves: as many as ``replicas.least``, all of them here.
            Without one Serve's proxies bring them their requests, and there are more of them when there is more to do.
    """
    wanted = settings.service.replicas

    def built() -> FastAPI:  # Serve calls a function, and takes any other callable for the application itself
        own, ends = serve.get_replica_context(), None
        if address is None:  # or else Serve knows of no request that it would wait for
            ends = partial(ending, own.app_name, own.replica_id.unique_id)
        return replica(wishes, settings, namespace, ends, address)

    scaling: dict[str, Any] = {"num_replicas": wanted.least}
    if address is None:
        scaling = {
            "autoscaling_config": {
                "min_replicas": wanted.least,
                "max_replicas": wanted.most,
                "target_ongoing_requests": wanted.target,
            }
        }

    deployment = serve.deployment(
        name="Door",
        max_ongoing_requests=wanted.ongoing,
        **scaling,
        graceful_shutdown_timeout_s=wanted.drain_s,
        graceful_shutdown_wait_loop_s=0.5,
        health_check_period_s=5.0,
        health_check_timeout_s=30.0,
        logging_config={"log_level": "WARNING", "enable_access_log": False},
        ray_actor_options={
            "num_cpus": wanted.num_cpus,
            "resources": {} if address is None else {here(): AT_HOME},
            "runtime_env": {"env_vars": dict.fromkeys(BLAS_VARIABLES, "1")},
        },
    )
    made: Any = deployment(serve.ingress(built)())
    bound: Application = made.bind()
    return bound
