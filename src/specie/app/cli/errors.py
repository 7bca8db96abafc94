"""What the command line itself refuses."""

from __future__ import annotations

from specie.kernel.errors import Refused


class Usage(Refused):
    """The command was not understood."""

    code = "request.usage"
    status = 400


class Declined(Refused):
    """The person at the keyboard said no."""

    code = "request.declined"
    status = 409


class RoleUnknown(Refused):
    """There is no such role, or not yet."""

    code = "system.role_unknown"
    status = 404


class NotHere(Refused):
    """The part of the platform that does this is not installed."""

    code = "system.not_here"
    status = 404


class TermUnknown(Refused):
    """Neither a code nor a word of the glossary."""

    code = "request.term_unknown"
    status = 404
