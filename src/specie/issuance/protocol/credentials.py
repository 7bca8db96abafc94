"""Steps 3 to 5: the credential and what quota control checks of it without state (Q8 to Q13)."""

from __future__ import annotations

from collections.abc import Sequence

from specie.issuance.errors import (
    CredentialExpired,
    CredentialNotYetValid,
    CredentialRequestMismatch,
    Denial,
    LifetimeTooLong,
    PresenterMismatch,
    Schema,
    WrongAudience,
)
from specie.issuance.messages.claims import Signed
from specie.issuance.messages.objects import Credential, Request
from specie.issuance.protocol.keyset import SKEW_S


# SPEC ISSUANCE-6.5.8, ISSUANCE-6.5.9, ISSUANCE-9.4.2
def check_parties(credential: Signed[Credential], presenter: str, peer: str | None, me: str) -> None:
    """Q8 and Q9. Raises WrongAudience, PresenterMismatch."""
    if credential.claims.aud != me:
        raise WrongAudience(f"the credential is for another quota control than {me}")
    if presenter != credential.body.issuer or (peer is not None and peer != presenter):
        raise PresenterMismatch("presenter, issuer and caller differ")


# SPEC ISSUANCE-6.5.10, ISSUANCE-20.4
def check_request(
    credential: Signed[Credential], request: Signed[Request] | Denial, unit_root: bytes | None
) -> Signed[Request]:
    """Q10: the embedded request says the same as the credential. Raises CredentialRequestMismatch.

    request: the opened embedded request, or why it did not open. unit_root: recomputed here.
    """
    if isinstance(request, Denial):
        raise CredentialRequestMismatch(f"the embedded request does not hold: {request.chapter}")
    body, asked = credential.body, request.body
    same = (
        body.request_hash == request.hash
        and body.issuer == request.claims.iss
        and request.claims.aud == credential.claims.iss
        and (body.currency, body.amount, body.model) == (asked.currency, asked.amount, asked.model)
        and body.unit_root == unit_root
    )
    if not same:
        raise CredentialRequestMismatch("credential and request differ")
    return request


# SPEC ISSUANCE-4.3.1, ISSUANCE-4.3.2, ISSUANCE-6.5.13, ISSUANCE-6.5.21
def check_times(credential: Signed[Credential], now_s: int, lifetimes_s: Sequence[int]) -> None:
    """Q13. lifetimes_s: credential_ttl of each binding policy. Raises CredentialNotYetValid, CredentialExpired,
    LifetimeTooLong."""
    claims = credential.claims
    if claims.exp is None or claims.nbf is None:
        raise Schema("a credential has nbf and exp")
    if claims.nbf > now_s + SKEW_S or claims.nbf != claims.iat:
        raise CredentialNotYetValid("nbf lies ahead, or is not iat")
    if claims.exp <= now_s:
        raise CredentialExpired("the credential has expired")
    if claims.exp - claims.iat > min(lifetimes_s):
        raise LifetimeTooLong("the credential lives longer than the policy allows")
