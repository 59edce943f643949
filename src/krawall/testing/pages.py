"""A server with pages on loopback, in a thread of its own, for tests and measurements that drive a browser against it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

from krawall import web
from krawall.api.app import make_api
from krawall.api.serving import serve
from krawall.app import App, open_app
from krawall.mockbot.behaviour import Behaviour
from krawall.mockbot.http import Server
from krawall.mockbot.http import serve as serve_bot
from krawall.settings import Settings

T = TypeVar("T")
PATIENCE_S = 60  # for what must come; nothing waits so long unless it is broken


class Pages:
    """A server that runs in another thread. `do` lets a test use its app: `pages.do(lambda app: app.documents.create(...))`."""

    def __init__(self, app: App, loop: asyncio.AbstractEventLoop, url: str) -> None:
        self.app = app
        self.url = url
        self._loop = loop

    def do(self, deed: Callable[[App], Coroutine[Any, Any, T]]) -> T:
        """Run a deed in the server's loop and return what it gives."""
        return asyncio.run_coroutine_threadsafe(deed(self.app), self._loop).result(PATIENCE_S)


@asynccontextmanager
async def _served(settings: Settings) -> AsyncIterator[tuple[App, str]]:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    stop, now, ready = asyncio.Event(), asyncio.Event(), asyncio.Event()
    async with open_app(settings) as app, asyncio.TaskGroup() as group:
        api = web.mount(make_api(app))
        group.create_task(serve(app, api, listening, stop=stop, now=now, ready=ready.set))
        await ready.wait()
        yield app, f"http://127.0.0.1:{listening.getsockname()[1]}"
        stop.set()
        now.set()


@contextmanager
def serving(settings: Settings) -> Iterator[Pages]:
    """Serve pages in a thread until the end of the block."""
    begun: Future[Pages] = Future()
    loop = asyncio.new_event_loop()
    over = asyncio.Event()

    async def main() -> None:
        async with _served(settings) as (app, url):
            begun.set_result(Pages(app, loop, url))
            await over.wait()

    def run() -> None:
        task = loop.create_task(main())
        loop.run_until_complete(asyncio.wait([task]))
        if not begun.done():
            begun.set_exception(task.exception() or RuntimeError("the server ended before it was ready"))
        else:
            task.result()

    thread = threading.Thread(target=run, name="pages")
    thread.start()
    try:
        yield begun.result(PATIENCE_S)
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(PATIENCE_S)
        loop.close()


@contextmanager
def mock_bot(pages: Pages) -> Iterator[str]:
    """Serve the mock bot in the loop of the pages until the end of the block; gives its address."""
    opened = serve_bot(Behaviour())

    async def begin(app: App) -> Server:
        return await opened.__aenter__()

    async def end(app: App) -> None:
        await opened.__aexit__(None, None, None)

    server = pages.do(begin)
    try:
        yield server.url
    finally:
        pages.do(end)
