"""The owner's side: check units one was given, ask that they be redeemed."""

from __future__ import annotations

from collections.abc import Sequence

from specie.crypto import cose, ed25519
from specie.issuance.api import Parcel
from specie.issuance.errors import BadSignature, KeyRole
from specie.issuance.messages.claims import Signed
from specie.issuance.messages.objects import ControlBit, RedemptionRequest, Unit
from specie.issuance.protocol.envelope import read_unverified
from specie.issuance.protocol.keyset import KeySet
from specie.issuance.protocol.units import check_unit
from specie.issuance.wallet.hand import Hand


async def owner_id(hand: Hand) -> bytes:
    """Owner identification of a key: the thumbprint that a request names (field 4)."""
    return await hand.kid()


async def redeem(hand: Hand, units: Sequence[bytes], beneficiary: str, *, approvals: Sequence[bytes] = ()) -> Parcel:
    """Ask that units be taken back. beneficiary: where the money goes; empty destroys, and needs two approvals.

    The approvals are of the exact bytes of the request, so that a destruction is asked first and approved then:
    make the request with `redemption_request`, collect approvals, and put them into the parcel.
    """
    request = await redemption_request(hand, units, beneficiary)
    return Parcel(request, await hand.cose_key(), (), tuple(approvals))


async def redemption_request(hand: Hand, units: Sequence[bytes], beneficiary: str) -> bytes:
    """The signed `dc-redreq` over whole units of one issuer and currency."""
    opened = [read_unverified(unit, Unit) for unit in units]
    body = RedemptionRequest(
        opened[0].body.currency,
        sum(unit.body.value for unit in opened),
        beneficiary,
        tuple(unit.claims.cti for unit in opened),
    )
    return await hand.sign(body, aud=opened[0].claims.iss)


# SPEC ISSUANCE-13.2.10
def verify_unit(data: bytes, keys: KeySet, now_s: int) -> Signed[Unit]:
    """What a wallet checks of a unit before it trusts it. Raises the refusal that names the fault."""
    unit = read_unverified(data, Unit)
    bit = read_unverified(unit.body.control_bit, ControlBit)
    for item, role in ((unit, "is:unit"), (bit, "qc:bit")):
        entry = keys.verifiable(item.kid, (role,), now_s)
        if entry.holder != item.claims.iss:
            raise KeyRole("the object names another system than the owner of its key")
        if item.alg != cose.EDDSA or not ed25519.is_signature(keys.publics[item.kid], item.tbs, item.signature):
            raise BadSignature("a signature does not verify")
    check_unit(unit, bit)
    return unit
