"""HTML as text: a frame for every page, and the one way for text from outside to get into it."""

from __future__ import annotations

from html import escape

from hms_orch_cli.dashboard.assets import ICON, SCRIPT, STYLE
from hms_orch_cli.safe import safe


def text(value: str, limit: int = 500) -> str:
    """Text from outside, as HTML: nothing in it is markup, moves letters about or hides."""
    return escape(safe(value, limit))


def document(title: str, body: str, *, seq: int, ready: str) -> str:
    """A whole page. `seq` is the position of the log that it shows; `ready` why the orchestrator is not ready."""
    state = f'<p class="light off">{text(ready)}</p>' if ready else '<p class="light on">ready</p>'
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{text(title)} · hms-orch</title>
<link rel="icon" href="{ICON}">
<link rel="stylesheet" href="{STYLE}">
<script src="{SCRIPT}" defer></script>
</head>
<body>
<header>
<a class="brand" href="/">hms-orch</a>
<nav><a href="/metrics">metrics</a><a href="/openapi.json">API</a></nav>
{state}
</header>
<main id="live" data-seq="{seq}">
{body}
</main>
</body>
</html>
"""
