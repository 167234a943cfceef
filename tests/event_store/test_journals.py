"""Both journals keep the order of calls; the group commit shares commits, fails as one, and ends cleanly."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from hms_orch_cli.errors import StoreError, StoreFailed, StoreFull, VersionConflict
from hms_orch_cli.event_store import group_commit
from hms_orch_cli.event_store.group_commit import GroupCommit
from hms_orch_cli.event_store.inline import InlineJournal
from hms_orch_cli.event_store.memory import MemoryStore
from hms_orch_cli.ports.store import Append, Derived

from .gate import Gate
from .making import event, row


async def test_positions_rise_in_the_order_of_calls_whatever_shares_a_commit() -> None:
    store = Gate()
    journal = GroupCommit(store)
    waiting = [journal.append(f"run/{n}", [event(f"{n}a"), event(f"{n}b")], 0) for n in range(300)]
    assert await asyncio.gather(*waiting) == [2 * (n + 1) for n in range(300)]
    assert [each.id for each in store.scan()] == [f"{n}{letter}" for n in range(300) for letter in "ab"]
    await journal.close()


async def test_all_that_waits_behind_a_commit_shares_the_next_one() -> None:
    store = Gate()
    journal = GroupCommit(store)
    first = await store.shut(journal)
    rest = [journal.append(f"run/{n}", [event(str(n))], 0) for n in range(100)]
    assert journal.waiting == 101
    while journal._gathered:  # until all of it has been handed to the writer
        await asyncio.sleep(0)
    store.open.set()
    assert await first == 1
    assert await asyncio.gather(*rest) == list(range(2, 102))
    assert store.batches == [1, 100]
    assert (journal.commits, journal.waiting) == (2, 0)
    await journal.close()


async def test_a_commit_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "BATCH", 10)
    monkeypatch.setattr(group_commit, "GATHERED", 10)
    store = Gate()
    journal = GroupCommit(store)
    await store.shut(journal)
    rest = [journal.append(f"run/{n}", [event(str(n))], 0) for n in range(25)]
    store.open.set()
    await asyncio.gather(*rest)
    assert store.batches == [1, 10, 10, 5]
    await journal.close()


async def test_a_conflict_reaches_only_its_own_caller() -> None:
    store = Gate()
    journal = GroupCommit(store)
    await store.shut(journal)
    good, bad, later = (journal.append("run/x", [event(str(at))], at) for at in (0, 0, 1))
    store.open.set()
    assert (await good, await later) == (2, 3)
    with pytest.raises(VersionConflict):
        await bad
    await journal.close()


async def test_after_a_failed_commit_every_waiting_and_later_append_fails_and_it_is_told_once() -> None:
    store = Gate()
    told: list[Exception] = []
    journal = GroupCommit(store, on_failure=told.append)
    failure = StoreFailed("the disk is gone", "replace it")
    store.errors = {2: failure}
    first = await store.shut(journal)
    same = [journal.append(f"run/a{n}", [event(str(n))], 0) for n in range(3)]
    store.open.set()
    assert await first == 1
    results = await asyncio.gather(*same, return_exceptions=True)
    assert results == [failure] * 3
    with pytest.raises(StoreFailed):
        await journal.append("run/later", [event("later")], 0)
    journal.derive(Derived([row("01")]))
    await journal.close()
    assert told == [failure]
    assert store.last_seq() == 1 and len(store.batches) == 2, "nothing more was tried"


async def test_appends_queued_behind_a_failing_commit_are_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any unexpected error counts: even if the store would take more, what runs decided on is no longer true."""
    monkeypatch.setattr(group_commit, "BATCH", 1)
    store = Gate()
    journal = GroupCommit(store)
    store.errors = {2: ZeroDivisionError("a bug")}
    await store.shut(journal)
    queued = [journal.append(f"run/{n}", [event(str(n))], 0) for n in range(4)]
    store.open.set()
    assert [type(each) for each in await asyncio.gather(*queued, return_exceptions=True)] == [ZeroDivisionError] * 4
    assert len(store.batches) == 2
    await journal.close()


async def test_a_full_disk_fails_its_appends_and_keeps_the_derived_rows_for_the_next() -> None:
    store = Gate()
    told: list[Exception] = []
    journal = GroupCommit(store, on_failure=told.append)
    store.errors = {1: StoreFull("full")}
    journal.derive(Derived([row("01"), row("02", "RUNNING")]))
    with pytest.raises(StoreFull):
        await journal.append("event/1", [event("1")], 0)
    journal.derive(Derived([row("02", "COMPLETED")]))
    assert await journal.append("event/1", [event("1")], 0) == 1
    assert store.run_rows() == [row("02", "COMPLETED"), row("01")]
    assert told == []
    await journal.close()


