"""From bytes to definitions: what a good file becomes, and what its revision depends on."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from hms_orch_cli.expressions import CelExpressions
from hms_orch_cli.saga.definition import Approval, Await, Lock, Step
from hms_orch_cli.sagafile.check import MAX_FINDINGS, Checked, check, revision_of
from tests.sagafile.books import book

SEED = Path(__file__).parents[2] / "sagas" / "benefit-increase.yaml"
SERVICES = book("payment-svc", "notice-svc", "archive-svc")
PAY = "id: pay.v1\ntrigger: a\nsteps:\n  - name: pay\n    call: payment-svc:/pay\n    compensate: event\n"


def checked(text: str, **options: object) -> Checked:
    options.setdefault("services", SERVICES)
    return check(text.encode(), "pay.yaml", CelExpressions(), **options)  # type: ignore[arg-type]  # any of them


def test_the_seed_file_passes_and_warns_of_services_that_are_not_in_the_address_book() -> None:
    result = check(SEED.read_bytes(), "sagas/benefit-increase.yaml", CelExpressions(), services={})

    assert result.ok
    assert [finding.rule for finding in result.findings] == ["HMS042"] * 3
    (document,) = result.documents
    assert document.saga.id == "dol.benefit.increase.v1"
    assert document.content["timeoutMs"] == 300_000
    assert document.revision == "e378a3a6db8da69ffc2116d68583ee77236a1a0e6a930de135666f7e254d88e5"


def test_the_seed_file_has_no_findings_when_its_services_are_known() -> None:
    assert check(SEED.read_bytes(), "x", CelExpressions(), services=SERVICES).findings == ()


def test_a_service_may_have_any_name_that_the_address_book_takes() -> None:
    """Underscores too, which Compose allows in the names of services."""
    for name in ("payment_svc", "PaymentSvc", "payment.svc", "9payments"):
        assert checked(PAY.replace("payment-svc", name), services=book(name)).findings == ()


@pytest.mark.parametrize(
    ("condition", "passes"),
    [
        ('data.saga == "ship.v1"', True),
        ('data.saga in ["ship.v1", "order.v1"]', True),
        ("data.nowhere > 1", True),
        ("!has(data.reason)", True),
        ('data.saga == "pay.v1"', False),
        ("data.saga == saga.definition", False),
        ("data.sagaId != saga.id", False),
        ('data.saga != ""', False),
    ],
)
def test_a_filter_that_lets_own_runs_in_is_refused(condition: str, passes: bool) -> None:
    """What cannot be told from what all events of a run have in common passes: the depth of a chain is bounded."""
    text = PAY.replace("trigger: a", f"trigger: saga.completed\nfilter: '{condition}'")
    assert [finding.rule for finding in checked(text).findings] == ([] if passes else ["HMS050"])


def test_unknown_services_are_left_alone_without_an_address_book() -> None:
    assert checked(PAY.replace("payment-svc", "other"), services=None).findings == ()


def test_a_file_has_ten_thousand_expressions_at_most() -> None:
    """In however many texts and sagas they stand."""
    body = f"{{service: payment-svc, path: /pay, body: '{'${1}' * 5_000}'}}"
    saga = PAY.replace("payment-svc:/pay", body)
    other = "---\n" + saga.replace("pay.v1", "other.v1")

    assert checked(saga + other).ok
    refused = checked(saga + other.replace("trigger: a", "trigger: a\nfilter: data.a"))
    assert [(found.rule, found.message) for found in refused.findings] == [
        ("HMS003", "the file has more than 10,000 expressions")
    ]


def test_strict_refuses_what_is_a_warning_otherwise() -> None:
    result = checked(PAY.replace("payment-svc", "other"), strict=True)

    assert [finding.severity for finding in result.findings] == ["error"]
    assert result.documents == ()
    assert not result.ok


@pytest.mark.parametrize(
    "same",
    [
        "trigger: a\nid: pay.v1\nsteps:\n  - compensate: event\n    call: payment-svc:/pay\n    name: pay\n",
        "# words\n\nid:   pay.v1\ntrigger: 'a' #\nsteps: [{name: \"pay\", compensate: event, call: payment-svc:/pay}]",
        '{"id":"pay.v1","trigger":"a","steps":[{"name":"pay","call":"payment-svc:/pay","compensate":"event"}]}',
        "\ufeff" + PAY.replace("\n", "\r\n"),
        "---\n" + PAY + "...\n",
    ],
)
def test_the_revision_does_not_depend_on_order_white_space_comments_or_quotes(same: str) -> None:
    assert checked(same).documents[0].revision == checked(PAY).documents[0].revision


@pytest.mark.parametrize(
    "other",
    [
        PAY + "timeoutMs: 30000\n",
        PAY.replace("/pay", "/Pay"),
        PAY.replace("trigger: a", "trigger: [a]"),
        PAY + "  - name: two\n    call: payment-svc:/two\n",
    ],
)
def test_the_revision_is_that_of_the_content_as_written(other: str) -> None:
    """Also where a default says the same."""
    assert checked(other).documents[0].revision != checked(PAY).documents[0].revision


def test_one_number_written_two_ways_is_one_revision_and_one_meaning() -> None:
    """Canonical JSON writes 3.0 as 3; so the definition has to hold 3 as well."""
    whole, real = checked(PAY + "retry: {attempts: 3}\n"), checked(PAY + "retry: {attempts: 3.0}\n")

    assert whole.documents == real.documents
    assert type(real.documents[0].content["retry"]["attempts"]) is int


def test_the_revision_is_sha256_of_canonical_json() -> None:
    """RFC 8785: sorted by UTF-16, no white space."""
    assert revision_of({"b": 1, "a": "é"}) == (sha256('{"a":"é","b":1}'.encode()).hexdigest())


def test_every_document_of_a_file_is_checked_and_the_good_ones_come_out() -> None:
    result = checked(
        PAY + "---\nid: other.v1\ntriger: a\nsteps: []\n---\n" + PAY.replace("pay.v1", "third.v1") + "---\n"
    )

    assert [document.saga.id for document in result.documents] == ["pay.v1", "third.v1"]
    assert [(finding.rule, finding.line) for finding in result.findings] == [("HMS010", 9), ("HMS014", 10)]


def test_findings_are_bounded_and_the_rest_is_counted() -> None:
    result = checked(PAY + "".join(f"key{number}: 1\n" for number in range(150)))

    assert (len(result.findings), result.left_out) == (MAX_FINDINGS, 50)


def test_errors_come_before_warnings() -> None:
    result = checked(PAY.replace("payment-svc", "other") + "hitlAfter: 0\n")

    assert [finding.rule for finding in result.findings] == ["HMS014", "HMS042"]


def test_a_reserved_trigger_with_a_filter_is_allowed() -> None:
    """A chain of sagas on purpose; its depth is bounded at run time."""
    assert checked(PAY.replace("trigger: a", "trigger: saga.completed\nfilter: data.saga == 'other'")).ok


def test_the_whole_language_is_right() -> None:
    """Every key of the language once, and what the definition makes of the odd ones."""
    data = (Path(__file__).parent / "whole-language.yaml").read_bytes()
    result = check(data, "x", CelExpressions(), services=SERVICES)

    assert result.findings == ()
    saga = result.documents[0].saga
    assert list(saga.steps) == ["reserve", "pay", "tell", "print", "settle", "release"]
    pay = saga.steps["pay"]
    assert isinstance(pay, Step)
    assert pay.compensate is not None
    assert (pay.compensate.mode, pay.compensate.retry.attempts) == ("http", 5)
    assert saga.steps["tell"].compensate is not None
    assert saga.steps["tell"].compensate.mode == "event"
    assert saga.steps["print"].compensate is not None
    assert (saga.steps["print"].compensate.mode, saga.steps["print"].compensate.timeout_ms) == ("event", 600_000)
    assert saga.steps["print"].compensate.retry.attempts == 4
    assert saga.lock == Lock("data.policyId", "wait", 600_000)
    assert (pay.on_exhausted, saga.hitl_after) == ("hitl", 3)
    assert saga.steps["settle"].awaits == Await("payment.settled", "event.data.policyId == data.policyId", 86_400_000)
    assert saga.steps["release"].approval == Approval(
        "Release ${has(context.pay) ? context.pay.amount : 0}?", 86_400_000, "continue"
    )
