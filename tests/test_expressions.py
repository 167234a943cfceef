"""CEL and `${cel}`: values, messages, places."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hms_orch_cli.errors import ExpressionError
from hms_orch_cli.expressions import CelExpressions
from hms_orch_cli.expressions.cel import REMEMBERED, SHORT

CEL = CelExpressions()
NAMES = ("data", "event", "context", "response", "saga", "secret")
VALUES: dict[str, Any] = {
    "data": {"policyId": "dol.unemployment.v3", "n": 3, "list": [1, 2], "text": "x y/z", "none": None, "yes": True},
    "event": {"type": "policy.changed", "id": "1"},
    "context": {"pay": {"count": 4}},
    "response": {"count": 7},
    "saga": {"id": "s1", "definition": "pay.v1"},
    "secret": {"KEY": "s3cret"},
}


def value(text: str, **names: Any) -> Any:
    return CEL.compile(text, NAMES).evaluate({**VALUES, **names})


def refused(text: str, names: tuple[str, ...] = NAMES, *, boolean: bool = False) -> ExpressionError:
    with pytest.raises(ExpressionError) as caught:
        CEL.compile(text, names, boolean=boolean)
    return caught.value


def failed(text: str, **names: Any) -> str:
    with pytest.raises(ExpressionError) as caught:
        value(text, **names)
    return caught.value.message


def rendered(text: str, **names: Any) -> Any:
    template = CEL.template(text, NAMES)
    assert template is not None
    return template.render({**VALUES, **names})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('data.policyId == "dol.unemployment.v3"', True),
        ("data.n + 1", 4),
        ("data.n == 3.0", True),
        ("data.list", [1, 2]),
        ("data.none", None),
        ("3u", 3),
        ("1.5", 1.5),
        ("context.pay.count * response.count", 28),
        ('event["type"]', "policy.changed"),
        ("has(data.missing)", False),
        ("data.list.map(x, x * 2)", [2, 4]),
        ('{"b": 1, "a": [null]}', {"a": [None], "b": 1}),
        ("{2: 1, true: 2}", {"2": 1, "true": 2}),
        ('b"ab"', "YWI="),
        ('timestamp("2026-01-02T03:04:05Z")', "2026-01-02T03:04:05Z"),
        ('duration("-90.5s")', "-90.5s"),
        ('duration("1h")', "3600s"),
        (".data.n", 3),
        ("1 + .data.n", 4),
        ("3 in .data.list.map(x, x + 1)", True),
        ("data.list.map(data, data + 1)", [2, 3]),
        ("secret.KEY", "s3cret"),
    ],
)
def test_values_come_out_as_plain_json(text: str, expected: Any) -> None:
    result = value(text)

    assert result == expected
    assert type(result) is type(expected)


def test_maps_come_out_sorted_so_that_a_request_is_the_same_bytes_each_time() -> None:
    assert list(value("data", data={"z": 1, "a": 2, "m": {"y": 1, "b": 2}})) == ["a", "m", "z"]


@pytest.mark.parametrize("data", [[1, 2], "text", 5, None, True, {}])
def test_the_data_of_an_event_may_be_any_json_value(data: Any) -> None:
    assert value("data", data=data) == data


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("data.missing", 'no such key "missing"'),
        ("data.list[5]", "no item 5 in a list of 2"),
        ("data.n / 0", "divide by zero"),
        ('data.n + "x"', "'+' cannot be used on (int64, string)"),
        ("data.n.deeper", "a member is read from a value that is no map"),
        ("1.0 / 0.0", "the result is not a finite number, which JSON cannot say"),
        ("0.0 / 0.0", "the result is not a finite number, which JSON cannot say"),
        ("[1.0 / 0.0]", "the result is not a finite number, which JSON cannot say"),
        ("type(1)", "the result is a type, not a value"),
        ('{1: 2, "1": 3}', "the result is a map with the same key twice: a number beside its text"),
        ("9223372036854775807 + data.n", "integer overflow"),
        ('data.policyId.matches("(")', "invalid regular expression: missing ): ("),
    ],
)
def test_what_fails_at_run_time_says_so_in_one_line(text: str, message: str) -> None:
    assert failed(text) == message


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"a": "x\0y"}, "'data' holds a NUL character, which CEL cannot compare"),
        ({"a": {"k\0": 1}}, "'data' holds a NUL character, which CEL cannot compare"),
        ({"a": 2**64}, "'data' holds a whole number outside 64 bits"),
        ({"a": (1,)}, "'data' holds a tuple, which is no JSON value"),
        ({"a": "\ud800"}, "a text holds half a character (an unpaired surrogate)"),
    ],
)
def test_values_that_cel_would_change_are_refused(data: Any, message: str) -> None:
    """The library cuts a text at its NUL: "x\\0y" would be equal to "x"."""
    assert failed("data.a", data=data) == message


def test_what_an_expression_does_not_use_costs_and_disturbs_nothing() -> None:
    assert value("data.n", data={"n": 1, "huge": 2**70, "nul": "\0"}) == 1


def test_data_nested_by_the_thousand_is_an_error_not_the_end_of_the_process() -> None:
    deep: Any = 1
    for _ in range(5000):
        deep = [deep]

    assert failed("data", data=deep) == "'data' is nested deeper than 512 levels"


def test_a_name_without_a_value_is_an_error() -> None:
    with pytest.raises(ExpressionError, match="'response' has no value here"):
        CEL.compile("response.count", NAMES).evaluate({"data": {}})


def test_an_evaluation_sees_what_its_names_hold_now() -> None:
    """An activation of the library keeps what it converted; so none outlives its evaluation."""
    expression, names = CEL.compile("data.n", NAMES), {"data": {"n": 1}}
    before = expression.evaluate(names)
    names["data"]["n"] = 2

    assert (before, expression.evaluate(names)) == (1, 2)


def test_endless_work_is_stopped() -> None:
    text = "data.all(x, data.all(y, data.all(z, x + y + z >= 0)))"

    assert failed(text, data=list(range(300))) == "more than 10,000 iterations"


def test_a_message_is_bounded_and_shows_no_secret() -> None:
    assert len(failed('data["' + "k" * 2000 + '"]')) <= 300
    assert "s3cret" not in failed("data[secret.KEY]")


@pytest.mark.parametrize(
    ("text", "message", "hint", "column"),
    [
        ("dta.policyId", "unknown name 'dta'", "Did you mean 'data'?", 1),
        ("data.n + dta.x.y", "unknown name 'dta'", "Did you mean 'data'?", 10),
        ("data.n +\n  dta.x", "unknown name 'dta'", "Did you mean 'data'?", 12),
        ('"é😀" + foo', "unknown name 'foo'", "Known here: data, event, context, response, saga, secret.", 8),
        ("foo(1)", "unknown function 'foo'", "", 1),
        ('data.x.strtsWith("a")', "unknown function 'strtsWith'", "Did you mean 'startsWith'?", 8),
        ("", "the expression ends too early", "", 1),
        ("1 +", "the expression ends too early", "", 4),
        ('"abc', "a string is not closed", "", 1),
        ("data.n = 3", "unexpected '='", "CEL writes '=='.", 8),
        ("true and false", "unexpected 'and'", "CEL writes '&&'.", 6),
        ("data.", "unexpected '.'", "", 6),
        ('1 == "x"', "'==' cannot be used on (int, string)", "", 3),
        ('true ? 1 : "x"', "'? :' cannot be used on (bool, int, string)", "", 6),
        ("(" * 60 + "1" + ")" * 60, "nested deeper than 32 levels", "Split the expression.", 0),
        ("1" + "+1" * 2000, "nested deeper than 32 levels", "Split the expression.", 0),
        ("x" * 4097, "an expression may have 4096 characters, this one has 4097", "", 0),
        ('"\ud800"', "an expression must be Unicode text", "", 0),
    ],
)
def test_a_mistake_is_named_with_its_place(text: str, message: str, hint: str, column: int) -> None:
    error = refused(text)

    assert (error.message, error.hint, error.column) == (message, hint, column)


def test_only_the_names_of_the_place_are_known() -> None:
    error = refused("response.count", ("data", "event", "saga"))

    assert (error.message, error.hint) == ("unknown name 'response'", "Known here: data, event, saga.")


@pytest.mark.parametrize("text", ["1", '"yes"', "data.n + 1", "[true]", "event"])
def test_a_condition_of_another_type_is_refused_when_it_is_compiled(text: str) -> None:
    assert refused(text, boolean=True).message.startswith("must be true or false, but is of type ")


@pytest.mark.parametrize(("data", "kind"), [(1, "int"), ("true", "string"), (None, "null"), ([], "list<dyn>")])
def test_a_condition_that_is_no_boolean_at_run_time_is_an_error(data: Any, kind: str) -> None:
    """Never its truthiness: the text "false" would count as true."""
    expression = CEL.compile("data", NAMES, boolean=True)

    with pytest.raises(ExpressionError, match=f"must be true or false, but is of type {kind}"):
        expression.evaluate({"data": data})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a ${data.n} b", "a 3 b"),
        ("${data.n}${data.n}", "33"),
        ("${data.text}!", "x y/z!"),
        ("${data.yes} ${data.none} ${data.list} ${ {'a': 1.5} }", 'true null [1,2] {"a":1.5}'),
        ("é ${'ü'}", "é ü"),
        ("$${data.n}", "${data.n}"),
        ("$$${data.n}", "$${data.n}"),
        ("${data.n}$${x}", "3${x}"),
        ("${'}'}.", "}."),
        ('${"}\\"}"}.', '}"}.'),
        ("${r'\\d}'}.", "\\d}."),
        ('${"""a}"b"""}.', 'a}"b.'),
        ("${'''}'''}.", "}."),
        ("${ {'a': {'b': 2}}['a']['b'] }.", "2."),
        ("${data.n // } comment\n}.", "3."),
        ("$ { } $}${1}", "$ { } $}1"),
    ],
)
def test_a_template_joins_its_parts_as_text(text: str, expected: str) -> None:
    assert rendered(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("${data.n}", 3), ("${data.list}", [1, 2]), ("${data.none}", None), ("${true}", True), ("${'x'}", "x")],
)
def test_a_text_that_is_one_insertion_alone_keeps_the_type(text: str, expected: Any) -> None:
    result = rendered(text)

    assert result == expected
    assert type(result) is type(expected)


