"""The routes of health and metrics.

``/health`` is for load balancers, without a credential. The others tell of all tenants together and are for
administrators of the cluster; metrics may be open to scrapers too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Depends, Response

from quantum_memory.cluster.service.door import ROLE
from quantum_memory.cluster.service.exposition import MEDIA_TYPE, Exposition
from quantum_memory.cluster.service.health import Detailed, Gpus, Health, Serving

DRAINING = 503
BY_ADMINS = {ROLE: "admin"}
NO_STORE = {"Cache-Control": "no-store"}


def health_router(
    health: Health, exposition: Exposition, admin: Callable[..., Any], scraper: Callable[..., Any]
) -> APIRouter:
    """The routes.

    Args:
        health: what they tell.
        exposition: the page of metrics.
        admin: a dependency that lets through who may see all of the cluster, and raises for others. ``/health`` does
            without.
        scraper: the same for metrics.
    """
    router = APIRouter(tags=["health"])
    admins = [Depends(admin)]

    @router.get(
        "/health",
        operation_id="health",
        responses={DRAINING: {"model": Serving, "description": "It takes no more requests."}},
        openapi_extra={"security": []},
    )
    async def brief(response: Response) -> Serving:
        """Whether this replica serves."""
        told = health.brief()
        response.headers.update(NO_STORE)
        if told.status == "draining":
            response.status_code = DRAINING
        return told

    router.add_api_route("/health", brief, methods=["HEAD"], include_in_schema=False)

    @router.get("/health/detailed", operation_id="healthDetailed", dependencies=admins, openapi_extra=BY_ADMINS)
    async def detailed(response: Response) -> Detailed:
        """The pools, the vault, how far views are behind, and what went wrong last. What is away is named."""
        response.headers.update(NO_STORE)
        return await health.detailed()

    @router.get("/health/gpu", operation_id="healthGpu", dependencies=admins, openapi_extra=BY_ADMINS)
    async def gpus(response: Response) -> Gpus:
        """The GPUs of the nodes, and what the actors have taken of them."""
        response.headers.update(NO_STORE)
        return await health.gpus()

    @router.get(
        "/metrics",
        operation_id="metrics",
        dependencies=[Depends(scraper)],
        response_class=Response,
        responses={200: {"content": {MEDIA_TYPE: {}}}},
        openapi_extra=BY_ADMINS,
    )
    async def metrics() -> Response:
        """What all nodes export of this product and of Serve, as Prometheus reads it."""
        return Response(await exposition.page(), media_type=MEDIA_TYPE, headers=NO_STORE)

    return router
