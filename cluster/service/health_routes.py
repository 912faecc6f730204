"""The routes of health and metrics. ``/health`` is for whoever balances load, the others are for those who may read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Depends, Response

from quantum_memory.cluster.service.exposition import MEDIA_TYPE, Exposition
from quantum_memory.cluster.service.health import Detailed, Gpus, Health, Serving

DRAINING = 503
NO_STORE = {"Cache-Control": "no-store"}


def health_router(health: Health, exposition: Exposition, reader: Callable[..., Any]) -> APIRouter:
    """The routes.

    Args:
        health: what they tell.
        exposition: the page of metrics.
        reader: a dependency that lets through who may read, and raises for others. ``/health`` does without.
    """
    router = APIRouter(tags=["health"])
    readers = [Depends(reader)]

    @router.get("/health", responses={DRAINING: {"model": Serving, "description": "It takes no more requests."}})
    async def brief(response: Response) -> Serving:
        """Whether this replica serves."""
        told = health.brief()
        response.headers.update(NO_STORE)
        if told.status == "draining":
            response.status_code = DRAINING
        return told

    @router.get("/health/detailed", dependencies=readers)
    async def detailed(response: Response) -> Detailed:
        """The pools, the vault, how far views are behind, and what went wrong last. What is away is named."""
        response.headers.update(NO_STORE)
        return await health.detailed()

    @router.get("/health/gpu", dependencies=readers)
    async def gpus(response: Response) -> Gpus:
        """The GPUs of the nodes, and what the actors have taken of them."""
        response.headers.update(NO_STORE)
        return await health.gpus()

    @router.get(
        "/metrics", dependencies=readers, response_class=Response, responses={200: {"content": {MEDIA_TYPE: {}}}}
    )
    async def metrics() -> Response:
        """What all nodes export of this product and of Serve, as Prometheus reads it."""
        return Response(await exposition.page(), media_type=MEDIA_TYPE, headers=NO_STORE)

    return router
