"""Where the value of `secret.NAME` comes from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from hms_orch_cli.errors import ConfigError

SECRET_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
MAX_SECRET_BYTES = 64 << 10


def secret(name: str, environ: Mapping[str, str], folder: Path | None) -> str:
    """The value of `secret.NAME`. Raises ConfigError, which never holds a value, if there is none."""
    if not SECRET_NAME.fullmatch(name):
        raise ConfigError(f"{name!a} is no name of a secret", "use letters, digits and _, at most 128")
    value = environ.get(f"HMS_SECRET_{name}") or environ.get(name)
    if not value and folder is not None:
        value = _secret_file(folder / name)
    if not value:
        or_file = f", or write the file {folder / name}" if folder else ""
        raise ConfigError(f"there is no secret {name}", f"set HMS_SECRET_{name}{or_file}")
    return value


def _secret_file(path: Path) -> str | None:
    try:
        if not path.is_file():
            return None
        with path.open("rb") as stream:
            raw = stream.read(MAX_SECRET_BYTES + 1)
        if len(raw) > MAX_SECRET_BYTES:
            raise ConfigError(f"the secret in {path} is over {MAX_SECRET_BYTES} bytes")
        text = raw.decode()
    except OSError as error:
        raise ConfigError(f"the secret in {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"the secret in {path} is not UTF-8") from error
    return text.removesuffix("\n").removesuffix("\r")
