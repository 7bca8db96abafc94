"""Central management as `api.CentralManagement`: open, check, transact, sign, seal, answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from specie.crypto import cose
from specie.issuance.api import (
    Closed,
    Delivered,
    Granted,
    Held,
    Order,
    Pending,
    QuotaControl,
    Quotas,
    Refusal,
    Report,
    Traced,
    Verdict,
)
from specie.issuance.engine.central_management import delivery, figures, planning
from specie.issuance.engine.central_management.approvals import ApprovalItem, Decided
from specie.issuance.engine.central_management.batch import run_batch
from specie.issuance.engine.central_management.enrolments import AdmittedManifestItem, EnrolItem
from specie.issuance.engine.central_management.keep import KeepItem, Kept
from specie.issuance.engine.central_management.reports import read_reports
from specie.issuance.engine.central_management.requests import RequestItem, Waiting
from specie.issuance.engine.desk import Desk, assemble
from specie.issuance.engine.intake import Intake
from specie.issuance.engine.logbook import Logbook
from specie.issuance.engine.opening import count_early, open_batch
from specie.issuance.engine.outcome import Outcome
from specie.issuance.engine.reaching import RoomWriter
from specie.issuance.engine.rulebook import OFFICER_ALGORITHMS
from specie.issuance.engine.rulesdoor import RulesDoor
from specie.issuance.engine.running import Running
from specie.issuance.engine.tracing import trace
from specie.issuance.errors import ApprovalRejected, ChannelMismatch, Denial, KmsUnavailable, UnknownRequest
from specie.issuance.messages.objects import Approval, Credential, Request
from specie.issuance.protocol.envelope import open_one
from specie.issuance.protocol.keyset import public_key
from specie.issuance.protocol.requests import check_address, check_claims, check_times
from specie.issuance.store import central_management as store
from specie.issuance.store.journal import ObjectRow, read_head
from specie.issuance.store.tracing import at_central_management
from specie.kernel.db import Transaction

Call = tuple[bytes, str | None]


class CentralManagementEngine:
    """One central management. `quota_controls`: those whose credentials it makes, by system id."""

    def __init__(self, desk: Desk, quota_controls: Mapping[str, QuotaControl]) -> None:
        self.desk = desk
        self.quota_controls = quota_controls
        self.writer: RoomWriter[Any, Any] = RoomWriter(
            desk.database,
            lambda tx, items: run_batch(desk, tx, items),
            lane=lane_of,
            recover=lambda tx, item: None,
            observe=desk.observer.batch,
        )
        self.log = Logbook(desk)
        self.rules = RulesDoor(desk, self.writer.submit, AdmittedManifestItem)
        self._intake: Intake[Call, Granted | Pending] = Intake(self._work)
        self._running = Running()

    async def submit_requests(
        self, requests: Sequence[bytes], *, peer: str | None = None
    ) -> list[Granted | Pending | Refusal]:
        """Step 2 and 3 for a batch of `dc-req`; each answer in its place."""

        async def work(datas: list[bytes]) -> list[Granted | Pending | Exception]:
            return await self._intake.submit_many([(data, peer) for data in datas], peer)

        return await self._running.each_once(requests, work)  # type: ignore[return-value]

    async def _work(self, calls: Sequence[Call]) -> list[Granted | Pending | Exception]:
        desk = self.desk
        datas = [data for data, _ in calls]
        now_s = desk.now_s()
        # SPEC ISSUANCE-6.0.1
        opened = await open_batch(
            desk,
            datas,
            Request,
            ("is:req",),
            [
                lambda item, entry, index: check_claims(item),
                lambda item, entry, index: check_address(item, entry, calls[index][1], desk.me),
                lambda item, entry, index: check_times(item, now_s),
            ],
        )
        await count_early(desk, "request", "cm:cred", datas, opened)
        places = [index for index, item in enumerate(opened) if not isinstance(item, Denial)]
        decided = await self.writer.submit_many([RequestItem(opened[index]) for index in places])  # type: ignore[arg-type]
        finished = await self.finish(decided)
        answers: list[Any] = list(opened)
        for index, answer in zip(places, finished, strict=True):
            answers[index] = answer
        for answer in finished:
            code = answer.chapter if isinstance(answer, Denial) else getattr(answer, "code", "ok")
            desk.observer.request("request", code)
        return answers

    # SPEC ISSUANCE-6.3.2
    async def finish(self, decided: Sequence[Any]) -> list[Granted | Pending | Exception]:
        """Sign and seal what was decided, store it, answer with what is stored."""
        outcomes = [each for each in decided if isinstance(each, Outcome)]
        rows = {each.row.cti: each.row for each in outcomes}
        kept = await self._sign_and_seal(rows)
        answers: list[Granted | Pending | Exception] = []
        for each in decided:
            if isinstance(each, Waiting):
                answers.append(Pending(each.row.cti, each.persons, each.row.until_s))
            elif isinstance(each, Outcome):
                answers.append(self._answer(each, kept))
            else:
                answers.append(each)
        return answers

    def _answer(self, outcome: Outcome, kept: Kept | Exception) -> Granted | Exception:
        if isinstance(kept, Exception):
            return kept
        row = outcome.row
        signature = row.signature or kept.signatures.get(row.cti)
        if signature is None:
            # SPEC ISSUANCE-12.1.5
            return KmsUnavailable("its key stopped, and it is being fixed anew; ask again")
        if outcome.refusal is not None:
            outcome.refusal.evidence = assemble(row, signature)
            return outcome.refusal
        credential = kept.credentials.get(row.cti)
        if credential is None or credential.sealed is None or credential.hash is None:
            return KmsUnavailable("its key stopped, and it is being fixed anew; ask again")
        return Granted(
            credential.sealed,
            credential.cti,
            credential.hash,
            credential.amount,
            credential.currency,
            credential.exp,
            credential.quota_control,
            outcome.replayed,
        )

    async def _sign_and_seal(self, rows: Mapping[bytes, ObjectRow]) -> Kept | Exception:
        """Signatures for what has none, a sealed form for credentials; stored before anything is answered."""
        desk = self.desk
        if not rows:
            return Kept({}, {})
        unsigned = [row for row in rows.values() if row.signature is None]
        credentials = [row for row in rows.values() if row.typ == Credential.typ]
        try:
            signatures = await desk.sign_rows(unsigned)
            signed = {row.cti: (signatures[row.cti], row.hash) for row in unsigned}
            sealed = await self._seal(credentials, signatures)
        except Exception as error:  # the keys are away: what is fixed is signed later
            return error
        answer: Kept = await self.writer.submit(
            KeepItem(signed | self._known(rows, sealed), sealed, tuple(row.cti for row in credentials))
        )
        return answer

    def _known(
        self, rows: Mapping[bytes, ObjectRow], sealed: Sequence[tuple[bytes, bytes, bytes]]
    ) -> dict[bytes, tuple[bytes, bytes]]:
        """Rows that were signed before and are only sealed now."""
        found = {}
        for cti, _, _ in sealed:
            row = rows[cti]
            if row.signature is not None:
                found[cti] = (row.signature, row.hash)
        return found

    # SPEC ISSUANCE-3.6.1, ISSUANCE-3.6.2
    async def _seal(
        self, rows: Sequence[ObjectRow], signatures: Mapping[bytes, bytes]
    ) -> list[tuple[bytes, bytes, bytes]]:
        """Sealed forms of credentials that have none yet: (cti, hash, sealed)."""
        if not rows:
            return []
        desk = self.desk
        stored = await desk.database.read(lambda tx: store.credentials_by_cti(tx, [row.cti for row in rows]))
        # what is no longer there was fixed anew under another id
        todo = [row for row in rows if row.cti in stored and stored[row.cti].sealed is None]
        if not todo:
            return []
        keys = desk.key_set(await desk.current())
        now_s = desk.now_s()
        publics = {
            name: public_key(keys.signer("qc:kem", name, now_s))
            for name in {stored[row.cti].quota_control for row in todo}
        }
        whole = [assemble(row, row.signature or signatures[row.cti]) for row in todo]
        items = [(data, publics[stored[row.cti].quota_control], row.cti) for data, row in zip(whole, todo, strict=True)]
        sealed = await desk.offload(cose.seal_many, items, desk.randomness)
        return [(row.cti, sha256(data).digest(), each) for row, data, each in zip(todo, whole, sealed, strict=True)]

    # SPEC ISSUANCE-6.3.3
    async def request_answer(self, cti: bytes, *, peer: str | None = None) -> Granted | Pending:
        """What a request was answered, for the issuance system that asked only. Raises the refusal, UnknownRequest."""

        def read(tx: Transaction) -> store.RequestRow | None:
            found = store.requests_by_cti(tx, [cti])
            return next((row for (iss, _), row in found.items() if peer is None or iss == peer), None)

        row = await self.desk.database.read(read)
        if row is None:
            raise UnknownRequest("no such request of this system")
        (answer,) = await self.submit_again(row)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def submit_again(self, row: store.RequestRow) -> list[Granted | Pending | Exception]:
        """The stored answer of a stored request."""
        from specie.issuance.engine.central_management.requests import answer_of

        outcome = await self.desk.database.read(
            lambda tx: answer_of(tx, row, self.desk.in_force(tx, read_head(tx).rules))
        )
        return await self.finish([outcome])

    async def approve(self, approval: bytes) -> str:
        """One officer's decision. Answers pending, credentialed, rejected, admitting or known."""
        desk = self.desk
        keys = desk.key_set(await desk.current())
        now_s = desk.now_s()
        item = open_one(
            approval,
            Approval,
            keys,
            lambda kid: keys.active(kid, ("officer",), now_s),
            algorithms=OFFICER_ALGORITHMS,
        )
        decided = await self.writer.submit(ApprovalItem(item))
        if isinstance(decided, Decided):
            return decided.state
        (answer,) = await self.finish([decided])
        if isinstance(answer, ApprovalRejected):
            return "rejected"
        if isinstance(answer, Exception):
            raise answer
        return "credentialed"

    async def waiting(self) -> list[bytes]:
        """Requests that wait for officers, as they were sent."""
        rows = await self.desk.database.read(
            lambda tx: store.list_requests(tx, [int(store.RequestState.PENDING)], 1000)
        )
        return [row.data for row in rows]

    async def report(self, reports: Sequence[Report], *, peer: str | None = None) -> None:
        """What quota control's outbox brings; each is applied once. Raises the first refusal."""
        if peer is not None and peer not in self.quota_controls:
            raise ChannelMismatch("only a quota control reports here")
        items = await read_reports(self.desk, reports)
        for answer in await self.writer.submit_many(items):
            if isinstance(answer, Exception):
                raise answer

    # SPEC ISSUANCE-12.3.1
    async def revoke(self, data: bytes) -> None:
        """An officer's revocation of a credential, passed on to the quota control that counts it."""
        for quota_control in self.quota_controls.values():
            closed: Closed = await quota_control.revoke(data, peer=self.desk.me)
            await self.close([closed.answer])

    async def close(self, answers: Sequence[bytes]) -> None:
        """Apply signed `dc-tomb` and `dc-used`."""
        reports = [Report("closed", sha256(answer).digest(), (answer,)) for answer in answers]
        for each in await self.writer.submit_many(await read_reports(self.desk, reports)):
            if isinstance(each, Exception):
                raise each

    async def enrol(self, data: bytes) -> bytes:
        """A new key asks to be admitted; the hash that officers approve."""
        answer: bytes = await self.writer.submit(EnrolItem(data))
        return answer

    # SPEC ISSUANCE-2.2.2
    async def deliver(self, role: str, holder: str, agreement: bytes, *, peer: str | None = None) -> Delivered:
        """Make a key for a component and hand it out, sealed, once. Raises ChannelMismatch, Schema, crypto refusals."""
        delivery.check_component(holder, peer, self.desk.me)
        made = delivery.make_key(self.desk, role, holder, agreement)
        answer: Delivered = await self.writer.submit(delivery.DeliverItem(made))
        return answer

    async def acknowledge(self, receipt: bytes, *, peer: str | None = None) -> None:
        """The component's receipt. Raises UnknownRequest, IdempotencyMismatch, Schema, BadSignature."""
        await self.writer.submit(delivery.ReceiptItem(receipt))

    async def plan(self, order: Order, issuer: str) -> list[Verdict]:
        """What this order would be told, check by check; nothing is stored."""
        return await planning.plan(self.desk, order, issuer)

    async def trace(self, ident: bytes, *, peer: str | None = None) -> list[Traced]:
        """All objects of one issue that this system has, for its own operators. Raises ChannelMismatch."""
        return await trace(self.desk, at_central_management, ident, peer)

    async def quotas(self) -> Quotas:
        """Figures of every bucket, and what is held for expired credentials apart."""
        return await figures.quotas(self.desk)

    async def held_credentials(self, after: int, *, peer: str | None = None) -> list[Held]:
        """What a quota control that was restored must know (ISSUANCE-17.4): its reserved credentials, and those that it
        reported as used at a log position beyond `after`."""
        if peer is not None and peer not in self.quota_controls:
            raise ChannelMismatch("only a quota control may ask this")
        rows = await self.desk.database.read(lambda tx: store.held_credentials(tx, after))
        return [
            Held(row.cti, row.hash, data, row.state == store.CredentialState.CONSUMED)
            for row, data in rows
            if row.hash is not None and (peer is None or row.quota_control == peer)
        ]


def lane_of(item: Any) -> str:
    """Whose turn an item takes: its issuer's, or the system's own."""
    request = getattr(item, "request", None)
    return request.claims.iss if request is not None else ""
