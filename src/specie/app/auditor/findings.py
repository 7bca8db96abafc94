"""What the auditor found. An emergency stays for ever; anything else ends when it is right again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import structlog

from specie.kernel.db import Transaction

EMERGENCIES = {
    "LOG_SHRANK": "the log has fewer leaves than were seen of it",
    "LOG_FORKED": "the log is not a continuation of what was seen of it",
    "LOG_EDITED": "a leaf reads otherwise than it did",
    "LOG_BROKEN": "a leaf is out of sequence, out of time, or does not decode",
    "OBJECT_EDITED": "an object reads otherwise than it did",
    "OBJECT_MISMATCH": "an object is not the one that its leaf names",
    "OBJECT_FORGED": "an object is not signed by a key that may sign it",
    "OBJECT_TWICE": "one object stands in two leaves",
    "CHECKPOINT_FORGED": "a checkpoint is not signed by the key of its log, or names another log",
    "KEYS_INVALID": "a key manifest in a log does not verify",
    "KEYS_FORKED": "two systems accepted different key manifests of one version",
    "POLICY_INVALID": "a quota policy in a log does not verify",
    "POLICY_FORKED": "two systems accepted different policies of one version",
    "BIT_WITHOUT_CREDENTIAL": "a control bit has no credential in central management's log",
    "BIT_MISMATCH": "a control bit says something else than its credential or its request",
    "CREDENTIAL_USED_TWICE": "one credential was counted twice",
    "REQUEST_USED_TWICE": "one request was counted with two credentials",
    "RULES_BROKEN": "an issue was let through against the policy",
    "APPROVALS_MISSING": "an issue was let through without the officers that its tier needs",
    "CAP_EXCEEDED": "an issue was let through above a cap",
    "MINT_WITHOUT_BIT": "units were made under a control bit that quota control's log does not have",
    "MINTED_TWICE": "units of one control bit were made twice, or of a cancelled one",
    "REDEEMED_TWICE": "a unit or reference was redeemed twice",
    "REDEEMED_BEYOND_ISSUE": "more was redeemed than a control bit, or an issuer, has outstanding",
    "REDEMPTION_INVALID": "a redemption is not what its request says",
    "LINK_BROKEN": "a leaf names an object that the other log does not have",
    "SUPPLY_FALSE": "a supply statement is not what the leaves add up to",
    "CHAIN_ROLLED_BACK": "the ledger has fewer blocks than were seen of it",
    "CHAIN_FORKED": "the ledger shows another history than the one that was seen",
    "BLOCK_FORGED": "a block is not final under the validators' keys",
    "BLOCK_MISMATCH": "a block record, or its range proofs, are not those that its header names",
    "BLOCK_INVALID": "a final block does not follow from the blocks before it",
    "COUNTERS_FALSE": "the ledger publishes other figures than its blocks add up to",
    "ANCHOR_FORKED": "an anchor on the ledger names another root than the log has at that size",
    "MINT_MISSING": "an issue or its cancellation was taken as entered on the ledger, and the ledger does not have it",
    "BURN_MISSING": "quota was given back for a burn that the ledger did not record as redeemed, or not over this sum",
}
"""Codes that no later event makes good."""
OPEN = {
    "OBJECT_WITHHELD": "a system does not hand out the object that a leaf names",
    "ANSWER_STRANGE": "a system answered something that is no answer",
    "SUPPLY_UNBALANCED": "what was issued and is not back is not what the ledger and the open intents add up to",
}
"""Codes that end when the cause does."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it must be."""

    id: int
    code: str
    system: str
    subject: str
    """What it is about; with code and system it is unique."""
    detail: str
    emergency: int
    evidence: bytes
    found_us: int
    resolved_us: int | None

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "code": self.code,
            "system": self.system,
            "subject": self.subject,
            "meaning": (EMERGENCIES | OPEN)[self.code],
            "detail": self.detail,
            "emergency": bool(self.emergency),
            "evidence": self.evidence.hex(),
            "found_at": self.found_us // 1_000_000,
            "resolved_at": None if self.resolved_us is None else self.resolved_us // 1_000_000,
        }


@dataclass(slots=True)
class Findings:
    """Writes findings of one transaction."""

    tx: Transaction
    now_us: int
    fresh: list[str] = field(default_factory=list)
    """Codes found for the first time."""

    def add(self, code: str, system: str, subject: str, detail: str, evidence: bytes = b"") -> None:
        """Note a finding; one that is known stays as it was first seen, one that had ended is open again."""
        emergency = int(code in EMERGENCIES)
        known = self.tx.one(
            "SELECT id, resolved_us FROM finding WHERE code = ? AND system = ? AND subject = ?", (code, system, subject)
        )
        if known is not None:
            if known[1] is not None:
                self.tx.run("UPDATE finding SET resolved_us = NULL WHERE id = ?", (known[0],))
            return
        self.tx.insert_many(
            "finding",
            {
                "code": "text",
                "system": "text",
                "subject": "text",
                "detail": "text",
                "emergency": "int",
                "evidence": "blob",
                "found_us": "int",
            },
            [(code, system, subject, detail, emergency, evidence, self.now_us)],
        )
        self.fresh.append(code)
        log = structlog.get_logger("specie.auditor")
        log.error("finding", code=code, system=system, subject=subject, detail=detail, emergency=bool(emergency))

    def resolve(self, code: str, system: str, subject: str) -> None:
        """It is right again; an emergency never is."""
        self.tx.run(
            "UPDATE finding SET resolved_us = ? WHERE code = ? AND system = ? AND subject = ? AND emergency = 0"
            " AND resolved_us IS NULL",
            (self.now_us, code, system, subject),
        )


def listed(tx: Transaction, after: int = 0, limit: int = 500) -> list[Finding]:
    """Findings in the order in which they were made."""
    rows = tx.all(
        "SELECT id, code, system, subject, detail, emergency, evidence, found_us, resolved_us FROM finding"
        " WHERE id > ? ORDER BY id LIMIT ?",
        (after, limit),
    )
    return [Finding(*row) for row in rows]


def open_subjects(tx: Transaction, code: str, system: str) -> set[str]:
    """Subjects of open findings of one code and system."""
    sql = "SELECT subject FROM finding WHERE code = ? AND system = ? AND resolved_us IS NULL"
    return {row[0] for row in tx.all(sql, (code, system))}


def open_count(tx: Transaction) -> tuple[int, int]:
    """(findings that are open, emergencies among them)"""
    row = tx.one("SELECT COUNT(*), COALESCE(SUM(emergency), 0) FROM finding WHERE resolved_us IS NULL")
    return (int(row[0]), int(row[1])) if row else (0, 0)
