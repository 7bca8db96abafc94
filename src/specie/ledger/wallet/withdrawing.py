"""Value that leaves the ledger: the burn, its name, its stub, and what became of it. Spec: LEDGER-9.3, 9.6."""

from __future__ import annotations

from dataclasses import dataclass

from specie.crypto.ring import WalletKeys
from specie.kernel.clock import Randomness
from specie.kernel.db import Database, Transaction
from specie.ledger.messages.escrow import EscrowStatus, Record
from specie.ledger.messages.outputs import ctx_refund, mask_refund
from specie.ledger.messages.state import Domain, WithdrawalState, WithdrawalStatus
from specie.ledger.messages.transaction import TransactionType
from specie.ledger.messages.withdrawals import TOKEN_SALT_BYTES, account_token, withdraw_reference
from specie.ledger.wallet.building import Wish
from specie.ledger.wallet.chain import Chain
from specie.ledger.wallet.store import payments
from specie.ledger.wallet.store.payments import Departure, Token


@dataclass(frozen=True, slots=True)
class Leaving:
    """A withdrawal that is about to be made."""

    wish: Wish
    token: Token


def plan_withdrawal(
    keys: WalletKeys,
    chain_id: bytes,
    account: int,
    amount: int,
    bank_id: str,
    bank_account: str,
    randomness: Randomness,
    earlier: Token | None = None,
) -> Leaving:
    """A burn of `amount` for an account at a bank, with the stub of its refund to ourselves.

    For a redemption `bank_account` is what the institution wants to see in its request (ISSUANCE section 14).
    earlier: the token of an attempt that came to nothing, whose reference is still unused.
    """
    salt = earlier.salt if earlier else randomness.bytes(TOKEN_SALT_BYTES)
    token = account_token(bank_account, salt)
    ref = withdraw_reference(bank_id, token)
    mask = mask_refund(chain_id, ref)
    stub = keys.refund_stub(account, 0, ctx_refund(chain_id, ref), amount, mask, randomness.bytes(16))
    wish = Wish(
        TransactionType.WITHDRAW,
        account,
        burn=amount,
        extra=ref + stub,
        ref=ref,
        note=f"to {bank_id}",
        purpose=b"\0".join((bank_id.encode(), bank_account.encode())),
    )
    return Leaving(wish, Token(ref, bank_id, bank_account, salt, token))


def plan_funding(account: int, amount: int, operation: bytes, cid: bytes) -> Wish:
    """Value into an escrow. operation: OPEN or TOPUP, as micropay made it; amount: F + bond, or dF."""
    return Wish(TransactionType.FUND, account, burn=amount, extra=operation, ref=cid, purpose=operation)


async def follow_departures(database: Database, chain: Chain) -> list[Departure]:
    """Ask the state tree what became of withdrawals and escrows that are not settled. Raises ProofInvalid."""
    for each in await database.read(payments.departures):
        if not each.rest:
            continue
        domain = Domain.WITHDRAWAL if each.kind == TransactionType.WITHDRAW else Domain.ESCROW
        receipt = await chain.state(domain, each.ref)
        if receipt.value:
            rest, state = _standing(each, receipt.value)

            def write(tx: Transaction, each: Departure = each, rest: int = rest, state: str = state) -> None:
                payments.settle_departure(tx, each.ref, rest, state)

            await database.write(write)
    return await database.read(payments.departures)


def _standing(each: Departure, value: bytes) -> tuple[int, str]:
    """(what is not settled, state)"""
    if each.kind == TransactionType.WITHDRAW:
        found = WithdrawalState.decode(value)
        if found.status == WithdrawalStatus.PENDING:
            return found.value, "pending"
        return 0, "paid" if found.status == WithdrawalStatus.PAID else "refunded"
    record = Record.decode(value)
    rest = record.capacity + record.bond - record.paid_client - record.paid_vendor - record.bond_paid
    return rest, "closed" if record.status == EscrowStatus.CLOSED else "open"
