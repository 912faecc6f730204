"""The door on this machine: Serve and the application, as long as somebody waits for them. Ends only what it began.

Replicas listen themselves: Serve starts them, looks after them and ends them, and no proxy of it is in between.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Self

from ray import serve
from ray.serve.config import ProxyLocation

from quantum_memory.cluster.serve import NAME, application
from quantum_memory.cluster.service.listening import Address, claimed
from quantum_memory.errors import AlreadyExists, Forbidden
from quantum_memory.settings import Settings

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Serving:
    """A context manager: the door is open inside.

    Args:
        settings: the cluster's, and what the door is to keep to.
        namespace: where the actors are.
        host: where to listen.
        port: where to listen.

    Raises, on entering: Forbidden if others than this machine could come in without a credential; InvalidValue if
        somebody listens there; AlreadyExists if the application runs already.
    """

    def __init__(self, settings: Settings, namespace: str, host: str, port: int) -> None:
        self._settings, self._namespace = settings, namespace
        self._address = Address(host, port)
        self._over = threading.Event()

    def __enter__(self) -> Self:
        settings = self._settings
        host = self._address.host
        if settings.service.access.anonymous != "off" and host not in LOOPBACK:
            raise Forbidden("serve", f"callers without a credential are let in, and {host} is no loopback")
        there = serve.status()
        if NAME in there.applications:
            raise AlreadyExists("application", NAME)
        self._claim = claimed(self._address)
        self._began = not there.proxies and not there.applications
        try:
            if self._began:
                serve.start(proxy_location=ProxyLocation.Disabled)
            serve.run(application(settings, settings, self._namespace, self._address), name=NAME, route_prefix="/")
        except BaseException:
            self._end()
            raise
        return self

    def wait(self) -> None:
        """Come back when the process is told to end, by SIGINT or SIGTERM."""

        def told(_: int, __: FrameType | None) -> None:
            self._over.set()

        before = {number: signal.signal(number, told) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            self._over.wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let what is under way be answered, and end the application; Serve, too, if it was begun here."""
        self._end()

    def _end(self) -> None:
        with self._claim:  # until nobody listens there any more
            serve.delete(NAME)
            if self._began:
                serve.shutdown()  # type: ignore[no-untyped-call]
