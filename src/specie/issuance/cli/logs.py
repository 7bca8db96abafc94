"""The three logs over HTTP: every leaf, the chain, the Merkle root, the signed checkpoint."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from specie.crypto import merkle, note
from specie.issuance.api import Log
from specie.issuance.cli.office import Office
from specie.issuance.cli.place import CENTRAL_MANAGEMENT, ISSUANCE, QUOTA_CONTROL, ROLES
from specie.issuance.protocol.journal import check_chain, origin_of
from specie.kernel.errors import Refused, Unavailable

PAGE = 1000


@dataclass(slots=True)
class LogReport:
    """What was found in one log."""

    system: str
    size: int = 0
    root: bytes = b""
    checkpoint: int = 0
    """Size of the newest signed checkpoint; 0 before the first."""
    faults: list[str] = field(default_factory=list)
    leaves: list[bytes] = field(default_factory=list, repr=False)

    def to_json(self) -> dict[str, Any]:
        return {
            "system": self.system,
            "size": self.size,
            "root": self.root.hex(),
            "checkpoint": self.checkpoint,
            "ok": not self.faults,
            "faults": self.faults,
        }


def log_of(office: Office, role: str) -> Log:
    """A system's log."""
    logs: dict[str, Log] = {
        CENTRAL_MANAGEMENT: office.central_management.log,
        QUOTA_CONTROL: office.quota_control.log,
        ISSUANCE: office.issuance.log,
    }
    return logs[role]


async def read_leaves(log: Log) -> list[bytes]:
    """Every leaf, page by page."""
    leaves: list[bytes] = []
    while True:
        page = await log.leaves(len(leaves) + 1, PAGE)
        leaves.extend(page)
        if len(page) < PAGE:
            return leaves


# SPEC ISSUANCE-15.1.1, ISSUANCE-15.2.1
async def verify_log(office: Office, role: str) -> LogReport:
    """Compute chain and root anew and hold them to the signed checkpoint. Raises where the system does not answer."""
    keys = await office.read_keys()
    system = office.place.system_id(role)
    report = LogReport(system)
    log = log_of(office, role)
    signed = b""
    try:
        signed = await log.checkpoint()
    except Unavailable as error:
        if getattr(error, "code", "") != Unavailable.code:
            raise
    report.leaves = await read_leaves(log)  # after the checkpoint, so that they reach at least as far
    report.size = len(report.leaves)
    try:
        _, hashes = check_chain(report.leaves)
    except (ValueError, Refused) as error:
        report.faults.append(str(error))
        return report
    report.root = merkle.root(hashes)
    if not signed:
        return report
    try:
        parsed = note.parse(signed.decode())
        point = note.parse_checkpoint(parsed.text)
        origin = origin_of(office.place.environment, system)
        publics = [keys.publics[entry.kid] for entry in keys.of_role("log") if entry.holder == system]
        if not any(is_signed(parsed, origin, public) for public in publics):
            report.faults.append("the checkpoint is not signed by a log key of this system")
        if point.origin != origin:
            report.faults.append(f"the checkpoint is of {point.origin}")
        report.checkpoint = point.size
        if point.size > len(hashes) or merkle.root(hashes[: point.size]) != point.root:
            report.faults.append(f"the checkpoint of {point.size} leaves has another root: the log was changed")
    except (Refused, UnicodeDecodeError) as error:
        report.faults.append(f"the checkpoint does not verify: {error}")
    return report


def is_signed(parsed: note.Note, origin: str, public: bytes) -> bool:
    try:
        note.verify(parsed, origin, public)
    except Refused:
        return False
    return True


async def verify_logs(office: Office) -> list[LogReport]:
    """All three."""
    return [await verify_log(office, role) for role in ROLES]
