"""Admission control: how much of the service each client may hold at once, and whose turn is next when several wait."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from w1bench_server.errors import ProblemError, busy


@dataclass(frozen=True)
class Client:
    """Somebody who asks: a token that opens (`known`), or else a network address."""

    name: str
    known: bool = False


HOUSE = Client("w1bench", known=True)  # the service's own work


class Places:
    """Places that clients hold: `most` in all, half of them for those without a token; a client holds `each`, or `anonymous`."""

    def __init__(self, what: str, *, most: int, each: int, anonymous: int) -> None:
        self._what, self._most, self._each, self._anonymous = what, most, each, anonymous
        self._held: Counter[Client] = Counter()

    def check(self, client: Client) -> None:
        """Raise the problem of a client for whom there is no place: 429 where it holds its own, 503 where others hold all."""
        own = self._each if client.known else self._anonymous
        if self._held[client] >= own:
            raise ProblemError(
                429,
                f"You have {own} {self._what} open, which is as many as one client may; wait until one has ended.",
                headers={"Retry-After": "5"},
            )
        anonymous = sum(count for holder, count in self._held.items() if not holder.known)
        if self._held.total() >= self._most or (not client.known and anonymous >= (self._most + 1) // 2):
            raise busy(f"Too many {self._what} are open; try again in a while.")

    @contextmanager
    def held(self, client: Client) -> Generator[None]:
        """A place for the block; raises as `check`."""
        self.check(client)
        self._held[client] += 1
        try:
            yield
        finally:
            self._held[client] -= 1
            self._held += Counter()  # forgets who holds nothing


class Turns:
    """A bounded number of things done at once, and the lines of those who wait: one line a client, served in rotation.

    Clients with a token come before those without, who never have all slots. When `waiting` wait, the longest line loses its
    last to whoever comes with a shorter one. For one event loop.
    """

    def __init__(self, slots: int, waiting: int, what: str) -> None:
        self._slots, self._waiting, self._what = slots, waiting, what
        self._anonymous_slots = max(1, slots - 1)
        self._running: Counter[Client] = Counter()
        self._lines: dict[Client, deque[asyncio.Future[None]]] = {}  # whoever was served last is the last

    @asynccontextmanager
    async def turn(self, client: Client) -> AsyncGenerator[None]:
        """A slot for the block, as soon as it is this client's turn.

        Raises:
            ProblemError: 503, when too many wait.
        """
        await self._begin(client)
        try:
            yield
        finally:
            self._end(client)

    def check(self, client: Client) -> None:
        """Raise a 503 if `turn` would raise it now."""
        if not self._may_begin(client) and self._full() and self._giving_way_to(client) is None:
            raise self._refusal()

    async def _begin(self, client: Client) -> None:
        if client not in self._lines and self._may_begin(client):
            self._running[client] += 1
            return
        if self._full():
            loser = self._giving_way_to(client)
            if loser is None:
                raise self._refusal()
            if not (place := self._last_of(loser)).cancelled():
                place.set_exception(self._refusal())
        place = asyncio.get_running_loop().create_future()
        self._lines.setdefault(client, deque()).append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._end(client)  # its turn had come in the same moment
            elif place in self._lines.get(client, ()):
                self._lines[client].remove(place)
                self._forget_if_empty(client)
            raise

    def _end(self, client: Client) -> None:
        self._running[client] -= 1
        self._running += Counter()
        while chosen := [client for client in self._lines if self._may_begin(client)]:
            following = min(chosen, key=lambda client: (not client.known, self._running[client]))
            line = self._lines.pop(following)
            place = line.popleft()
            if line:
                self._lines[following] = line
            if not place.cancelled():  # whoever was cancelled in this moment still stands in line
                self._running[following] += 1
                place.set_result(None)

    def _may_begin(self, client: Client) -> bool:
        anonymous = sum(count for each, count in self._running.items() if not each.known)
        return self._running.total() < self._slots and (client.known or anonymous < self._anonymous_slots)

    def _full(self) -> bool:
        return sum(map(len, self._lines.values())) >= self._waiting

    def _giving_way_to(self, client: Client) -> Client | None:
        """The client whose last in line makes room for `client`."""
        if not self._lines:
            return None
        longest = max(self._lines, key=lambda each: (not each.known, len(self._lines[each])))
        if longest.known != client.known:
            return longest if client.known else None
        return longest if len(self._lines[longest]) > len(self._lines.get(client, ())) + 1 else None

    def _last_of(self, client: Client) -> asyncio.Future[None]:
        place = self._lines[client].pop()
        self._forget_if_empty(client)
        return place

    def _forget_if_empty(self, client: Client) -> None:
        if not self._lines[client]:
            del self._lines[client]

    def _refusal(self) -> ProblemError:
        return busy(f"Too many {self._what} are waiting; send it again in a while.")
