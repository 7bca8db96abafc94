"""What a scan says about payments: the chain has the last word, whatever a node answered. Spec: DESIGN section 3."""

from __future__ import annotations

from specie.kernel.db import Transaction
from specie.ledger.errors import KeyImageSpent
from specie.ledger.wallet.store import outputs, payments
from specie.ledger.wallet.store.payments import Payment


def settle_seen(tx: Transaction, first: int, last: int) -> None:
    """Settle payments after blocks first to last were taken in, in the same transaction.

    A payment came through when its own change stands on the ledger; it is displaced when its inputs were spent by
    something else, such as another copy of this wallet; it is over when its time has passed without either.
    """
    for each in payments.recoverable(tx, first):
        own = [payee.data[:32] for payee in payments.payees(tx, each.id) if payee.own]
        seen = outputs.of_keys(tx, own)
        if seen:
            payments.came_through(tx, each.id, seen[0].height)
            outputs.release(tx, each.id)
        elif each.is_open and _is_displaced(tx, each):
            payments.settle(tx, each.id, payments.REFUSED, code=KeyImageSpent.code, rule="V-9")
            outputs.release(tx, each.id)
        elif each.is_open and last > each.expiry_height:
            payments.settle(tx, each.id, payments.EXPIRED, code="ledger.expired", rule="V-5")
            outputs.release(tx, each.id)
    outputs.forget_rings(tx)


def _is_displaced(tx: Transaction, payment: Payment) -> bool:
    return any(each.spent_height is not None for each in outputs.held_by(tx, payment.id))
