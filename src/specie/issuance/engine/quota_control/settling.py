"""D9 and cancellations: the registry's receipt is checked in this process, over its bytes (ISSUANCE-13.4.4)."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from specie.issuance.api import MintNote, Refusal, Registry
from specie.issuance.engine.desk import assemble
from specie.issuance.engine.opening import open_batch
from specie.issuance.engine.quota_control.minting import CancelItem, MintedItem
from specie.issuance.errors import (
    Denial,
    NotCancellable,
    PolicyStale,
    ReceiptInvalid,
    UnknownRequest,
)
from specie.issuance.messages.claims import Signed
from specie.issuance.messages.objects import Cancel, Minted, Model
from specie.issuance.protocol.policy import OFFLINE
from specie.issuance.protocol.requests import check_address
from specie.issuance.store import quota_control as store
from specie.issuance.store.journal import objects_by_cti
from specie.kernel.db import Transaction

if TYPE_CHECKING:
    from specie.issuance.engine.quota_control.system import QuotaControlEngine


async def minted(engine: QuotaControlEngine, notes: Sequence[MintNote], peer: str | None) -> list[Refusal | None]:
    """Set MINTED where receipt and note hold. Answers None or the refusal of each."""
    desk = engine.desk
    opened = await open_batch(
        desk,
        [note.minted for note in notes],
        Minted,
        ("is:unit",),
        [lambda item, entry, index: check_address(item, entry, peer, desk.me)],
        earlier=True,
    )
    bits = [item.body.bit_cti for item in opened if not isinstance(item, Denial)]
    rows = await desk.database.read(lambda tx: store.uses_by_bit(tx, bits))
    answers: list[Refusal | None] = [None] * len(notes)
    items: list[tuple[int, MintedItem]] = []
    for index, (item, note) in enumerate(zip(opened, notes, strict=True)):
        try:
            if isinstance(item, Denial):
                raise item
            row = rows.get(item.body.bit_cti)
            if row is None:
                raise UnknownRequest("no such control bit was signed here")
            bank = await check_minted(engine, item, row, note.receipt)
            items.append((index, MintedItem(item, row.cid, bank)))
        except Denial as refusal:
            answers[index] = refusal
    decided = await engine.writer.submit_many([item for _, item in items])
    for (index, _), answer in zip(items, decided, strict=True):
        if isinstance(answer, Exception):
            answers[index] = answer  # type: ignore[call-overload]
    return answers


# SPEC ISSUANCE-13.2.11, ISSUANCE-13.3.4, ISSUANCE-13.4.4
async def check_minted(engine: QuotaControlEngine, item: Signed[Minted], row: store.UseRow, receipt: bytes) -> str:
    """Does the receipt prove that this bit was registered? Answers the bank, in the account model."""
    registry, bank = await registry_of(engine, row)
    if registry is None:
        return bank
    if item.body.receipt_hash != sha256(receipt).digest() or row.unit_root is None:
        raise ReceiptInvalid("the note names another receipt")
    registry.check_receipt(receipt, row.unit_root, row.cid, cancelled=False)
    return bank


# SPEC ISSUANCE-13.1.2, ISSUANCE-13.3.5
async def registry_of(engine: QuotaControlEngine, row: store.UseRow) -> tuple[Registry | None, str]:
    """The registry that takes this bit in (None: off line), and the bank's name in the account model."""
    book = engine.desk.policy_book(await engine.desk.current())
    rule = book.newest.policy.currencies[row.currency]
    if row.model == Model.ACCOUNT:
        name = row.owner.partition(b"/")[0].decode("ascii", "replace")
        bank = name
    else:
        name, bank = rule.token_registry, ""
    if name == OFFLINE:
        return None, ""
    registry = engine.registries.get(name)
    if registry is None:
        raise PolicyStale(f"the registry {name} is not known here")
    return registry, bank


# SPEC ISSUANCE-10.6.2
async def cancel(engine: QuotaControlEngine, data: bytes, receipt: bytes, peer: str | None) -> None:
    """Give back the quota of a bit that was never minted. Raises the refusal."""
    desk = engine.desk
    (item,) = await open_batch(
        desk,
        [data],
        Cancel,
        ("is:unit",),
        [lambda item, entry, index: check_address(item, entry, peer, desk.me)],
        earlier=True,
    )
    if isinstance(item, Denial):
        raise item
    wanted = item.body.bit_cti

    def read(tx: Transaction) -> Any:
        found = store.uses_by_bit(tx, [wanted]).get(wanted)
        return found, objects_by_cti(tx, [wanted]).get(wanted)

    row, bit = await desk.database.read(read)
    if row is None or bit is None or bit.signature is None:
        raise UnknownRequest("no such control bit was signed here")
    registry, _ = await registry_of(engine, row)
    if registry is None:
        raise NotCancellable("units that are verified off line cannot be given back")
    registry.check_receipt(receipt, row.unit_root, row.cid, cancelled=True)
    await engine.writer.submit(CancelItem(item, row.cid, assemble(bit, bit.signature), engine.central_management))
