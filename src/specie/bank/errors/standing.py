"""Refusals that speak of parties and their reputation."""

from __future__ import annotations

from specie.bank.errors.denial import BankRefusal


class PartyUnknown(BankRefusal):
    """No party of this name has an account here."""

    code = "bank.party_unknown"
    status = 404
    number = 206


class ReputationLow(BankRefusal):
    """A party's reputation is not above 50."""

    code = "bank.reputation_low"
    status = 403
    number = 207


class EvidenceInvalid(BankRefusal):
    """The evidence does not show what it is said to show."""

    code = "bank.evidence_invalid"
    status = 422
    number = 235


class EvidenceUsed(BankRefusal):
    """The same fact was counted before."""

    code = "bank.evidence_used"
    status = 409
    number = 236
