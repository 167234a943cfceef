"""What `doctor` looks at, each as a function that says how it is and, where it is not well, what to do."""

from __future__ import annotations

import platform
import shutil
import stat
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Literal, NamedTuple

from hms_orch_cli.config import Config
from hms_orch_cli.errors import HmsError, LogTampered, StoreMissing
from hms_orch_cli.ports.services import Service

State = Literal["ok", "warn", "fail"]

TAIL_EVENTS = 1_000
LOW_SPACE = 1 << 30
NO_SPACE = 64 << 20
CLOCK_SLACK_S = 60
SERVICE_TIMEOUT_S = 3.0
"""All that one service gets, name lookup included."""
SAFE_SQLITE = (3, 51, 3)
"""From this version on SQLite is free of the WAL-reset bug, which can corrupt a file that two connections write."""


class Check(NamedTuple):
    """How one thing is. `fix` is what to do, empty if it is well."""

    name: str
    state: State
    said: str
    fix: str = ""


def checks(config: Config) -> Iterator[Check]:
    """Every check of an installation whose configuration can be read."""
    yield python()
    yield sqlite()
    yield configuration(config)
    yield from unknown_twins(config.environ)
    yield from store(config)
    yield keys(config)
    yield from services(config)
    if config.traces_url is not None:
        yield traces(config.traces_url)
    yield clock()
    yield terminal()


def python() -> Check:
    """The interpreter."""
    said = f"{platform.python_implementation()} {platform.python_version()}"
    return Check("python", "ok", said)


def sqlite() -> Check:
    """The SQLite that is in use: the one that apsw carries, not the interpreter's."""
    import apsw

    version = apsw.sqlite_lib_version()
    said = f"{version} (apsw {apsw.apsw_version()})"
    if tuple(int(part) for part in version.split(".")) < SAFE_SQLITE:
        return Check("sqlite", "fail", f"{said} can corrupt a store (WAL-reset bug)", "pip install --upgrade apsw")
    return Check("sqlite", "ok", said)


def configuration(config: Config) -> Check:
    """The file: that it reads well is known already; whose it is, and who can read tokens in it."""
    if config.file is None:
        return Check("config", "ok", "no hms-orch.toml here or above; the defaults serve")
    import os

    about = config.file.stat()
    if hasattr(os, "getuid") and about.st_uid not in (0, os.getuid()):
        fix = "whoever owns it says where calls go: make it yours, or work in another folder"
        return Check("config", "warn", f"{config.file} belongs to another user", fix)
    if "tokens" in _written(config.file).get("server", {}) and about.st_mode & (stat.S_IRGRP | stat.S_IROTH):
        return Check("config", "warn", f"{config.file} has tokens that others can read", f"chmod 600 {config.file}")
    return Check("config", "ok", str(config.file))


def _written(file: Path) -> dict[str, dict[str, object]]:
    from hms_orch_cli.config.written import read

    return read(file).tables


def unknown_twins(environ: Mapping[str, str]) -> Iterator[Check]:
    """Variables that look like ours and have no meaning: a slip of the pen."""
    from difflib import get_close_matches

    from hms_orch_cli.config.settings import SETTINGS

    known = {setting.twin for setting in SETTINGS.values()} | {"HMS_SERVICES", "HMS_URL", "HMS_TOKEN"}
    for name in sorted(environ):
        if name.startswith("HMS_") and name not in known and not name.startswith(("HMS_SECRET_", "HMS_SERVICES_")):
            near = get_close_matches(name, known, 1, 0.8)
            if near:
                yield Check("environment", "warn", f"{name} has no meaning", f"did you mean {near[0]}?")


def store(config: Config) -> Iterator[Check]:
    """The store's folder, its holder and the end of its log."""
    try:
        path = config.store_path
    except HmsError as error:
        yield Check("store", "fail", error.message, error.hint)
        return
    yield _told("store", lambda: store_folder(path))
    yield _told("writer", lambda: writer(path))
    yield _told("log", lambda: log(path))


def store_folder(path: Path) -> Check:
    """Whether it can be written, is on a disk of this machine, and has space."""
    import os

    from hms_orch_cli.event_store.files import refuse_network

    folder = next(each for each in (path.parent, *path.parent.parents) if os.path.lexists(each))
    refuse_network(folder)
    for place in (folder, path):
        if os.path.lexists(place) and not os.access(place, os.W_OK):
            fix = "give yourself the right to write, or set [store] url to another place"
            return Check("store", "fail", f"{place} cannot be written", fix)
    free = shutil.disk_usage(folder).free
    said = f"{path}, {free / (1 << 30):.1f} GiB free"
    if free < NO_SPACE:
        return Check("store", "fail", said, "free some space: nothing can be recorded without it")
    return Check("store", "warn", said, "free some space soon") if free < LOW_SPACE else Check("store", "ok", said)


def writer(path: Path) -> Check:
    """Who holds the store."""
    from hms_orch_cli.event_store.holder import look

    held = look(path)
    return Check("writer", "ok", held.message if held else "nobody holds the store")


