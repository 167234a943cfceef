"""The steps of a run: where each stands, and what was sent and answered, to be opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hms_orch_cli.dashboard.html import text
from hms_orch_cli.dashboard.words import plural, pretty, sentence, tone
from hms_orch_cli.saga.definition import Saga
from hms_orch_cli.views.states import SIGNS


def step_cards(saga: Saga, steps: Sequence[Mapping[str, Any]], exchanges: Sequence[Mapping[str, Any]]) -> str:
    """A card for each step, in the order of the file."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for exchange in exchanges:
        found.setdefault(exchange["step"], []).append(exchange)
    return '<ol class="steps">' + "".join(_card(step, found.get(step["name"], [])) for step in steps) + "</ol>"


def _card(step: Mapping[str, Any], exchanges: Sequence[Mapping[str, Any]]) -> str:
    name, word = str(step["name"]), str(step["state"])
    tries = f"<small>{plural(step['attempts'], 'attempt')}</small>" if step["attempts"] > 1 else ""
    summary = f'<p class="said">{sentence(str(step["summary"]))}</p>' if step["summary"] else ""
    opened = "".join(_exchange(name, each) for each in exchanges)
    return (
        f'<li class="card step {tone(word)}" id="step-{text(name)}" tabindex="-1">'
        f'<div class="head"><span class="mark" aria-hidden="true">{SIGNS.get(word, "?")}</span>'
        f"<h3>{text(name, 130)}</h3>"
        f'<span class="word">{text(word.lower(), 40)}</span>{tries}</div>{summary}{opened}</li>'
    )


def _exchange(name: str, exchange: Mapping[str, Any]) -> str:
    undo = exchange["op"] == "compensate"
    request, answer = exchange["request"], exchange["answer"]
    what = "undo" if undo else "call"
    if request is None and answer is None:
        return ""
    if request is None:
        line = "undone by an event" if undo else "no call"
    else:
        line = f"<b>{text(request['method'], 10)}</b> {text(request['service'], 130)}:{text(request['path'], 300)}"
    status = ""
    if answer is not None and answer["status"]:
        status = f'<span class="status c{answer["status"] // 100}">{answer["status"]}</span>'
    key = f"{what} {text(name)}"
    return (
        f'<details data-key="{key}"><summary><span class="op">{what}</span><code>{line}</code>{status}</summary>'
        f"{_request(request)}{_answer(answer)}</details>"
    )


def _request(request: Mapping[str, Any] | None) -> str:
    if request is None:
        return ""
    if "error" in request:
        return f'<p class="label">Request</p><p class="said">{text(request["error"])}</p>'
    headers = "\n".join(f"{text(name, 200)}: {text(value, 1_000)}" for name, value in request["headers"].items())
    query = f'<p class="label">Query</p><pre>{pretty(request["query"])}</pre>' if request["query"] else ""
    body = f"<pre>{pretty(request['body'])}</pre>" if request["body"] is not None else ""
    return f'{query}<p class="label">Request</p><pre>{headers}</pre>{body}'


def _answer(answer: Mapping[str, Any] | None) -> str:
    if answer is None:
        return '<p class="label">Answer</p><p class="said">none yet</p>'
    said = f'<p class="said">{text(answer["reason"], 500)}</p>' if answer["reason"] else ""
    body = f"<pre>{pretty(answer['body'])}</pre>" if answer["body"] is not None else ""
    output = ""
    if answer["output"] is not None:
        output = f'<p class="label">Output, which later steps read</p><pre>{pretty(answer["output"])}</pre>'
    nothing = "" if said or body or output else '<p class="said">without a body</p>'
    return f'<p class="label">Answer, as it was kept</p>{said}{body}{nothing}{output}'
