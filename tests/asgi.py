"""Requests to an ASGI application in this process, from its startup to its shutdown."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import Self

import httpx
from starlette.applications import Starlette

__all__ = ["Client"]


class Client:
    """A client of one application; the application starts and stops with the ``with`` block.

    Starlette's own test client warns that it wants another HTTP package, and warnings are errors here.
    """

    def __init__(self, application: Starlette) -> None:
        self._application = application
        self._runner = asyncio.Runner()
        self._lifespan: contextlib.AbstractAsyncContextManager[object] | None = None

    def __enter__(self) -> Self:
        self._lifespan = self._application.router.lifespan_context(self._application)
        self._runner.run(_entered(self._lifespan))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if self._lifespan is not None:
            self._runner.run(_left(self._lifespan))
        self._runner.close()

    def get(self, path: str) -> httpx.Response:
        """Send a GET request."""
        return self.request("GET", path)

    def request(self, method: str, path: str) -> httpx.Response:
        """Send a request and return the whole answer."""
        return self._runner.run(self._send(method, path))

    async def _send(self, method: str, path: str) -> httpx.Response:
        transport = httpx.ASGITransport(app=self._application)
        async with httpx.AsyncClient(transport=transport, base_url="http://clinic.example") as client:
            return await client.request(method, path)


async def _entered(lifespan: contextlib.AbstractAsyncContextManager[object]) -> None:
    await lifespan.__aenter__()


async def _left(lifespan: contextlib.AbstractAsyncContextManager[object]) -> None:
    await lifespan.__aexit__(None, None, None)