async def test_rows_that_a_full_disk_refused_are_not_passed_by_newer_ones_on_their_way() -> None:
    """The tables would say that they are folded further than they are: they stay, and the next start folds the rest."""
    store = Gate()
    journal = GroupCommit(store)
    first = await store.shut(journal)
    store.errors = {2: StoreFull("full")}
    appended: list[asyncio.Future[int]] = []
    for number in (1, 2):
        journal.derive(Derived([row(f"0{number}")], {"totals": str(number)}))
        appended.append(asyncio.ensure_future(journal.append(f"event/{number}", [event(str(number))], 0)))
        await asyncio.sleep(0)
    store.open.set()
    told = await asyncio.gather(first, *appended, return_exceptions=True)
    assert [type(each) for each in told] == [int, StoreFull, int], "each opens a batch of its own"
    journal.derive(Derived([row("03")], {"totals": "3"}))
    await journal.append("event/3", [event("3")], 0)
    await journal.close()
    assert (store.folded_to(), store.mark("totals"), store.run_rows()) == (0, None, [])


async def test_after_facts_of_a_run_were_lost_to_a_full_disk_no_row_is_written_any_more() -> None:
    """Whoever makes the rows has folded those facts: a run could look ended that is not."""
    store = Gate()
    journal = GroupCommit(store)
    store.errors = {1: StoreFull("full")}
    journal.derive(Derived([row("01")]))
    with pytest.raises(StoreFull):
        await journal.append("run/1", [event("1")], 0)
    journal.derive(Derived([row("01", "COMPLETED")]))
    assert await journal.append("event/1", [event("2")], 0) == 1
    await journal.close()
    assert store.run_rows() == [row("01")]
    assert store.folded_to() == 0


async def test_after_facts_of_a_run_were_lost_to_a_full_disk_no_more_of_them_are_written() -> None:
    """They may rest on what was lost: a run has the lock that its holder in the log has still."""
    store = Gate()
    journal = GroupCommit(store)
    store.errors = {1: StoreFull("full")}
    streams = ("run/1", "run/2", "event/1", "hitl/s")
    told = await asyncio.gather(
        *[journal.append(stream, [event(stream)], 0) for stream in streams], return_exceptions=True
    )
    assert [type(each) for each in told] == [StoreFull, StoreFull, StoreFull, StoreFull]
    later = await asyncio.gather(
        *[journal.append(stream, [event(stream)], 0) for stream in streams], return_exceptions=True
    )
    assert [each if isinstance(each, int) else type(each) for each in later] == [StoreFull, StoreFull, 1, StoreFull]
    assert [each.stream for each in store.scan()] == ["event/1"]
    await journal.close()


async def test_rows_that_were_on_their_way_when_facts_were_lost_are_not_written() -> None:
    store = Gate()
    journal = GroupCommit(store)
    store.errors = {2: StoreFull("full")}
    first = await store.shut(journal)
    lost = asyncio.ensure_future(journal.append("run/1", [event("1")], 0))
    journal.derive(Derived([row("01", "COMPLETED")]))
    behind = asyncio.ensure_future(journal.append("event/1", [event("2")], 0))
    while journal._gathered:  # until all of it has been handed to the writer
        await asyncio.sleep(0)
    store.open.set()
    told = await asyncio.gather(first, lost, behind, return_exceptions=True)
    assert [each if isinstance(each, int) else type(each) for each in told] == [1, StoreFull, 2]
    await journal.close()
    assert (store.run_rows(), store.folded_to()) == ([], 0)


async def test_derived_rows_ride_along_with_the_next_append() -> None:
    store = Gate()
    journal = GroupCommit(store)
    assert await journal.append("run/1", [event("1")], 0) == 1
    await asyncio.sleep(0)
    journal.derive(Derived([row("01")], {"a": "1", "b": "1"}))
    journal.derive(Derived([row("01", "WAITING"), row("02")], {"b": "2"}))
    assert store.run_rows() == []
    await journal.append("run/1", [event("2")], 1)
    assert store.batches == [1, 1]
    assert store.run_rows() == [row("02"), row("01", "WAITING")]
    assert (store.mark("a"), store.mark("b"), store.folded_to()) == ("1", "2", 1)
    await journal.close()


async def test_derived_rows_that_nothing_takes_along_are_written_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "DERIVE_AFTER_S", 0)
    store = Gate()
    journal = GroupCommit(store)
    journal.derive(Derived([row("01")]))
    await asyncio.to_thread(store.entered.acquire)
    await journal.close()
    assert store.batches == [0]
    assert store.run_row("01") == row("01")


