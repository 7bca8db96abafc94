"""Officers' decisions: shown in words, then signed (ISSUANCE-11.5)."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from specie.issuance.cli.errors import WrongState
from specie.issuance.cli.office import Office
from specie.issuance.cli.place import CENTRAL_MANAGEMENT, Terminal
from specie.issuance.cli.reading import Wrong, ident_of, object_of
from specie.issuance.cli.watching import issue_id
from specie.issuance.errors import UnknownRequest
from specie.issuance.messages.claims import Signed
from specie.issuance.messages.objects import Model, Request
from specie.issuance.protocol.envelope import read_unverified
from specie.issuance.protocol.policy import tier_of
from specie.issuance.wallet import officer as signing
from specie.issuance.wallet.hand import Hand
from specie.kernel.amount import AMOUNT_MAX
from specie.kernel.errors import Refused, Unavailable


@dataclass(slots=True)
class Subject:
    """What an officer decides on."""

    data: bytes = field(repr=False)
    typ: str
    tier: int = 0
    lines: list[str] = field(default_factory=list)
    """In words."""
    figures: dict[str, Any] = field(default_factory=dict)


def signer(office: Office, terminal: Terminal) -> Hand:
    """The person of --as. Raises PersonUnknown."""
    if terminal.flags.person is None:
        raise Wrong("who decides? --as PERSON is needed")
    return office.place.hand(terminal.flags.person)


# SPEC ISSUANCE-11.5
async def subject_of(office: Office, data: bytes, shown: dict[str, Any]) -> Subject:
    """A request, an enrolment or a redemption, in words. Remaining quota is said to be unknown where nobody answers."""
    if shown["typ"] == "dc-req":
        return await request_in_words(office, read_unverified(data, Request))
    body = shown["body"]
    if shown["typ"] == "dc-enrol":
        lines = [f"key      {body['cose_key'][:16]}… for {body['role']} of {body['holder']}", "what     a new key"]
        return Subject(data, "dc-enrol", 0, lines, {"role": body["role"], "holder": body["holder"]})
    if shown["typ"] == "dc-redreq":
        code = body["currency"]
        await try_policy(office)
        amount = words(office, body["amount"], code)
        lines = ["what     destroy" if not body["beneficiary"] else "what     redeem", f"amount   {amount}"]
        return Subject(data, "dc-redreq", 0, lines, {"amount": body["amount"], "currency": code})
    raise Wrong(f"officers decide on requests, enrolments and destructions, not on {shown['typ']}")


async def request_in_words(office: Office, item: Signed[Request]) -> Subject:
    """Amount, currency, issuer, owner and remaining quota."""
    body = item.body
    answers = await try_policy(office)
    left: list[str] = []
    available: int | None = None
    if answers:
        try:
            for bucket in (await office.central_management.quotas()).buckets:
                free = bucket.kind == "count" or bucket.cap == AMOUNT_MAX
                if free or f":{body.currency}" not in bucket.key:
                    continue
                left.append(f"{bucket.name} {words(office, max(0, bucket.available), body.currency)}")
                available = min(bucket.available, available if available is not None else bucket.available)
        except Unavailable:
            left = []
    owner = body.owner.decode("ascii", "replace") if body.model == Model.ACCOUNT else body.owner.hex()
    lines = [
        f"amount   {words(office, body.amount, body.currency)}",
        f"issuer   {item.claims.iss}",
        f"owner    {owner}{person_behind(office, body.owner, await known_owners(office))}",
        f"purpose  {body.purpose}     asked by {body.operator or 'nobody named'}",
        f"units    {body.unit_count()}",
        "left     " + ("; ".join(left) + "  (with this request reserved)" if left else "unknown: nobody answers here"),
        f"request  {item.claims.cti.hex()}  hash {item.hash.hex()}",
    ]
    tier = 0
    if office.policy is not None and body.currency in office.policy.currencies:
        tier, _ = tier_of([office.policy], body)
    figures = {
        "amount": body.amount,
        "currency": body.currency,
        "issuer": item.claims.iss,
        "owner": owner,
        "operator": body.operator,
        "available": available,
        "request": item.claims.cti.hex(),
        "hash": item.hash.hex(),
    }
    return Subject(item.data, "dc-req", tier, lines, figures)


async def try_policy(office: Office) -> bool:
    """Read the policy if central management answers."""
    try:
        await office.read_policy(CENTRAL_MANAGEMENT)
    except (Unavailable, Refused):
        return False
    return True


def words(office: Office, minor: int, code: str) -> str:
    """An amount; in minor units where the currency's digits are not known."""
    if office.policy is None or code not in office.policy.currencies:
        return f"{minor} minor units of {code}"
    return office.words(minor, code)


