"""The arithmetic of quota: five kinds of bucket in unbounded integers (ISSUANCE sections 5.2 and 5.3).

A bucket is money in minor units, but for the kind COUNT, which counts requests. `take` never goes through when there is
no room; everything else only moves what was taken before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from specie.issuance.messages.policy import Kind

SECOND_US = 1_000_000


@dataclass(slots=True)
class Bucket:
    """One row of quota with what the running batch has changed in it."""

    id: int
    key: str
    kind: int
    cap: int
    reserved: int
    used: int
    level: int
    last_us: int
    refill_per_s: int = 0
    changed: bool = False

    # SPEC ISSUANCE-5.3.1
    def available(self, now_us: int) -> int:
        """What may still be taken; negative after the cap was lowered (ISSUANCE-5.3.2)."""
        if self.kind == Kind.RATE:
            self.fill(now_us)
            return self.level
        return self.cap - self.reserved - self.used

    # SPEC ISSUANCE-5.3.4
    def fill(self, now_us: int) -> None:
        """Let a token bucket refill; time never runs backwards and integers never overflow."""
        elapsed_s = max(0, now_us // SECOND_US - self.last_us // SECOND_US)
        if elapsed_s or self.level > self.cap:
            self.level = min(self.cap, self.level + self.refill_per_s * elapsed_s)
            self.changed = True
        self.last_us = max(self.last_us, now_us)

    def has_room(self, amount: int, now_us: int) -> bool:
        return self.available(now_us) >= self.share(amount)

    def share(self, amount: int) -> int:
        """What a request of this amount takes of this bucket."""
        return 1 if self.kind == Kind.COUNT else amount

    def take(self, amount: int) -> tuple[int, int]:
        """Count as used at once. Returns the journal's (d_used, d_reserved)."""
        share = self.share(amount)
        self.used += share
        if self.kind == Kind.RATE:
            self.level -= share
        self.changed = True
        return share, 0

    def reserve(self, amount: int) -> tuple[int, int]:
        """Hold for a credential. Kinds that have no hold are used at once."""
        if self.kind in (Kind.RATE, Kind.COUNT):
            return self.take(amount)
        self.reserved += amount
        self.changed = True
        return 0, amount

    def settle(self, amount: int) -> tuple[int, int]:
        """Turn a hold into use."""
        if self.kind in (Kind.RATE, Kind.COUNT):
            return 0, 0
        self.reserved -= amount
        self.used += amount
        self.changed = True
        return amount, -amount

    # SPEC ISSUANCE-10.4.4
    def release(self, amount: int) -> tuple[int, int]:
        """Let a hold go, in the very row it was taken from; a counted request stays counted."""
        if self.kind == Kind.COUNT:
            return 0, 0
        self.changed = True
        if self.kind == Kind.RATE:
            self.level = min(self.cap, self.level + amount)
            self.used -= amount
            return -amount, 0
        self.reserved -= amount
        return 0, -amount

    # SPEC ISSUANCE-14.8
    def give_back(self, amount: int) -> tuple[int, int]:
        """Take redeemed value off a stock bucket; no other kind gives anything back."""
        if self.kind != Kind.STOCK:
            return 0, 0
        self.used -= amount
        self.changed = True
        return -amount, 0


# SPEC ISSUANCE-5.5.2
def window_of(span: str, zone: str, now_us: int) -> tuple[int, int]:
    """Start and end of the calendar window (hour, day, month) that holds this moment, in seconds since 1970."""
    now = datetime.fromtimestamp(now_us // SECOND_US, ZoneInfo(zone))
    if span == "hour":
        # an hour is 3600 s of real time, also where clocks are set back
        start_s = now_us // SECOND_US - now.minute * 60 - now.second
        return start_s, start_s + 3600
    start = now.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if span == "day":
        end = (start + timedelta(days=1)).replace(fold=0)
    else:
        start = start.replace(day=1)
        end = (start + timedelta(days=32)).replace(day=1, fold=0)
    return int(start.timestamp()), int(end.timestamp())
