"""Quota control as `api.QuotaControl`: open, transact, sign, answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from specie.issuance.api import (
    Bit,
    CentralManagement,
    Closed,
    MintNote,
    Parcel,
    QuotaControl,
    Quotas,
    Refusal,
    Registry,
    Solvency,
    Traced,
)
from specie.issuance.engine.central_management import figures
from specie.issuance.engine.desk import Desk, assemble, keep_signatures
from specie.issuance.engine.intake import Intake
from specie.issuance.engine.logbook import Logbook
from specie.issuance.engine.opening import count_early
from specie.issuance.engine.outcome import Outcome
from specie.issuance.engine.quota_control import leases, redemptions, restoring, settling, solvency, stating
from specie.issuance.engine.quota_control.batch import Batch, run_batch
from specie.issuance.engine.quota_control.closing import CloseItem
from specie.issuance.engine.quota_control.opening import Opener, Secrets
from specie.issuance.engine.quota_control.uses import UseItem
from specie.issuance.engine.reaching import RoomWriter
from specie.issuance.engine.rulebook import OFFICER_ALGORITHMS
from specie.issuance.engine.rulesdoor import RulesDoor
from specie.issuance.engine.running import Running
from specie.issuance.engine.tracing import trace
from specie.issuance.errors import ChannelMismatch, Denial, IssuerMismatch, KmsUnavailable
from specie.issuance.messages.objects import Revoke, Used
from specie.issuance.protocol.envelope import open_one
from specie.issuance.store.journal import ObjectRow
from specie.issuance.store.tracing import at_quota_control

Call = tuple[bytes, str | None]


class SignItem:
    """Signatures to store; answers the stored one of each object."""

    def __init__(self, signed: Mapping[bytes, tuple[bytes, bytes]]) -> None:
        self.signed = signed

    def decide(self, batch: Batch, desk: Desk) -> dict[bytes, bytes]:
        return keep_signatures(batch.tx, self.signed)


# SPEC ISSUANCE-1.3.2, ISSUANCE-1.3.3
class QuotaControlEngine:
    """One quota control.

    central_management: its system id; only it closes credentials. registries: by name (`offline` has none; the chain id
    of the ledger; the system id of a bank).
    """

    def __init__(
        self,
        desk: Desk,
        secrets: Secrets,
        central_management: str,
        registries: Mapping[str, Registry] | None = None,
        batch_max: int = 64,
    ) -> None:
        self.desk = desk
        self.central_management = central_management
        self.registries = dict(registries or {})
        self.opener = Opener(desk, secrets)
        self.writer: RoomWriter[Any, Any] = RoomWriter(
            desk.database,
            lambda tx, items: run_batch(desk, tx, items),
            lane=lane_of,
            recover=lambda tx, item: None,
            observe=desk.observer.batch,
            batch_max=batch_max,
        )
        self.log = Logbook(desk, reports_to=central_management)
        self.rules = RulesDoor(desk, self.writer.submit, after_reserve=lambda: solvency.publish(self))
        self._intake: Intake[Call, Bit] = Intake(self._work, batch_max=batch_max)
        self._running = Running()

    async def control_bits(self, presentations: Sequence[bytes], *, peer: str | None = None) -> list[Bit | Refusal]:
        """Step 5 for a batch of `dc-pres`; each answer in its place."""

        async def work(datas: list[bytes]) -> list[Bit | Exception]:
            return await self._intake.submit_many([(data, peer) for data in datas], peer)

        return await self._running.each_once(presentations, work)  # type: ignore[return-value]

    async def _work(self, calls: Sequence[Call]) -> list[Bit | Exception]:
        desk = self.desk
        keys = desk.key_set(await desk.current())
        datas = [data for data, _ in calls]
        opened = await desk.offload(self.opener.open, datas, [peer for _, peer in calls], keys, desk.now_s())
        await count_early(desk, "control_bit", "qc:bit", datas, opened)
        places = [index for index, item in enumerate(opened) if not isinstance(item, Denial)]
        decided = await self.writer.submit_many([UseItem(opened[index]) for index in places])  # type: ignore[arg-type]
        finished = await self.finish(decided)
        answers: list[Any] = list(opened)
        for index, answer in zip(places, finished, strict=True):
            answers[index] = Bit(*answer) if isinstance(answer, tuple) else answer
            desk.observer.request("control_bit", getattr(answer, "chapter", "ok"))
        return answers

    # SPEC ISSUANCE-6.5.18, ISSUANCE-5.4.9
    async def finish(self, decided: Sequence[Any]) -> list[tuple[bytes, bool] | Exception]:
        """After the commit: sign what is unsigned, store the signatures, assemble. Refusals carry their evidence."""
        rows: dict[bytes, ObjectRow] = {
            each.row.cti: each.row for each in decided if isinstance(each, Outcome) and each.row.signature is None
        }
        stored: dict[bytes, bytes] = {}
        failure: Exception | None = None
        if rows:
            try:
                signatures = await self.desk.sign_rows(list(rows.values()))
                signed = {cti: (signature, rows[cti].hash) for cti, signature in signatures.items()}
                stored = await self.writer.submit(SignItem(signed))
            except Exception as error:  # the keys are away: what is fixed is signed later
                failure = error
        answers: list[tuple[bytes, bool] | Exception] = []
        for each in decided:
            if not isinstance(each, Outcome):
                answers.append(each)
                continue
            signature = each.row.signature or stored.get(each.row.cti)
            if signature is None:
                answers.append(failure or KmsUnavailable("its key stopped, and it is being fixed anew; ask again"))
            elif each.refusal is not None:
                each.refusal.evidence = assemble(each.row, signature)
                answers.append(each.refusal)
            else:
                answers.append((assemble(each.row, signature), each.replayed))
        return answers

    # SPEC ISSUANCE-10.4.2
    async def tombstones(
        self, items: Sequence[tuple[bytes, bytes]], *, peer: str | None = None
    ) -> list[Closed | Refusal]:
        """Close credentials unused, or say that they were used. items: (cti, hash)."""
        if peer is not None and peer != self.central_management:
            raise ChannelMismatch("only central management closes credentials")
        decided = await self.writer.submit_many(
            [CloseItem(cti, digest, "", self.central_management) for cti, digest in items]
        )
        return await self._closed(decided)

    async def _closed(self, decided: Sequence[Any]) -> list[Closed | Refusal]:
        finished = await self.finish(decided)
        return [
            Closed(answer[0], outcome.row.typ == Used.typ) if isinstance(answer, tuple) else answer  # type: ignore[misc]
            for answer, outcome in zip(finished, decided, strict=True)
        ]

    # SPEC ISSUANCE-12.3.1
    async def revoke(self, data: bytes, *, peer: str | None = None) -> Closed:
        """Central management or one officer takes a credential back; answers REVOKED or ALREADY_USED, signed."""
        desk = self.desk
        keys = desk.key_set(await desk.current())
        now_s = desk.now_s()
        item = open_one(
            data,
            Revoke,
            keys,
            lambda kid: keys.active(kid, ("officer", "cm:cred"), now_s),
            algorithms=OFFICER_ALGORITHMS,
        )
        if keys.entries[item.kid].holder != item.claims.iss:
            raise IssuerMismatch("the revocation names another person than the owner of its key")
        decided = await self.writer.submit_many(
            [
                CloseItem(
                    item.body.target,
                    bytes(32),
                    "",
                    self.central_management,
                    revoke=True,
                    actor=item.kid,
                    reason=item.hash,
                )
            ]
        )
        (answer,) = await self._closed(decided)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def minted(self, notes: Sequence[MintNote], *, peer: str | None = None) -> list[Refusal | None]:
        """D9 for a batch: receipts are checked here, then USED becomes MINTED."""
        return await settling.minted(self, notes, peer)

    async def cancel(self, cancel: bytes, receipt: bytes, *, peer: str | None = None) -> None:
        """A bit given up, with the registry's receipt that its root is cancelled."""
        await settling.cancel(self, cancel, receipt, peer)

    async def redeem(self, parcel: Parcel, *, peer: str | None = None) -> bytes:
        """Section 14: the signed `dc-redeem`. The same request again gets the same receipt."""
        return await redemptions.redeem(self, parcel, peer)

    async def take_back(self, central_management: CentralManagement, *, restored: bool) -> int:
        """Before the first decision after a restore (ISSUANCE-17.4)."""
        return await restoring.take_back(self, central_management, restored=restored)

    async def lend(self, currency: str, amount: int, *, peer: str | None = None) -> bytes:
        """A signed `dc-lease` for the shard that asks (ISSUANCE-9.4)."""
        return await leases.lend(self, currency, amount, peer)

    async def return_lease(self, data: bytes) -> None:
        """What a shard hands back is free again."""
        await leases.take_back(self, data)

    async def borrow(self, root: QuotaControl, currency: str, amount: int) -> None:
        """As a shard: ask the root for quota and take it in."""
        await leases.hold(self, await root.lend(currency, amount, peer=self.desk.me))

    async def hand_back(self, root: QuotaControl, lease_cti: bytes, currency: str) -> None:
        """As a shard: give the root what is left of a lease."""
        data = await leases.hand_back(self, lease_cti, currency)
        if data is not None:
            await root.return_lease(data)

    async def trace(self, ident: bytes, *, peer: str | None = None) -> list[Traced]:
        """All objects of one issue that this system has, for its own operators. Raises ChannelMismatch."""
        return await trace(self.desk, at_quota_control, ident, peer)

    async def quotas(self) -> Quotas:
        """Figures of every bucket."""
        return await figures.quotas(self.desk, with_expired=False)

    async def solvency(self) -> list[Solvency]:
        """Outstanding against attested reserves, per currency with a reserve rule."""
        return await solvency.lines(self)

    async def supply(self) -> bytes:
        """The newest signed `dc-supply`."""
        return await stating.newest(self)


def lane_of(item: Any) -> str:
    """Whose turn an item takes: its issuer's, or the system's own."""
    request = getattr(item, "request", None)
    return request.claims.iss if request is not None else ""
