"""The tokens that hold at this moment: those of the file as it is now, with the environment laid over it.

Every request asks. While the file is as it was that is one look at its inode, so a token that was taken away opens
nothing from the next request on, and no timer can be late.
"""

from __future__ import annotations

import os
import time
from logging import getLogger
from typing import Final

from hms_orch_cli.config import Config
from hms_orch_cli.config.settings import SETTINGS, check_names, value_of
from hms_orch_cli.config.tokens import Tokens, tokens_from
from hms_orch_cli.config.written import FILE_NAME, read
from hms_orch_cli.errors import ConfigError

TICK_NS: Final = 50_000_000
"""A file that was written so recently is read again: written twice within a tick of its clock, it may look the same."""

ABSENT: Final = ()

_log = getLogger("hms_orch.tokens")


class TokensNow:
    """The tokens of a configuration from here on. While the file cannot be read, or has in it what means nothing, the
    tokens of before hold, and a line in the log says so once."""

    def __init__(self, config: Config) -> None:
        self._file = config.file or config.root / FILE_NAME
        self._environ = config.environ
        self._tokens = Tokens(tuple(config.named_tokens.values()), config.tokens)
        self._seen: tuple[int, ...] | None = None if config.file else ABSENT
        self._objection = ""

    @property
    def is_stale(self) -> bool:
        """Whether what holds is not what the file says, since that cannot be read."""
        return bool(self._objection)

    def __call__(self) -> Tokens:
        """The same object while nothing has changed."""
        if (look := self._look()) != self._seen:
            self._read(look)
        return self._tokens

    def _look(self) -> tuple[int, ...]:
        """What tells one content of the file from another without reading it."""
        try:
            found = os.stat(self._file)  # noqa: PTH116  # half the time of Path.stat, and every request is here
        except OSError:
            return ABSENT
        return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino, found.st_dev

    def _read(self, look: tuple[int, ...]) -> None:
        objection = ""
        try:
            written = read(self._file)
            check_names(written)
            named = tuple(tokens_from(written, self._environ).values())
            told = Tokens(named, value_of(SETTINGS["server.tokens"], written, self._environ))
        except ConfigError as error:
            objection = error.message if look else f"{self._file} is gone or out of reach"
        else:
            if told != self._tokens:
                self._tokens = told
        self._seen = look if not look or abs(time.time_ns() - look[0]) > TICK_NS else None
        if objection and objection != self._objection:
            _log.warning("%s; until it is mended the tokens of before hold on", objection)
        self._objection = objection