def test_a_text_without_insertion_is_no_template() -> None:
    assert CEL.template("costs 5$ {a}", NAMES) is None


def test_every_inserted_part_is_encoded_and_nothing_else() -> None:
    template = CEL.template("/a b/${data.text}/${data.n}", NAMES)
    alone = CEL.template("${data.text}", NAMES)

    assert template is not None
    assert alone is not None
    assert template.render(VALUES, lambda part: quote(part, safe="")) == "/a b/x%20y%2Fz/3"
    assert alone.render(VALUES, lambda part: quote(part, safe="")) == "x%20y%2Fz"


def test_a_template_names_its_secrets() -> None:
    template = CEL.template('${secret.KEY} ${secret["OTHER"]} ${data.n} ${"secret.NOT"}', NAMES)

    assert template is not None
    assert template.secrets == {"KEY", "OTHER"}


@pytest.mark.parametrize("text", ["${secret}", "${secret[data.n]}", "${[secret].size()}", "${secret.size()}"])
def test_a_secret_has_to_be_named_in_the_file(text: str) -> None:
    """Only the named ones are resolved; one that is computed would be a way to all of them."""
    with pytest.raises(ExpressionError, match=r"a secret is named in the file: secret\.NAME"):
        CEL.template(text, NAMES)


@pytest.mark.parametrize(
    ("text", "column"),
    [("${", 1), ("ab ${data.n", 4), ("${'}", 3), ("a ${dta}", 5), ("${1} ${1 +}", 11), ("${}", 3), ("${'a}b", 3)],
)
def test_a_mistake_in_a_template_has_its_place(text: str, column: int) -> None:
    with pytest.raises(ExpressionError) as caught:
        CEL.template(text, NAMES)

    assert caught.value.column == column


