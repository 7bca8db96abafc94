"""Q1 to Q10: presentations, sealed credentials and embedded requests, opened a batch at a time."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from specie.crypto import cose
from specie.crypto.x25519 import X25519Secret
from specie.issuance.engine.desk import Desk
from specie.issuance.engine.quota_control.uses import Presented
from specie.issuance.engine.rulebook import OFFICER_ALGORITHMS
from specie.issuance.errors import (
    BadSignature,
    CredentialRequestMismatch,
    Denial,
    KeyNotActive,
    Schema,
    TooManyUnits,
    UnsealFailed,
)
from specie.issuance.messages.claims import Signed
from specie.issuance.messages.keys import KeyEntry
from specie.issuance.messages.objects import UNITS_MAX, Approval, Credential, Presentation, Request
from specie.issuance.protocol.credentials import check_parties, check_request
from specie.issuance.protocol.envelope import open_many, read_unverified
from specie.issuance.protocol.keyset import KeySet
from specie.issuance.protocol.requests import check_address
from specie.issuance.protocol.units import unit_roots
from specie.kernel import codec

Secrets = Sequence[tuple[bytes, X25519Secret]]


class Opener:
    """Opens batches for one quota control. secrets: its kem keys, newest first."""

    def __init__(self, desk: Desk, secrets: Secrets) -> None:
        self.desk = desk
        self.secrets = secrets

    def open(
        self, datas: Sequence[bytes], peers: Sequence[str | None], keys: KeySet, now_s: int
    ) -> list[Presented | Denial]:
        """Answers in order; a refusal in its place is that of the first check that failed."""
        # SPEC ISSUANCE-6.5.1, ISSUANCE-6.5.2
        shown = open_many(datas, Presentation, keys, lambda kid: keys.active(kid, ("is:req",), now_s))
        answers: list[Presented | Denial | None] = [None] * len(datas)
        for index, item in enumerate(shown):
            try:
                if isinstance(item, Denial):
                    raise item
                self.check_presentation(item, keys.entries[item.kid], peers[index])
            except Denial as refusal:
                answers[index] = refusal
        places = [index for index, answer in enumerate(answers) if answer is None]
        sealed = [shown[index].body.sealed for index in places]  # type: ignore[union-attr]
        inner = self.unseal(sealed)
        credentials = open_many(
            [data or b"" for data in inner],
            Credential,
            keys,
            lambda kid: keys.verifiable(kid, ("cm:cred",), now_s),
        )
        self._settle(places, inner, credentials, answers, shown, peers, keys, now_s)
        return answers  # type: ignore[return-value]

    def check_presentation(self, item: Signed[Presentation], entry: KeyEntry, peer: str | None) -> None:
        """C7 and C8, and that the hash is of what is sealed."""
        check_address(item, entry, peer, self.desk.me)
        if sha256(item.body.sealed).digest() != item.body.sealed_hash:
            raise Schema("field 2 is not the hash of field 1")

    # SPEC ISSUANCE-6.5.3
    def unseal(self, sealed: Sequence[bytes]) -> list[bytes | None]:
        """The inner bytes, or None where no key of this system opens them."""
        found: list[bytes | None] = [None] * len(sealed)
        for _, secret in self.secrets:
            todo = [index for index, data in enumerate(found) if data is None]
            if not todo:
                break
            opened = cose.open_sealed_many([sealed[index] for index in todo], secret)
            for index, answer in zip(todo, opened, strict=True):
                if isinstance(answer, cose.Opened):
                    found[index] = answer.plaintext
        return found

    def _settle(
        self,
        places: Sequence[int],
        inner: Sequence[bytes | None],
        credentials: Sequence[Signed[Credential] | Denial],
        answers: list[Presented | Denial | None],
        shown: Sequence[Signed[Presentation] | Denial],
        peers: Sequence[str | None],
        keys: KeySet,
        now_s: int,
    ) -> None:
        """Q3 to Q10 over what opened; requests and roots of the whole batch in one call each."""
        good: list[tuple[int, Signed[Credential]]] = []
        for index, data, credential in zip(places, inner, credentials, strict=True):
            presentation = shown[index]
            assert isinstance(presentation, Signed)
            try:
                if data is None:
                    self.desk.observer.alarm("UNSEAL_FAILED", "a sealed credential did not open")
                    raise UnsealFailed("the credential does not open with this system's key")
                if isinstance(credential, BadSignature | Schema):
                    check_claimed_time(data, keys)
                if isinstance(credential, Denial):
                    raise credential
                self.check_credential(credential, keys)
                check_parties(credential, presentation.claims.iss, peers[index], self.desk.me)
                good.append((index, credential))
            except Denial as refusal:
                answers[index] = refusal
        requests = open_many(
            [credential.body.request for _, credential in good],
            Request,
            keys,
            # SPEC ISSUANCE-12.2.1 (what a stolen key signed does not count here either)
            lambda kid: keys.verifiable(kid, ("is:req",), now_s),
        )
        roots = self.roots(good, requests)
        for (index, credential), request, root in zip(good, requests, roots, strict=True):
            try:
                presentation = shown[index]
                assert isinstance(presentation, Signed)
                answers[index] = self.finish(credential, request, root, keys, presentation.kid)
            except Denial as refusal:
                answers[index] = refusal

    # SPEC ISSUANCE-6.5.4, ISSUANCE-6.5.5, ISSUANCE-6.5.6, ISSUANCE-6.5.7
    def check_credential(self, credential: Signed[Credential], keys: KeySet) -> None:
        """Q5: the key was in force when the credential was made; that it still counts was checked as it opened."""
        entry = keys.entries[credential.kid]
        check_in_force(entry, credential.claims.iat)
        # Q7: these claims belong to the schema of a credential
        if None in (credential.claims.aud, credential.claims.exp, credential.claims.nbf):
            raise Schema("a credential has an aud, an exp and an nbf")
        if entry.holder != credential.claims.iss:
            raise CredentialRequestMismatch("the credential names another system than the owner of its key")

    # SPEC ISSUANCE-4.7.1
    def roots(
        self, good: Sequence[tuple[int, Signed[Credential]]], requests: Sequence[Signed[Request] | Denial]
    ) -> list[tuple[bytes, int] | None]:
        """Unit roots, recomputed; None where the request did not open or asks for too many units."""
        found: list[tuple[bytes, int] | None] = [None] * len(good)
        places = [
            place
            for place, request in enumerate(requests)
            if not isinstance(request, Denial) and request.body.unit_count() <= UNITS_MAX
        ]
        jobs = [(good[place][1].claims.cti, requests[place].body) for place in places]  # type: ignore[union-attr]
        for place, root in zip(places, unit_roots(jobs) if jobs else [], strict=True):
            found[place] = root
        return found

    def finish(
        self,
        credential: Signed[Credential],
        request: Signed[Request] | Denial,
        root: tuple[bytes, int] | None,
        keys: KeySet,
        actor: bytes,
    ) -> Presented:
        """Q10, with the approvals read for Q11."""
        try:
            opened = check_request(credential, request, root[0] if root else None)
            if root is None:
                raise TooManyUnits("too many units")
            if keys.entries[opened.kid].holder != opened.claims.iss:
                raise CredentialRequestMismatch("the request names another system than the owner of its key")
            approvals = tuple(read_unverified(data, Approval) for data in credential.body.approvals)
        except CredentialRequestMismatch:
            self.desk.observer.alarm("CREDENTIAL_REQUEST_MISMATCH", "a credential does not match its request")
            raise
        if any(each.alg not in OFFICER_ALGORITHMS for each in approvals):
            raise CredentialRequestMismatch("an approval has an algorithm that is not allowed")
        return Presented(credential, opened, approvals, root[1], actor)


def check_in_force(entry: KeyEntry, iat: int) -> None:
    """Raises KeyNotActive."""
    if not entry.nbf <= iat < entry.signing_until:
        raise KeyNotActive("the key was not in force when the credential was made")


# SPEC ISSUANCE-6.5.5, ISSUANCE-6.0.1
def check_claimed_time(data: bytes, keys: KeySet) -> None:
    """Q5 comes before Q6 and Q7: where one of those failed, was the key even in force at the iat that is claimed?

    Raises KeyNotActive; says nothing where the payload has no readable iat.
    """
    (item,) = cose.parse_sign1_many([data])
    try:
        mapping = codec.decode(item.payload, bytes_max=cose.OBJECT_BYTES_MAX)
    except codec.Malformed:
        return
    iat = mapping.get(6) if isinstance(mapping, dict) else None
    if type(iat) is int:
        check_in_force(keys.entries[item.kid], iat)
