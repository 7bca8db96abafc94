"""Units at the system that keeps their states: redemption, freezing, the filter for verifiers off line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from specie.issuance.engine.issuance_system.batch import Batch, Work
from specie.issuance.engine.rounds import try_each
from specie.issuance.engine.rulebook import OFFICER_ALGORITHMS
from specie.issuance.errors import (
    AlreadyRedeemed,
    IdempotencyMismatch,
    Schema,
    UnitRevoked,
    UnknownSerial,
    WrongAudience,
)
from specie.issuance.messages.claims import Signed
from specie.issuance.messages.objects import Pause, PauseAction, RedemptionRequest
from specie.issuance.messages.parcel import Parcel, pack_parcel, unpack_parcel
from specie.issuance.protocol.envelope import open_one, read_unverified
from specie.issuance.protocol.quorum import check_persons
from specie.issuance.store import issuance_system as store
from specie.issuance.store.issuance_system import UnitState
from specie.kernel import codec
from specie.kernel.errors import Refused

if TYPE_CHECKING:
    from specie.issuance.engine.issuance_system.system import IssuanceSystemEngine

FREEZING_PERSONS = 2
FILTER_BYTES = 8
UNDER_WAY, DONE, REFUSED = 0, 1, 2


# SPEC ISSUANCE-14.2, ISSUANCE-14.15
async def redeem(engine: IssuanceSystemEngine, parcel: Parcel) -> bytes:
    """Look up, check the units' states, pass on, mark. The same request again gets the same receipt."""
    request = read_unverified(parcel.request, RedemptionRequest)
    if request.claims.aud != engine.desk.me:
        raise WrongAudience(f"this is {engine.desk.me}")
    digest, claims = sha256(parcel.request).digest(), request.claims
    known = await engine.desk.database.read(lambda tx: store.redemption(tx, claims.iss, claims.cti))
    if known is not None and known.hash != digest:
        raise IdempotencyMismatch("this id was used for another redemption")
    if known is not None and known.state == DONE and known.receipt is not None:
        return known.receipt
    filled = await fill(engine, parcel, request)
    if known is None:
        row = store.RedemptionRow(claims.iss, claims.cti, digest, parcel.request, pack_parcel(filled), UNDER_WAY, None)
        await engine.writer.submit(Work(lambda batch: begin(batch, row)))
    return await forward(engine, filled, request)


def begin(batch: Batch, row: store.RedemptionRow) -> None:
    """Note that it is under way, unless another call with the same bytes has. Raises IdempotencyMismatch."""
    known = store.redemption(batch.tx, row.iss, row.cti)
    if known is None:
        store.add_redemption(batch.tx, row)
    elif known.hash != row.hash:
        raise IdempotencyMismatch("this id was used for another redemption")


async def fill(engine: IssuanceSystemEngine, parcel: Parcel, request: Signed[RedemptionRequest]) -> Parcel:
    """The units of the request from the store. Raises UnknownSerial, UnitRevoked, AlreadyRedeemed."""
    serials = list(request.body.units or ())
    if not serials:
        return parcel
    rows = await engine.desk.database.read(lambda tx: store.units_by_serial(tx, serials))
    for serial in serials:
        if serial not in rows:
            raise UnknownSerial(f"no unit {serial.hex()} was made here")
        if rows[serial].state == UnitState.FROZEN:
            raise UnitRevoked(f"unit {serial.hex()} is frozen")
        if rows[serial].state in (UnitState.REDEEMED, UnitState.DESTROYED):
            raise AlreadyRedeemed(f"unit {serial.hex()} was redeemed before")
    return replace(parcel, units=tuple(rows[serial].data for serial in serials))


