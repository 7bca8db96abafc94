"""On-line registries for tests: a bank that keeps accounts, and a ledger that keeps issues and burns.

Both are real where it counts: they check bit and issuer themselves, enter a root once, exclude registration and
cancellation by one key, and sign receipts that anybody checks over the bytes alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, ClassVar

from specie.crypto import cose, ed25519
from specie.issuance.api import Registration
from specie.issuance.errors import NotCancellable, ReceiptInvalid, UnitInvalid
from specie.issuance.messages.claims import Signed
from specie.issuance.messages.objects import AccountOrder, Cancel, ControlBit, Unit
from specie.issuance.messages.wire import Body, currency, hash32, id16, minor_units, uint, wire
from specie.issuance.protocol.envelope import open_one, read_unverified
from specie.issuance.protocol.keyset import KeySet
from specie.issuance.wallet.hand import Hand
from specie.issuance.wallet.owner import verify_unit
from specie.kernel import codec
from specie.kernel.errors import Refused, Unavailable
from tests.issuance.house import House, KeyRing, make_house

BANK = "bank:harbour"
CHAIN = "chain-1"
REGISTERED, CANCELLED, BURNED = range(3)
Keys = Callable[[], KeySet]


@dataclass(frozen=True, slots=True)
class BankReceipt(Body):
    """What happened to a root (or, burned, to a reference): state, root, credential cti, currency, amount."""

    typ: ClassVar[str] = "bank-rcpt"
    state: int = wire(1, uint(2))
    root: bytes = wire(2, hash32)
    cti: bytes = wire(3, id16)
    currency: str = wire(4, currency)
    amount: int = wire(5, minor_units)


@dataclass(frozen=True, slots=True)
class LedgerReceipt(BankReceipt):
    """The same words by the verification nodes."""

    typ: ClassVar[str] = "ledger-rcpt"


@dataclass
class Books:
    """What both registries share. `away`: no call is answered; `deaf`: calls are carried out, answers are lost."""

    name: str
    hand: Hand
    public: bytes
    """The Ed25519 key that receipts verify under."""
    keys: Keys
    kind: type[BankReceipt]
    roots: dict[bytes, tuple[int, bytes]] = field(default_factory=dict)
    """Unit root -> (state, receipt): the one key that registration and cancellation share."""
    totals: dict[str, int] = field(default_factory=dict)
    away: bool = False
    deaf: bool = False
    calls: list[str] = field(default_factory=list)

    async def register(self, registration: Registration) -> bytes:
        self.check_open("register")
        bit = self.open_bit(registration.bit)
        if registration.unit_root in self.roots:
            state, receipt = self.roots[registration.unit_root]
            if state != REGISTERED:
                raise ReceiptInvalid("this root was cancelled")
            return self.answer(receipt)
        self.check_order(registration, bit)
        body = bit.body
        if (body.unit_root, body.amount, body.currency) != (
            registration.unit_root,
            registration.amount,
            registration.currency,
        ):
            raise ReceiptInvalid("the bit speaks of another issue")
        receipt = await self.write(REGISTERED, body.unit_root, body.credential_cti, body.currency, body.amount)
        self.totals[body.currency] = self.totals.get(body.currency, 0) + body.amount
        return self.answer(receipt)

    async def cancel(self, cancel: bytes, bit: bytes) -> bytes:
        self.check_open("cancel")
        keys = self.keys()
        word = open_one(cancel, Cancel, keys, lambda kid: keys.verifiable(kid, ("is:unit",), self.hand.now_s()))
        opened = self.open_bit(bit)
        if word.claims.iss != opened.claims.aud or word.body.unit_root != opened.body.unit_root:
            raise ReceiptInvalid("the cancellation is of another bit")
        self.check_owner(word.body.owner)
        state, receipt = self.roots.get(opened.body.unit_root, (None, b""))
        if state == REGISTERED:
            raise NotCancellable("this root is registered")
        if state is None:
            body = opened.body
            receipt = await self.write(CANCELLED, body.unit_root, body.credential_cti, body.currency, body.amount)
        return self.answer(receipt)

    async def receipt(self, unit_root: bytes) -> bytes | None:
        self.check_open("receipt")
        return self.roots[unit_root][1] if unit_root in self.roots else None

    def check_receipt(self, receipt: bytes, unit_root: bytes, credential_cti: bytes, *, cancelled: bool) -> None:
        state = CANCELLED if cancelled else REGISTERED
        body = self.read(receipt)
        if (body.state, body.root, body.cti) != (state, unit_root, credential_cti):
            raise ReceiptInvalid("the receipt is of something else")

    def check_burn(self, proof: bytes, request: bytes) -> None:
        body = self.read(proof)
        if body.state != BURNED or body.root != sha256(request).digest():
            raise ReceiptInvalid("nothing was burned for this request")

    async def supply(self, currency: str) -> int:
        return self.totals.get(currency, 0)

    async def burn(self, request: bytes, currency: str, amount: int) -> bytes:
        """Destroy value for exactly this dc-redreq; the proof."""
        self.totals[currency] -= amount
        return await self.hand.sign(self.kind(BURNED, sha256(request).digest(), bytes(16), currency, amount))

    async def write(self, state: int, root: bytes, cti: bytes, currency: str, amount: int) -> bytes:
        receipt = await self.hand.sign(self.kind(state, root, cti, currency, amount))
        self.roots[root] = state, receipt
        return receipt

    def read(self, receipt: bytes) -> BankReceipt:
        try:
            item = read_unverified(receipt, self.kind)
        except Refused as error:
            raise ReceiptInvalid("not a receipt of this registry") from error
        if item.alg != cose.EDDSA or not ed25519.is_signature(self.public, item.tbs, item.signature):
            raise ReceiptInvalid("the receipt is not signed by this registry")
        return item.body

    def open_bit(self, data: bytes) -> Signed[ControlBit]:
        keys = self.keys()
        return open_one(data, ControlBit, keys, lambda kid: keys.verifiable(kid, ("qc:bit",), self.hand.now_s()))

    def check_order(self, registration: Registration, bit: Signed[ControlBit]) -> None:
        raise UnitInvalid("this registry takes nothing in")

    def check_owner(self, owner: bytes | None) -> None:
        """In the account model a cancellation names the owner."""

    def check_open(self, call: str) -> None:
        self.calls.append(call)
        if self.away:
            raise Unavailable(f"{self.name} is away")

    def answer(self, receipt: bytes) -> bytes:
        if self.deaf:
            raise Unavailable(f"the answer of {self.name} was lost")
        return receipt


@dataclass
class BankBooks(Books):
    """SPEC ISSUANCE-13.3.1, ISSUANCE-13.3.2, ISSUANCE-13.3.5 (posts each dc-acct once, for its own accounts only)."""

    accounts: dict[bytes, int] = field(default_factory=dict)

    def check_order(self, registration: Registration, bit: Signed[ControlBit]) -> None:
        keys = self.keys()
        order = open_one(
            registration.order, AccountOrder, keys, lambda kid: keys.verifiable(kid, ("is:unit",), self.hand.now_s())
        )
        body = order.body
        self.check_owner(body.account)
        if order.claims.iss != bit.claims.aud or body.control_bit != bit.data:
            raise UnitInvalid("the order is by another system, or under another bit")
        if (body.amount, body.posting_id) != (bit.body.amount, bit.body.credential_cti):
            raise UnitInvalid("amount or posting id differ from the bit")
        if sha256(body.account).digest() != bit.body.owner_hash:
            raise UnitInvalid("another account than the bit's")
        self.accounts[body.account] = self.accounts.get(body.account, 0) + body.amount

    def check_owner(self, owner: bytes | None) -> None:
        if owner is None or owner.partition(b"/")[0].decode() != self.name:
            raise UnitInvalid("the owner names another bank")


@dataclass
class LedgerBooks(Books):
    """SPEC ISSUANCE-13.2.5, ISSUANCE-13.2.6 (one bit is one Mint of all its units)."""

    def check_order(self, registration: Registration, bit: Signed[ControlBit]) -> None:
        value: Any = codec.decode(registration.order, bytes_max=2**20)
        opened = [verify_unit(bytes(data), self.keys(), self.hand.now_s()) for data in value]
        if sum(unit.body.value for unit in opened) != bit.body.amount or len(opened) != bit.body.unit_count:
            raise UnitInvalid("the units do not add up to the bit")
        if any(read_unverified(bytes(data), Unit).body.control_bit != bit.data for data in value):
            raise UnitInvalid("a unit stands under another bit")


def connected_house(ring: KeyRing, **changes: Any) -> tuple[House, BankBooks, LedgerBooks]:
    """A house whose registries are on line; found it with `registry=CHAIN, banks=(BANK,)`."""
    house = make_house(ring, **changes)

    def keys() -> KeySet:
        found = next(desk.cached.keys for desk in house.desks.values() if desk.cached is not None)
        assert found is not None
        return found

    bank_key, ledger_key = (BANK, "bank:reg"), ("ledger", "owner")
    bank = BankBooks(BANK, house.hand(*bank_key), public_of(ring, bank_key), keys, BankReceipt)
    ledger = LedgerBooks(CHAIN, house.hand(*ledger_key), public_of(ring, ledger_key), keys, LedgerReceipt)
    house.registries = {BANK: bank, CHAIN: ledger}
    house.open()
    return house, bank, ledger


def public_of(ring: KeyRing, key: tuple[str, str]) -> bytes:
    return cose.parse_key(ring.cose_keys[key]).public
