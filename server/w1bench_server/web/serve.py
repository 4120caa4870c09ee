"""The server: the app in this process, until a signal ends it."""

import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from w1bench.archive.catalogue import published
from w1bench.errors import InputError, W1BenchError
from w1bench.storage.files import exclusive
from w1bench_server import logs
from w1bench_server.database import connection as database
from w1bench_server.ledger.chain import check_chain
from w1bench_server.ledger.ledger import Ledger
from w1bench_server.sandbox.scorer import check_jail
from w1bench_server.settings import Settings
from w1bench_server.web.app import create_app
from w1bench_server.web.connections import Connections
from w1bench_server.worker import own_worker

_BACKLOG = 2048
_KEEP_ALIVE_SECONDS = 75  # longer than nginx (60) and clients do, because the server must not be the first to close
_GRACE_SECONDS = 10  # for the requests under way when the server stops
_FOREVER_SECONDS = 10**9
_OTHER_FILES = 1024  # open beside the connections
_CLOSED = 0o007  # the permissions of others than the owner and an operator's group


def serve(settings: Settings, announce: Callable[[str], object] = print) -> None:
    """Serve until SIGINT or SIGTERM; `announce` is called with a line that has the URL as soon as the service answers.

    Raises:
        PairError: the archive is not a folder.
        CheckFailedError: the ledger was tampered with.
        InputError: the address cannot be listened on, another server uses the same data, the bodies are another database's, the
            settings name the truth, or there is no user for the jail.
        NoJailError: the jail lacks a layer that is required.
    """
    if settings.truth is not None:
        raise InputError(
            "W1BENCH_TRUTH is for the worker that scores submissions to sealed pairs; the web process must not have it: "
            "leave it out here."
        )
    if settings.data.resolve().is_relative_to(settings.archive.resolve()):
        raise InputError(
            f"The data folder {settings.data} is inside the archive {settings.archive}, which everyone reads; "
            "give --data another folder."
        )
    published(settings.archive)
    check_jail(settings)
    _close_to_others(settings.data)
    _make_room_for(settings.connections)
    # A server sweeps its folder when it starts, so that two must not share one.
    taken = InputError(f"Another server uses {settings.data}; stop it, or give this one its own --data.")
    with (
        _umask(_CLOSED) as before,
        exclusive(settings.data / ".serve.lock", taken),
        _listening(settings.host, settings.port) as listener,
    ):
        with database.opened(settings) as engine:
            check_chain(Ledger(engine).rows())
        port = listener.getsockname()[1]
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        announced = threading.Event()

        async def announce_once() -> None:
            if not announced.is_set():
                announced.set()
                announce(f"w1bench serving http://{host}:{port}/")
                sys.stdout.flush()  # a reader at the other end of a pipe waits for this line

        logs.configure(settings.log_level)
        app = _Started(create_app(settings))
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="warning",
            access_log=False,  # `AccessLog` has a line a request
            http=Connections(settings).protocol,  # pyright: ignore[reportArgumentType] - what makes one is as good as its class
            ws="none",
            server_header=False,
            proxy_headers=False,  # the app reads them, from `trusted_proxies` alone
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            callback_notify=announce_once,  # first called when all is started
            timeout_notify=_FOREVER_SECONDS,
        )
        server = uvicorn.Server(config)
        # The worker starts when the service answers, and stops beside it; what it builds is for all to read.
        worker = own_worker.worker(settings, announced, lambda: server.should_exit, before)
        with _stopped_by_signals(server), worker:
            try:
                server.run(sockets=[listener])
            except SystemExit:
                if app.failure is None:
                    raise
                raise app.failure from None


class _Started:
    """An application that keeps why it could not start where that is an error of ours, which uvicorn would log with its traceback."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.failure: W1BenchError | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        failed: list[Message] = []

        async def pass_on(message: Message) -> None:
            if message["type"] == "lifespan.startup.failed":
                failed.append(message)  # before the error itself comes
            else:
                await send(message)

        try:
            await self.app(scope, receive, pass_on)
        except Exception as error:
            if failed:
                self.failure = error if isinstance(error, W1BenchError) else None
                await send({"type": failed[0]["type"]} if self.failure else failed[0])
            raise


def _close_to_others(data: Path) -> None:
    """Make the folder of the service's data, and close it to all but its owner, and the group that an operator gave it."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(PermissionError):  # another's folder, who answers for it
        data.chmod(data.stat().st_mode & ~_CLOSED)


@contextmanager
def _umask(mask: int) -> Generator[int]:
    """Take the permissions in `mask`, too, from files that are made in the block; gives the mask of before."""
    before = os.umask(mask)
    os.umask(before | mask)
    try:
        yield before
    finally:
        os.umask(before)


def _make_room_for(connections: int) -> None:
    """Let the process open as many files as its connections take, as far as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _OTHER_FILES
    if 0 <= soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted if hard < 0 else min(wanted, hard), hard))


@contextmanager
def _listening(host: str, port: int) -> Generator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise InputError(
            f"Port {port} of {host} cannot be listened on ({error.strerror}); give another --port (0 takes a free one) or "
            "--host."
        ) from None
    with listener:
        yield listener


@contextmanager
def _stopped_by_signals(server: uvicorn.Server) -> Generator[None]:
    """Stop the server on a signal without raising it again as uvicorn does, so that `serve` returns."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