async def test_derived_rows_never_get_ahead_of_the_events_appended_before() -> None:
    """They are written behind those events, and count as folded to exactly them."""
    store = Gate()
    journal = GroupCommit(store)
    first = await store.shut(journal)
    before = journal.append("run/before", [event("b"), event("c")], 0)
    journal.derive(Derived([row("01")]))
    later = journal.append("run/later", [event("l")], 0)
    last = journal.append("run/last", [event("z")], 0)
    assert store.run_rows() == []
    store.open.set()
    assert await asyncio.gather(first, before, later, last) == [1, 3, 4, 5]
    assert store.run_rows() == [row("01")]
    assert store.folded_to() == 3
    journal.derive(Derived())
    await journal.close()
    assert store.folded_to() == 5


async def test_what_a_caller_has_handed_over_is_what_its_rows_are_folded_to() -> None:
    """A start folds from that position on: rows that claim too much lose facts, totals that claim too little count
    them twice."""
    store = MemoryStore()
    journal = GroupCommit(store)
    handed_over = 0
    claims: list[tuple[int, int]] = []
    told = store.append

    def watched(batch: Sequence[Append], derived: Derived | None = None) -> list[int | Exception]:
        if derived is not None and "handed" in derived.marks:
            claims.append((int(derived.marks["handed"]), derived.folded_to or 0))
        return told(batch, derived)

    store.append = watched  # type: ignore[method-assign]

    async def caller(n: int) -> None:
        nonlocal handed_over
        for version in range(20):
            pending = journal.append(f"run/{n}", [event(f"{n}.{version}")], version)
            handed_over += 1
            journal.derive(Derived((), {"handed": str(handed_over)}))
            await pending

    await asyncio.gather(*(caller(n) for n in range(8)))
    await journal.close()
    assert len(claims) > 10
    assert all(handed == folded_to for handed, folded_to in claims)


async def test_a_lonely_append_is_committed_inline_where_that_is_allowed() -> None:
    store = Gate()
    idle = True
    journal = GroupCommit(store, inline=lambda: idle)
    here = threading.current_thread().name
    pending = journal.append("run/1", [event("1")], 0)
    assert isinstance(pending, asyncio.Future) and pending.done()
    assert await pending == 1
    idle = False
    assert await journal.append("run/1", [event("2")], 1) == 2
    assert store.threads == [here, "journal"]
    await journal.close()


async def test_nothing_is_committed_inline_while_something_is_under_way() -> None:
    """Never two at once, and never out of order."""
    store = Gate()
    allowed = False
    journal = GroupCommit(store, inline=lambda: allowed)
    first = await store.shut(journal)
    allowed = True
    second = journal.append("run/2", [event("2")], 0)
    assert isinstance(second, asyncio.Future) and not second.done()
    store.open.set()
    assert (await first, await second) == (1, 2)
    assert store.threads == ["journal", "journal"]
    assert await journal.append("run/2", [event("3")], 1) == 3
    assert store.threads[-1] == threading.current_thread().name
    await journal.close()


async def test_an_inline_commit_that_fails_fails_the_journal() -> None:
    store = Gate()
    store.errors = {1: StoreFailed("gone")}
    told: list[Exception] = []
    journal = GroupCommit(store, inline=lambda: True, on_failure=told.append)
    for _ in range(2):
        with pytest.raises(StoreFailed):
            await journal.append("run/1", [event("1")], 0)
    assert len(told) == len(store.batches) == 1
    await journal.close()


async def test_it_says_when_it_holds_too_much_for_the_outside() -> None:
    store = Gate()
    journal = GroupCommit(store, waiting_limit=3)
    first = await store.shut(journal)
    taken = [journal.append("run/1", [event("1")], 0)]
    assert not journal.is_full
    taken.append(journal.append("run/2", [event("2")], 0))
    assert journal.is_full
    taken.append(journal.append("run/3", [event("3")], 0))  # what is begun already is never refused
    store.open.set()
    assert await asyncio.gather(first, *taken) == [1, 2, 3, 4]
    assert not journal.is_full
    await journal.close()


async def test_what_goes_together_has_one_answer_and_weighs_as_much_as_it_holds() -> None:
    store = Gate()
    journal = GroupCommit(store, waiting_limit=6)
    first = await store.shut(journal)
    group = journal.append_together([Append(f"event/{n}", [event(str(n))], 0) for n in range(3)])
    assert (journal.waiting, journal.is_full) == (4, False)
    large = journal.append_together([Append("event/large", [event("large", "x" * 10_000)], 0)])
    assert (journal.waiting, journal.is_full) == (7, True)
    lost = journal.append_together([Append(f"event/{n}", [event(str(n))], 0) for n in (4, 3, 1)])
    store.open.set()
    assert [await first, await group, await large] == [1, 4, 5]
    with pytest.raises(VersionConflict):
        await lost
    assert (journal.waiting, store.last_seq()) == (0, 5)
    await journal.close()


