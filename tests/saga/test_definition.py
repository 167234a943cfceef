"""A definition: what the file says, with every default filled in."""

from __future__ import annotations

from typing import Any

from hms_orch_cli.saga.definition import Call, Group, Request, Retry, Sequence, Step, Undo, saga_from, walk

SEED: dict[str, Any] = {
    "id": "dol.benefit.increase.v1",
    "trigger": "policy.changed",
    "filter": 'data.policyId == "dol.unemployment.v3"',
    "steps": [
        {"name": "recalc_payments", "call": "payment-svc:/recalc", "compensate": "payment-svc:/revert"},
        {"name": "send_notices", "call": "notice-svc:/broadcast", "compensate": "notice-svc:/cancel"},
        {"name": "archive_rule", "call": "archive-svc:/snapshot", "compensate": "archive-svc:/deleteSnapshot"},
    ],
    "retry": {"attempts": 3, "backoffMs": 2_000},
    "timeoutMs": 300_000,
}


def saga(**keys: Any) -> Any:
    """The least that is a saga, and these keys."""
    return saga_from({"id": "s", "trigger": "t", "steps": [{"name": "a", "call": "svc:/a"}], **keys}, "r")


def only_step(**keys: Any) -> Step:
    """The one step of a saga, with these keys."""
    return saga(steps=[{"name": "a", "call": "svc:/a", **keys}]).steps["a"]


def test_the_tutorials_saga_reads_as_it_is_written() -> None:
    read = saga_from(SEED, "r")
    assert (read.id, read.triggers, read.filter) == ("dol.benefit.increase.v1", ("policy.changed",), SEED["filter"])
    assert list(read.steps) == ["recalc_payments", "send_notices", "archive_rule"]
    pay = read.steps["recalc_payments"]
    retry = Retry(attempts=3, backoff_ms=2_000)
    assert pay.call == Call(Request("payment-svc", "/recalc", "POST"), retry, 300_000)
    undo_retry = Retry(attempts=10, backoff_ms=2_000)
    undo = Call(Request("payment-svc", "/revert", "POST"), undo_retry, 300_000)
    assert pay.compensate == Undo("http", undo, undo_retry, 300_000)


def test_what_is_not_written_has_the_defaults_of_the_contract() -> None:
    plain = saga()
    assert (plain.filter, plain.lock, plain.deadline_ms, plain.hitl_after) == (None, None, None, 3)
    step = plain.steps["a"]
    assert step.call == Call(Request("svc", "/a"), Retry(3, 1_000, 2, 60_000, 0.2, None), 30_000)
    assert (step.compensate, step.check, step.when, step.summary, step.output) == (None, None, None, None, None)
    assert (step.irreversible, step.on_exhausted, step.redact) == (False, "compensate", ())


def test_a_trigger_may_be_a_list() -> None:
    assert saga(trigger=["a", "b"]).triggers == ("a", "b")


def test_the_long_form_of_a_request() -> None:
    written = {"service": "svc", "path": "/x/${data.id}", "method": "PUT", "headers": {"A": "b"}, "query": {"q": 1}}
    call = only_step(call={**written, "body": {"k": 1}}).call
    assert call
    assert call.request == Request("svc", "/x/${data.id}", "PUT", {"A": "b"}, {"q": 1}, {"k": 1})
    assert call.request.own_body
    assert not Request("svc", "/").own_body


def test_a_path_keeps_its_colons() -> None:
    call = only_step(call="svc:/a:b").call
    assert call and (call.request.service, call.request.path) == ("svc", "/a:b")


def test_a_check_is_a_get_unless_it_says_otherwise() -> None:
    assert only_step(check="svc:/state").check == Request("svc", "/state", "GET")
    assert only_step(check={"service": "svc", "path": "/state", "method": "POST"}).check == Request("svc", "/state")


def test_an_undo_takes_backoff_from_the_saga_patience_from_itself_and_the_steps_time() -> None:
    undo = (
        saga(
            retry={"attempts": 2, "backoffMs": 5, "factor": 3, "maxBackoffMs": 50, "jitter": 0, "budgetMs": 9},
            steps=[{"name": "a", "call": "svc:/a", "compensate": "svc:/u", "retry": {"backoffMs": 99}, "timeoutMs": 7}],
        )
        .steps["a"]
        .compensate
    )
    assert undo == Undo("http", Call(Request("svc", "/u"), undo.retry, 7), Retry(10, 5, 3, 50, 0, None), 7)


