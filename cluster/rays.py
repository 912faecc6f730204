"""The Ray that this process is connected to: started here, on loopback, or joined where it runs.

Owns what connecting takes of Ray's private names, which have no public twin. Knows no actor.
"""

from __future__ import annotations

import logging
import os

import ray
from ray._private import ray_constants  # the only switch for loopback once Ray is imported
from ray._private.authentication.authentication_token_setup import (
    maybe_enable_token_auth_if_token_available,  # RAY_AUTH_MODE is read when Ray is imported and never again
)
from ray._raylet import Config  # type: ignore[attr-defined]  # by which it is read again; it is compiled

from quantum_memory.cluster.addresses import AUTO, answers, on_loopback, own_rays
from quantum_memory.settings import Settings

LOOPBACK = "127.0.0.1"
_MODE = "RAY_AUTH_MODE"
_said = os.environ.get(_MODE)
"""What was said of it before Ray, which sets it where it uses a token of its own accord, and for good."""


def start_ray(settings: Settings) -> str | None:
    """Start Ray here, on loopback, with token authentication and no usage reports; the dashboard's address.

    Ray 2.60 turns token authentication on by itself for a cluster that ``ray.init`` starts, unless RAY_AUTH_MODE says
    otherwise. It reads the loopback switch when it is imported, so the constant is set beside the variable.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    _over_loopback()
    wanted = settings.ray
    context = ray.init(
        address="local",
        num_cpus=wanted.num_cpus,
        num_gpus=wanted.num_gpus,
        object_store_memory=wanted.object_store_mb * 2**20,
        include_dashboard=wanted.dashboard,
        dashboard_host=LOOPBACK,
        dashboard_port=wanted.dashboard_port,
        log_to_driver=False,
        logging_level=logging.ERROR,
        _node_ip_address=LOOPBACK,
    )
    return f"http://{context.dashboard_url}" if context.dashboard_url else None


def join_ray(address: str) -> None:
    """Connect this process to a Ray that runs; "auto" is the one that RAY_ADDRESS names, else this user's one here.

    This user's token goes to Rays of this user on this machine, whoever listens elsewhere; for any other Ray
    RAY_AUTH_MODE has to say so. One that listens on loopback alone, as those that ``start_ray`` starts, is asked there:
    Ray by itself would look for it at this machine's address for others, for minutes.

    Raises: ConnectionError, RuntimeError if it does not answer, or "auto" means none or several.
    """
    own = own_rays()
    address = os.environ.get("RAY_ADDRESS") or address if address == AUTO else address
    address = _only(own) if address == AUTO else address
    if on_loopback(address):
        address = f"{LOOPBACK}:{address.rpartition(':')[2]}"  # by this name Ray's own processes are known
        if not answers(address):
            raise ConnectionError("nobody listens there")
        _over_loopback()
    if address in own:
        logging.getLogger("ray").setLevel(logging.ERROR)
        maybe_enable_token_auth_if_token_available(warn_if_disabled=False)
    elif _said is None:
        os.environ.pop(_MODE, None)  # as an own Ray that was joined before has left it
        Config.initialize("")
    ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)


def _only(own: frozenset[str]) -> str:
    """Ray itself would take any of them, or another user's."""
    if len(own) == 1:
        return next(iter(own))
    found = "several of this user run" if own else "none of this user runs"
    raise ConnectionError(" ".join((f"{found} on this machine; name one by its address", *sorted(own))))


def _over_loopback() -> None:
    os.environ[ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR] = "0"
    ray_constants.ENABLE_RAY_CLUSTER = False
