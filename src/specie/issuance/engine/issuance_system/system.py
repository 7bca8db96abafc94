"""An issuance system as `api.IssuanceSystem`: it drives each issue through the six steps, and again after a crash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from specie.issuance.api import (
    CentralManagement,
    IssueView,
    Order,
    Parcel,
    QuotaControl,
    Refusal,
    Registry,
    Traced,
)
from specie.issuance.engine.desk import Desk
from specie.issuance.engine.intake import Intake
from specie.issuance.engine.issuance_system import redeeming
from specie.issuance.engine.issuance_system.asking import ask, asked_in, create, request_of
from specie.issuance.engine.issuance_system.batch import run_batch
from specie.issuance.engine.issuance_system.minting import present, register
from specie.issuance.engine.logbook import Logbook
from specie.issuance.engine.reaching import RoomWriter
from specie.issuance.engine.rulesdoor import RulesDoor
from specie.issuance.engine.running import Busy
from specie.issuance.engine.tracing import trace
from specie.issuance.errors import PolicyStale, Schema, UnknownRequest, UnknownSerial, refusal_class
from specie.issuance.messages.objects import Deny, Model
from specie.issuance.protocol.envelope import read_unverified
from specie.issuance.protocol.policy import OFFLINE
from specie.issuance.store import issuance_system as store
from specie.issuance.store.issuance_system import IssueRow, IssueState
from specie.issuance.store.tracing import at_issuance_system
from specie.kernel.db import Transaction
from specie.kernel.errors import KeyReused, Refused, Unavailable

Call = tuple[Order, bytes, bool]
"""An order, the id of its issue, and whether the caller named it."""
Found = tuple[IssueRow, bool]
"""An issue, and whether it was begun before this call."""
FINISHED = (IssueState.RELEASED, IssueState.DENIED, IssueState.ABANDONED)


class IssuanceSystemEngine:
    """One issuance system. registries: by name, as at quota control."""

    def __init__(
        self,
        desk: Desk,
        central_management: CentralManagement,
        quota_control: QuotaControl,
        central_management_id: str,
        registries: Mapping[str, Registry] | None = None,
    ) -> None:
        self.desk = desk
        self.central_management = central_management
        self.quota_control = quota_control
        self.central_management_id = central_management_id
        self.registries = dict(registries or {})
        self.writer: RoomWriter[Any, Any] = RoomWriter(
            desk.database,
            lambda tx, items: run_batch(desk, tx, items),
            lane=lambda item: "",
            recover=lambda tx, item: None,
            observe=desk.observer.batch,
        )
        self.log = Logbook(desk)
        self.rules = RulesDoor(desk, self.writer.submit)
        self.last_error: dict[bytes, Exception | None] = {}
        """Why an issue that is under way has not moved on; only for the answer, nothing depends on it."""
        self.busy = Busy()
        self._intake: Intake[Call, Found] = Intake(self._work)

    async def issue(self, orders: Sequence[Order], *, keys: Sequence[bytes] = ()) -> list[IssueView | Refusal]:
        """The six steps for a batch of orders. keys: one id per order; an order sent again is not a second.

        Answers views of issues that are finished or wait (for officers, for room, for a system that is away), and the
        refusal of those that were denied.
        """
        idents = list(keys) or [self.desk.new_cti() for _ in orders]
        await self.busy.enter(idents)
        try:
            first = {ident: order for order, ident in reversed(list(zip(orders, idents, strict=True)))}
            calls = [(order, ident, bool(keys)) for ident, order in first.items()]
            answers = dict(zip(first, await self._intake.submit_many(calls, ""), strict=True))
        finally:
            self.busy.leave(idents)
        return [self._answer(order, answers[ident]) for order, ident in zip(orders, idents, strict=True)]

    # SPEC ISSUANCE-13.2.2
    def _check_address(self, order: Order) -> None:
        """Units of a ledger need an address to go to; without it quota would be used for nothing. Raises Schema."""
        rules = self.desk.cached
        book = rules.book if rules is not None else None
        rule = book.newest.policy.currencies.get(order.currency) if book is not None else None
        if rule is None or order.model != Model.TOKEN or order.address:
            return
        if rule.token_registry not in ("", OFFLINE):
            raise Schema("units of this currency go onto a ledger: the order needs the owner's ledger address")

    def _answer(self, order: Order, found: Found | Exception) -> IssueView | Refusal:
        if isinstance(found, Exception):
            if isinstance(found, Refusal):
                return found
            raise found
        row, known = found
        # SPEC ISSUANCE-10.1.3
        if not is_of(row, order):
            return KeyReused("this key was used for another issue")
        if row.state == IssueState.DENIED:
            return denial_of(row)
        return replace(self.view(row), replayed=True) if known else self.view(row)

    def view(self, row: IssueRow) -> IssueView:
        """The issue as people see it, with the reason where it has not moved on."""
        error = self.last_error.get(row.id)
        waits = isinstance(error, Refusal) and row.state not in FINISHED
        return IssueView(
            row.id,
            row.cti,
            row.state.name.lower(),
            row.currency,
            row.amount,
            row.code or (error.code if waits else None),  # type: ignore[union-attr]
            row.detail or (str(error) if waits else None),
            asked_in(row.request).unit_count(),
            row.request_hash,
        )

    async def _work(self, calls: Sequence[Call]) -> list[Found | Exception]:
        """Look up what was begun before under a key of the caller, begin the others, take them as far as they go."""
        named = [ident for _, ident, is_named in calls if is_named]
        known = await self.desk.database.read(lambda tx: store.issues(tx, named)) if named else {}
        answers: list[Found | Exception] = []
        fresh: list[tuple[int, Order, bytes]] = []
        for index, (order, ident, _) in enumerate(calls):
            try:
                if ident in known:
                    answers.append((known[ident], True))
                    continue
                request_of(order)
                self._check_address(order)
                fresh.append((index, order, ident))
                answers.append(UnknownRequest("not begun"))
            except Refused as refusal:
                answers.append(refusal)
        if fresh:
            created = await create(self, [order for _, order, _ in fresh], [ident for *_, ident in fresh])
            for (index, _, _), row in zip(fresh, await self.advance(created), strict=True):
                answers[index] = (row, False)
                if row.state in FINISHED:
                    self.last_error.pop(row.id, None)
        return answers

    # SPEC ISSUANCE-9.6.1
    async def advance(self, rows: Sequence[IssueRow]) -> list[IssueRow]:
        """Take each issue as far as it goes now; a system that is away leaves it where it is, to be taken up again."""
        fresh = {row.id: row for row in rows}
        for states, stage in (
            ((IssueState.NEW, IssueState.REQUESTED), ask),
            ((IssueState.CREDENTIALED,), present),
            ((IssueState.MINTED,), register),
        ):
            due = [row for row in fresh.values() if row.state in states]
            if not due:
                continue
            try:
                for row in await stage(self, due):
                    fresh[row.id] = row
            except (Refused, Unavailable) as error:
                for row in due:
                    self.last_error[row.id] = error
        return [fresh[row.id] for row in rows]

    async def registry_name(self, row: IssueRow) -> str:
        """SPEC ISSUANCE-13.1.2 (`offline`, the ledger's chain id, or the bank that the owner names)."""
        rules = await self.desk.current()
        if rules.book is None:
            raise PolicyStale("no quota policy yet")
        if row.model == Model.ACCOUNT:
            owner = asked_in(row.request).owner
            return owner.partition(b"/")[0].decode("ascii", "replace")
        return rules.book.newest.policy.currencies[row.currency].token_registry

    async def show(self, ident: bytes) -> IssueView:
        """One issue. Raises UnknownRequest."""
        row = await self.desk.database.read(lambda tx: store.issue(tx, ident))
        if row is None:
            raise UnknownRequest("no issue with this id")
        return self.view(row)

    async def execute(self, ident: bytes) -> IssueView:
        """Take an issue up again now. Raises KeyInProgress, UnknownRequest, the denial that ended it."""
        await self.busy.enter([ident])
        try:
            row = await self.desk.database.read(lambda tx: store.issue(tx, ident))
            if row is None:
                raise UnknownRequest("no issue with this id")
            if row.state not in FINISHED:
                (row,) = await self.advance([row])
        finally:
            self.busy.leave([ident])
        if row.state == IssueState.DENIED:
            raise denial_of(row)
        return self.view(row)

    async def trace(self, ident: bytes, *, peer: str | None = None) -> list[Traced]:
        """All objects of one issue that this system has, for its own operators. Raises ChannelMismatch."""
        return await trace(self.desk, at_issuance_system, ident, peer)

    async def newest(self, limit: int = 100) -> list[IssueView]:
        """The newest issues."""
        rows = await self.desk.database.read(lambda tx: store.list_issues(tx, limit))
        return [self.view(row) for row in rows]

    # SPEC ISSUANCE-6.6.10
    async def units(self, ident: bytes) -> list[bytes]:
        """The signed units (or the account order) of an issue; none before it is released."""

        def read(tx: Transaction) -> list[bytes]:
            row = store.issue(tx, ident)
            if row is None:
                raise UnknownRequest("no issue with this id")
            if row.state != IssueState.RELEASED:
                return []
            return [unit.data for unit in store.units_of_issue(tx, ident)]

        return await self.desk.database.read(read)

    async def unit(self, serial: bytes) -> tuple[bytes, str]:
        """A unit and its state. Raises UnknownSerial."""
        found = await self.desk.database.read(lambda tx: store.units_by_serial(tx, [serial]))
        if serial not in found:
            raise UnknownSerial("no unit with this serial was made here")
        return found[serial].data, found[serial].state.name.lower()

    async def redeem(self, parcel: Parcel) -> bytes:
        """Section 14: check the units' states, pass the request on, mark them; the signed receipt."""
        return await redeeming.redeem(self, parcel)

    async def freeze(self, datas: Sequence[bytes]) -> None:
        """Freeze or unfreeze a unit on the word of two officers (ISSUANCE-12.4.1)."""
        await redeeming.freeze(self, datas)

    async def revocation_filter(self) -> bytes:
        """The compact list of frozen units for verifiers off line (ISSUANCE-12.4.2)."""
        return await redeeming.revocation_filter(self)


def is_of(row: IssueRow, order: Order) -> bool:
    """Was this issue begun by exactly this order?"""
    try:
        asked = request_of(order)
    except Refused:
        return False
    return asked_in(row.request) == asked and (row.address or b"") == order.address


def denial_of(row: IssueRow) -> Refused:
    """The refusal that ended an issue, with its evidence."""
    refusal = refusal_class(row.code or "")(row.detail or "", issue=row.id.hex())
    if row.denial:
        refusal.evidence = row.denial
        said = read_unverified(row.denial, Deny).body
        refusal.bucket, refusal.available, refusal.not_before_s = said.bucket, said.available, said.not_before
    return refusal
