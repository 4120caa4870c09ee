"""Turns go round among clients, tokens first; a place is held by few at once, and nobody's line keeps another out."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from w1bench_server.admission_control import Client, Places, Turns
from w1bench_server.errors import ProblemError

STRANGER, OTHER = Client("192.0.2.1"), Client("192.0.2.2")
ANN, BOB = Client("ann", known=True), Client("bob", known=True)


def served(arrivals: list[Client], *, slots: int = 1, waiting: int = 100) -> tuple[list[Client], list[Client]]:
    """Who was served, in order, and who was turned away, when all come at once to slots that are taken."""
    order: list[Client] = []
    refused: list[Client] = []

    async def one(turns: Turns, client: Client) -> None:
        try:
            async with turns.turn(client):
                order.append(client)
                await asyncio.sleep(0)
        except ProblemError as error:
            if error.status != 503:
                raise
            refused.append(client)

    async def all_of_them() -> None:
        turns = Turns(slots, waiting, "requests")
        async with AsyncHolders(turns, slots):
            tasks = [asyncio.create_task(one(turns, client)) for client in arrivals]
            await asyncio.sleep(0)
        await asyncio.gather(*tasks)

    asyncio.run(all_of_them())
    return order, refused


class AsyncHolders:
    """Takes every slot, so that whoever comes waits."""

    def __init__(self, turns: Turns, count: int) -> None:
        self._held = [turns.turn(Client(f"holder{number}", known=True)) for number in range(count)]

    async def __aenter__(self) -> None:
        for each in self._held:
            await each.__aenter__()

    async def __aexit__(self, *_: object) -> None:
        for each in self._held:
            await each.__aexit__(None, None, None)


def test_a_client_with_many_waits_for_one_with_few() -> None:
    assert served([STRANGER] * 5 + [OTHER] * 2)[0] == [STRANGER, OTHER, STRANGER, OTHER, STRANGER, STRANGER, STRANGER]


def test_tokens_come_first() -> None:
    assert served([STRANGER] * 3 + [ANN, ANN, BOB])[0] == [ANN, BOB, ANN, STRANGER, STRANGER, STRANGER]


def test_strangers_never_have_all_slots() -> None:
    async def most() -> int:
        turns = Turns(3, 100, "requests")
        at_once = highest = 0

        async def one() -> None:
            nonlocal at_once, highest
            async with turns.turn(STRANGER):
                at_once += 1
                highest = max(highest, at_once)
                await asyncio.sleep(0)
                at_once -= 1

        await asyncio.gather(*(one() for _ in range(10)))
        return highest

    assert asyncio.run(most()) == 2


def test_a_full_line_gives_way_to_who_has_a_shorter_one() -> None:
    order, refused = served([STRANGER] * 6 + [OTHER, ANN], waiting=4)
    assert order == [ANN, STRANGER, OTHER, STRANGER]
    assert refused == [STRANGER] * 4
    assert served([ANN] * 2 + [STRANGER], waiting=2) == ([ANN, ANN], [STRANGER])


def test_one_who_went_away_leaves_no_gap() -> None:
    async def after() -> list[Client]:
        turns, order = Turns(1, 100, "requests"), list[Client]()

        async def one(client: Client) -> None:
            async with turns.turn(client):
                order.append(client)

        async with turns.turn(BOB):
            gone, stays = asyncio.create_task(one(ANN)), asyncio.create_task(one(STRANGER))
            await asyncio.sleep(0)
            gone.cancel()
            await asyncio.sleep(0)
        await stays
        async with turns.turn(BOB):
            at_that_moment, last = asyncio.create_task(one(ANN)), asyncio.create_task(one(OTHER))
            await asyncio.sleep(0)
        at_that_moment.cancel()  # its turn has come, and it does not know yet
        await last
        return order

    assert asyncio.run(after()) == [STRANGER, OTHER]


@given(st.lists(st.sampled_from([STRANGER, OTHER, ANN, BOB]), max_size=40), st.integers(1, 4), st.integers(0, 10))
def test_everybody_is_served_or_turned_away_once(arrivals: list[Client], slots: int, waiting: int) -> None:
    order, refused = served(arrivals, slots=slots, waiting=waiting)
    assert sorted(order + refused, key=str) == sorted(arrivals, key=str)
    assert not refused or len(order) == waiting
    if waiting >= 2:
        known = {client for client in arrivals if client.known}
        assert known <= set(order)
        assert known or set(order) == set(arrivals)


def test_places_are_bounded_for_each_and_in_all_and_half_of_them_for_strangers() -> None:
    places = Places("uploads", most=4, each=3, anonymous=2)
    with ExitStack() as held:
        for _ in range(2):
            held.enter_context(places.held(STRANGER))
        for client, status in ((STRANGER, 429), (OTHER, 503)):
            with pytest.raises(ProblemError) as refused:
                places.check(client)
            assert (refused.value.status, dict(refused.value.headers or {})) == (status, {"Retry-After": "5"})
        for client in (ANN, BOB):
            held.enter_context(places.held(client))
        with pytest.raises(ProblemError) as refused, places.held(ANN):
            pass
        assert refused.value.status == 503
    with places.held(STRANGER), places.held(STRANGER):
        places.check(ANN)


@pytest.mark.parametrize("gives_way", [False, True])
def test_who_is_cancelled_in_the_moment_of_its_turn_takes_no_slot_with_it(gives_way: bool) -> None:
    """A future is cancelled at once, and who waits for it learns so later: meanwhile it still stands in line."""

    async def in_one_moment() -> list[Client]:
        turns, found = Turns(1, 2, "requests"), list[Client]()

        async def one(client: Client) -> None:
            async with turns.turn(client):
                found.append(client)

        async with AsyncHolders(turns, 1):
            waiting = [asyncio.create_task(one(ANN if gives_way else client)) for client in (ANN, BOB)]
            await asyncio.sleep(0)
            late = asyncio.create_task(one(BOB)) if gives_way else None  # comes before the line's last has learnt
            waiting[-1 if gives_way else 0].cancel()
            if gives_way:
                await asyncio.sleep(0)
        ended, _ = await asyncio.wait([*waiting, *([late] if late else [])], timeout=1)
        assert all(task.cancelled() or task.exception() is None for task in ended)
        await asyncio.wait_for(one(ANN), 1)
        return found

    assert asyncio.run(in_one_moment()) == ([ANN, BOB, ANN] if gives_way else [BOB, ANN])
