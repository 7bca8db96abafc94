"""How a withdrawal names bank and account without showing the account (LEDGER section 9.3)."""

from __future__ import annotations

from specie.ledger.messages.hashing import hash32

TOKEN_SALT_BYTES = 32


def account_token(account: str, salt: bytes) -> bytes:
    """H_32("wd/acct"; account, salt), with 32 random bytes of salt."""
    return hash32("wd/acct", account.encode("ascii"), salt)


def withdraw_reference(bank_id: str, token: bytes) -> bytes:
    """withdraw_ref = H_32("wd"; bank_id, token)."""
    return hash32("wd", bank_id.encode("ascii"), token)
