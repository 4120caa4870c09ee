"""Threads for what blocks: context managers that are entered and left outside the event loop."""

from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager, asynccontextmanager
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

T = TypeVar("T")


@asynccontextmanager
async def in_thread(manager: AbstractContextManager[T]) -> AsyncGenerator[T]:
    """What a context manager gives for the block; it is entered and left in a thread, and is left whatever the block raises."""
    value = await to_thread.run_sync(manager.__enter__)
    leaving = CapacityLimiter(1)  # its own, so that it is left even while all other threads wait for that
    try:
        yield value
    except BaseException as error:
        if not await to_thread.run_sync(manager.__exit__, type(error), error, error.__traceback__, limiter=leaving):
            raise
    else:
        await to_thread.run_sync(manager.__exit__, None, None, None, limiter=leaving)