async def known_owners(office: Office) -> dict[bytes, str]:
    """Owner ids of the people whose keys are here."""
    return {await office.place.hand(name).kid(): name for name in office.place.people()}


def person_behind(office: Office, owner: bytes, known: dict[bytes, str]) -> str:
    return f"  ({known[owner].capitalize()})" if owner in known else ""


async def waiting_request(office: Office, text: str) -> bytes:
    """The signed bytes of a request that waits, by any id of its issue. Raises UnknownRequest, WrongState."""
    ident = ident_of(text)
    waiting = {}
    for data in await office.central_management.waiting():
        waiting[read_unverified(data, Request).claims.cti] = data
    if ident in waiting:
        return waiting[ident]
    await office.read_policy()
    view = await office.issuance.show(await issue_id(office, ident))
    if view.cti not in waiting:
        raise WrongState(f"this issue is {view.state}; it waits for no officer", state=view.state)
    return waiting[view.cti]


def is_file(text: str) -> bool:
    """A name of a file that is there."""
    return Path(text).exists()


async def decide(office: Office, terminal: Terminal, what: str, reason: str | None, *, yes: bool) -> None:
    """`issue approve` and `issue reject`: show, ask, sign, hand in."""
    if is_file(what):
        data, shown = object_of(Path(what))
        if shown["typ"] == "dc-appr":
            await hand_in(office, terminal, data, shown)
            return
    else:
        data = await waiting_request(office, what)
        shown = {"typ": "dc-req"}
    subject = await subject_of(office, data, shown)
    hand = signer(office, terminal)
    say(terminal, subject)
    if terminal.flags.dry_run:
        terminal.show(subject.figures, "nothing was signed")
        return
    decision = await sign(hand, subject, reason, yes=yes)
    state = await office.central_management.approve(decision)
    show_state(terminal, subject.figures, hand.holder, state)


def say(terminal: Terminal, subject: Subject) -> None:
    """What is about to be signed, in words."""
    for line in subject.lines:
        terminal.note(f"  {line}")


async def sign(hand: Hand, subject: Subject, reason: str | None, *, yes: bool) -> bytes:
    """The `dc-appr`."""
    if yes:
        return await signing.approve(hand, subject.data, subject.tier, reason=reason)
    return await signing.reject(hand, subject.data, subject.tier, reason or "rejected")


async def hand_in(office: Office, terminal: Terminal, data: bytes, shown: dict[str, Any]) -> None:
    """An approval that was signed elsewhere."""
    state = await office.central_management.approve(data)
    show_state(terminal, {"hash": shown["body"]["request_hash"]}, shown["claims"]["iss"], state)


def show_state(terminal: Terminal, figures: dict[str, Any], officer: str, state: str) -> None:
    meanings = {
        "pending": "counted; more officers are needed",
        "credentialed": "approved; the credential is made and the issue goes on by itself",
        "rejected": "rejected; the request has ended and its quota is free again",
        "admitting": "counted for the admission of this key",
        "known": "was counted before",
    }
    terminal.show({**figures, "officer": officer, "state": state}, f"✔ {officer}: {meanings.get(state, state)}")


async def cancel(office: Office, terminal: Terminal, text: str, reason: str) -> None:
    """Reject what waits, revoke a credential that was not used; what exists can only be redeemed."""
    hand = signer(office, terminal)
    await office.read_policy()
    ident = await issue_id(office, ident_of(text))
    view = await office.issuance.show(ident)
    if view.state == "requested":
        data = await waiting_request(office, text)
        state = await office.central_management.approve(await signing.reject(hand, data, 0, reason))
        show_state(terminal, {"id": ident.hex()}, hand.holder, state)
        return
    if view.state != "credentialed":
        raise WrongState(f"this issue is {view.state}; money that is made is redeemed, not cancelled", state=view.state)
    credential = await credential_of(office, ident)
    await office.central_management.revoke(await signing.revoke(hand, credential, reason))
    terminal.show({"id": ident.hex(), "state": "revoked"}, "✔ the credential is revoked; its quota is free again")


async def credential_of(office: Office, ident: bytes) -> bytes:
    """The cti of the issue's credential, from central management's books. Raises UnknownRequest."""
    view = await office.issuance.show(ident)
    for traced in await office.central_management.trace(view.cti):
        if traced.event == "credential":
            from specie.issuance.messages.objects import Credential

            return read_unverified(traced.data, Credential).claims.cti
    raise UnknownRequest("central management has made no credential of this issue")


def digest(data: bytes) -> str:
    return sha256(data).hexdigest()
