"""What the HTTP frame refuses before a room is asked, by status."""

from __future__ import annotations

from specie.kernel.errors import Refused


class RequestInvalid(Refused):
    """A request that no handler can read."""

    code = "request.invalid"
    status = 400


class AuthRequired(Refused):
    """The call needs a client certificate or an API key."""

    code = "auth.required"
    status = 401


class AuthForbidden(Refused):
    """The caller is known and not entitled to this."""

    code = "auth.forbidden"
    status = 403


class NotFound(Refused):
    """There is no such path."""

    code = "request.not_found"
    status = 404


class MethodNotAllowed(Refused):
    """The path exists, but not for this method."""

    code = "request.method_not_allowed"
    status = 405


class TooLarge(Refused):
    """The body is longer than this door takes."""

    code = "request.too_large"
    status = 413


class MediaTypeUnsupported(Refused):
    """The body is not of the media type that this door takes."""

    code = "request.unsupported_media_type"
    status = 415


FRAMEWORK: dict[int, type[Refused]] = {
    kind.status: kind
    for kind in (
        RequestInvalid,
        AuthRequired,
        AuthForbidden,
        NotFound,
        MethodNotAllowed,
        TooLarge,
        MediaTypeUnsupported,
    )
}
"""Litestar's own exceptions are answered as these."""
