"""What quota control believes of the ledger, over the bytes alone: each part of a proof that is spoiled is refused."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import pytest

from ledger import makers
from ledger.institution.realm import BANK, Realm, Ring
from specie.issuance.messages.parcel import Parcel
from specie.kernel.errors import Refused, Unavailable
from specie.ledger.errors import NonCanonical, ProofInvalid
from specie.ledger.messages.bodies import WithdrawPaid
from specie.ledger.messages.evidence import BurnProof, RegistryReceipt
from specie.ledger.messages.frames import Frame, OpType, frame_head, op_id
from specie.ledger.messages.genesis import Genesis
from specie.ledger.messages.receipts import Receipt, StateReceipt
from specie.ledger.messages.state import Domain, WithdrawalState, WithdrawalStatus
from specie.ledger.protocol.vouching import check_burned, check_registered
from specie.ledger.store.institution import RedemptionRow
from specie.ledger.wallet.wallet import Wallet
from tests.issuance.forge import rows
from tests.issuance.house import IS

WITHDRAWN = 400


@dataclass(frozen=True)
class Evidence:
    """One chain's evidence: an issue with its receipt, burns with what was recorded of them."""

    genesis: Genesis
    receipt: RegistryReceipt
    root: bytes
    cti: bytes
    other_receipt: RegistryReceipt
    """Of another issue."""
    proof: BurnProof
    request: bytes
    other_proof: BurnProof
    other_request: bytes
    """Of another burn."""
    pending: bytes
    """PLQ2 of the first burn before it was answered."""
    credited: BurnProof
    """Of a burn that was paid to an account, with outcome 1."""
    credited_request: bytes
    again: bytes
    """A request in the very same words, under another id."""
    lies: dict[str, tuple[BurnProof, bytes]]
    """Operations 18 whose evidence is a request that does not fit the burn, by what does not fit."""


class Kept(Unavailable):
    """Quota control is away; the proof is kept."""


async def burn(realm: Realm, wallet: Wallet, value: int) -> tuple[BurnProof, bytes, bytes]:
    """A burn and what the institution records of it: proof, request, state receipt before the record."""
    await wallet.sync()
    _, token = await wallet.withdraw(value, BANK, "acct", merge=True)
    pending = await realm.town.engine.state_receipt(Domain.WITHDRAWAL, token.ref)
    seen: list[Parcel] = []

    async def keep(parcel: Parcel) -> bytes:
        seen.append(parcel)
        raise Kept("kept")

    bank = realm.institution(redeem_at_quota_control=keep)
    await bank.claim(token.token, "alice")
    with pytest.raises(Kept):
        await bank.settle(token.ref)
    return BurnProof.decode(seen[0].proof), seen[0].request, pending


async def burn_for(
    realm: Realm, wallet: Wallet, outcome: int = 2, me: str = BANK, **changes: Any
) -> tuple[BurnProof, bytes]:
    """A burn that the institution records for a request with these changes, which it should never sign."""
    await wallet.sync()
    _, token = await wallet.withdraw(WITHDRAWN, BANK, "acct", merge=True)
    bank, engine = realm.institution(), realm.town.engine
    row = replace(await bank.claim(token.token, "alice"), amount=WITHDRAWN)
    genesis = replace(realm.genesis, currency=changes.pop("currency", realm.genesis.currency))
    request = await replace(bank, me=me, genesis=genesis)._sign_request(replace(row, **changes))
    frame = await paid_frame(realm, row, sha256(request).digest(), outcome)
    assert (await engine.submit_operation(frame, 20)).state == "final"
    state = await engine.state_receipt(Domain.WITHDRAWAL, token.ref)
    return BurnProof(state, await engine.receipt(op_id(frame)), frame), request


async def paid_frame(realm: Realm, row: RedemptionRow, evidence: bytes, outcome: int) -> bytes:
    keys = realm.ring.store
    bank = realm.institution()
    body = WithdrawPaid(row.withdraw_ref, BANK, row.token, outcome, evidence, await bank._kid(), bytes(64)).encode()
    prefix = frame_head(OpType.WITHDRAW_PAID, realm.genesis.chain_id, 1000, len(body)) + body[:-64]
    ident = realm.house.randomness.bytes(16)
    return prefix + bytes(await keys.sign(keys.uri("withdrawal"), "ledger-op", prefix, ident))


