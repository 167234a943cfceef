"""`hms-orch keys`: the keys that sign the tokens of calls."""

from __future__ import annotations

from hms_orch_cli.cli import output
from hms_orch_cli.cli.options import Format, Output
from hms_orch_cli.cli.program import examples, new_app

app = new_app("The keys that sign the tokens of calls.", noun=True)


@app.command("list", epilog=examples("hms-orch keys list", "hms-orch keys list -o json"))
def list_keys(form: Output = Format.TEXT) -> None:
    """Show the keys, newest first: the first one signs, the others are still published."""
    from datetime import UTC, datetime

    from hms_orch_cli.config import load
    from hms_orch_cli.signing.keys import KeyRing

    rows = []
    for place, key in enumerate(KeyRing(load().keys_folder).made()):
        made = datetime.fromtimestamp(key.made_at // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        rows.append({"kid": key.kid, "alg": "ES256", "madeAt": made, "signs": place == 0})
    if form is Format.JSON:
        output.as_json(rows)
    elif rows:
        columns = ("KID", "ALG", "MADE", "SIGNS")
        output.table(columns, [(str(r["kid"]), "ES256", str(r["madeAt"]), "yes" if r["signs"] else "no") for r in rows])
    else:
        output.note("no key yet; the first is made when it is needed, or by hms-orch keys rotate")


@app.command(epilog=examples("hms-orch keys rotate"))
def rotate() -> None:
    """Make a new signing key. The one before stays published, so that tokens under way hold; a running up takes it."""
    from hms_orch_cli.config import load
    from hms_orch_cli.signing.keys import KeyRing

    folder = load().keys_folder
    key = KeyRing(folder).rotate()
    output.result(f"signing with {key.kid} in {folder}")
