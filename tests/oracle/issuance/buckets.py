"""The reference model of ISSUANCE-21.3: windows, buckets and the counts of both systems in plain integers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

STOCK, LIFETIME, WINDOW, RATE, COUNT = "stock", "lifetime", "window", "rate", "count"
ALL = {STOCK, LIFETIME, WINDOW, RATE, COUNT}
MICRO = 1_000_000
EACH = "*"


def window(at: int, unit: str, zone: str) -> tuple[int, int]:
    """[start, end) in unix seconds of the calendar window that holds at; unit: hour, day, month.

    A day or month runs from local midnight to the next one, so a day may have 23 or 25 hours. An hour always
    has 3,600 seconds and begins where the local clock shows minute 0.
    """
    tz = ZoneInfo(zone)
    local = datetime.fromtimestamp(at, UTC).astimezone(tz)
    if unit == "hour":
        start = at - (local.minute * 60 + local.second)
        return start, start + 3600
    if unit == "day":
        first, after = local.day, datetime.fromordinal(local.toordinal() + 1)
    elif unit == "month":
        first, after = 1, datetime(local.year + local.month // 12, local.month % 12 + 1, 1)
    else:
        raise ValueError(f"no such window: {unit}")
    begin = datetime(local.year, local.month, first, tzinfo=tz)
    return int(begin.timestamp()), int(after.replace(tzinfo=tz).timestamp())


@dataclass(frozen=True)
class Request:
    """What of a request the buckets see."""

    cti: bytes
    currency: str
    issuer: str
    amount: int
    owner_class: str = ""
    purpose: str = ""
    model: int = 0

    def dimensions(self) -> tuple[object, ...]:
        return self.currency, self.issuer, self.owner_class, self.purpose, self.model


@dataclass(frozen=True)
class Limit:
    """A template of 5.2. A dimension is a value, None (any, together) or EACH (any, a bucket for each)."""

    key: str
    kind: str
    cap: int
    currency: str
    issuer: str | None = None
    owner_class: str | None = None
    purpose: str | None = None
    model: int | str | None = None
    unit: str = "day"
    zone: str = "UTC"
    refill: int = 0
    """Of a rate: what comes back per second."""

    def bucket_key(self, request: Request, now_s: int) -> tuple[object, ...] | None:
        """The bucket that a request falls in now, or None where the limit does not speak of it."""
        mine = (self.currency, self.issuer, self.owner_class, self.purpose, self.model)
        pairs = list(zip(mine, request.dimensions(), strict=True))
        if any(m not in (None, EACH, t) for m, t in pairs):
            return None
        start = window(now_s, self.unit, self.zone)[0] if self.kind in (WINDOW, COUNT) else 0
        return self.key, start, *(t if m == EACH else m for m, t in pairs)

    def cost(self, request: Request) -> int:
        return 1 if self.kind == COUNT else request.amount


@dataclass
class Bucket:
    """reserved and used; a rate keeps its level too, in millionths, so that no fraction is ever lost."""

    used: int = 0
    reserved: int = 0
    level: int = 0
    last_us: int = 0


@dataclass
class Account:
    """One system's count: central management's or quota control's."""

    limits: list[Limit]
    """In policy order."""

    buckets: dict[tuple[object, ...], Bucket] = field(default_factory=dict)

    def room(self, limit: Limit, key: tuple[object, ...], now_us: int) -> int:
        """What is available now; may be negative (ISSUANCE-5.3.2)."""
        b = self.buckets.setdefault(key, Bucket(level=limit.cap * MICRO, last_us=now_us))
        if limit.kind != RATE:
            return limit.cap - b.reserved - b.used
        b.level = min(limit.cap * MICRO, b.level + limit.refill * max(0, now_us - b.last_us))
        b.last_us = max(b.last_us, now_us)
        return b.level // MICRO

    def add(self, limit: Limit, key: tuple[object, ...], amount: int, column: str) -> None:
        """Move a column by an amount of either sign; a rate's level moves the other way."""
        b = self.buckets[key]
        setattr(b, column, getattr(b, column) + amount)
        if limit.kind == RATE:  # above the capacity only until room() looks at it
            b.level -= amount * MICRO

    def take(self, request: Request, now_us: int, column: str) -> tuple[Limit | None, list]:
        """(None, what was taken) or (first limit without room, []): frequency first, then policy order."""
        chosen = []
        for limit in sorted(self.limits, key=lambda one: one.kind != COUNT):
            key = limit.bucket_key(request, now_us // MICRO)
            if key is None:
                continue
            if limit.cost(request) > self.room(limit, key, now_us):
                return limit, []
            chosen.append((limit, key, limit.cost(request)))
        for limit, key, cost in chosen:
            self.add(limit, key, cost, column)
        return None, chosen


class Model:
    """Both systems under one policy, nothing at once: what every call must be told. OK is success."""

    def __init__(self, limits: list[Limit], ttl_s: int = 600) -> None:
        self.cm, self.qc, self.ttl_s, self.now_us = Account(list(limits)), Account(list(limits)), ttl_s, 0
        self.held: dict[bytes, tuple[Request, int, list]] = {}
        """By credential: the request, exp, and what central management holds for it."""

        self.state: dict[bytes, str] = {}
        """At quota control: USED, CANCELLED, TOMBSTONED, REVOKED."""

        self.redeemed: dict[bytes, Request] = {}
        self.issued: dict[str, int] = {}
        self.given_back: dict[str, int] = {}

    def _now(self, now_us: int) -> int:
        self.now_us = max(self.now_us, now_us)  # ISSUANCE-5.5.3
        return self.now_us

    def set_cap(self, key: str, cap: int) -> None:
        """A policy that changes one cap, in force at both systems."""
        for account in (self.cm, self.qc):
            account.limits = [replace(x, cap=cap) if x.key == key else x for x in account.limits]

    def submit(self, now_us: int, request: Request) -> str:
        """Steps 1 to 3 for a new cti: C15, C16, reservation. A denied request counts nowhere."""
        now = self._now(now_us)
        full, taken = self.cm.take(request, now, "reserved")
        if full:
            return "FREQUENCY_EXCEEDED" if full.kind == COUNT else "QUOTA_EXCEEDED"
        self.held[request.cti] = (request, now // MICRO + self.ttl_s, taken)
        return "OK"

    def use(self, now_us: int, cti: bytes) -> str:
        """Steps 4 and 5 for a credential that was given: Q12, Q13, Q16, Q17; the use is reported at once."""
        now = self._now(now_us)
        request, exp, held = self.held[cti]
        if state := self.state.get(cti):
            told = {"TOMBSTONED": "CREDENTIAL_EXPIRED", "REVOKED": "CREDENTIAL_REVOKED"}
            return told.get(state, "REPLAYED")
        if now // MICRO >= exp:
            return "CREDENTIAL_EXPIRED"
        if self.qc.take(request, now, "used")[0]:
            return "QUOTA_EXCEEDED_RT"
        self.state[cti] = "USED"
        self.issued[request.currency] = self.issued.get(request.currency, 0) + request.amount
        for _, key, cost in held:
            self.cm.buckets[key].reserved -= cost
            self.cm.buckets[key].used += cost
        return "OK"

    def tombstone(self, now_us: int, cti: bytes) -> str:
        """10.4: a credential is closed and its reservation freed, or it is USED."""
        self._now(now_us)
        if self.state.setdefault(cti, "TOMBSTONED") in ("USED", "CANCELLED"):
            return "USED"
        request, exp, held = self.held[cti]
        for limit, key, cost in held:
            self.cm.add(limit, key, -cost, "reserved")
            if limit.kind == COUNT:  # a counted request stays counted (annex C)
                self.cm.add(limit, key, cost, "used")
        self.held[cti] = (request, exp, [])
        return "TOMBSTONED"

    def revoke(self, now_us: int, cti: bytes) -> str:
        """12.3: the reservation stays until the tombstone call (ISSUANCE-10.4.6)."""
        self._now(now_us)
        return "REVOKED" if self.state.setdefault(cti, "REVOKED") == "REVOKED" else "ALREADY_USED"

    def redeem(self, now_us: int, ref: bytes, request: Request) -> str:
        """R3: ref is the serial or the reference of a burn; the request's cti is that of the dc-redreq."""
        self._now(now_us)
        if ref in self.redeemed:
            return "REPLAYED" if self.redeemed[ref] == request else "ALREADY_REDEEMED"
        if not self._give_back(request):
            return "UNIT_INVALID"
        self.redeemed[ref] = request
        return "OK"

    def cancel(self, now_us: int, cti: bytes) -> str:
        """10.6: a bit that was never minted gives stock back, once."""
        self._now(now_us)
        if self.state.get(cti) != "USED":
            return "REPLAYED" if self.state.get(cti) == "CANCELLED" else "UNKNOWN"
        if not self._give_back(self.held[cti][0]):
            return "UNIT_INVALID"
        self.state[cti] = "CANCELLED"
        return "OK"

    def _give_back(self, request: Request) -> bool:
        """Take an amount off the stock buckets of both systems; False where one would fall below zero."""
        stock = [x.bucket_key(request, 0) for x in self.qc.limits if x.kind == STOCK]
        keys = [key for key in stock if key is not None]
        if any(key not in self.qc.buckets or self.qc.buckets[key].used < request.amount for key in keys):
            return False
        for key in keys:
            self.qc.buckets[key].used -= request.amount
            self.cm.buckets[key].used -= request.amount
        self.given_back[request.currency] = self.given_back.get(request.currency, 0) + request.amount
        return True

    def outstanding(self, currency: str) -> int:
        """Issued less what came back; equals `used` of the currency's stock root (I6)."""
        return self.issued.get(currency, 0) - self.given_back.get(currency, 0)
