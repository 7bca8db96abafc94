"""What must hold after every event: I1 to I5, I7 and I8, read from the stores at one moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from specie.kernel.db import Transaction
from tests.issuance.house import CM, IS, QC

if TYPE_CHECKING:
    from tests.simulation.world import World

RATE, STOCK, LIFETIME = 3, 0, 1
OVER = (
    "SELECT key, used, reserved, cap FROM bucket WHERE used < 0 OR reserved < 0"
    f" OR (lowered = 0 AND kind <> {RATE} AND used + reserved > cap)"
)
DRIFTED = (
    "SELECT bucket.key, bucket.used, bucket.reserved, COALESCE(SUM(entry.d_used), 0),"
    " COALESCE(SUM(entry.d_reserved), 0) FROM bucket LEFT JOIN entry ON entry.bucket = bucket.id GROUP BY bucket.id"
    " HAVING bucket.used <> COALESCE(SUM(entry.d_used), 0) OR bucket.reserved <> COALESCE(SUM(entry.d_reserved), 0)"
)
LOG = "SELECT (SELECT seq FROM head), (SELECT COUNT(*) FROM log), (SELECT COUNT(DISTINCT object) FROM log)"
UNLOGGED = "SELECT typ FROM object WHERE hash NOT IN (SELECT object FROM log)"
BITS = (
    "SELECT key, used, (SELECT COALESCE(SUM(amount), 0) FROM cred_use WHERE state IN (1, 3, 4, 7)"
    " AND currency = substr(key, 10)) FROM bucket WHERE substr(key, 1, 9) = 'lifetime:' AND instr(key, '/') = 0"
)
UNITS = (
    "SELECT issue.amount, SUM(unit.value) FROM unit JOIN issue ON issue.id = unit.issue"
    " GROUP BY issue.id HAVING SUM(unit.value) <> issue.amount"
)
ENDS = (
    "SELECT request.state, credential.state FROM credential JOIN request ON request.hash = credential.request"
    " WHERE request.state - credential.state <> 5"
)


class Watcher:
    """Looks after every commit; the first breach is noted with its figures."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.looks = 0

    def __call__(self, system: str) -> None:
        """After a commit of this system: the cheap ones; every fourth time also the sums, and across systems."""
        self.looks += 1
        store = self.world.stores[system]
        thorough = self.looks % 4 == 0
        for name, rows in store.read_now(lambda tx: self.look(tx, system, thorough)):
            self.breach(system, name, rows)
        if thorough:
            self.compare()

    def look(self, tx: Transaction, system: str, thorough: bool) -> list[tuple[str, Any]]:
        found: list[tuple[str, Any]] = []
        (sizes,) = tx.all(LOG)
        if len(set(sizes)) != 1:
            found.append(("I8", sizes))
        if system != IS:
            found += [("I1", row) for row in tx.all(OVER)]
        if not thorough:
            return found
        if system != IS:
            found += [("I2", row) for row in tx.all(DRIFTED)]
            found += [("I8", row) for row in tx.all(UNLOGGED)]
        if system == QC:
            found += [("I4", row) for row in tx.all(BITS) if row[1] != row[2]]
        if system == CM:
            found += [("I3", row) for row in tx.all(ENDS)]
        if system == IS:
            found += [("I5", row) for row in tx.all(UNITS)]
        return found

    def compare(self) -> None:
        """I3 and I7 across the two accounts, and I5 across quota control and the issuance system."""
        stores = self.world.stores
        mine, applied, ends = stores[CM].read_now(_account_of_cm)
        theirs, late, uses = stores[QC].read_now(lambda tx: _account_of_qc(tx, applied))
        for key, used in theirs.items():
            if key not in mine:
                continue
            settled, held = mine[key]
            t = late.get(key, 0)
            if not (settled <= used + t and used <= settled + held):
                self.breach(QC, "I7", (key, mine[key], used, t))
        for cti, state in ends.items():
            if (state == 1) != (uses.get(cti) in (1, 3, 4, 7)) and state != 0:
                self.breach(CM, "I3", (cti.hex(), state, uses.get(cti)))
        minted = stores[IS].read_now(lambda tx: tx.all("SELECT credential FROM issue WHERE state IN (4, 5, 6)"))
        for (cti,) in minted:
            if uses.get(cti) not in (1, 3, 7):
                self.breach(IS, "I5", (cti.hex(), uses.get(cti)))

    def breach(self, system: str, name: str, figures: Any) -> None:
        self.world.note(system, f"{name} is broken: {figures}")
        self.world.faulty.append(f"{system}: {name} is broken: {figures}")


def _account_of_cm(tx: Transaction) -> tuple[dict[str, tuple[int, int]], set[bytes], dict[bytes, int]]:
    rows = tx.all(f"SELECT key, used, reserved FROM bucket WHERE kind IN ({STOCK}, {LIFETIME})")
    applied = {row[0] for row in tx.all("SELECT ref FROM returned")}
    ends = dict(tx.all("SELECT cti, state FROM credential"))
    return {row[0]: (row[1], row[2]) for row in rows}, applied, ends  # type: ignore[arg-type]


def _account_of_qc(tx: Transaction, applied: set[bytes]) -> tuple[dict[str, int], dict[str, int], dict[bytes, int]]:
    rows = tx.all(f"SELECT key, used FROM bucket WHERE kind IN ({STOCK}, {LIFETIME})")
    sent = tx.all("SELECT receipt, seq FROM redemption")
    late = {seq for receipt, seq in sent if receipt not in applied}
    cancelled = tx.all(
        "SELECT key, cid FROM outbox JOIN cred_use ON cred_use.cid = outbox.key WHERE substr(topic, 1, 7) = 'cancel:'"
    )
    gone = {cid for key, cid in cancelled if key not in applied}
    t: dict[str, int] = {}
    for key, seq, cid, d_used in tx.all(
        "SELECT bucket.key, seq, cid, d_used FROM entry JOIN bucket ON bucket.id = entry.bucket"
        f" WHERE d_used < 0 AND bucket.kind = {STOCK}"
    ):
        if seq in late or cid in gone:
            t[key] = t.get(key, 0) - d_used
    uses = dict(tx.all("SELECT cid, state FROM cred_use"))
    return dict(rows), t, uses  # type: ignore[arg-type]
