"""Every screen by name, with what has to be there before it is looked at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.browser.looking import Stage

Find = Callable[["Stage"], Awaitable[str]]


def at(address: str) -> Find:
    """A screen at a fixed address."""

    async def find(_stage: Stage) -> str:
        return address

    return find


def of_run(saga: str, state: str) -> Find:
    """The screen of a run."""

    async def find(stage: Stage) -> str:
        return f"/runs/{await stage.run(saga, state)}"

    return find


def of_item(kind: str) -> Find:
    """The screen of an item."""

    async def find(stage: Stage) -> str:
        return f"/hitl/{await stage.item(kind)}"

    return find


SCREENS: Mapping[str, Find] = {
    "runs": at("/"),
    "runs-failed": at("/?state=failed"),
    "runs-none": at("/?text=nothing+of+the+kind"),
    "run-completed": of_run("dol.benefit.increase.v1", "COMPLETED"),
    "run-failed": of_run("dol.household.moved.v1", "FAILED"),
    "run-waiting": of_run("dol.overpayment.recovered.v1", "WAITING"),
    "run-in-line": of_run("dol.claim.decided.v1", "WAITING"),
    "run-stuck": of_run("shop.label.v1", "STUCK"),
    "decisions": at("/hitl"),
    "decision-undo": of_item("undo"),
    "decision-hold": of_item("hold"),
    "decision-approval": of_item("approval"),
    "locks": at("/locks"),
    "locks-none": at("/locks?text=nothing+of+the+kind"),
    "definitions": at("/definitions"),
    "definition": at("/definitions/dol.household.moved.v1"),
    "definition-changed": at("/definitions/dol.benefit.increase.v1"),
    "charts": at("/charts"),
    "charts-week": at("/charts?window=week&saga=dol.claim.decided.v1"),
    "services": at("/services"),
    "not-there": at("/runs/none"),
}