@given(st.text(alphabet="${}'\"r\\/ nd.a1+[]\n", max_size=60))
@settings(max_examples=500, deadline=None)
def test_any_template_is_compiled_or_refused(text: str) -> None:
    """With a place inside the text."""
    refusal = ExpressionError("")
    try:
        template = CEL.template(text, NAMES)
        if template is not None:
            template.render(VALUES)
    except ExpressionError as error:
        refusal = error

    assert 0 <= refusal.column <= len(text) + 1
    assert len(refusal.message) <= 300
    assert "\n" not in refusal.message


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63 - 1)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0")),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=5),
                inner,
                max_size=4,
            )
        ),
        max_leaves=20,
    )
)
@settings(max_examples=200, deadline=None)
def test_any_json_value_goes_through_unchanged(data: Any) -> None:
    assert rendered("${data}", data=data) == data


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("context.pay.count + 1", [("context", "pay", "count")]),
        ('context["pay"].count', [("context", "pay", "count")]),
        ("context.pay.lines.size()", [("context", "pay", "lines")]),
        ("context.pay[data.key].n", [("context", "pay"), ("data", "key")]),
        (".context.pay", [("context", "pay")]),
        ("data.context.pay", [("data", "context", "pay")]),
        ("'context.pay' // context.ship", []),
        ("data.lines.map(context, context.pay)", [("data", "lines")]),
        ("context", [("context",)]),
        ("context.", [("context",)]),
        ("nobody.context", []),
    ],
)
def test_what_an_expression_reads(text: str, paths: list[tuple[str, ...]]) -> None:
    found = CEL.reads(text)

    assert [read.path for read in found] == paths
    for read in found:
        written = text[read.column - 1 : read.column - 1 + read.length]
        assert written.startswith(read.path[0]) and written.rstrip("]'\"").endswith(read.path[-1])


