"""What is wrong with a request as HTTP, before anyone looks at what it asks for. The class docstring is the title."""

from __future__ import annotations

from hms_orch_cli.errors import HmsError


class BadRequest(HmsError):
    """The request cannot be read."""


class NotLoggedIn(HmsError):
    """This needs a token."""

    http_status = 401


class CrossSite(HmsError):
    """A page of another site may not write here."""

    http_status = 403


class NotPermitted(HmsError):
    """This token does not allow that."""

    http_status = 403


class TooSlow(HmsError):
    """The body took too long to arrive."""

    http_status = 408


class TooLarge(HmsError):
    """The body is larger than what is taken."""

    http_status = 413


class UnknownMedia(HmsError):
    """Content of this type is not taken."""

    http_status = 415


class WrongHost(HmsError):
    """This server does not answer under that name."""

    http_status = 421


class NotReady(HmsError):
    """The orchestrator is not ready for work."""

    http_status = 503
