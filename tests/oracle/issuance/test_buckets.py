"""The reference model of the buckets against sums done by hand. Spec: ISSUANCE-5.2 to 5.5, 10.4, 14."""

from __future__ import annotations

from oracle.issuance import buckets


def test_windows_follow_the_local_calendar() -> None:
    spring = 1_774_771_200  # 2026-03-29 08:00 UTC: Zurich's day of 23 hours
    start, end = buckets.window(spring, "day", "Europe/Zurich")
    assert (end - start, start % 86400) == (23 * 3600, 23 * 3600)
    assert buckets.window(start, "day", "Europe/Zurich") == (start, end)
    assert buckets.window(end, "day", "Europe/Zurich")[0] == end
    half = buckets.window(spring, "hour", "Asia/Kolkata")
    assert half[1] - half[0] == 3600 and half[0] % 3600 == 1800
    assert buckets.window(1_798_675_200, "month", "UTC") == (1_796_083_200, 1_798_761_600)


MIDNIGHT_US = 1_790_035_200 * 1_000_000  # 2026-09-22 00:00 UTC


def ask(n: int, amount: int, issuer: str = "is:a") -> buckets.Request:
    return buckets.Request(n.to_bytes(16, "big"), "XTS", issuer, amount)


def limit(kind: str, cap: int, **more: object) -> buckets.Limit:
    return buckets.Limit(kind, kind, cap, "XTS", **more)  # type: ignore[arg-type]


def issue(model: buckets.Model, now_us: int, n: int, amount: int) -> tuple[str, str]:
    told = model.submit(now_us, ask(n, amount))
    return told, model.use(now_us, ask(n, amount).cti) if told == "OK" else ""


def test_stock_comes_back_and_lifetime_does_not() -> None:
    model = buckets.Model([limit("stock", 100), limit("lifetime", 150)])
    assert issue(model, MIDNIGHT_US, 1, 100) == ("OK", "OK")
    assert issue(model, MIDNIGHT_US, 2, 1) == ("QUOTA_EXCEEDED", "")
    assert model.redeem(MIDNIGHT_US, b"r", ask(9, 100)) == "OK"
    assert model.redeem(MIDNIGHT_US, b"r", ask(9, 100)) == "REPLAYED"
    assert model.redeem(MIDNIGHT_US, b"r", ask(8, 100)) == "ALREADY_REDEEMED"
    assert issue(model, MIDNIGHT_US, 3, 51) == ("QUOTA_EXCEEDED", "")
    assert issue(model, MIDNIGHT_US, 4, 50) == ("OK", "OK")
    assert model.outstanding("XTS") == 50
    assert model.cancel(MIDNIGHT_US, ask(4, 50).cti) == "OK"
    assert model.cancel(MIDNIGHT_US, ask(4, 50).cti) == "REPLAYED"
    assert model.redeem(MIDNIGHT_US, b"s", ask(7, 1)) == "UNIT_INVALID"


# SPEC ISSUANCE-5.3.3, ISSUANCE-20.12, ISSUANCE-20.13
def test_window_opens_at_midnight_and_never_again() -> None:
    model = buckets.Model([limit("window", 10)])
    assert issue(model, MIDNIGHT_US - 1, 1, 10) == ("OK", "OK")
    assert issue(model, MIDNIGHT_US - 1, 2, 1)[0] == "QUOTA_EXCEEDED"
    assert issue(model, MIDNIGHT_US, 3, 10) == ("OK", "OK")
    assert issue(model, MIDNIGHT_US - 1, 4, 1)[0] == "QUOTA_EXCEEDED"


# SPEC ISSUANCE-5.3.4
def test_rate_fills_to_its_capacity_and_no_further() -> None:
    model = buckets.Model([limit("rate", 10, refill=2)])
    assert issue(model, MIDNIGHT_US, 1, 10) == ("OK", "OK")
    assert issue(model, MIDNIGHT_US + 499_999, 2, 1)[0] == "QUOTA_EXCEEDED"
    assert issue(model, MIDNIGHT_US + 500_000, 3, 1) == ("OK", "OK")
    assert issue(model, MIDNIGHT_US + 10**15, 4, 11)[0] == "QUOTA_EXCEEDED"
    assert issue(model, MIDNIGHT_US + 10**15, 5, 10) == ("OK", "OK")


def test_frequency_is_asked_before_quota() -> None:
    model = buckets.Model([limit("stock", 5), limit("count", 1, unit="hour")])
    assert issue(model, MIDNIGHT_US, 1, 6)[0] == "QUOTA_EXCEEDED"
    assert issue(model, MIDNIGHT_US, 2, 5) == ("OK", "OK")
    assert issue(model, MIDNIGHT_US, 3, 6)[0] == "FREQUENCY_EXCEEDED"


# SPEC ISSUANCE-10.4.2, ISSUANCE-5.4.3, ISSUANCE-20.20
def test_use_tombstone_and_revocation_exclude_each_other() -> None:
    model = buckets.Model([limit("stock", 30, issuer=buckets.EACH)])
    for n in (1, 2, 3):
        assert model.submit(MIDNIGHT_US, ask(n, 10)) == "OK"
    assert model.submit(MIDNIGHT_US, ask(4, 10)) == "QUOTA_EXCEEDED"
    assert model.submit(MIDNIGHT_US, ask(5, 30, "is:b")) == "OK"
    assert model.tombstone(MIDNIGHT_US, ask(1, 0).cti) == "TOMBSTONED"
    assert model.use(MIDNIGHT_US, ask(1, 0).cti) == "CREDENTIAL_EXPIRED"
    assert model.submit(MIDNIGHT_US, ask(4, 10)) == "OK"
    assert model.revoke(MIDNIGHT_US, ask(2, 0).cti) == "REVOKED"
    assert model.use(MIDNIGHT_US, ask(2, 0).cti) == "CREDENTIAL_REVOKED"
    model.set_cap("stock", 9)
    assert model.use(MIDNIGHT_US, ask(3, 0).cti) == "QUOTA_EXCEEDED_RT"
    model.set_cap("stock", 30)
    assert model.use(MIDNIGHT_US + 600_000_000, ask(3, 0).cti) == "CREDENTIAL_EXPIRED"
    assert model.use(MIDNIGHT_US, ask(3, 0).cti) == "CREDENTIAL_EXPIRED", "time does not go back"
