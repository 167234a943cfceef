"""What a new revision means: told by meaning, not by spelling, nothing twice, and nothing left out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hms_orch_cli.application.definition_diff import Change, difference
from hms_orch_cli.saga.definition import saga_from

from ..specs import approval, content_of, group, sequence, step, wait

ONE, TWO, THREE = step("one"), step("two"), step("three")


def told(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [change.sentence() for change in difference(before, after)]


def of(*items: dict[str, Any], **keys: Any) -> dict[str, Any]:
    return content_of(*items, **keys)


STEPS = [
    (of(ONE), of(ONE, TWO), ["step two added: calls svc:/two, undone by svc:/undo/two"]),
    (of(ONE, step("two", compensate=None)), of(ONE), ["step two removed: calls svc:/two, without undo"]),
    (of(ONE), of(ONE, wait("two")), ["step two added: waits for stock.arrived, without undo"]),
    (of(ONE), of(approval("two"), ONE), ["step two added: asks a person Ship it?, without undo"]),
    (of(ONE), of(step("one", compensate=None)), ["step one: undo removed, was svc:/undo/one"]),
    (of(step("one", compensate=None)), of(ONE), ["step one: undo added: svc:/undo/one"]),
    (of(ONE), of(step("one", compensate="event")), ["step one: undo svc:/undo/one → event saga.compensate"]),
    (
        of(ONE),
        of(step("one", call={"service": "svc", "path": "/one", "method": "PUT"})),
        ["step one: call svc:/one → PUT svc:/one"],
    ),
    (of(ONE), of(step("one", retry={"attempts": 5})), ["step one: retry.attempts 3 → 5"]),
    (
        of(ONE),
        of(step("one", compensate={"service": "svc", "path": "/undo/one", "retry": {"attempts": 2}})),
        ["step one: undo retry.attempts 10 → 2"],
    ),
    (of(ONE), of(step("one", timeoutMs=5)), ["step one: timeoutMs 30000 → 5"]),
    (of(ONE), of(step("one", when="data.n > 1")), ["step one: when added: data.n > 1"]),
    (of(step("one", irreversible=True)), of(ONE), ["step one: irreversible removed, was true"]),
    (
        of(step("one", outcomes={"409": "success"}, output={"a": "response.a"}, redact=["x"])),
        of(step("one", outcomes={"409": "failed"}, output={"b": "response.a"})),
        [
            "step one: outcomes.409 success → failed",
            "step one: output.a removed, was response.a",
            'step one: redact removed, was ["x"]',
            "step one: output.b added: response.a",
        ],
    ),
    (
        of(step("one", call={"service": "svc", "path": "/one", "body": {"sure": 1}, "headers": {"X-A": "a"}})),
        of(step("one", call={"service": "svc", "path": "/one", "body": {"sure": True}})),
        ["step one: call.headers.X-A removed, was a", 'step one: call.body {"sure": 1} → {"sure": true}'],
    ),
    (
        of(ONE),
        of(wait("one", 7, compensate="svc:/undo/one")),
        ["step one: call removed, was svc:/one", "step one: await added: stock.arrived"],
    ),
    (of(wait("one")), of(wait("one", 7)), ["step one: await.timeoutMs added: 7"]),
    (of(approval("one")), of(approval("one", 7)), ["step one: approval.ttlMs added: 7"]),
    (of(step("one", check="svc:/a")), of(step("one", check="svc:/b")), ["step one: check GET svc:/a → GET svc:/b"]),
]

SAGA = [
    (of(ONE), of(ONE, filter="data.n > 1"), ["filter added: data.n > 1"]),
    (of(ONE), of(ONE, trigger=["a", "b"]), ['trigger ["order.placed"] → ["a", "b"]']),
    (of(ONE), of(ONE, lock="data.n"), ["lock added: data.n"]),
    (of(ONE, lock="data.n"), of(ONE, lock={"key": "data.n", "waitMs": 5}), ["lock.waitMs added: 5"]),
    (of(ONE, lock={"key": "data.n", "onConflict": "skip"}), of(ONE), ["lock removed, was data.n"]),
    (of(ONE, deadlineMs=9), of(ONE, deadlineMs=8), ["deadlineMs 9 → 8"]),
    (of(ONE), of(ONE, hitlAfter=1), ["hitlAfter 3 → 1"]),
]

HANDED_DOWN = [
    (of(ONE, TWO), of(ONE, TWO, timeoutMs=5), ["timeoutMs 30000 → 5"]),
    (of(ONE, TWO), of(ONE, TWO, onExhausted="hitl"), ["onExhausted compensate → hitl"]),
    (of(ONE, TWO, retry={"attempts": 4}), of(ONE, TWO, retry={"attempts": 5}), ["retry.attempts 4 → 5"]),
    (of(ONE, TWO, retry={"factor": 3}), of(ONE, TWO, retry={"factor": 4}), ["retry.factor 3 → 4"]),
    (
        of(ONE, step("two", timeoutMs=7), timeoutMs=7),
        of(ONE, step("two", timeoutMs=7), timeoutMs=5),
        ["timeoutMs 7 → 5"],
    ),
    (
        of(ONE, step("two", timeoutMs=7)),
        of(ONE, step("two", timeoutMs=8), timeoutMs=5),
        ["timeoutMs 30000 → 5", "step two: timeoutMs 7 → 8"],
    ),
    (
        of(step("one", retry={"attempts": 1}, compensate={"event": True, "retry": {"attempts": 1}})),
        of(step("one", retry={"attempts": 2}, compensate={"event": True, "retry": {"attempts": 2}})),
        ["step one: retry.attempts 1 → 2", "step one: undo retry.attempts 1 → 2"],
    ),
]

ORDER = [
    (of(ONE, TWO, THREE), of(TWO, THREE, ONE), ["step one moved: it runs after three"]),
    (of(ONE, TWO, THREE), of(THREE, ONE, TWO), ["step three moved: it runs first"]),
    (of(ONE, TWO), of(group(ONE, TWO)), ["step two moved: it runs first, beside one"]),
    (of(ONE, group(TWO, THREE)), of(ONE, TWO, THREE), ["step three moved: it runs after two"]),
    (of(ONE, TWO), of(sequence(ONE, TWO)), ["written in another way, the meaning is the same"]),
    (
        of(group(ONE, TWO)),
        of(group(ONE, TWO, on_sibling_failure="cancel")),
        ["steps one, two: onSiblingFailure drain → cancel"],
    ),
    (
        of(group(ONE, TWO), THREE),
        of(group(ONE, sequence(step("two_of_two", call="svc:/two", compensate="svc:/undo/two"))), THREE),
        ["step two is now called two_of_two"],
    ),
]

NAMES = [
    (of(ONE, TWO), of(ONE, {**TWO, "name": "deux"}), ["step two is now called deux"]),
    (
        of(ONE, TWO),
        of(ONE, {**TWO, "name": "deux", "compensate": "svc:/other"}),
        ["step two is now called deux", "step deux: undo svc:/undo/two → svc:/other"],
    ),
    (
        of(ONE, step("two", call="svc:/one")),
        of(step("three", call="svc:/one"), step("four", call="svc:/one")),
        [
            "step one removed: calls svc:/one, undone by svc:/undo/one",
            "step two removed: calls svc:/one, undone by svc:/undo/two",
            "step three added: calls svc:/one, undone by svc:/undo/three",
            "step four added: calls svc:/one, undone by svc:/undo/four",
        ],
    ),
    (
        of(ONE, TWO, THREE),
        of({**TWO, "name": "deux"}, ONE, THREE),
        ["step two is now called deux", "step one moved: it runs after deux"],
    ),
]


@pytest.mark.parametrize(("before", "after", "sentences"), [*STEPS, *SAGA, *HANDED_DOWN, *ORDER, *NAMES])
def test_what_a_change_is_told_as(before: dict[str, Any], after: dict[str, Any], sentences: list[str]) -> None:
    assert told(before, after) == sentences


@pytest.mark.parametrize(
    ("short", "long"),
    [
        (ONE, step("one", call={"service": "svc", "path": "/one", "method": "POST"})),
        (ONE, step("one", retry={"attempts": 3}, timeoutMs=30_000, onExhausted="compensate", irreversible=False)),
        (step("one", compensate="event"), step("one", compensate={"event": True})),
    ],
)
def test_other_words_with_the_same_meaning_are_no_change(short: dict[str, Any], long: dict[str, Any]) -> None:
    assert difference(of(short), of(long)) == (Change("rewritten"),)


def test_a_long_value_is_cut_and_many_steps_are_counted() -> None:
    many = [step(f"s{n}") for n in range(6)]
    (change,) = difference(of(ONE), of(ONE, filter=f'data.n == "{"x" * 500}"'))
    assert change.sentence() == f'filter added: data.n == "{"x" * 88}…'
    (change,) = difference(of(group(*many)), of(group(*many, on_sibling_failure="cancel")))
    assert change.sentence() == "steps s0, s1, s2 and 3 more: onSiblingFailure drain → cancel"


def test_each_piece_of_a_file_is_quoted() -> None:
    changes = difference(
        of(step("xa"), step("xb"), step("xc"), step("xd")),
        of(
            step("xc"),
            step("xe"),
            step("xf", call="svc:/xb"),
            step("xa", timeoutMs=11, output={"xo": "xa"}, call={"service": "x", "path": "/x", "headers": {"X": "x"}}),
            filter="xx",
        ),
    )
    assert {change.kind for change in changes} == {"added", "removed", "renamed", "moved", "changed"}
    for change in changes:
        words = change.sentence(lambda text: f"<{text}>")
        unquoted = "".join(part.rpartition(">")[2] for part in words.split("<"))
        assert not set("x31X/.") & set(unquoted), words


items = st.recursive(
    st.sampled_from("abcdef").map(lambda name: name),
    lambda inner: st.tuples(st.booleans(), st.lists(inner, min_size=1, max_size=3)),
    max_leaves=6,
)


def written(item: Any, taken: set[str]) -> dict[str, Any] | None:
    """An item of a file; a name that is taken is left out."""
    if isinstance(item, str):
        return None if item in taken else taken.add(item) or step(item)
    inner = [each for each in (written(part, taken) for part in item[1]) if each is not None]
    return {"steps": inner, "parallel": item[0]} if inner else None


contents = st.lists(items, min_size=1, max_size=4).map(
    lambda found: of(*filter(None, (lambda taken: [written(each, taken) for each in found])(set())))
)


@given(contents, contents)
def test_the_steps_that_have_not_moved_stand_as_they_did(before: dict[str, Any], after: dict[str, Any]) -> None:
    old, new = saga_from(before, ""), saga_from(after, "")
    moved = {change.steps[0] for change in difference(before, after) if change.kind == "moved"}
    still = [name for name in new.steps if name in old.steps and name not in moved]
    for one in still:
        for other in still:
            assert (one in old.earlier[other]) == (one in new.earlier[other])


@given(contents, contents)
def test_a_change_survives_the_way_over_http(before: dict[str, Any], after: dict[str, Any]) -> None:
    for change in difference(before, after):
        assert Change.from_json(change.to_json()) == change