def log(path: Path) -> Check:
    """The chain over the last events, and whether the last of them lies in the future."""
    from hms_orch_cli.event_store.chain import START, link
    from hms_orch_cli.event_store.sqlite_reader import SqliteReader

    try:
        reader = SqliteReader(path)
    except StoreMissing:
        return Check("log", "ok", "there is no log yet")
    with closing(reader):
        last = reader.last_seq()
        after = max(0, last - TAIL_EVENTS)
        before = reader.read_all(after - 1, 1) if after else []
        prev, seq, row = before[0].hash if before else START.hash, after, None
        for row in reader.read_all(after, TAIL_EVENTS):
            seq += 1
            if row.seq != seq or link(prev, *row[:-1]) != row.hash:
                raise LogTampered(f"the chain breaks at {seq}", "hms-orch replay --verify", position=seq)
            prev = row.hash
    ahead = _seconds(row.time) - time.time() if row else 0
    if ahead > CLOCK_SLACK_S:
        said = f"the last event is {int(ahead)} s in the future: this clock was set back"
        return Check("log", "warn", said, "set the clock (NTP); waits last as much longer")
    return Check("log", "ok", f"{last} events, the chain over the last {last - after} holds")


def _seconds(when: str) -> float:
    from datetime import datetime

    try:
        return datetime.fromisoformat(when).timestamp()
    except ValueError:  # an event from outside may carry any RFC 3339 time, also one that Python cannot hold
        return 0


def keys(config: Config) -> Check:
    """The signing keys: readable by their owner alone."""
    from hms_orch_cli.signing.keys import KeyRing

    folder = config.keys_folder

    def look() -> Check:
        if made := KeyRing(folder).made():
            return Check("keys", "ok", f"{len(made)} in {folder}, private")
        return Check("keys", "ok", "no key yet; the first is made when it is needed")

    return _told("keys", look)


def services(config: Config) -> list[Check]:
    """Each service of the address book: whether anything answers there."""
    import asyncio

    if not config.services:
        return [Check("services", "ok", "none is set; names in saga files are host names")]

    async def all_of_them() -> list[Check]:
        return await asyncio.gather(*(service(name, config.services[name]) for name in sorted(config.services)))

    return asyncio.run(all_of_them())


async def service(name: str, about: Service) -> Check:
    """Asks for the head of the service's address; any answer will do."""
    import asyncio

    import httpx

    from hms_orch_cli.participant.address_book import AddressBook

    named, fix = f"service {name}", "start it, or hms-orch service set NAME URL"
    try:
        target = AddressBook({name: about}).find(name)
        async with asyncio.timeout(SERVICE_TIMEOUT_S), httpx.AsyncClient(trust_env=False) as client:
            if await _forbidden(target.host, target.port):
                return Check(
                    named, "fail", f"{about.url} is at a link-local or metadata address", "calls never go there"
                )
            await client.head(about.url)
    except HmsError as error:
        return Check(named, "fail", error.message, error.hint)
    except TimeoutError:
        return Check(named, "warn", f"no answer from {about.url} in {SERVICE_TIMEOUT_S:.0f} s", fix)
    except (httpx.HTTPError, OSError) as error:
        return Check(named, "warn", f"no answer from {about.url}: {str(error) or type(error).__name__}", fix)
    return Check(named, "ok", f"{about.url} answers")


async def _forbidden(host: str, port: int) -> bool:
    """Whether the host resolves to an address that no call may go to. Raises OSError if it does not resolve."""
    import asyncio
    from ipaddress import ip_address

    from hms_orch_cli.participant.forbidden import is_forbidden_address

    found = await asyncio.get_running_loop().getaddrinfo(host.strip("[]"), port)
    return any(is_forbidden_address(ip_address(str(address[0]).partition("%")[0])) for *_, address in found)


def traces(url: str) -> Check:
    """Where traces go: whether what sends them is installed, and somebody listens."""
    import socket
    from importlib.util import find_spec
    from urllib.parse import urlsplit

    if find_spec("opentelemetry") is None:
        return Check("traces", "fail", "what sends them is not installed", "pip install 'hms-orch[otel]'")
    parts = urlsplit(url)
    try:
        socket.create_connection(
            (parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)), SERVICE_TIMEOUT_S
        ).close()
    except OSError as error:
        said = f"nobody listens at {parts.netloc}: {error.strerror or error}"
        return Check("traces", "warn", said, "start the collector; spans are dropped meanwhile")
    return Check("traces", "ok", f"{parts.netloc} listens")


def clock() -> Check:
    """The wall clock: after this program was written, and moving."""
    now = time.gmtime()
    said = time.strftime("%Y-%m-%dT%H:%M:%SZ", now)
    if not 2025 < now.tm_year < 2100:
        return Check("clock", "fail", f"it says {said}", "set it (NTP): tokens live 60 s and would be refused")
    return Check("clock", "ok", said)


def terminal() -> Check:
    """Whether the signs of the console can be shown."""
    from hms_orch_cli.cli import output

    encoding = (sys.stdout.encoding if sys.stdout else None) or "ascii"
    try:
        "▶✓✔✗✖↩".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return Check("terminal", "warn", f"{encoding} has no ✓", "set LANG=C.UTF-8 or PYTHONUTF8=1")
    kind = "a terminal" if output.is_terminal(sys.stdout) else "no terminal"
    return Check("terminal", "ok", f"{kind}, {encoding}, colour {'on' if output.coloured(sys.stdout) else 'off'}")


def _told(name: str, look: Callable[[], Check]) -> Check:
    """What a check says, or the error that it met."""
    try:
        return look()
    except HmsError as error:
        return Check(name, "fail", error.message, error.hint)
