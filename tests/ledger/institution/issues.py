"""Issues on their way into the ledger, and the way there, which can break."""

from __future__ import annotations

from typing import Any

from ledger.institution.realm import Realm
from ledger.wallet.town import Closed, Lost
from specie.issuance.api import IssueView, Registration
from specie.issuance.engine.issuance_system import minting
from specie.issuance.messages.claims import Claims
from specie.issuance.messages.objects import Cancel, ControlBit
from specie.issuance.protocol.envelope import read_unverified
from specie.issuance.store import issuance_system as store
from specie.issuance.store.issuance_system import IssueRow
from specie.ledger.api import Submitted
from specie.ledger.messages.state import Domain, MintState
from specie.ledger.wallet.wallet import Wallet
from tests.issuance.house import IS, QC


class Line:
    """The way to the ledger: `request` or `answer` of an operation is lost, or nothing goes through at all."""

    def __init__(self, realm: Realm) -> None:
        self.ledger = realm.town.engine
        self.broken = ""
        self.sent: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        if self.broken == "mute":
            raise Closed("no way")
        return getattr(self.ledger, name)

    async def submit_operation(self, data: bytes, wait_s: float = 0) -> Submitted:
        self.sent.append(data)
        if self.broken == "request":
            raise Lost("lost on its way")
        answer = await self.ledger.submit_operation(data, wait_s)
        if self.broken == "answer":
            raise Lost("the answer was lost")
        return answer


async def minted(realm: Realm, wallet: Wallet, broken: str = "mute", amount: int = 15_000) -> tuple[Line, Any]:
    """An issue whose units are made and whose mint did not succeed; the line, and its row."""
    line = Line(realm)
    line.broken = broken
    realm.line = line  # type: ignore[assignment]
    (view,) = await realm.house.issuance.issue([await realm.order(wallet, amount)])
    assert isinstance(view, IssueView), view
    # one whose answer was lost is found again at once
    assert view.state == ("released" if broken == "answer" else "minted")
    return line, await row_of(realm, view.id)


async def row_of(realm: Realm, ident: bytes) -> IssueRow:
    row = await realm.house.databases[IS].read(lambda tx: store.issue(tx, ident))
    assert row is not None
    return row


async def registration(realm: Realm, row: IssueRow) -> Registration:
    return await minting.registration_of(realm.house.issuance, row)


async def state_of(realm: Realm, root: bytes) -> MintState | None:
    entry = await realm.town.engine.state_entry(Domain.MINT, root)
    return None if entry.value is None else MintState.decode(bytes.fromhex(entry.value))


async def cancel_of(realm: Realm, row: IssueRow) -> bytes:
    """dc-cancel of an issue's bit, by the issuance system."""
    desk = realm.house.desks[IS]
    bit = read_unverified(row.bit or b"", ControlBit)
    claims = Claims(iss=IS, aud=QC, iat=desk.now_s(), cti=bit.body.credential_cti)
    (cancel,) = await desk.sign_now("is:unit", [(claims, Cancel(bit.claims.cti, bit.body.unit_root, None))])
    return bytes(cancel)
