"""Whatever a saga says: advice, never an exception, and all of it inside the file."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hms_orch_cli.expressions import CelExpressions
from hms_orch_cli.saga.definition import saga_from
from hms_orch_cli.sagafile.check import check
from hms_orch_cli.sagafile.lint.subject import Subject
from hms_orch_cli.sagafile.project import check_files
from hms_orch_cli.sagafile.reader import read
from hms_orch_cli.sagafile.source import Source
from tests.sagafile.books import book

CEL = CelExpressions()
SERVICES = book("svc", mail="http://mail.example.com")
NAMES = [f"s{number}" for number in range(8)]
PATHS = ["context.s0", "context.s1.n", "context['s2'].m", "context.s7", "data.x", "event.time", "saga.id", "context"]

cel = st.builds(
    lambda form, one, other: form.format(one, other),
    st.sampled_from(["{0}", "{0} + {1}", "{0} == {1}", "has({0}) ? {0} : {1}", "[{0}].map(context, {1})", "size({0})"]),
    st.sampled_from(PATHS),
    st.sampled_from([*PATHS, "1", '"x"', "1.5"]),
)
texts = st.just("plain") | st.builds("${{{}}}".format, cel) | st.builds("a${{{}}}b".format, cel)
requests = st.builds("svc:/{}".format, texts) | st.fixed_dictionaries(
    {"service": st.sampled_from(["svc", "mail", "nobody"]), "path": st.just("/a")},
    optional={
        "method": st.sampled_from(["POST", "PUT", "GET"]),
        "query": st.dictionaries(st.sampled_from(["a", "token"]), texts, max_size=2),
    },
)
patience = st.fixed_dictionaries({}, optional={"attempts": st.integers(1, 1000), "budgetMs": st.integers(1, 10**9)})
whats = (
    st.fixed_dictionaries({"call": requests}, optional={"retry": patience, "timeoutMs": st.integers(1, 10**6)})
    | st.fixed_dictionaries({"await": st.fixed_dictionaries({"event": st.just("e")}, optional={"match": cel})})
    | st.fixed_dictionaries({"approval": st.fixed_dictionaries({"prompt": texts}, optional={"ttlMs": st.just(5)})})
)
extras = st.fixed_dictionaries(
    {},
    optional={
        "compensate": requests | st.just("event"),
        "when": cel,
        "output": st.dictionaries(st.sampled_from(["n", "m"]), cel, max_size=2),
        "irreversible": st.booleans(),
        "onExhausted": st.just("hitl"),
    },
)
steps = st.builds(lambda what, extra: {"name": "", **what, **extra}, whats, extras)
items = st.recursive(
    steps,
    lambda inner: st.builds(
        lambda inside, parallel: {"steps": inside, **({"parallel": True} if parallel else {})},
        st.lists(inner, min_size=1, max_size=3),
        st.booleans(),
    ),
    max_leaves=8,
)


@st.composite
def definitions(draw: st.DrawFn) -> dict[str, Any]:
    """A saga whose shape is right."""
    found = json.loads(json.dumps(draw(st.lists(items, min_size=1, max_size=4))))
    names = iter(NAMES)

    def named(inside: list[dict[str, Any]]) -> list[dict[str, Any]]:
        kept = []
        for item in inside:
            if "steps" in item:
                if within := named(item["steps"]):
                    kept.append({**item, "steps": within})
            elif name := next(names, ""):
                kept.append({**item, "name": name})
        return kept

    keys = {"deadlineMs": st.integers(1, 10**8), "lock": st.just("data.x"), "filter": cel}
    extra = draw(st.fixed_dictionaries({}, optional=keys))
    return {"id": draw(st.sampled_from(["a", "b"])), "trigger": "t", "steps": named(found), **extra}


@settings(max_examples=300, deadline=None)
@given(definitions())
def test_advice_lies_inside_the_file(content: dict[str, Any]) -> None:
    text = json.dumps(content, indent=1)
    lines = text.split("\n")
    for finding in check(text.encode(), "a.yaml", CEL, services=SERVICES).findings:
        assert finding.message
        assert 1 <= finding.column <= finding.end_column <= len(lines[finding.line - 1]) + 1 or finding.end_line > 1


@settings(max_examples=100, deadline=None)
@given(st.lists(definitions(), max_size=3))
def test_advice_never_keeps_a_saga_from_being_deployed(contents: list[dict[str, Any]]) -> None:
    files = [(f"{number}.yaml", json.dumps(content).encode()) for number, content in enumerate(contents)]
    for each in check_files(files, CEL, services=SERVICES):
        assert {finding.severity for finding in each.findings if finding.rule > "HMS1"} <= {"warning"}
        assert each.ok is bool(each.documents)


@settings(max_examples=200, deadline=None)
@given(definitions())
def test_earlier_means_what_the_machine_means(content: dict[str, Any]) -> None:
    """Beside is neither earlier nor later, whichever of the two is asked about."""
    (tree,) = read(Source(json.dumps(content).encode(), "a.yaml"))
    subject = Subject(tree, Source(b"", "a.yaml"))
    earlier = saga_from(content, "").earlier
    for one in earlier:
        for other in earlier:
            relation = subject.relation(one, other)
            assert (relation == "earlier") is (one in earlier[other])
            assert (relation == "later") is (other in earlier[one])
            assert (relation == "itself") is (one == other)