async def gather(ring: Ring, name: str, **genesis: Any) -> Evidence:
    async with Realm(ring, name, **genesis) as realm:
        alice = await realm.wallet("alice")
        await realm.issue(alice)
        await realm.issue(alice, 10_000)
        first, other = await rows(realm.house, IS, "SELECT receipt, unit_root, credential FROM issue ORDER BY amount")
        proof, request, pending = await burn(realm, alice, WITHDRAWN)
        other_proof, other_request, _ = await burn(realm, alice, 100)
        credited, credited_request = await burn_for(realm, alice, outcome=1)
        bank = realm.institution()
        again = await bank._sign_request((await bank.rows())[0])
        changes: list[dict[str, Any]] = [
            {"amount": WITHDRAWN + 1},
            {"withdraw_ref": bytes(32)},
            {"me": "bank:one"},
            {"currency": "XDC"},
        ]
        lies = {next(iter(each)): await burn_for(realm, alice, **each) for each in changes}
        return Evidence(
            realm.genesis, RegistryReceipt.decode(first[0]), first[1], first[2], RegistryReceipt.decode(other[0]),
            proof, request, other_proof, other_request, pending, credited, credited_request, again, lies,
        )  # fmt: skip


@pytest.fixture(scope="module")
def evidence(realm_ring: Ring) -> Evidence:
    return asyncio.run(gather(realm_ring, "vouching"))


@pytest.fixture(scope="module")
def elsewhere(realm_ring: Ring) -> Evidence:
    """The same on another chain with the same validator."""
    return asyncio.run(gather(realm_ring, "elsewhere", random=bytes([1]) * 32))


def test_what_is_there_is_believed(evidence: Evidence) -> None:
    receipt = evidence.receipt.encode()
    assert RegistryReceipt.decode(receipt) == evidence.receipt
    assert BurnProof.decode(evidence.proof.encode()) == evidence.proof
    check_registered(evidence.genesis, receipt, evidence.root, evidence.cti, cancelled=False)
    check_burned(evidence.genesis, evidence.proof.encode(), evidence.request)
    check_burned(evidence.genesis, evidence.other_proof.encode(), evidence.other_request)


# SPEC ISSUANCE-13.2.11, ISSUANCE-13.4.4
def test_receipts_of_something_else(evidence: Evidence, elsewhere: Evidence) -> None:
    """Another root, credential, kind, chain, operation, or frame under the same receipt."""
    good, genesis = evidence.receipt, evidence.genesis
    foreign, burnt = elsewhere.receipt, evidence.proof
    wrong = [
        (good, bytes(32), evidence.cti, False),
        (good, evidence.root, bytes(16), False),
        (good, evidence.root, evidence.cti, True),
        (evidence.other_receipt, evidence.root, evidence.cti, False),
        (foreign, elsewhere.root, elsewhere.cti, False),
        (RegistryReceipt(good.receipt, evidence.other_receipt.frame), evidence.root, evidence.cti, False),
        (RegistryReceipt(evidence.other_receipt.receipt, good.frame), evidence.root, evidence.cti, False),
        (RegistryReceipt(foreign.receipt, good.frame), evidence.root, evidence.cti, False),
        (RegistryReceipt(burnt.receipt, burnt.frame), evidence.root, evidence.cti, False),
    ]
    for receipt, root, cti, cancelled in wrong:
        with pytest.raises(ProofInvalid):
            check_registered(genesis, receipt.encode(), root, cti, cancelled=cancelled)
    with pytest.raises(ProofInvalid):
        check_registered(elsewhere.genesis, good.encode(), evidence.root, evidence.cti, cancelled=False)


# SPEC ISSUANCE-13.4.4, LEDGER-13.1
def test_a_receipt_by_another_validator(evidence: Evidence) -> None:
    """The key that quota control pins, not one that the receipt brings along."""
    stranger = replace(evidence.genesis, validators=(makers.key("stranger").public(),))
    with pytest.raises(ProofInvalid):
        check_registered(stranger, evidence.receipt.encode(), evidence.root, evidence.cti, cancelled=False)
    with pytest.raises(ProofInvalid):
        check_burned(stranger, evidence.proof.encode(), evidence.request)


