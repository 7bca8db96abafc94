"""Balances, histories and payments, for people and for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from specie.ledger.cli.desk import Money, when
from specie.ledger.messages.address import Address
from specie.ledger.messages.views import time_text
from specie.ledger.wallet.figures import BUCKETS, Balance, Item
from specie.ledger.wallet.store.payments import Payee, Payment
from specie.ledger.wallet.wallet import Standing

LABELS = {
    "available": "Ready",
    "offline": "Off-line purse",
    "locked": "In a stream",
    "handed_over": "Given, not yet taken",
    "in_flight": "On its way",
    "in_doubt": "Checking",
    "incoming": "Arriving",
}
"""The words of UX section 5.1."""

STATES = {
    "prepared": "written down, not sent yet",
    "sent": "on its way",
    "doubt": "not known yet: run the same command with the same key, or specie wallet sync",
    "final": "paid",
    "refused": "refused: nothing moved",
    "expired": "its time has passed: nothing moved",
}


def balance_text(found: Balance, money: Money, standing: Standing) -> str:
    """The buckets that hold something, and their sum."""
    if standing.height is None:
        return "Not known yet: this wallet has not read the ledger."
    used = [bucket for bucket in BUCKETS if getattr(found, bucket)] or ["available"]
    rows = [(LABELS[bucket], money.words(getattr(found, bucket))) for bucket in used]
    rows.append(("Total", money.words(found.total)))
    width, right = max(len(label) for label, _ in rows), max(len(value) for _, value in rows)
    lines = [f"{label:<{width}}  {value:>{right}}" for label, value in rows]
    return "\n".join([*lines, f"as of block {standing.height}, {when(standing.time_ms)} UTC"])


def who(item: Item, names: Mapping[bytes, str]) -> str:
    """The other side, as far as this wallet knows it."""
    if item.what == "hostile":
        return "hostile: made to link your addresses; do not acknowledge it"
    if item.recipient:
        return names.get(item.recipient, "" if item.what == "sent" else item.recipient.hex()[:16])
    return item.words or (f"address {item.account}/{item.place}" if item.what == "received" else "")


def item_row(item: Item, money: Money, names: Mapping[bytes, str]) -> dict[str, str]:
    """A line of the history."""
    sign = "-" if item.recipient else "+"
    amount = "" if item.what == "hostile" else sign + money.words(item.amount)
    fee = money.words(item.fee) if item.fee else ""
    return {"when": when(item.time_ms), "what": item.what, "amount": amount, "fee": fee, "who": who(item, names)}


def item_json(item: Item, money: Money, names: Mapping[bytes, str]) -> dict[str, Any]:
    """A line of the history, for programs."""
    value: dict[str, Any] = {
        "what": item.what,
        "index": item.number,
        "height": item.height,
        "time": time_text(item.time_ms),
        "account": item.account,
        "amount": money.plain(item.amount),
        "fee": money.plain(item.fee),
        "acknowledged": item.acknowledged,
    }
    if item.place is not None:
        value["address"] = item.place
    if item.words:
        value["words"] = item.words
    if item.recipient:
        value |= {"recipient_hash": item.recipient.hex(), "recipient": names.get(item.recipient)}
    if item.ref is not None:
        value["ref"] = item.ref.hex()
    return value


def payment_json(payment: Payment, payees: Sequence[Payee], money: Money) -> dict[str, Any]:
    """A payment, for programs."""
    funds = {"final": "moved", "refused": "unmoved", "expired": "unmoved", "doubt": "in_doubt"}
    value: dict[str, Any] = {
        "id": payment.id.hex(),
        "key": payment.key,
        "state": payment.state,
        "funds": funds.get(payment.state, "held"),
        "amount": money.plain(payment.amount),
        "fee": money.plain(payment.fee),
        "leaf": payment.leaf.hex(),
        "envelope": payment.envelope_id.hex(),
        "height": payment.height,
        "position": payment.position,
        "expiry_height": payment.expiry_height,
        "code": payment.code,
        "rule": payment.rule,
        "payees": [
            {"place": each.place, "address": Address.decode(each.address).text, "amount": money.plain(each.value)}
            for each in payees
            if not each.own
        ],
    }
    if payment.ref is not None:
        value["ref"] = payment.ref.hex()
    return value


def payment_text(payment: Payment, payees: Sequence[Payee], money: Money) -> str:
    """A payment, for people."""
    mark = {"final": "✔", "refused": "✘", "expired": "✘"}.get(payment.state, "…")
    lines = [f"{mark} {money.words(payment.amount)}  {STATES[payment.state]}"]
    lines.append(f"  fee      {money.words(payment.fee)}")
    lines += [
        f"  to       {Address.decode(each.address).text}  {money.words(each.value)}" for each in payees if not each.own
    ]
    if payment.ref is not None:
        lines.append(f"  ref      {payment.ref.hex()}")
    if payment.height is not None:
        lines.append(f"  block    {payment.height}")
    if payment.code:
        lines.append(f"  why      {payment.code}" + (f" ({payment.rule})" if payment.rule else ""))
    lines.append(f"  payment  {payment.id.hex()}")
    return "\n".join(lines)
