"""Buttons that ask before they do something: the page's script makes the dialog and sends what the API takes."""

from __future__ import annotations

from typing import Any

import orjson

from hms_orch_cli.dashboard.html import text


def button(
    word: str,
    *,
    post: str,
    title: str,
    says: str,
    sure: str = "",
    plan: str = "",
    grave: bool = False,
    main: bool = False,
    needs_note: bool = False,
    output: bool = False,
    follow: str = "",
    body: dict[str, Any] | None = None,
) -> str:
    """A button that asks `title`, tells `says` and, from the address `plan`, the calls of an undo; then, at a click on
    `sure` (or the same word again), it posts `body` with the actor and the note. `output`: what the step would have
    answered may be given. `follow` is the member of the answer that names the run to go on to."""
    told = {
        "post": post,
        "title": title,
        "says": says,
        "sure": sure,
        "plan": plan,
        "note": "needed" if needs_note else "",
        "output": "yes" if output else "",
        "follow": follow,
        "body": orjson.dumps(body).decode() if body else "",
    }
    attributes = "".join(f' data-{name}="{text(value, 2_000)}"' for name, value in told.items() if value)
    kind = "button" + (" grave" if grave else "") + (" main" if main else "")
    return f'<button type="button" class="{kind}" data-ask{attributes}>{text(word)}</button>'
