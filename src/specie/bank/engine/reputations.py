"""Who may be trusted with a channel: events are counted once, chained, signed (BANK section 8)."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from specie.bank.api import SignEvent
from specie.bank.engine.books import Books, Needs
from specie.bank.engine.desk import Desk, Item
from specie.bank.errors import EvidenceInvalid, EvidenceUsed, NotPermitted, PartyUnknown
from specie.bank.messages.reputation import (
    FIRST,
    START,
    CaseRecord,
    Event,
    Reason,
    Reputation,
    SignedEvent,
    event_id,
    subject_of,
)
from specie.bank.protocol import reputation as rules
from specie.bank.store import accounts as account_store
from specie.bank.store import reputation as store
from specie.kernel.db import Transaction


@dataclass(slots=True)
class Reputations:
    """Every party's chain. sign: BIP-340 by `bank:grant` over an event's id; None where the bank grants nothing."""

    desk: Desk
    sign: SignEvent | None

    # SPEC BANK-8.5
    async def view(self, account: str, asker: str, *, staff: bool = False, partner: bool = False) -> Reputation:
        """To the party itself, the staff, and the other side of a channel it asks for; to that one the value alone.

        Raises NotPermitted, PartyUnknown.
        """
        found = (await self.desk.read(lambda tx: account_store.accounts_by_id(tx, [account]))).get(account)
        if not (staff or partner or (found is not None and asker == found.owner)):
            raise NotPermitted("a party's value is shown to itself and to the other side of its channel")
        if found is None:
            raise PartyUnknown(f"there is no party {account}")
        await self.sign_all()
        rows = await self.desk.read(lambda tx: store.chain(tx, subject_of(account)))
        events = tuple(SignedEvent(Event.decode(body), signature or b"") for body, signature in rows)
        own = staff or asker == found.owner
        return Reputation(account, rules.value_of(body for body, _ in rows), events if own else ())

    async def value(self, account: str) -> int:
        """What a grant looks at. Raises PartyUnknown."""
        return (await self.view(account, "", staff=True)).value

    # SPEC BANK-8.1
    async def check_grant(self, payer: str, payee: str) -> None:
        """Raises PartyUnknown, ReputationLow."""
        rules.check_standing(await self.value(payer), await self.value(payee))

    # SPEC BANK-8.3
    async def case(self, record: CaseRecord) -> Event:
        """Reasons 13 and 14. Raises as `check_case`; PartyUnknown, EvidenceUsed."""
        rules.check_case(record)
        evidence = record.encode()
        cid = sha256(record.proof if record.reason == Reason.DOUBLE_SPEND else evidence).digest()
        return await self.book(record.account, record.reason, record.delta, cid, evidence=evidence)

    async def book(
        self,
        account: str,
        reason: Reason,
        delta: int,
        cid: bytes,
        *,
        place: tuple[int, int] = (0, 0),
        lane: tuple[int, int] = (0, 0),
        evidence: bytes = b"",
    ) -> Event:
        """Count one fact. place: height and index of the operation. Raises PartyUnknown, EvidenceUsed."""
        subject = subject_of(account)
        fact = rules.fact_of(reason, subject, cid, *lane)

        def run(books: Books) -> Event:
            if account not in books.accounts:
                raise PartyUnknown(f"there is no party {account}")
            if store.by_fact(books.tx, fact) is not None:
                raise EvidenceUsed("this fact was counted before")
            return _append(books, subject, reason, delta, (cid, *place), fact, evidence)

        event: Event = await self.desk.submit(Item(Needs((account,)), run, debits=False))
        await self.sign_all()
        return event

    # SPEC BANK-8.4
    async def appeal(self, account: str, ident: bytes, first: str, second: str) -> Event:
        """An appeal is granted: a new event takes back what one event did; nothing is deleted.

        Raises NotPermitted (two persons), EvidenceInvalid (no such event of this party), EvidenceUsed.
        """
        if not first or not second or first == second:
            raise NotPermitted("an appeal is granted by two persons")
        subject = subject_of(account)
        fact = rules.fact_of(Reason.APPEAL, subject, ident)

        def run(books: Books) -> Event:
            chain = [Event.decode(body) for body, _ in store.chain(books.tx, subject)]
            place = next((place for place, event in enumerate(chain) if event.id == ident), None)
            if place is None or chain[place].reason == Reason.APPEAL:
                raise EvidenceInvalid("no event of this party that could be appealed")
            if store.by_fact(books.tx, fact) is not None:
                raise EvidenceUsed("this event was taken back before")
            before = chain[place - 1].after if place else START
            undone, cid = before - chain[place].after, chain[place].cid
            evidence = f"{first} {second}".encode()
            return _append(books, subject, Reason.APPEAL, undone, (cid, 0, 0), fact, evidence)

        event: Event = await self.desk.submit(Item(Needs((account,)), run, debits=False))
        await self.sign_all()
        return event

    async def sign_all(self) -> None:
        """Sign what is not signed yet, also after a crash."""
        if self.sign is None:
            return
        for body in await self.desk.read(store.unsigned):
            signature, ident = await self.sign(body), event_id(body)

            def write(tx: Transaction, ident: bytes = ident, signature: bytes = signature) -> None:
                store.sign(tx, ident, signature)

            await self.desk.write(write)


def _append(
    books: Books,
    subject: bytes,
    reason: Reason,
    delta: int,
    where: tuple[bytes, int, int],
    fact: bytes,
    evidence: bytes,
) -> Event:
    chain = store.chain(books.tx, subject)
    last = Event.decode(chain[-1][0]) if chain else None
    value, prev = (last.after, last.id) if last else (START, FIRST)
    after = rules.clamp(value + delta)
    event = Event(subject, reason, delta, after, *where, books.now_us // 1_000, prev)
    store.add(books.tx, subject, len(chain) + 1, event.encode(), event.id, fact, evidence)
    return event
