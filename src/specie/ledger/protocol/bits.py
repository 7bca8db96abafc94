"""The control bit inside a mint or a cancel: M-2 to M-6 (LEDGER section 9.1)."""

from __future__ import annotations

from hashlib import sha256
from typing import TypeVar

from specie.crypto import cose, ed25519, merkle
from specie.issuance.messages.claims import Signed, read_payload
from specie.issuance.messages.objects import Cancel, ControlBit, Model
from specie.issuance.messages.wire import Body
from specie.kernel import codec
from specie.kernel.errors import Refused
from specie.ledger.errors import MintCurrency, MintKey, MintKeyRevoked, MintModel, MintObject, MintSignature
from specie.ledger.messages.bodies import LeafProof
from specie.ledger.messages.state import AnchorState, AuthorityEntry, Domain, Role, anchor_ident
from specie.ledger.protocol.authority import find_key
from specie.ledger.protocol.state import State

B = TypeVar("B", bound=Body)

QUOTA_CONTROL_TOPIC = 5
_LEAF_BYTES_MAX = 1024
_LEAF_KEYS = frozenset(range(1, 7))


def _read_object(kind: type[B], data: bytes) -> Signed[B]:
    """One object with one signature, not yet verified. Raises Refused."""
    parsed = cose.parse_sign1(data)
    typ: str = kind.typ  # type: ignore[attr-defined]
    if parsed.typ != typ or parsed.alg != cose.EDDSA:
        raise MintObject(f"an object {typ} under Ed25519 is expected")
    claims, body = read_payload(kind, parsed.payload, checked=True)
    return Signed(typ, parsed.kid, claims, body, data, parsed.signature, parsed.tbs, parsed.alg)


# SPEC LEDGER-9.1.2
def read_bit(data: bytes) -> Signed[ControlBit]:
    """M-2. Raises MintObject."""
    try:
        bit = _read_object(ControlBit, data)
    except Refused as error:
        raise MintObject(f"not a control bit: {error.detail}", rule="M-2") from error
    if bit.claims.aud is None:
        raise MintObject("a control bit names the system that may mint", rule="M-2")
    return bit


def read_cancel(data: bytes) -> Signed[Cancel]:
    """Raises Refused."""
    return _read_object(Cancel, data)


def check_bit(state: State, bit: Signed[ControlBit], *, is_cancel: bool = False) -> AuthorityEntry:
    """M-3 to M-5: the entry of the control bit's key.

    A cancel is allowed under a key whose verify_until has passed, as under a revoked one (MC-1): what it gives up
    could otherwise never come back. Raises, in this order: MintKey, MintSignature, MintCurrency, MintModel.
    """
    # SPEC LEDGER-9.1.3
    entry = find_key(state, bit.kid, Role.QUOTA_CONTROL)
    if entry is None or entry.system != bit.claims.iss:
        raise MintKey("the control bit's key is not quota control's", rule="M-3")
    # SPEC LEDGER-9.1.16, ISSUANCE-13.2.8 (`exp` is not looked at: it bounds the issuance system's step D7)
    if not entry.nbf <= bit.claims.iat < entry.signing_until:
        raise MintKey("the control bit's key was not in force when the bit was made", rule="M-3")
    # SPEC LEDGER-9.9.1
    if not is_cancel and state.time_ms > entry.verify_until * 1000:
        raise MintKey("the control bit's key no longer verifies", rule="M-3")
    # SPEC LEDGER-9.1.4
    if not ed25519.is_signature(entry.key, bit.tbs, bit.signature):
        raise MintSignature("the control bit's signature does not verify", rule="M-4")
    # SPEC LEDGER-9.1.5
    if bit.body.currency != state.genesis.currency:
        raise MintCurrency("the control bit speaks of another currency", rule="M-5")
    if bit.body.model != Model.TOKEN:
        raise MintModel("the control bit is of the account model", rule="M-5")
    return entry


# SPEC LEDGER-9.1.6, ISSUANCE-13.2.7
def check_logged(state: State, bit: Signed[ControlBit], entry: AuthorityEntry, log_proof: bytes) -> None:
    """M-6: under a revoked key the bit counts only if it was logged before the revocation.

    Raises MintObject (a proof that is not asked for or does not hold), MintKeyRevoked.
    """
    if not entry.is_revoked:
        if log_proof:
            raise MintObject("a log proof is for keys that were revoked", rule="M-6")
        return
    if not log_proof:
        raise MintKeyRevoked("the control bit's key is revoked", rule="M-6", revoked_from=entry.revoked_from)
    proof = LeafProof.decode(log_proof)
    if not _is_leaf_of(bit, proof):
        raise MintObject("the leaf does not speak of this control bit at this place", rule="M-6")
    if proof.position + 1 >= entry.revoked_from:
        raise MintKeyRevoked("the control bit was logged after the revocation", rule="M-6")
    anchored = state.get(Domain.ANCHOR, anchor_ident(QUOTA_CONTROL_TOPIC, entry.system))
    if anchored is None:
        raise MintKeyRevoked("no checkpoint of quota control is anchored", rule="M-6")
    checkpoint = AnchorState.decode(anchored)
    if checkpoint.size != proof.size:
        raise MintKeyRevoked("the path leads to another checkpoint than the anchored one", rule="M-6")
    if not merkle.is_included(
        merkle.leaf_hash(proof.body), proof.position, proof.size, proof.path, checkpoint.root
    ):  # fmt: skip
        raise MintObject("the path does not lead to the anchored checkpoint", rule="M-6")


def _is_leaf_of(bit: Signed[ControlBit], proof: LeafProof) -> bool:
    """Is it the leaf of this bit, and does it name its own place?

    Leaf: {1 sequence from 1, 2 time, 3 event, 4 object hash, 5 hash of the step before, 6 actor}. The object hash of
    what a system makes itself is that of the bytes to be signed, since the log commits before the signature.
    """
    try:
        leaf = codec.decode(proof.body, bytes_max=_LEAF_BYTES_MAX)
    except Refused:
        return False
    if not isinstance(leaf, dict) or leaf.keys() != _LEAF_KEYS:
        return False
    return type(leaf[1]) is int and leaf[1] == proof.position + 1 and leaf[4] == sha256(bit.tbs).digest()
