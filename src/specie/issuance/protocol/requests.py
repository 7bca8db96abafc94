"""Steps 1 and 2 of the six: what a request says of itself (C7 to C9); state comes in with the engine."""

from __future__ import annotations

from typing import Any

from specie.issuance.errors import (
    ChannelMismatch,
    IssuerMismatch,
    LifetimeTooLong,
    NotYetValid,
    RequestExpired,
    Schema,
    WrongAudience,
)
from specie.issuance.messages.claims import Signed
from specie.issuance.messages.keys import KeyEntry
from specie.issuance.messages.objects import Model, Request
from specie.issuance.protocol.keyset import SKEW_S

REQUEST_LIFETIME_S = 900


# SPEC ISSUANCE-6.2.7, ISSUANCE-6.2.8
def check_address(item: Signed[Any], entry: KeyEntry, peer: str | None, me: str) -> None:
    """C7 and C8: key owner, caller and addressee. peer: the mTLS identity, None in process.

    Raises IssuerMismatch, ChannelMismatch, WrongAudience.
    """
    if item.claims.iss != entry.holder:
        raise IssuerMismatch("the object names another system than the owner of its key")
    if peer is not None and peer != item.claims.iss:
        raise ChannelMismatch("the caller's certificate names another system")
    if item.claims.aud != me:
        raise WrongAudience(f"this is {me}")


# SPEC ISSUANCE-4.1.1, ISSUANCE-6.2.9, ISSUANCE-20.28
def check_times(item: Signed[Request], now_s: int) -> None:
    """C9. Raises NotYetValid, RequestExpired, LifetimeTooLong."""
    exp, iat = item.claims.exp, item.claims.iat
    assert exp is not None, "check_claims comes before"
    if iat > now_s + SKEW_S:
        raise NotYetValid("iat lies more than 30 s ahead")
    if exp <= now_s:
        raise RequestExpired("exp has passed")
    if exp - iat > REQUEST_LIFETIME_S:
        raise LifetimeTooLong(f"a request lives at most {REQUEST_LIFETIME_S} s")


# SPEC ISSUANCE-4.1.1, ISSUANCE-6.2.6
def check_claims(item: Signed[Request]) -> None:
    """C6: a request is addressed, ends, and has the fields of its model. Raises Schema."""
    if item.claims.aud is None or item.claims.exp is None:
        raise Schema("a request has an aud and an exp")
    check_shape(item.body)


def check_shape(request: Request) -> None:
    """Part of C6: denominations go with the token model. Raises Schema."""
    if (request.model == Model.TOKEN) != (request.denominations is not None):
        raise Schema("denominations go with the token model, and only with it")
