"""What a wallet or a light client refuses by itself. No block result carries these: their number is 0."""

from __future__ import annotations

from specie.ledger.errors.rejected import Rejected


class AddressInvalid(Rejected):
    """The text or bytes are not an address: checksum, version, network or a key."""

    code, status, number = "ledger.address_invalid", 422, 0


class NetworkMismatch(Rejected):
    """The chain or the address belongs to another network than the wallet."""

    code, status, number = "ledger.network_mismatch", 422, 0


class ProofInvalid(Rejected):
    """A receipt, proof or finality does not hold."""

    code, status, number = "ledger.proof_invalid", 422, 0


class FundsInsufficient(Rejected):
    """The wallet's spendable outputs do not reach amount and fee."""

    code, status, number, retry = "ledger.funds_insufficient", 422, 0, "new amount"


class PayeeHostile(Rejected):
    """An output failed the Janus check: whoever made it tries to link two addresses."""

    code, status, number = "ledger.payee_hostile", 422, 0


class ViewOnly(Rejected):
    """The wallet's keys can see, but not do this."""

    code, status, number = "ledger.view_only", 403, 0


class QuoteRefused(Rejected):
    """The trusted node's attestation is not acceptable; nothing was sent to it."""

    code, status, number = "ledger.quote_refused", 403, 0


class ConsentMissing(Rejected):
    """The step gives something away for ever; the holder must allow it."""

    code, status, number, retry = "ledger.consent_missing", 403, 0, "with consent"


class StoreRestored(Rejected):
    """The store is behind the mark beside it, or differs from it: a node on it would sign a second history."""

    code, status, number = "ledger.store_restored", 409, 0


class StoreDamaged(Rejected):
    """The tables do not give what the last header says: another chain, or rows were lost or changed."""

    code, status, number = "ledger.store_damaged", 409, 0
