"""What libraries and our own rooms have to say while `up` runs (the `logging` module), by way of the printer."""

from __future__ import annotations

import logging

from hms_orch_cli.cli import output


def print_log_records() -> None:
    """From now on warnings and errors that are logged anywhere in this process are lines on stderr."""
    logging.getLogger().addHandler(_Printer(logging.WARNING))


class _Printer(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        try:
            # What spans lines is a traceback: the first line says what happened.
            message, _, trace = self.format(record).partition("\n")
            say = output.error if record.levelno >= logging.ERROR else output.warning
            say(message, logger=record.name, trace=trace)
        except Exception:  # noqa: BLE001  # as every handler: what cannot be said must not end what it is about
            self.handleError(record)