@pytest.mark.parametrize(
    ("text", "asked", "sure"),
    [
        ("context.pay", False, True),
        ("has(context.pay)", True, True),
        ("has(context.pay) && true", True, False),
        ("data.x ? context.pay : 1", False, False),
        ("data.x || context.pay", False, False),
        ("[1].exists(n, n == context.pay)", False, False),
        ('context.pay + "?"', False, True),
    ],
)
def test_whether_a_name_is_asked_for_and_sure_to_be_read(text: str, asked: bool, sure: bool) -> None:
    (read,) = (read for read in CEL.reads(text) if read.path == ("context", "pay"))

    assert (read.asked, read.sure) == (asked, sure)


KNOWN: dict[tuple[str, ...], Any] = {
    ("context", "pay"): "map",
    ("context", "pay", "count"): "int",
    ("context", "pay", "share"): "double",
    ("context", "pay", "text"): "string",
    ("context", "pay", "ok"): "bool",
    ("context", "pay", "list"): "list",
    ("saga", "id"): "string",
}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("context.pay.count", "int"),
        ("context.pay.count + 1", "int"),
        ("1u", "int"),
        ("context.pay.share * 2.0", "double"),
        ("saga.id + context.pay.text", "string"),
        ("timestamp(context.pay.text)", "string"),
        ('duration("1s")', "string"),
        ("context.pay.count > 1", "bool"),
        ("context.pay.list", "list"),
        ("[context.pay.count]", "list"),
        ("context.pay", "map"),
        ("{1: 2}", "map"),
        ("data.x", "any"),
        ("data.x + 1", "int"),  # of any other type it fails
        ('{"a": 1, "b": data.x}["b"]', "any"),
        ('{"a": 1, "b": data.x}["b"] + saga.id', "any"),
        ("null", "any"),
        # the checker is stricter than the evaluation: these work
        ("context.pay.count > 1.5", "any"),
        ("context.pay.count == 1.5", "any"),
        ("context.pay.count in [1.5]", "any"),
        ("context.pay.text == null", "any"),
        ("has(context.pay.count) ? context.pay.count : 1", "int"),
        ("nobody.count", "any"),
        ("context.pay.count +", "any"),
    ],
)
def test_the_type_that_an_expression_yields(text: str, kind: str) -> None:
    assert CEL.type_of(text, NAMES, KNOWN) == kind


