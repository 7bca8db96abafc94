"""Proofs that a holder shows to somebody: of a payment, of a receipt, of a reserve. Spec: LEDGER-13, 14 (2)."""

from __future__ import annotations

from collections.abc import Sequence

from specie.crypto.ring import WalletKeys
from specie.kernel.clock import Randomness
from specie.kernel.db import Database
from specie.ledger.errors import FundsInsufficient, PayeeHostile, ProofInvalid, Unknown, ViewOnly
from specie.ledger.messages.address import Address
from specie.ledger.messages.outputs import OutputKind, ctx_transfer
from specie.ledger.messages.proofs import (
    DLEQ_BYTES,
    PaymentProof,
    ProofKind,
    ReceiveProof,
    ReserveItem,
    ReserveProof,
    decode_proof,
    proof_context,
)
from specie.ledger.messages.receipts import Finality, SparseProof
from specie.ledger.protocol.light import Trusted, verify_unspent
from specie.ledger.protocol.light_proofs import verify_payment, verify_receive, verify_reserve
from specie.ledger.wallet.chain import Chain
from specie.ledger.wallet.lookahead import LookAhead
from specie.ledger.wallet.store import outputs, payments
from specie.ledger.wallet.store.outputs import HOSTILE, OURS, Owned
from specie.ledger.wallet.store.payments import FINAL, Payee

# SPEC LEDGER-13.5
WARNINGS = {
    ProofKind.PAYMENT: "This proof shows what was paid to whom, not by whom: whoever has it can show it as his own.",
    ProofKind.RECEIVE: "This proof tells its reader which output is yours, and its amount, for ever.",
    ProofKind.RESERVE: "Whoever reads this proof recognises the later spends of these outputs.",
}
"""What a holder is told before a proof is made."""

_ITEM_BYTES = 32 + DLEQ_BYTES


