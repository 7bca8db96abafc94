"""The middle of the story: minted on the ledger, paid without being seen, proved, and redeemed by a burn."""

from __future__ import annotations

import asyncio

from specie.app.chain.books import figures_of
from specie.app.chain.institution import open_institution
from specie.app.demo.asking import OWNER, PAYEE, held, short
from specie.app.demo.stage import Stage
from specie.app.demo.story import AMOUNT, PAID, REDEEMED, Memory, Told, check
from specie.issuance.messages.objects import Redemption
from specie.issuance.protocol.envelope import open_one
from specie.ledger.engine.replay import Replay
from specie.ledger.errors import Rejected
from specie.ledger.institution import Institution
from specie.ledger.messages.bodies import WithdrawRefund
from specie.ledger.messages.frames import OpType, frame_of
from specie.ledger.messages.header import Header
from specie.ledger.messages.record import BlockRecord
from specie.ledger.protocol.light import Trusted
from specie.ledger.protocol.light_proofs import verify_payment
from specie.ledger.store.institution import RedemptionState

BANK_ACCOUNT = "bob at the cash desk"


# SPEC LEDGER-9.1.17, ISSUANCE-13.2.10
async def tell_mint(stage: Stage, memory: Memory, told: Told) -> None:
    """The units are one mint on the ledger; Alice's wallet finds its outputs and adds them up."""
    office, (bit,) = stage.office, memory.case.of("dc-bit")
    value = office.parse(AMOUNT, memory.currency)
    async with stage.wallets.wallet(OWNER) as alice:
        await alice.sync()
        found = await alice.check_mint(memory.unit_root, value)
        held_now = (await alice.balance()).total
    check(held_now >= value, "Alice has what was issued")
    status = await stage.wallets.ledger().status()
    told.lines = [
        f"control bit {short(bit.hash)} is one mint in block {found.height}: {office.words(value, memory.currency)} in"
        f" {len(found.numbers)} outputs, amounts hidden",
        f"quota control checked the ledger's receipt over its bytes; ring size {status.ring_size}; enclave SIMULATED",
    ]
    told.figures = {
        "mint_id": memory.unit_root.hex(),
        "height": found.height,
        "outputs": len(found.numbers),
        "value": AMOUNT,
        "chain_id": status.chain_id,
        "enclave": status.enclave,
    }


async def tell_payment(stage: Stage, memory: Memory, told: Told) -> None:
    """Alice pays Bob. Whoever reads the block sees neither of them, nor the amount."""
    office = stage.office
    value = office.parse(PAID, memory.currency)
    async with stage.wallets.wallet(PAYEE) as bob:
        await bob.sync()
        before = (await bob.balance()).total
        _, address = await bob.receive("alice")
    async with stage.wallets.wallet(OWNER) as alice:
        payment = await alice.pay(address, value, merge=True)
        memory.payment = payment.id
        check(payment.height is not None, "the payment is final")
        proof = await alice.prover.prove_payment(payment.id)
    memory.proof, memory.payee = proof.encode(), address.data
    height = payment.height or 0
    async with stage.wallets.wallet(PAYEE) as bob:
        await bob.sync()
        gained = (await bob.balance()).total - before
    check(gained == value, "Bob's wallet found the payment")
    record = BlockRecord.decode(await stage.wallets.ledger().block(height))
    shown = record.encode()
    hidden = all(key not in shown for key in (address.spend, address.view, address.detect, value.to_bytes(8, "little")))
    check(hidden, "the block shows neither the payee nor the amount")
    ring = (await stage.wallets.ledger().status()).ring_size
    told.lines = [
        f"Alice pays Bob {office.words(value, memory.currency)} in block {height}; Bob's wallet found it by scanning",
        f"the block: key images {len(record.key_images)}, outputs {len(record.outputs)}; no sender, no receiver, no"
        f" amount; each spend hid among {ring}, and the rings are gone",
    ]
    told.figures = {
        "amount": PAID,
        "height": height,
        "key_images": len(record.key_images),
        "outputs": len(record.outputs),
        "ring_size": ring,
        "payee_hidden": True,
        "amount_hidden": True,
    }


# SPEC LEDGER-13.2, LEDGER-13.5
async def tell_proof(stage: Stage, memory: Memory, told: Told) -> None:
    """Alice proves to a third person what she paid to whom; the proof is checked from its bytes alone."""
    office, genesis = stage.office, stage.genesis
    proven = await asyncio.to_thread(verify_payment, Trusted.of(genesis), memory.proof)
    check(proven.address.data == memory.payee, "the proof names Bob's address")
    check(proven.value == office.parse(PAID, memory.currency), "the proof names the amount")
    spoiled = bytearray(memory.proof)
    spoiled[-40] ^= 1
    try:
        verify_payment(Trusted.of(genesis), bytes(spoiled))
    except Rejected as refusal:
        code = refusal.code
    else:
        code = ""
    check(code, "a changed proof must be refused")
    told.lines = [
        f"proof of payment, {len(memory.proof)} bytes: verified in pure Python against the validator's key in the"
        " genesis document",
        f"one bit changed ─ refused ({code}); the proof says what was paid to whom, not by whom",
    ]
    told.figures = {"bytes": len(memory.proof), "verified": True, "changed": code}