# SPEC ISSUANCE-14.10, ISSUANCE-14.11
def test_burns_for_something_else(evidence: Evidence, elsewhere: Evidence) -> None:
    good, other = evidence.proof, evidence.other_proof
    cases = [
        (other, evidence.request),  # another burn, other evidence
        (good, evidence.other_request),
        (good, evidence.request + b"\0"),
        (good, b"nothing"),
        (good, evidence.again),
        (replace(good, state=other.state), evidence.request),
        (replace(good, receipt=other.receipt), evidence.request),
        (replace(good, frame=other.frame), evidence.request),
        (replace(good, receipt=other.receipt, frame=other.frame), evidence.request),
        (replace(good, state=evidence.pending), evidence.request),  # not answered yet
        (replace(good, state=evidence.credited.state), evidence.request),
        (elsewhere.proof, elsewhere.request),  # another chain
        (replace(good, state=elsewhere.proof.state), evidence.request),
        (BurnProof(good.state, evidence.receipt.receipt, evidence.receipt.frame), evidence.request),  # a mint
    ]
    for proof, request in cases:
        with pytest.raises(ProofInvalid):
            check_burned(evidence.genesis, proof.encode(), request)
    pending = WithdrawalState.decode(StateReceipt.decode(evidence.pending).value)
    assert pending.status == WithdrawalStatus.PENDING


# SPEC ISSUANCE-14.11
@pytest.mark.parametrize("what", ["amount", "withdraw_ref", "me", "currency"])
def test_burns_that_do_not_fit_their_request(evidence: Evidence, what: str) -> None:
    """A bank whose own words differ from what was burned: amount, withdrawal, bank, currency."""
    proof, request = evidence.lies[what]
    with pytest.raises(ProofInvalid):
        check_burned(evidence.genesis, proof.encode(), request)
    # the operation does name the request: nothing but these words is wrong
    assert WithdrawPaid.decode(Frame.decode(proof.frame).body).evidence == sha256(request).digest()


# SPEC LEDGER-9.3.7, ISSUANCE-14.9
def test_a_burn_that_went_to_an_account(evidence: Evidence) -> None:
    """Outcome 1, even for these very words: the two exclude each other."""
    with pytest.raises(ProofInvalid):
        check_burned(evidence.genesis, evidence.credited.encode(), evidence.credited_request)
    state = WithdrawalState.decode(StateReceipt.decode(evidence.credited.state).value)
    assert (state.status, state.outcome) == (WithdrawalStatus.PAID, 1)
    assert state.value == WITHDRAWN


def spoiled(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


# SPEC LEDGER-13.2
def test_each_byte_counts(evidence: Evidence) -> None:
    """A bit anywhere, a byte too few or too many: refused, and by a refusal of this house."""
    receipt, proof = evidence.receipt.encode(), evidence.proof.encode()
    step = 7
    for at in range(0, len(receipt), step):
        with pytest.raises(Refused):
            check_registered(evidence.genesis, spoiled(receipt, at), evidence.root, evidence.cti, cancelled=False)
    for at in range(0, len(proof), step):
        with pytest.raises(Refused):
            check_burned(evidence.genesis, spoiled(proof, at), evidence.request)
    for data in (b"", receipt[:4], receipt[:-1], receipt + b"\0", proof):
        with pytest.raises((ProofInvalid, NonCanonical)):
            check_registered(evidence.genesis, data, evidence.root, evidence.cti, cancelled=False)
    for data in (b"", proof[:4], proof[:-1], proof + b"\0", receipt):
        with pytest.raises((ProofInvalid, NonCanonical)):
            check_burned(evidence.genesis, data, evidence.request)


def test_receipts_hold_one_header_each(evidence: Evidence) -> None:
    """Operation and state may come from different blocks; both are final on their own."""
    paid, state = Receipt.decode(evidence.proof.receipt), StateReceipt.decode(evidence.proof.state)
    assert state.header.height >= paid.header.height
