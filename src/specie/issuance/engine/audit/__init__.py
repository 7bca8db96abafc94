"""The audit of the room: everything computed anew from logs and signed objects, and the terms of the supply equation.

It reads the three systems' stores and changes nothing. What it does not believe: any column that no signed object and
no leaf supports (ISSUANCE-15.6.1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from specie.issuance.api import Registry
from specie.issuance.engine.audit import central_management as promises
from specie.issuance.engine.audit import issuance_system as makes
from specie.issuance.engine.audit import quota_control as counts
from specie.issuance.engine.audit.books import Books, read_books
from specie.issuance.engine.audit.chain import check_witnessed
from specie.issuance.engine.audit.reconcile import all_faults, reconcile
from specie.issuance.engine.audit.report import AuditReport, Difference, left, right
from specie.issuance.engine.audit.supply import terms_of, unbalanced
from specie.issuance.engine.desk import Desk
from specie.issuance.protocol.journal import leaf_hash
from specie.issuance.store import reading
from specie.issuance.store.journal import read_head

__all__ = ["AuditReport", "Difference", "audit"]

READINGS_MAX = 3


class System(Protocol):
    """An engine, as far as an audit looks at it."""

    @property
    def desk(self) -> Desk: ...


# SPEC ISSUANCE-15.3.2, ISSUANCE-15.6.1
async def audit(
    central_management: System,
    quota_control: System,
    issuance_systems: Sequence[System],
    registries: Mapping[str, Registry] | None = None,
    *,
    witnessed: Mapping[str, Sequence[bytes]] | None = None,
) -> AuditReport:
    """Audit one quota control with its central management and issuance systems.

    witnessed: system to checkpoints that a witness kept (signed notes). The systems may be at work meanwhile: a
    difference counts only if it is still there when everything is read once more.
    """
    systems = [central_management, quota_control, *issuance_systems]
    report = await audit_once(systems, registries or {}, witnessed or {})
    for _ in range(READINGS_MAX - 1):
        if report.balanced or await are_still(systems, report):
            break
        again = await audit_once(systems, registries or {}, witnessed or {})
        known = {each.name for each in report.differences}
        lasting = [each for each in again.differences if each.name in known]
        report = AuditReport(again.terms, again.digits, lasting, again.logs)
    return report


async def are_still(systems: Sequence[System], report: AuditReport) -> bool:
    """Has no log grown since it was read?"""
    for system in systems:
        head = await system.desk.database.read(read_head)
        if head.seq != report.logs[system.desk.me]["size"]:
            return False
    return True


async def audit_once(
    systems: Sequence[System], registries: Mapping[str, Registry], witnessed: Mapping[str, Sequence[bytes]]
) -> AuditReport:
    """One reading: the issuance systems first, since what they hold was decided by the others before."""
    cm, qc, *issuers = systems
    made_books = [await read_books(system.desk, reading.ISSUANCE_SYSTEM) for system in issuers]
    promised_books = await read_books(cm.desk, reading.CENTRAL_MANAGEMENT)
    counted_books = await read_books(qc.desk, reading.QUOTA_CONTROL)
    for books in (counted_books, *made_books):
        books.authority = [keys for _, keys in promised_books.key_sets]
    counting = counts.check(counted_books)
    promised = promises.check(promised_books, {each.reference: each.shares for each in counting.returns})
    makings = {books.system: makes.check(books) for books in made_books}
    reconcile(promised, counting, makings)
    parts = [promised_books, counted_books, *made_books]
    for books in parts:
        check_witnessed(books, witnessed.get(books.system, ()))
    terms = await terms_of(counting, makings, registries)
    differences = all_faults(parts)
    for code in unbalanced(terms):
        figures = {"left": left(terms[code]), "right": right(terms[code])}
        detail = f"{code}: outstanding is not what registries hold and what is on its way"
        differences.append(Difference("I6", counted_books.system, detail, figures))
    digits = {code: rule.digits for policy in counted_books.policies for code, rule in policy.currencies.items()}
    return AuditReport(terms, digits, differences, {books.system: log_of(books) for books in parts})


def log_of(books: Books) -> dict[str, Any]:
    """A log in one line: size, chain, newest checkpoint."""
    checkpoints = books.tables["checkpoint"]
    return {
        "size": len(books.tables["log"]),
        "head": books.head.hash.hex(),
        "last_leaf": leaf_hash(books.tables["log"][-1].body).hex() if books.tables["log"] else "",
        "checkpoint": checkpoints[-1].size if checkpoints else 0,
    }
