"""What one principal and one tenant may have of what a replica has for all."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantum_memory.cluster.service.principals import Principal
from quantum_memory.cluster.service.refusals import Refusal
from quantum_memory.cluster.service.shares import Patience, Shares, of_principal, of_tenant
from quantum_memory.cluster.service.uploads import Uploads
from quantum_memory.errors import Busy, RateLimited

PATIENCE = Patience(0.05, lambda _: RateLimited("requests", 1.0)), Patience(0.05, lambda many: Busy("door", many, 1.0))


def somebody(name: str, tenant: str = "acme") -> Principal:
    return Principal(f"key:{name}", tenant, "writer")


@given(st.integers(1, 1 << 40))
def test_shares_are_there_and_none_is_all_where_there_is_enough(most: int) -> None:
    assert 1 <= of_principal(most) <= of_tenant(most) <= most
    if most >= 4:
        assert of_principal(most) * 4 <= most
        assert of_tenant(most) < most


def test_a_tenant_with_many_principals_leaves_some_to_others() -> None:
    async def play() -> None:
        shares, held = Shares(8, *PATIENCE), ExitStack()
        for name in "abcdef":
            await shares.come(somebody(name), held)
        for name in "ag":  # one with a place, one without
            with ExitStack() as mine, pytest.raises(Busy):
                await shares.come(somebody(name), mine)
        await shares.come(somebody("a", "others"), held)
        await shares.come(somebody("a", "others"), held)
        for who, error in ((somebody("a", "others"), RateLimited), (somebody("a", "third"), Busy)):
            with ExitStack() as mine, pytest.raises(error):
                await shares.come(who, mine)
        held.close()
        assert not shares._rooms, "who has nothing is forgotten"

    asyncio.run(play())


def test_who_waits_for_his_tenants_share_is_in_no_other_tenants_way() -> None:
    async def play() -> None:
        shares, held = Shares(8), ExitStack()
        for name in "abcdef":
            await shares.come(somebody(name), held)
        stacks = [ExitStack() for _ in range(18)]
        waits = [
            asyncio.ensure_future(shares.come(somebody(name), mine))
            for name, mine in zip("abcdef" * 3, stacks, strict=True)
        ]
        await asyncio.sleep(0.01)
        for name in "xy":
            await asyncio.wait_for(shares.come(somebody(name, "others"), ExitStack()), 5.0)
        assert not any(one.done() for one in waits)
        waits[0].cancel()
        stacks[0].close()
        held.close()
        await asyncio.sleep(0.05)
        assert sum(one.done() for one in waits[1:]) == 6, "each place that came free has somebody"
        while open_ := [mine for one, mine in zip(waits, stacks, strict=True) if one.done()]:
            for mine in open_:
                mine.close()
            await asyncio.sleep(0.01)
            if all(one.done() for one in waits):
                break
        assert sum(not one.cancelled() for one in waits) == 17, "and in the end everybody had one"

    asyncio.run(play())


def test_a_tenants_uploads_leave_room_for_those_of_others() -> None:
    uploads = Uploads(1000, 100)
    for name in "abc":
        uploads.take(("acme", name), 250)
    for whose, told in ((("acme", "d"), "your tenant"), (("acme", "a"), "your others")):
        with pytest.raises(Refusal, match=told):
            uploads.take(whose, 1)
    uploads.take(("others", "a"), 250)
    with pytest.raises(Refusal, match="503: others take"):
        uploads.take(("third", "a"), 1)
    uploads.give_back(("acme", "a"), 250)
    uploads.take(("acme", "d"), 250)
    assert uploads.held == 1000


def test_one_upload_is_never_too_long_for_a_share() -> None:
    uploads = Uploads(1000, 1000)
    uploads.take(("acme", "a"), 1000)
    with pytest.raises(Refusal, match="503: others take"):
        uploads.take(("others", "a"), 1)