# SPEC ISSUANCE-14.4
async def forward(engine: IssuanceSystemEngine, parcel: Parcel, request: Signed[RedemptionRequest]) -> bytes:
    """Quota control counts; then the units are marked. A refusal that is final ends the row."""
    claims = request.claims
    try:
        receipt = await engine.quota_control.redeem(parcel, peer=engine.desk.me)
    except Refused as refusal:
        if refusal.status != 423:
            await engine.writer.submit(Work(lambda batch: store.drop_redemption(batch.tx, claims.iss, claims.cti)))
        raise
    state = UnitState.REDEEMED if request.body.beneficiary else UnitState.DESTROYED

    def run(batch: Batch) -> None:
        if store.finish_redemption(batch.tx, claims.iss, claims.cti, DONE, receipt):
            for serial in request.body.units or ():
                # a unit that was frozen meanwhile is redeemed all the same: quota control has counted it
                if not store.move_unit(batch.tx, serial, UnitState.ACTIVE, state):
                    store.move_unit(batch.tx, serial, UnitState.FROZEN, UnitState.ACTIVE)
                    store.move_unit(batch.tx, serial, UnitState.ACTIVE, state)
            batch.journal.append("redeemed", sha256(receipt).digest(), request.hash)

    await engine.writer.submit(Work(run))
    return receipt


async def resume(engine: IssuanceSystemEngine) -> None:
    """Redemptions that a crash left under way are passed on again: the same bytes, the same receipt."""
    rows = await engine.desk.database.read(lambda tx: store.open_redemptions(tx, 100))
    parcels = [(unpack_parcel(row.parcel), read_unverified(row.data, RedemptionRequest)) for row in rows]
    await try_each(*(partial(forward, engine, parcel, request) for parcel, request in parcels))


# SPEC ISSUANCE-12.4.1
async def freeze(engine: IssuanceSystemEngine, datas: Sequence[bytes]) -> None:
    """Two officers sign the same `dc-pause` with the scope `unit:SERIAL`. Raises UnknownSerial and theirs."""
    desk = engine.desk
    keys = desk.key_set(await desk.current())
    now_s = desk.now_s()
    opened = [
        open_one(
            data,
            Pause,
            keys,
            lambda kid: keys.active(kid, ("officer",), now_s),
            algorithms=OFFICER_ALGORITHMS,
        )
        for data in datas
    ]
    if not opened or any(item.body != opened[0].body for item in opened):
        raise Schema("the officers must sign the same words")
    check_persons(opened, FREEZING_PERSONS, keys, now_s)
    pause = opened[0].body
    if not pause.scope.startswith("unit:") or not pause.reason:
        raise Schema("the scope is unit:SERIAL, and a reason is given")
    try:
        serial = bytes.fromhex(pause.scope[5:])
    except ValueError as error:
        raise Schema("the scope is unit:SERIAL in hex") from error
    states = (UnitState.ACTIVE, UnitState.FROZEN)
    old, new = states if pause.action == PauseAction.PAUSE else states[::-1]

    def run(batch: Batch) -> None:
        unit = store.units_by_serial(batch.tx, [serial]).get(serial)
        if unit is None:
            raise UnknownSerial("no unit with this serial was made here")
        if unit.state in (UnitState.REDEEMED, UnitState.DESTROYED):
            raise AlreadyRedeemed("the unit was redeemed before")
        # each word counts once, with whatever other word it is shown: an old release does not lift a later freeze
        if any(store.has_freeze(batch.tx, each.hash) for each in opened):
            return
        store.move_unit(batch.tx, serial, old, new)
        for each in opened:
            store.add_freeze(batch.tx, each.hash, serial, pause.action, each.data)
            batch.journal.append("freeze" if new == UnitState.FROZEN else "unfreeze", each.hash, actor=each.kid)

    await engine.writer.submit(Work(run))


# SPEC ISSUANCE-12.4.2
async def revocation_filter(engine: IssuanceSystemEngine) -> bytes:
    """CBOR [salt, sorted 8-byte digests]: a serial is in it if SHA-256(salt || serial) begins with one of them.

    Never misses a frozen unit; names another one by mistake once in 2^64 / n.
    """
    serials = await engine.desk.database.read(store.frozen_serials)
    salt = engine.desk.randomness.bytes(16)
    return codec.encode([salt, sorted(sha256(salt + serial).digest()[:FILTER_BYTES] for serial in serials)])


def is_in_filter(data: bytes, serial: bytes) -> bool:
    """What a verifier off line asks of the filter."""
    value: Any = codec.decode(data, bytes_max=2**24)
    salt, digests = value
    return sha256(salt + serial).digest()[:FILTER_BYTES] in digests