@pytest.mark.parametrize(
    ("text", "message", "column"),
    [
        ('context.pay.count + "x"', "'+' cannot be used on (int, string)", 19),
        ("context.pay.count + 1.5", "'+' cannot be used on (int, double)", 19),
        ("saga.id == 5", "'==' cannot be used on (string, int)", 9),
        ('context.pay.count in ["a"]', "'in' cannot be used on (int, list(string))", 19),
        ("context.pay.text < 5", "'<' cannot be used on (string, int)", 18),
        ("context.pay.list['a']", "'[ ]' cannot be used on (list(dyn), string)", 17),
        ("context.pay.text ? 1 : 2", "'? :' cannot be used on (string, int, int)", 18),
        ("!context.pay.text", "'!' cannot be used on (string)", 1),
        ("context.pay.count.size()", "'size' cannot be used on (int)", 23),
        ("context.pay.count.more", "a member is read from a value of type int, which has none", 18),
        ("has(context.pay.count.more)", "a member is read from a value of type int, which has none", 4),
        ("context.pay + 1", "'+' cannot be used on (map(string, dyn), int)", 13),
    ],
)
def test_types_that_never_go_together(text: str, message: str, column: int) -> None:
    """The places are those of the text as it is written; and a run says the same."""
    with pytest.raises(ExpressionError) as caught:
        CEL.type_of(text, NAMES, KNOWN)
    assert (caught.value.message, caught.value.column) == (message, column)

    values = {"count": 1, "share": 0.5, "text": "t", "ok": True, "list": []}
    if "==" in text or " in " in text:
        assert value(text, context={"pay": values}) is False
    else:
        assert failed(text, context={"pay": values})


def test_a_condition_of_another_type_is_refused_once_its_types_are_known() -> None:
    assert CEL.type_of("context.pay.ok", NAMES, KNOWN, boolean=True) == "bool"
    assert CEL.type_of("context.pay.other", NAMES, KNOWN, boolean=True) == "any"
    with pytest.raises(ExpressionError, match="must be true or false, but is of type int"):
        CEL.type_of("context.pay.count", NAMES, KNOWN, boolean=True)


def test_the_cel_of_a_text() -> None:
    assert [(part.text, part.start) for part in CEL.inserted("a ${data.n} $${no} ${ x }")] == [
        ("data.n", 4),
        (" x ", 21),
    ]
    assert CEL.inserted("${data.n") == ()


def test_no_more_expressions_are_kept_than_it_says_and_only_short_ones() -> None:
    expressions = CelExpressions()
    for number in range(REMEMBERED + 10):
        expressions.compile(str(number), ())
    long = expressions.compile("'" + "x" * SHORT + "'", ())

    assert len(expressions._compiled) <= REMEMBERED
    assert expressions.compile("1 + 1", ()) is expressions.compile("1 + 1", ())
    assert expressions.compile("'" + "x" * SHORT + "'", ()) is not long
