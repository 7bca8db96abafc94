"""Amounts: exact, bounded, of one currency."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specie.kernel.amount import (
    AMOUNT_MAX,
    Amount,
    AmountMalformed,
    AmountOutOfRange,
    Currency,
    CurrencyMalformed,
    CurrencyMismatch,
    format_minor,
    parse_minor,
)

XTS = Currency("XTS", 2)


@given(st.integers(0, AMOUNT_MAX), st.integers(0, 18))
def test_what_is_printed_is_read(minor: int, digits: int) -> None:
    currency = Currency("XTS", digits)
    amount = Amount("XTS", minor)
    assert Amount.parse(amount.format(digits), currency) == amount


@pytest.mark.parametrize(
    ("text", "digits", "minor"),
    [("12.50", 2, 1250), ("12.5", 2, 1250), ("12", 2, 1200), ("0", 0, 0), ("0.01", 2, 1), ("7", 0, 7)],
)
def test_parse(text: str, digits: int, minor: int) -> None:
    assert parse_minor(text, digits) == minor


@pytest.mark.parametrize(
    "text",
    ["", "-1", "+1", "1e3", ".5", "5.", "01", "1,000", "1.234", " 1", "1\n", "٣", "NaN", "0x1", "1" * 99],
)
def test_parse_refuses_anything_else(text: str) -> None:
    with pytest.raises(AmountMalformed):
        Amount.parse(text, XTS)


@pytest.mark.parametrize(("minor", "text"), [(0, "0.00"), (5, "0.05"), (1250, "12.50"), (-1, "-0.01")])
def test_format(minor: int, text: str) -> None:
    assert format_minor(minor, 2) == text


# SPEC ISSUANCE-20.21
def test_the_edge() -> None:
    largest = Amount("XTS", AMOUNT_MAX)
    one = Amount("XTS", 1)
    assert Amount.parse("46116860184273879.03", XTS) == largest
    beyond: list[Callable[[], Amount]] = [
        lambda: Amount.parse("46116860184273879.04", XTS),
        lambda: largest + one,
        lambda: Amount("XTS", -1),
        lambda: one - largest,
    ]
    for act in beyond:
        with pytest.raises(AmountOutOfRange):
            act()
    assert (largest - one) + one == largest


def test_sums_and_order_within_one_currency() -> None:
    small, large = Amount("XTS", 1), Amount("XTS", 2)
    assert small < large
    assert small <= small  # noqa: PLR0124
    assert large > small
    assert large >= small
    assert small + small == large
    assert large - small == small


def test_currencies_do_not_mix() -> None:
    ours, theirs = Amount("XTS", 1), Amount("XDC", 1)
    assert ours != theirs
    for act in (
        lambda: ours + theirs,
        lambda: ours - theirs,
        lambda: ours < theirs,
        lambda: ours <= theirs,
        lambda: ours > theirs,
        lambda: ours >= theirs,
    ):
        with pytest.raises(CurrencyMismatch):
            act()


# SPEC ISSUANCE-3.7.2
@pytest.mark.parametrize("code", ["", "XT", "xts", "XTS\n", "ABCDEFGHIJKLM", "Ä12", "X S"])
def test_currency_codes(code: str) -> None:
    with pytest.raises(CurrencyMalformed):
        Currency(code, 2)
    with pytest.raises(CurrencyMalformed):
        Amount(code, 1)


@pytest.mark.parametrize("digits", [-1, 19])
def test_currency_digits(digits: int) -> None:
    with pytest.raises(CurrencyMalformed):
        Currency("XTS", digits)


@pytest.mark.parametrize("minor", [1.0, True, "1"])
def test_money_is_a_whole_number(minor: object) -> None:
    with pytest.raises(TypeError):
        Amount("XTS", minor)  # type: ignore[arg-type]