def test_an_undo_has_its_own_retry_time_and_outcomes() -> None:
    written = {"service": "s", "path": "/u", "retry": {"attempts": 4}, "timeoutMs": 8, "outcomes": {"409": "success"}}
    undo = only_step(compensate=written, timeoutMs=7, outcomes={"404": "success"}).compensate
    assert undo and undo.call
    assert (undo.retry.attempts, undo.timeout_ms, undo.call.timeout_ms, undo.call.outcomes) == (
        4,
        8,
        8,
        {409: "success"},
    )


def test_an_undo_by_event_has_no_request() -> None:
    undo = only_step(compensate="event").compensate
    assert undo and (undo.mode, undo.call, undo.retry.attempts, undo.timeout_ms) == ("event", None, 10, 30_000)


def test_statuses_of_outcomes_are_numbers_however_they_are_written() -> None:
    call = only_step(outcomes={"409": "success", 404: "failed"}).call
    assert call and call.outcomes == {409: "success", 404: "failed"}


def test_nothing_written_differs_from_zero_written() -> None:
    retry = Retry().but({"backoffMs": 0, "jitter": 0, "budgetMs": 0})
    assert (retry.backoff_ms, retry.jitter, retry.budget_ms) == (0, 0, 0)


def test_sequences_and_groups_nest() -> None:
    inner = {"steps": [{"name": "b", "call": "s:/b"}, {"name": "c", "call": "s:/c"}]}
    outer = {"parallel": True, "steps": [inner, {"name": "d", "call": "s:/d"}], "onSiblingFailure": "cancel"}
    read = saga(steps=[{"name": "a", "call": "s:/a"}, outer])
    first, group = read.body.items
    assert isinstance(first, Step) and isinstance(group, Group) and isinstance(group.items[0], Sequence)
    assert group.on_sibling_failure == "cancel"
    assert [step.name for step in walk(read.body)] == list(read.steps) == ["a", "b", "c", "d"]
    assert saga(steps=[{"parallel": True, "steps": [inner]}]).body.items[0].on_sibling_failure == "drain"


def test_the_other_keys_of_a_step() -> None:
    step = only_step(
        when="data.n > 1",
        summary="${response.n}",
        output={"n": "response.n"},
        irreversible=True,
        redact=["card.number"],
        onExhausted="hitl",
    )
    assert (step.when, step.summary, step.output) == ("data.n > 1", "${response.n}", {"n": "response.n"})
    assert (step.irreversible, step.redact, step.on_exhausted) == (True, ("card.number",), "hitl")


def test_a_lock_is_short_or_long() -> None:
    assert saga(lock="data.id").lock.key == "data.id"
    lock = saga(lock={"key": "data.id", "onConflict": "abort", "waitMs": 5}).lock
    assert (lock.key, lock.on_conflict, lock.wait_ms) == ("data.id", "abort", 5)


def test_steps_that_wait_have_no_call() -> None:
    waiting = saga(steps=[{"name": "w", "await": {"event": "paid", "match": "event.data.n == 1", "timeoutMs": 5}}])
    assert (waiting.steps["w"].call, waiting.steps["w"].awaits.event) == (None, "paid")
    asking = saga(steps=[{"name": "q", "approval": {"prompt": "Go on?", "ttlMs": 5}}])
    assert (asking.steps["q"].approval.prompt, asking.steps["q"].approval.on_expire) == ("Go on?", "compensate")


def test_earlier_steps_are_those_done_before_and_not_those_beside() -> None:
    saga = saga_from(
        {
            "id": "a",
            "trigger": "t",
            "steps": [
                {"name": "one", "call": "s:/1"},
                {
                    "parallel": True,
                    "steps": [
                        {"name": "left", "call": "s:/2"},
                        {"steps": [{"name": "r1", "call": "s:/3"}, {"name": "r2", "call": "s:/4"}]},
                    ],
                },
                {"name": "last", "call": "s:/5"},
            ],
        },
        "r",
    )
    assert saga.earlier == {
        "one": (),
        "left": ("one",),
        "r1": ("one",),
        "r2": ("one", "r1"),
        "last": ("one", "left", "r1", "r2"),
    }
