"""`BankApi`: implemented by the engine and by the HTTP client (BANK section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from specie.bank.errors import BankRefusal, BankUnavailable
from specie.bank.messages.accounts import AccountView
from specie.bank.messages.holds import Burn, Hold, Outgoing
from specie.bank.messages.pool import Pool
from specie.bank.messages.postings import Kind, Order, Receipt


@runtime_checkable
class BankApi(Protocol):
    """What other rooms may ask. `room` is the calling room in process; a service takes it from the certificate."""

    async def account(self, account: str) -> AccountView: ...

    async def debit(self, ref: bytes, kind: Kind, account: str, amount: int, *, room: str = "") -> Receipt: ...

    async def credit(
        self, ref: bytes, kind: Kind, shares: Sequence[tuple[str, int]], *, room: str = ""
    ) -> Receipt: ...  # fmt: skip

    async def post_many(
        self, orders: Sequence[Order], *, room: str = ""
    ) -> Sequence[Receipt | BankRefusal | BankUnavailable]: ...

    async def licence(
        self, ref: bytes, account: str, tier: int, until_s: int, *, coins_blocked: bool
    ) -> AccountView: ...

    async def hold(self, ref: bytes, account: str, amount: int, until_s: int) -> Hold: ...

    async def capture(self, ref: bytes, kind: Kind, amount: int, *, room: str = "") -> Receipt: ...

    async def release(self, ref: bytes) -> Hold: ...

    async def transfer(self, key: str, debited: str, credited: str, amount: int, memo: bytes = b"") -> Receipt: ...

    async def pay_out(self, key: str, account: str, address: bytes, amount: int) -> Outgoing: ...

    async def claim(self, account: str, salt: bytes) -> Burn: ...

    async def pool(self, currency: str) -> Pool: ...
