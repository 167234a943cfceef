"""Buttons that ask before they do something: the page's script makes the dialog and sends what the API takes."""

from __future__ import annotations

import json
from typing import Any, Final

from hms_orch_cli.dashboard.html import text

BODY: Final = 8_000
"""Characters of a body, as JSON in ASCII: of a lock it holds the whole key."""


def button(
    word: str,
    *,
    post: str,
    title: str,
    says: str,
    warns: str = "",
    of: str = "",
    sure: str = "",
    plan: str = "",
    grave: bool = False,
    main: bool = False,
    needs_note: bool = False,
    output: bool = False,
    follow: str = "",
    body: dict[str, Any] | None = None,
) -> str:
    """A button that asks `title`, tells `says`, sets `warns` apart and, from the address `plan`, shows the calls of an
    undo; then, at a click on `sure` (or the same word again), it posts `body` with the actor and the note. `of` is
    heard after the word, where that stands on several buttons. `output`: what the step would have answered may be
    given. `follow` is the member of the answer that names the run to go on to."""
    told = {
        "post": post,
        "title": title,
        "says": says,
        "warns": warns,
        "sure": sure,
        "plan": plan,
        "note": "needed" if needs_note else "",
        "output": "yes" if output else "",
        "follow": follow,
    }
    attributes = "".join(f' data-{name}="{text(value, 2_000)}"' for name, value in told.items() if value)
    if body:
        # In ASCII nothing is written out that would not be the same in JSON.
        attributes += f' data-body="{text(json.dumps(body, separators=(",", ":")), BODY)}"'
    about = f'<span class="unseen"> {text(of)}</span>' if of else ""
    kind = "button" + (" grave" if grave else "") + (" main" if main else "")
    return f'<button type="button" class="{kind}" data-ask{attributes}>{text(word)}{about}</button>'