async def stock(stage: Stage) -> int:
    """What quota control counts as out, minor units."""
    quotas = await stage.office.quota_control.quotas()
    return max(each.used for each in quotas.buckets if each.kind == "stock")


# SPEC ISSUANCE-14.9, ISSUANCE-14.11, LEDGER-9.3.7
async def tell_redemption(stage: Stage, memory: Memory, told: Told) -> None:
    """Bob burns value for the institution; it records PAID, and quota control gives the quota back against proof."""
    office = stage.office
    value = office.parse(REDEEMED, memory.currency)
    memory.used_before = await stock(stage)
    async with stage.wallets.wallet(PAYEE) as bob:
        await bob.sync()
        payment, token = await bob.withdraw(value, stage.config.ledger.institution, BANK_ACCOUNT, merge=True)
    memory.token = token.token
    async with open_institution(stage.wallets) as bank:
        await bank.claim(token.token, "cash desk")
        row = await bank.settle(token.ref)
        check(row.state == RedemptionState.DONE, f"the redemption is {row.state.name}: {row.detail}")
    keys = await office.read_keys()
    receipt = open_one(row.receipt or b"", Redemption, keys, lambda kid: keys.entry(kid, ("qc:bit",)))
    check(receipt.body.amount == value, "the receipt is over the sum")
    after = await stock(stage)
    check(memory.used_before - after == value, "the quota is back")
    told.lines = [
        f"Bob burns {office.words(value, memory.currency)} in block {payment.height} for"
        f" {stage.config.ledger.institution}, which records PAID (operation 18)",
        f"receipt of {receipt.claims.iss}: key {short(receipt.kid)}, hash {short(receipt.hash)}; outstanding"
        f" {office.words(memory.used_before, memory.currency)} → {office.words(after, memory.currency)}",
    ]
    told.figures = {
        "amount": REDEEMED,
        "withdraw_ref": token.ref.hex(),
        "receipt": {"key": receipt.kid.hex(), "hash": receipt.hash.hex(), "verified": True},
        "outstanding": office.plain(after, memory.currency),
    }


async def tell_second_redemption(stage: Stage, memory: Memory, told: Told) -> None:
    """The same burn again: the same answer from the institution, and no way back on the ledger."""
    before = held(await stage.office.quota_control.quotas())
    async with open_institution(stage.wallets) as bank:
        row = await bank.claim(memory.token, "somebody else")
        again = await bank.settle(row.withdraw_ref)
        check(again.state == RedemptionState.DONE and again.beneficiary == "cash desk", "one burn, one redemption")
        code = await try_refund(stage, bank, row.withdraw_ref)
    check(code == "ledger.withdraw_state", f"a refund after the payout is refused: {code}")
    check(held(await stage.office.quota_control.quotas()) == before, "nothing moved")
    told.lines = [f"the same burn again ─ the same receipt; a refund after the payout ─ refused ({code})"]
    told.figures = {"code": code, "same_receipt": True}


async def try_refund(stage: Stage, bank: Institution, withdraw_ref: bytes) -> str:
    """Anybody's operation 19 for a withdrawal that was paid; the code of the refusal."""
    body = WithdrawRefund(withdraw_ref, 2, "", bytes(32), bytes(16), bytes(64)).encode()
    height = (await bank.ledger.status()).height
    frame = frame_of(OpType.WITHDRAW_REFUND, stage.genesis.chain_id, height + 100, body)
    try:
        await bank.ledger.submit_operation(frame, 5)
    except Rejected as refusal:
        return refusal.code
    return ""


# SPEC LEDGER-8.4.1, LEDGER-9.4.2
async def tell_blocks(stage: Stage, memory: Memory, told: Told) -> None:
    """Every block executed again from its public record: no key, no enclave."""
    ledger = stage.wallets.ledger()
    replay = Replay(stage.genesis)
    tip = (await ledger.status()).height
    for height in range(tip + 1):
        ((header, finality),) = await ledger.headers(height, 1)
        record, proofs = await ledger.block(height), await ledger.block_proofs(height)
        if height == 0:
            replay.check_first(header, finality, record)
        else:
            await asyncio.to_thread(replay.follow, header, finality, record, proofs)
    figures = figures_of(replay)
    ((header, _),) = await ledger.headers(tip, 1)
    check(Header.decode(header).app_hash == replay.tip.app_hash, "the replay comes to the same app_hash")
    office = stage.office
    told.lines = [
        f"blocks 0 to {tip} executed again from their records: every block equation, every root, every header holds",
        f"hidden outputs {office.words(figures.hidden, memory.currency)}, pending withdrawals"
        f" {office.words(sum(figures.pending.values()), memory.currency)}; app hash {short(replay.tip.app_hash)}",
    ]
    told.figures = {
        "height": tip,
        "app_hash": replay.tip.app_hash.hex(),
        "equations_hold": True,
        "hidden": office.plain(figures.hidden, memory.currency),
    }
