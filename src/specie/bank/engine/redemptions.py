"""Account money goes back to quota control: posted first, then asked for (BANK-6.6, ISSUANCE-14.12)."""

from __future__ import annotations

from dataclasses import dataclass

from specie.bank.api import RedeemAtQuotaControl
from specie.bank.engine.books import Books, Needs
from specie.bank.engine.desk import Desk, Item
from specie.bank.errors import AccountUnknown, BankUnavailable, Malformed, PartyUnknown, RefReused
from specie.bank.messages.accounts import AccountType, check_account_id, house_account
from specie.bank.messages.holds import Redeeming, RedeemState
from specie.bank.messages.postings import Kind, Order, credit, customer_ref, debit
from specie.bank.store import accounts as account_store
from specie.bank.store import intents as store
from specie.bank.store import journal as journal_store
from specie.issuance.api import Parcel
from specie.issuance.messages.objects import RedemptionRequest
from specie.kernel.db import Transaction
from specie.kernel.errors import Refused, Unavailable

CTI_BYTES = 16
BENEFICIARY_BYTES_MAX = 256


@dataclass(slots=True)
class Redemptions:
    """Redemptions of account money."""

    desk: Desk
    redeem_at_quota_control: RedeemAtQuotaControl | None

    # SPEC BANK-6.6
    # SPEC ISSUANCE-14.12, ISSUANCE-14.13
    async def redeem(self, key: str, account: str, amount: int, issuer: str, beneficiary: str) -> Redeeming:
        """Take money off an account and free its quota, under a key that the owner chose.

        issuer: the issuance system whose stock is relieved. Raises, in this order: Malformed, RefReused,
        AccountUnknown, those of `Books.post`.
        """
        check_account_id(issuer)
        if not 1 <= len(beneficiary.encode()) <= BENEFICIARY_BYTES_MAX:
            raise Malformed("a redemption names its beneficiary")
        cti = customer_ref(account, key)[:CTI_BYTES]
        found = await self.desk.read(lambda tx: account_store.accounts_by_id(tx, [account]))
        if account not in found:
            raise AccountUnknown(f"there is no account {account}")
        currency = found[account].currency
        issued = house_account(AccountType.ISSUED, currency)

        def run(books: Books) -> Redeeming:
            known = store.redeeming(books.tx, cti)
            if known is not None:
                if (known.amount, known.issuer, known.beneficiary) != (amount, issuer, beneficiary):
                    raise RefReused("another redemption was made under this key")
                return known
            posted = books.post(Order(Kind.ACCOUNT_REDEEM, cti, (debit(account, amount), credit(issued, amount))))
            where = (cti, account, currency, amount, issuer, beneficiary, posted.posting)
            row = Redeeming(*where, RedeemState.POSTED, posted.at_s)
            store.add_redeeming(books.tx, row)
            return row

        row: Redeeming = await self.desk.submit(Item(Needs((account, issued), (cti,)), run, account))
        return await self._try(row)

    async def show(self, cti: bytes) -> Redeeming:
        """Raises PartyUnknown."""
        row = await self.desk.read(lambda tx: store.redeeming(tx, cti))
        if row is None:
            raise PartyUnknown("no such redemption")
        return row

    async def settle_all(self) -> int:
        """Every open redemption as far as it goes; how many are still open."""
        rows = await self.desk.read(store.open_redeeming)
        return sum([(await self._try(row)).state == RedeemState.POSTED for row in rows])

    async def _try(self, row: Redeeming) -> Redeeming:
        """A refusal here is *later* (ISSUANCE-14.13): the value has left the account already."""
        try:
            return await self.settle(row.cti)
        except Unavailable:
            return await self.show(row.cti)
        except Refused as refusal:
            detail = str(refusal)

            def write(tx: Transaction) -> None:
                store.note_redeeming(tx, row.cti, detail)

            await self.desk.write(write)
            return await self.show(row.cti)

    # SPEC BANK-4.3, BANK-4.4
    async def settle(self, cti: bytes) -> Redeeming:
        """One redemption as far as it goes. Raises Unavailable, what quota control refuses."""
        row = await self.show(cti)
        if row.state == RedeemState.DONE:
            return row
        request = row.request or await self._request(row)
        if self.redeem_at_quota_control is None:
            raise BankUnavailable("this bank reaches no quota control")
        receipt = await self.redeem_at_quota_control(Parcel(request))

        def write(tx: Transaction) -> None:
            store.end_redeeming(tx, cti, receipt)

        await self.desk.write(write)
        return await self.show(cti)

    async def _request(self, row: Redeeming) -> bytes:
        """The dc-redreq, signed once and stored before it is sent. Field 4 is the hash of the posting."""
        posted = await self.desk.read(lambda tx: journal_store.posting(tx, row.posting))
        if posted is None:
            raise RuntimeError("the posting of a redemption is not there")
        body = RedemptionRequest(row.currency, row.amount, row.beneficiary, reference=posted.hash)
        data = await self.desk.sign(body, row.at_s, row.cti, aud=row.issuer)

        def write(tx: Transaction) -> None:
            store.fix_request(tx, row.cti, data)

        await self.desk.write(write)
        return (await self.show(row.cti)).request