class Prover:
    """Makes proofs of one wallet."""

    def __init__(
        self, database: Database, chain: Chain, keys: WalletKeys, ahead: LookAhead, randomness: Randomness
    ) -> None:
        self._database = database
        self._chain = chain
        self._keys = keys
        self._ahead = ahead
        self._randomness = randomness

    async def prove_payment(self, ident: bytes, place: int | None = None) -> PaymentProof:
        """That a payment paid: of its only payee, or the one at this place of the transaction. Raises Unknown."""
        found = await self._database.read(lambda tx: (payments.payment(tx, ident), payments.payees(tx, ident)))
        payment, payees = found
        chosen = [each for each in payees if not each.own and place in (None, each.place)]
        if payment is None or payment.state != FINAL or payment.height is None or len(chosen) != 1:
            raise Unknown("no payment of this id is final, or it has several payees and none was named")
        index = await self._index_of(chosen[0], payment.height)
        tip = await self._chain.tip()
        return PaymentProof(
            tip.header,
            Finality.decode(tip.finality),
            await self._chain.place(index, tip.header),
            ctx_transfer(self._chain.chain_id),
            chosen[0].anchor,
            chosen[0].value,
            Address.decode(chosen[0].address),
        )

    async def _index_of(self, payee: Payee, height: int) -> int:
        """Where an output of ours to somebody else stands: outputs of transactions come first in their block."""
        final = await self._chain.header(height)
        before = (await self._chain.header(height - 1)).header.out_size
        record = await self._chain.record(final.header)
        for at, each in enumerate(record.outputs):
            if each.data == payee.data:
                return before + at
        raise ProofInvalid("the block of the payment does not hold this output")

    async def prove_receive(self, number: int, challenge: bytes) -> ReceiveProof:
        """That an output was paid to one of our addresses. Raises PayeeHostile, Unknown, ProofInvalid."""
        owned = await self._database.read(lambda tx: outputs.output(tx, number))
        # SPEC LEDGER-4.3.3
        if owned is not None and owned.status == HOSTILE:
            raise PayeeHostile("the maker of this output tried to link your addresses: it is not acknowledged")
        if owned is None or owned.status != OURS or owned.kind not in (OutputKind.TRANSFER, OutputKind.MINT):
            raise Unknown("no payment that this wallet acknowledges stands there", index=number)
        await self._ahead.extend()
        tip = await self._chain.tip()
        context = proof_context(ProofKind.RECEIVE, self._chain.chain_id, tip.header.height, _challenge(challenge))
        made = self._keys.prove_receive(
            owned.data, owned.ctx, owned.account, owned.place, context, self._randomness.bytes(32)
        )
        address = Address.of_pay(self._chain.genesis.net, self._keys.address(owned.account, owned.place))
        return ReceiveProof(
            tip.header,
            Finality.decode(tip.finality),
            await self._chain.place(number, tip.header),
            owned.ctx,
            owned.value,
            address,
            made[:32],
            made[32:],
            challenge,
        )

    async def prove_reserve(self, challenge: bytes, least: int | None = None) -> ReserveProof:
        """That we hold at least so much, or all that we have. Raises ViewOnly, FundsInsufficient, ProofInvalid."""
        if self._keys.tier != "spend":
            raise ViewOnly("only the spend key proves that outputs are unspent")
        chosen = _enough(await self._database.read(outputs.unspent), least)
        await self._ahead.extend()
        tip = await self._chain.tip()
        context = proof_context(ProofKind.RESERVE, self._chain.chain_id, tip.header.height, _challenge(challenge))
        made = self._keys.prove_reserve(
            [(each.ctx, each.data, each.kind, each.mask) for each in chosen], context, self._randomness.bytes(32)
        )
        items = []
        for at, each in enumerate(chosen):
            part = made[at * _ITEM_BYTES : (at + 1) * _ITEM_BYTES]
            absence = await self._chain.ledger.prove_key_image(each.image, tip.header.height)
            if absence.present:
                raise ProofInvalid("an output was spent meanwhile: bring the wallet up to date first")
            verify_unspent(tip.header, each.image, bytes.fromhex(absence.proof))
            place = await self._chain.place(each.number, tip.header)
            sparse = SparseProof.decode(bytes.fromhex(absence.proof))
            items.append(ReserveItem(place, part[:32], part[32:], sparse))
        total = sum(each.value for each in chosen)
        finality = Finality.decode(tip.finality)
        return ReserveProof(tip.header, finality, challenge, total, tuple(items), made[len(chosen) * _ITEM_BYTES :])


def _challenge(challenge: bytes) -> bytes:
    if not 1 <= len(challenge) <= 255:
        raise ProofInvalid("a challenge has 1 to 255 bytes, chosen by whoever will read the proof")
    return challenge


def _enough(owned: Sequence[Owned], least: int | None) -> list[Owned]:
    """The largest outputs until they are enough; ascending by index."""
    chosen: list[Owned] = []
    for each in sorted(owned, key=lambda each: -each.value):
        if each.value == 0 or (least is not None and sum(one.value for one in chosen) >= least):
            break
        chosen.append(each)
    if not chosen or sum(each.value for each in chosen) < (least or 0):
        raise FundsInsufficient("the wallet does not hold so much", asked=least or 0)
    return sorted(chosen, key=lambda each: each.number)


# SPEC LEDGER-13.2
def verify_proof(
    trusted: Trusted, data: bytes, challenge: bytes, mint_id: bytes | None = None
) -> PaymentProof | ReceiveProof | ReserveProof:
    """Check any of the three from its bytes alone. Raises ProofInvalid, NonCanonical, AddressInvalid."""
    kind = type(decode_proof(data))
    if kind is PaymentProof:
        return verify_payment(trusted, data, mint_id)
    if kind is ReceiveProof:
        return verify_receive(trusted, data, challenge, mint_id)
    return verify_reserve(trusted, data, challenge)
