"""The outcome table of the contract (SPEC section 2), row by row: how a service behaves, and what has to come of it.

Every row is a definition of its own with the paths `/<row>/…`, so that all of them can run in one `up`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from tests.acceptance.services import ok, problem
from tests.participant.fake_service import Reply

Answers = tuple[Reply, ...]

DONE: Answers = (ok(),)
NO: Answers = (problem(422, "no"),)
QUICK = {"attempts": 3, "backoffMs": 10, "factor": 1, "jitter": 0}
SHORT = {"timeoutMs": 400, "retry": {"attempts": 2, "backoffMs": 10, "jitter": 0}}
POLLED = {**SHORT, "timeoutMs": 2_000}
"""Time for a poll in each attempt, however busy the machine is."""
BROKEN = Reply(body='{"count": ', headers={"content-type": "application/json"})
IN_FLIGHT = problem(409, "busy", "https://errors.example/idempotency-key-in-flight")
MUTE = Reply(act="silent")


class Row(NamedTuple):
    """How the step under test is answered, and what becomes of the run.

    `calls`, `undos`, `polls`, `checks` are how often the service was asked; `attempts` as status shows them (None: as
    `calls`). `step` is the state of the step under test, `members` are further members of the step in the saga file.
    """

    name: str
    call: Answers = DONE
    undo: Answers = DONE
    poll: Answers = DONE
    check: Answers = DONE
    members: Mapping[str, Any] = {}
    undo_members: Mapping[str, Any] = {}
    after: Answers = DONE
    state: str = "COMPLETED"
    step: str = "SUCCEEDED"
    calls: int = 1
    undos: int = 0
    polls: int = 0
    checks: int = 0
    attempts: int | None = None


def accepted(row: str, **headers: str) -> Reply:
    """202 with a place to ask at."""
    return Reply(202, headers={"location": f"/{row}/poll", **headers})


def success(name: str, *call: Reply, **other: Any) -> Row:
    """The step succeeds with its last answer."""
    return Row(name, call, **{"calls": len(call), **other})


def failed(name: str, *call: Reply, **other: Any) -> Row:
    """A definite no: what came before is undone, the step itself is not."""
    return Row(name, call, state="FAILED", step="FAILED", **{"calls": len(call), **other})


def unknown(name: str, *call: Reply, **other: Any) -> Row:
    """It may have taken effect: the step is undone with the rest."""
    return Row(name, call, state="FAILED", step="COMPENSATED", undos=1, **{"calls": 3, **other})


def undone(name: str, *undo: Reply, **other: Any) -> Row:
    """A later step is refused, and the undo of this one is done with its last answer."""
    return Row(
        name, undo=undo, after=NO, state="FAILED", step="COMPENSATED", **{"undos": len(undo), **other}
    )  # fmt: skip


def stuck(name: str, *undo: Reply, **other: Any) -> Row:
    """A later step is refused, and the undo of this one needs a person."""
    return Row(name, undo=undo, after=NO, state="STUCK", step="STUCK", **{"undos": 3, **other})


def later(seconds: str, status: int) -> Reply:
    """An answer with Retry-After."""
    return Reply(status, headers={"retry-after": seconds})


CHECK = {"check": "svc:/{row}/check"}

CALLS = [
    # 2xx but 202
    success("ok-json", ok(count=3)),
    success("ok-empty-of-type-json", Reply(headers={"content-type": "application/json"})),
    success("ok-no-content", Reply(204)),
    success("ok-created-without-type", Reply(201, body="made")),
    success("ok-html", Reply(body="<p>done", headers={"content-type": "text/html"})),
    success("ok-until-close", Reply(act="until_close")),
    # 202
    success("poll", accepted("poll"), poll=(Reply(202), accepted("poll"), ok(count=5)), polls=3),
    success("poll-absolute", Reply(202, headers={"location": "{url}/poll-absolute/poll"}), polls=1),
    success("poll-5xx", accepted("poll-5xx"), poll=(Reply(500), Reply(503), later("0", 429), ok()), polls=4),
    success("poll-401-once", accepted("poll-401-once"), poll=(Reply(401), ok()), polls=2),
    failed("poll-401", accepted("poll-401"), poll=(Reply(401),), polls=2),
    failed("poll-403", accepted("poll-403"), poll=(Reply(403),), polls=2),
    failed("poll-302", accepted("poll-302"), poll=(Reply(302, headers={"location": "/elsewhere"}),), polls=1),
    failed("poll-422", accepted("poll-422"), poll=NO, polls=1),
    unknown("poll-404", accepted("poll-404"), poll=(Reply(404),), polls=3),
    unknown("poll-410", accepted("poll-410"), poll=(Reply(410),), polls=3),
    unknown("poll-broken", accepted("poll-broken"), poll=(BROKEN,), polls=3),
    success("poll-404-then-ok", accepted("poll-404-then-ok"), ok(), poll=(Reply(404),), polls=1),
    unknown("poll-too-long", accepted("poll-too-long"), poll=(Reply(202),), members=POLLED, calls=2, polls=-1),
    unknown(
        "poll-asked-to-wait", accepted("poll-asked-to-wait"), poll=(later("1", 202),), members=POLLED, calls=2, polls=-1
    ),
    unknown("poll-elsewhere", Reply(202, headers={"location": "http://localhost:1/x"}), members=SHORT, calls=2),
    unknown("accepted-for-ever", Reply(202), members=SHORT, calls=2),
    # 425
    success("early", Reply(425), later("0", 425), ok(), attempts=1),
    unknown("early-for-ever", Reply(425), members={"timeoutMs": 2_000, "retry": {"attempts": 1}}, calls=-1, attempts=1),
    failed("early-then-no", Reply(425), *NO, attempts=1),
    # in doubt
    *[
        unknown(f"doubt-{name}", answer)
        for name, answer in {
            "408": Reply(408),
            "500": Reply(500),
            "502": Reply(502),
            "504": Reply(504),
            "503": Reply(503),
            "303": Reply(303, headers={"location": "/elsewhere"}),
            "drop": Reply(act="drop"),
            "reset": Reply(act="reset"),
            "half": Reply(act="drop_mid_body"),
            "large": Reply(act="huge"),
            "large-chunked": Reply(act="huge_chunked"),
            "broken": BROKEN,
            "garbage": Reply(act="garbage"),
            "lengths": Reply(act="wrong_length"),
        }.items()
    ],
    *[
        unknown(f"doubt-{act.replace('_', '-')}", Reply(act=act), members=SHORT, calls=2)
        for act in ("silent", "slow_bytes", "slow_head", "early_hints")
    ],
    success("doubt-then-ok", Reply(500), ok(message="at last")),
    success("drop-then-ok", Reply(act="drop"), ok()),
    # unknown is sticky
    unknown("sticky-422", Reply(500), *NO, calls=2),
    unknown("sticky-404", Reply(act="drop"), Reply(404), calls=2),
    unknown("sticky-429", Reply(502), Reply(429)),
    unknown("sticky-401", Reply(500), Reply(401)),
    unknown("sticky-302", Reply(500), Reply(302), calls=2),
    # definitely not taken
    failed("throttled", Reply(429), calls=3),
    failed("throttled-503", later("0", 503), calls=3),
    success("throttled-then-ok", later("1", 429), ok()),
    success("unavailable-then-ok", later("1", 503), ok()),
    failed("refused", calls=0, attempts=3, members={"call": "nobody:/x"}),
    # 401, 403
    success("unauthorized-once", Reply(401), ok()),
    failed("unauthorized", Reply(401), calls=2),
    failed("forbidden", Reply(403), calls=2),
    success("forbidden-once-of-one", Reply(403), ok(), members={"retry": {"attempts": 1}}),
    # a definite no
    *[failed(f"no-{status}", Reply(status)) for status in (400, 404, 409, 410, 418, 422, 451)],
    success("in-flight", IN_FLIGHT, ok()),
    *[
        failed(f"moved-{status}", Reply(status, headers={"location": "/elsewhere"}))
        for status in (300, 301, 302, 304, 307, 308)
    ],
    # check
    success("check-yes", Reply(500), check=(ok(message="it did"),), members=CHECK, checks=1),
    success("check-asked-again", Reply(500), check=(Reply(202), Reply(425), ok()), members=CHECK, checks=3),
    success("check-no-then-ok", Reply(500), ok(), check=(Reply(404),), members=CHECK, checks=1),
    failed("check-no", Reply(500), check=(Reply(404),), members=CHECK, calls=3, checks=3),
    failed("check-gone", Reply(act="drop"), check=(Reply(410),), members=CHECK, calls=3, checks=3),
    unknown("check-dumb", Reply(500), check=(Reply(503),), members=CHECK, checks=3),
    unknown("check-refused", Reply(500), check=(Reply(403),), members=CHECK, checks=3),
    failed("check-after-202", accepted("check-after-202"), poll=(Reply(404),), check=(Reply(404),), members=CHECK,
           calls=3, polls=3, checks=3),
    # overrides
    success("told-409-success", Reply(409), members={"outcomes": {409: "success"}}),
    failed("told-200-failed", ok(), members={"outcomes": {200: "failed"}}),
    failed("told-500-failed", Reply(500), members={"outcomes": {500: "failed"}}),
    failed("told-422-retry", *NO, calls=3, members={"outcomes": {422: "retry"}}),
    unknown("told-404-unknown", Reply(404), members={"outcomes": {404: "unknown"}}),
    # expressions
    unknown("output-wrong", ok(count=3), calls=1, members={"output": {"n": "response.nothing + 1"}}),
    failed("when-wrong", calls=0, attempts=0, members={"when": "data.nothing == 1"}),
    success("summary-wrong", ok(count=3), members={"summary": "${response.nothing}"}),
]  # fmt: skip

UNDOS = [
    undone("undo-ok", ok(count=3)),
    undone("undo-empty-of-type-json", Reply(headers={"content-type": "application/json"})),
    undone("undo-no-content", Reply(204)),
    undone("undo-text", Reply(body="done", headers={"content-type": "text/plain"})),
    undone("undo-gone", Reply(410)),
    undone("undo-poll", accepted("undo-poll"), poll=(Reply(202), ok()), polls=2),
    undone("undo-early", Reply(425), ok()),
    *[
        undone(f"undo-{name}-then-ok", answer, answer, ok())
        for name, answer in {
            "408": Reply(408),
            "500": Reply(500),
            "303": Reply(303),
            "drop": Reply(act="drop"),
            "broken": BROKEN,
            "429": later("0", 429),
            "503": later("0", 503),
            "401": Reply(401),
            "403": Reply(403),
            "in-flight": IN_FLIGHT,
        }.items()
    ],
    *[
        stuck(f"undo-{name}", answer)
        for name, answer in {
            "408": Reply(408),
            "500": Reply(500),
            "502": Reply(502),
            "504": Reply(504),
            "503": Reply(503),
            "503-later": later("0", 503),
            "429": Reply(429),
            "303": Reply(303),
            "401": Reply(401),
            "403": Reply(403),
            "drop": Reply(act="drop"),
            "large": Reply(act="huge"),
            "garbage": Reply(act="garbage"),
            "broken": BROKEN,
        }.items()
    ],
    stuck("undo-silent", MUTE, undo_members={"timeoutMs": 300}),
    stuck("undo-202-for-ever", Reply(202), undo_members={"timeoutMs": 300}),
    stuck("undo-refused", undos=0, undo_members={"service": "nobody"}),
    *[stuck(f"undo-no-{status}", Reply(status), undos=1) for status in (302, 307, 400, 404, 409, 418, 422)],
    stuck("undo-expression-wrong", undos=0, undo_members={"path": "/x/${context.nothing}"}),
    undone("undo-told-409-success", Reply(409), undo_members={"outcomes": {409: "success"}}),
    stuck("undo-told-500-failed", Reply(500), undo_members={"outcomes": {500: "failed"}}, undos=1),
    undone("undo-patient", *(Reply(500),) * 9, ok(), undo_members={"retry": {"backoffMs": 10, "jitter": 0}}),
    # 404 says that there is nothing to undo, if nobody knows whether there was
    Row("undo-of-unknown-404", (Reply(500),), (Reply(404),), state="FAILED", step="COMPENSATED", calls=3, undos=1),
    Row(
        "undo-of-unknown-early-404", (Reply(500),), (Reply(425), Reply(404)), state="FAILED", step="COMPENSATED",
        calls=3, undos=2,
    ),
    Row("undo-of-unknown-422", (Reply(500),), NO, state="STUCK", step="STUCK", calls=3, undos=1),
    Row(
        "undo-of-sticky-404", (Reply(500), *NO), (Reply(404),), state="FAILED", step="COMPENSATED", calls=2, undos=1,
    ),
]  # fmt: skip

ROWS = [*CALLS, *UNDOS]


def definition(row: Row) -> dict[str, Any]:
    """The saga file of a row: a step before the one under test, and one after it."""
    path = f"/{row.name}"
    undo = {"service": "svc", "path": f"{path}/undo", "retry": {"attempts": 3}, **row.undo_members}
    members = {
        name: value.replace("{row}", row.name) if isinstance(value, str) else value
        for name, value in row.members.items()
    }
    return {
        "id": f"row.{row.name}",
        "trigger": "rows.go",
        "steps": [
            {"name": "before", "call": f"svc:{path}/before", "compensate": f"svc:{path}/unbefore"},
            {"name": "tested", "call": f"svc:{path}/call", "compensate": undo, **members},
            {"name": "after", "call": f"svc:{path}/after", "compensate": f"svc:{path}/unafter"},
        ],
        "retry": QUICK,
        "timeoutMs": 20_000,
    }
