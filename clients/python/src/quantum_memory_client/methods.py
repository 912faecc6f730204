"""Operations as methods. Each is built once; whose method it is says whether it blocks or is awaited."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import wraps
from typing import Any, Generic, ParamSpec, TypeVar, overload

from quantum_memory_client.calls import Call, Page, following

P = ParamSpec("P")
T = TypeVar("T")


class Blocking(ABC):
    """Whoever waits for an answer in its thread."""

    @abstractmethod
    def perform(self, call: Call[T]) -> T:
        """Send a call, again if need be. Raises: ClientError."""


class Awaiting(ABC):
    """Whoever waits for an answer on its event loop."""

    @abstractmethod
    async def perform(self, call: Call[T]) -> T:
        """Send a call, again if need be. Raises: ClientError."""


class Operation(Generic[P, T]):
    """A method that performs what a function builds."""

    def __init__(self, build: Callable[P, Call[T]]) -> None:
        self.build = build

    @overload
    def __get__(self, instance: None, owner: type) -> Operation[P, T]: ...
    @overload
    def __get__(self, instance: Blocking, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, instance: Awaiting, owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return self

        @wraps(self.build)
        def bound(*args: P.args, **kwargs: P.kwargs) -> Any:
            return instance.perform(self.build(*args, **kwargs))

        return bound


class Pages(Generic[T]):
    """A list that comes in pages: iterate over it for its items."""

    def __init__(self, asker: Blocking, call: Call[Page[T]]) -> None:
        self._asker, self._call = asker, call

    def __iter__(self) -> Iterator[T]:
        for page in self.pages():
            yield from page["items"]

    def pages(self) -> Iterator[Page[T]]:
        """Page by page. Each ``next`` is a cursor to go on from later."""
        call: Call[Page[T]] | None = self._call
        while call is not None:
            page = self._asker.perform(call)
            yield page
            call = following(call, page)


class AsyncPages(Generic[T]):
    """A list that comes in pages: iterate over it for its items."""

    def __init__(self, asker: Awaiting, call: Call[Page[T]]) -> None:
        self._asker, self._call = asker, call

    async def __aiter__(self) -> AsyncIterator[T]:
        async for page in self.pages():
            for item in page["items"]:
                yield item

    async def pages(self) -> AsyncIterator[Page[T]]:
        """Page by page. Each ``next`` is a cursor to go on from later."""
        call: Call[Page[T]] | None = self._call
        while call is not None:
            page = await self._asker.perform(call)
            yield page
            call = following(call, page)


class Listing(Generic[P, T]):
    """A method that gives the pages of what a function builds."""

    def __init__(self, build: Callable[P, Call[Page[T]]]) -> None:
        self.build = build

    @overload
    def __get__(self, instance: None, owner: type) -> Listing[P, T]: ...
    @overload
    def __get__(self, instance: Blocking, owner: type) -> Callable[P, Pages[T]]: ...
    @overload
    def __get__(self, instance: Awaiting, owner: type) -> Callable[P, AsyncPages[T]]: ...
    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return self
        kind: Callable[[Any, Any], Any] = Pages if isinstance(instance, Blocking) else AsyncPages

        @wraps(self.build)
        def bound(*args: P.args, **kwargs: P.kwargs) -> Any:
            return kind(instance, self.build(*args, **kwargs))

        return bound
