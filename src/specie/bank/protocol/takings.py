"""Account money on its way in: the checks of a dc-acct and a dc-cancel, in their order (BANK-6.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol, TypeVar

from specie.bank.errors import Malformed, OrderKey, OrderMismatch, OrderSignature, TooLarge
from specie.crypto import cose, ed25519
from specie.issuance.messages.claims import Signed, read_payload
from specie.issuance.messages.keys import KeyEntry
from specie.issuance.messages.objects import AccountOrder, Cancel, ControlBit, Model
from specie.issuance.messages.wire import Body
from specie.kernel.errors import Refused

B = TypeVar("B", bound=Body)
OBJECT_BYTES_MAX = 16_384


class KeysInForce(Protocol):
    """The verified key manifest, as the bank needs it."""

    @property
    def publics(self) -> Mapping[bytes, bytes]:
        """Key id to public key."""

    def verifiable(self, kid: bytes, roles: tuple[str, ...], now_s: int) -> KeyEntry:
        """The entry of a key whose word still counts. Raises Refused."""


@dataclass(frozen=True, slots=True)
class Taking:
    """An issue that may be posted."""

    unit_root: bytes
    credential_cti: bytes
    account: str
    currency: str
    amount: int


@dataclass(frozen=True, slots=True)
class GivingUp:
    """A root that may be cancelled."""

    unit_root: bytes
    credential_cti: bytes
    currency: str


def read(data: bytes, kind: type[B]) -> Signed[B]:
    """One object in the COSE profile, not yet verified. Raises TooLarge, Malformed."""
    if len(data) > OBJECT_BYTES_MAX:
        raise TooLarge(f"an object has at most {OBJECT_BYTES_MAX} bytes")
    typ: str = kind.typ  # type: ignore[attr-defined]
    try:
        parsed = cose.parse_sign1(data)
        if parsed.typ != typ or parsed.alg != cose.EDDSA:
            raise Malformed(f"an object {typ} under Ed25519 is expected")
        claims, body = read_payload(kind, parsed.payload, checked=True)
    except Malformed:
        raise
    except Refused as error:
        raise Malformed(f"not a {typ}: {error.detail}") from error
    return Signed(typ, parsed.kid, claims, body, data, parsed.signature, parsed.tbs, parsed.alg)


def check_key(word: Signed[B], role: str, keys: KeysInForce, now_s: int) -> None:
    """A key of this role, held by whoever says it. Raises OrderKey."""
    try:
        entry = keys.verifiable(word.kid, (role,), now_s)
    except Refused as error:
        raise OrderKey(f"the key of the {word.typ} is not in force: {error.detail}") from error
    if entry.holder != word.claims.iss:
        raise OrderKey(f"the {word.typ} is signed by another system's key")


def check_signatures(words: tuple[Signed[ControlBit], Signed[B]], keys: KeysInForce) -> None:
    """Raises OrderSignature."""
    for word in words:
        if not ed25519.is_signature(keys.publics[word.kid], word.tbs, word.signature):
            raise OrderSignature(f"the signature of the {word.typ} does not verify")


# SPEC BANK-6.1, BANK-6.4
# SPEC ISSUANCE-4.8.1, ISSUANCE-13.3.1, ISSUANCE-13.3.5
def check_taking(bit_data: bytes, order_data: bytes, bank: str, keys: KeysInForce, now_s: int) -> Taking:
    """A dc-acct with its bit. The bit's exp is no reason to refuse.

    Raises, in this order: TooLarge, Malformed, OrderKey, OrderSignature, OrderMismatch.
    """
    bit, order = read(bit_data, ControlBit), read(order_data, AccountOrder)
    check_key(bit, "qc:bit", keys, now_s)
    check_key(order, "is:unit", keys, now_s)
    check_signatures((bit, order), keys)
    said, allowed = order.body, bit.body
    if order.claims.iss != bit.claims.aud:
        raise OrderMismatch("the order is by another system than the bit allows")
    if said.control_bit not in (bit.data, bit.hash):
        raise OrderMismatch("the order stands under another bit")
    if (said.currency, said.amount) != (allowed.currency, allowed.amount) or allowed.model != Model.ACCOUNT:
        raise OrderMismatch("currency, amount or model differ between order and bit")
    if said.posting_id != allowed.credential_cti:
        raise OrderMismatch("the posting id is not the credential's cti")
    if sha256(said.account).digest() != allowed.owner_hash:
        raise OrderMismatch("the bit is for another account")
    account = account_of(said.account, bank)
    return Taking(allowed.unit_root, allowed.credential_cti, account, allowed.currency, allowed.amount)


# SPEC ISSUANCE-13.3.5
def check_giving_up(cancel_data: bytes, bit_data: bytes, bank: str, keys: KeysInForce, now_s: int) -> GivingUp:
    """A dc-cancel with its bit. Raises as `check_taking`."""
    cancel, bit = read(cancel_data, Cancel), read(bit_data, ControlBit)
    check_key(bit, "qc:bit", keys, now_s)
    check_key(cancel, "is:unit", keys, now_s)
    check_signatures((bit, cancel), keys)
    if cancel.claims.iss != bit.claims.aud or cancel.body.bit_cti != bit.claims.cti:
        raise OrderMismatch("the cancellation is of another bit")
    if cancel.body.unit_root != bit.body.unit_root or bit.body.model != Model.ACCOUNT:
        raise OrderMismatch("root or model differ between cancellation and bit")
    if cancel.body.owner is None or sha256(cancel.body.owner).digest() != bit.body.owner_hash:
        raise OrderMismatch("the cancellation names another owner than the bit")
    account_of(cancel.body.owner, bank)
    return GivingUp(bit.body.unit_root, bit.body.credential_cti, bit.body.currency)


def account_of(owner: bytes, bank: str) -> str:
    """The account that owner bytes name: system id of this bank, "/", account id. Raises OrderMismatch."""
    named, slash, account = owner.partition(b"/")
    try:
        name, ident = named.decode("ascii"), account.decode("ascii")
    except UnicodeDecodeError as error:
        raise OrderMismatch("the owner is not ASCII") from error
    if not slash or name != bank:
        raise OrderMismatch("the owner names another bank")
    return ident
