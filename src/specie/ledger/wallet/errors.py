"""What a wallet refuses beside `ledger.errors`: its files, its lock, and payments whose fate is not known."""

from __future__ import annotations

from specie.kernel.errors import Refused, Unavailable


class KeyTextInvalid(Refused):
    """The text is no seed and no view key: mistyped, or cut."""

    code = "ledger.key_text_invalid"
    status = 400


class WalletUnknown(Refused):
    """There is no wallet of this name here."""

    code = "ledger.wallet_unknown"
    status = 404


class WalletExists(Refused):
    """There is a wallet of this name already; nothing in it is touched."""

    code = "ledger.wallet_exists"
    status = 409


class WalletLocked(Refused):
    """The wallet sees, but does not spend, until it is opened with its passphrase."""

    code = "ledger.wallet_locked"
    status = 403


class HistoryDiffers(Refused):
    """The node shows another past than the one this wallet has verified."""

    code = "ledger.history_differs"
    status = 409


class MintDiffers(Refused):
    """The outputs that were found do not add up to the units of the mint: evidence against the issuer."""

    code = "ledger.mint_differs"
    status = 422


class PaymentInDoubt(Unavailable):
    """The payment left and no answer came. The same key again sends the same bytes: nothing happens twice."""

    code = "ledger.in_doubt"
    in_doubt = True
