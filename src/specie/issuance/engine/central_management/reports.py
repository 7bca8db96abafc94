"""Reading what quota control reports: every object verified before it moves a figure."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from specie.issuance.api import Report
from specie.issuance.engine.central_management.returns import ReturnItem, TombItem, UseItem
from specie.issuance.engine.desk import Desk
from specie.issuance.errors import Denial, Malformed, Schema
from specie.issuance.messages.claims import Signed
from specie.issuance.messages.objects import (
    Cancel,
    ControlBit,
    Redemption,
    RedemptionRequest,
    Tombstone,
    Used,
)
from specie.issuance.protocol.envelope import open_many, open_one, read_unverified
from specie.issuance.protocol.keyset import KeySet
from specie.kernel import codec
from specie.kernel.errors import Refused


def of_quota_control(keys: KeySet, now_s: int) -> Any:
    """Signed by a qc:bit key that still verifies; the position counts only for revoked keys, which wait for reissue."""
    return lambda kid: keys.verifiable(kid, ("qc:bit",), now_s)


async def read_reports(desk: Desk, reports: Sequence[Report]) -> list[Any]:
    """Items for the writer, in order. Raises the refusal of the first object that does not hold."""
    keys = desk.key_set(await desk.current())
    now_s = desk.now_s()

    def work() -> list[Any]:
        items: list[Any] = [None] * len(reports)
        uses = [index for index, report in enumerate(reports) if report.kind == "use"]
        bits = open_many([reports[index].objects[0] for index in uses], ControlBit, keys, of_quota_control(keys, now_s))
        for index, bit in zip(uses, bits, strict=True):
            if isinstance(bit, Denial):
                raise bit
            items[index] = UseItem.of_bit(bit, sha256(bit.tbs).digest())
        for index, report in enumerate(reports):
            if report.kind != "use":
                items[index] = _read(report, keys, now_s)
        return items

    return await desk.offload(work)


def _read(report: Report, keys: KeySet, now_s: int) -> Any:
    if report.kind == "closed":
        return _closed(report.objects[0], keys, now_s)
    if report.kind == "redeem":
        return _redeem(report, keys, now_s)
    if report.kind == "cancel":
        return _cancel(report, keys, now_s)
    raise Schema(f"unknown report {report.kind}")


def _closed(data: bytes, keys: KeySet, now_s: int) -> Any:
    from specie.crypto import cose

    (parsed,) = cose.parse_sign1_many([data])
    if parsed.typ == Used.typ:
        used = open_one(data, Used, keys, of_quota_control(keys, now_s))
        return UseItem.of_used(used, sha256(used.tbs).digest())
    tomb = open_one(data, Tombstone, keys, of_quota_control(keys, now_s))
    return TombItem(tomb, sha256(tomb.tbs).digest())


def shares_of(data: bytes) -> tuple[tuple[bytes, int], ...]:
    """[[credential cti, amount], ...] of a redemption of units."""
    try:
        value: Any = codec.decode(data, bytes_max=65536)
        shares = tuple((bytes(cti), int(amount)) for cti, amount in value)
    except (Refused, TypeError, ValueError) as error:
        raise Malformed("shares are not an array of pairs") from error
    return shares


def _redeem(report: Report, keys: KeySet, now_s: int) -> ReturnItem:
    receipt: Signed[Redemption] = open_one(report.objects[0], Redemption, keys, of_quota_control(keys, now_s))
    request = read_unverified(report.objects[1], RedemptionRequest)
    shares = shares_of(report.objects[2])
    if shares and sum(amount for _, amount in shares) != receipt.body.amount:
        raise Schema("the shares do not add up to the receipt")
    issuer = request.claims.aud or ""
    item = ReturnItem.of_redemption(receipt, issuer, sha256(receipt.tbs).digest())
    return ReturnItem(item.reference, item.kind, item.currency, item.issuer, item.amount, item.object_hash, shares)


def _cancel(report: Report, keys: KeySet, now_s: int) -> ReturnItem:
    cancel = open_one(report.objects[0], Cancel, keys, lambda kid: keys.verifiable(kid, ("is:unit",), now_s))
    bit = open_one(report.objects[1], ControlBit, keys, of_quota_control(keys, now_s))
    if cancel.body.bit_cti != bit.claims.cti or cancel.body.unit_root != bit.body.unit_root:
        raise Schema("cancellation and control bit differ")
    body = bit.body
    return ReturnItem(
        cancel.claims.cti,
        "cancel",
        body.currency,
        bit.claims.aud or "",
        body.amount,
        cancel.hash,
        ((body.credential_cti, body.amount),),
    )