async def test_what_comes_alone_from_outside_is_committed_by_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "COMPANY_S", 0)
    store, here = Gate(), threading.current_thread().name
    journal = GroupCommit(store, inline=lambda: True)
    for n in range(3):
        assert await journal.append_together([Append(f"event/{n}", [event(str(n))], 0)]) == n + 1
    assert store.threads == [here] * 3
    many = [Append(f"event/many-{n}", [event(str(n))], 0) for n in range(group_commit.GATHERED)]
    await journal.append_together(many)
    assert store.threads == [here, here, here, "journal"]
    await journal.close()


async def test_what_comes_in_company_from_outside_is_committed_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "COMPANY_S", 3_600)
    store = Gate()
    journal = GroupCommit(store, inline=lambda: True)
    both = [journal.append_together([Append(f"event/{n}", [event(str(n))], 0)]) for n in range(2)]
    assert await asyncio.gather(*both) == [1, 2]
    assert await journal.append_together([Append("event/later", [event("later")], 0)]) == 3
    assert (store.batches, store.threads) == ([2, 1], ["journal"] * 2)
    await journal.close()


async def test_whoever_begins_something_waits_until_half_of_it_is_done() -> None:
    store = Gate()
    journal = GroupCommit(store, begun_limit=4)
    first = await store.shut(journal)
    await journal.room()
    taken = [journal.append(f"run/{n}", [event(str(n))], 0) for n in range(3)]
    gone, beginning = asyncio.ensure_future(journal.room()), asyncio.ensure_future(journal.room())
    await asyncio.sleep(0)
    gone.cancel()
    assert not beginning.done()
    store.open.set()
    await beginning
    assert journal.waiting <= 2
    await asyncio.gather(first, *taken)
    await journal.close()


async def test_a_caller_that_gives_up_takes_nobody_with_it() -> None:
    store = Gate()
    journal = GroupCommit(store)
    await store.shut(journal)
    gone, refused, stays = (
        asyncio.ensure_future(journal.append(stream, [event("e")], at))
        for stream, at in (("run/gone", 0), ("run/gone", 0), ("run/stays", 0))
    )
    gone.cancel()
    refused.cancel()
    store.open.set()
    assert await stays == 3, "what was given up on is in the log all the same"
    await journal.close()


async def test_closing_commits_everything_that_waits_and_takes_no_more() -> None:
    store = Gate()
    journal = GroupCommit(store)
    first = await store.shut(journal)
    rest = [journal.append(f"run/{n}", [event(str(n))], 0) for n in range(5)]
    journal.derive(Derived([row("01")]))
    closing = [asyncio.ensure_future(journal.close()) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(StoreError, match="closed"):
        await journal.append("run/late", [event("late")], 0)
    store.open.set()
    await asyncio.gather(*closing)
    assert [each.result() for each in (first, *rest) if isinstance(each, asyncio.Future)] == [1, 2, 3, 4, 5, 6]
    assert store.run_row("01") == row("01")
    assert not journal._thread.is_alive()


def drive(awaitable: object) -> int:
    """Awaits without an event loop."""

    async def main() -> int:
        return await awaitable  # type: ignore[misc, no-any-return]

    coroutine = main()
    with pytest.raises(StopIteration) as stop:
        coroutine.send(None)
    return int(stop.value.value)


def test_the_inline_journal_needs_no_event_loop() -> None:
    store = Gate()
    journal = InlineJournal(store)
    assert drive(journal.append("run/1", [event("a"), event("b")], 0)) == 2
    assert drive(journal.append("run/1", [event("c")], 2)) == 3
    with pytest.raises(VersionConflict):
        journal.append("run/1", [event("d")], 0)


def test_the_inline_journal_writes_derived_rows_with_the_next_append_or_on_closing() -> None:
    store = Gate()
    journal = InlineJournal(store)
    drive(journal.append("run/1", [event("a")], 0))
    journal.derive(Derived([row("01")]))
    store.errors = {2: StoreFull("full")}
    with pytest.raises(StoreFull):
        journal.append("run/1", [event("b")], 1)
    assert store.run_rows() == []
    drive(journal.append("run/1", [event("b")], 1))
    assert (store.run_rows(), store.folded_to()) == ([row("01")], 1)
    journal.derive(Derived([row("02")]))
    journal.close()
    journal.close()
    assert (store.run_rows(), store.folded_to()) == ([row("02"), row("01")], 2)
    assert store.batches == [1, 1, 1, 0]
    store.forget_derived()
    drive(journal.append("run/1", [event("c")], 2))
    assert store.run_rows() == [], "written once, not with every append from then on"
