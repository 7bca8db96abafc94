"""Money: a whole number of minor units together with its currency. No floats, no sums across currencies."""

import re
from dataclasses import dataclass
from typing import Self

from specie.kernel.errors import Refused

AMOUNT_MAX = 2**62 - 1
"""The largest amount, in minor units; the sum of two still fits into 64 bits."""

DIGITS_MAX = 18
"""More decimal places than this could not hold a whole unit."""

_CODE = re.compile(r"[A-Z0-9]{3,12}")
_DECIMAL = re.compile(r"(0|[1-9][0-9]{0,18})(?:\.([0-9]{1,18}))?")


class CurrencyMalformed(Refused):
    """Not 3 to 12 characters of [A-Z0-9], or a number of decimal places that no currency has."""

    code = "amount.currency_malformed"
    status = 400


class CurrencyMismatch(Refused):
    """Two amounts of different currencies were added, subtracted or compared."""

    code = "amount.currency_mismatch"
    status = 422


class AmountMalformed(Refused):
    """The text is not a decimal number with at most the currency's decimal places."""

    code = "amount.malformed"
    status = 400


class AmountOutOfRange(Refused):
    """Below zero or above 2^62-1 minor units."""

    code = "amount.out_of_range"
    status = 422


def check_currency_code(code: str) -> None:
    """Raise CurrencyMalformed unless this can be the code of a currency. Spec: ISSUANCE-3.7.2."""
    # SPEC ISSUANCE-3.7.2
    if not _CODE.fullmatch(code):
        raise CurrencyMalformed("a currency is 3 to 12 characters of A-Z and 0-9")


def parse_minor(text: str, digits: int) -> int:
    """The minor units of a decimal like "12.50"; no sign, no exponent, no grouping, no rounding.

    Raises, in this order: AmountMalformed, AmountOutOfRange.
    """
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise AmountMalformed("an amount is written like 12 or 12.50")
    whole, fraction = match[1], match[2] or ""
    if len(fraction) > digits:
        raise AmountMalformed(f"the currency has {digits} decimal places", digits=digits)
    minor = int(whole + fraction.ljust(digits, "0"))
    if minor > AMOUNT_MAX:
        raise AmountOutOfRange("the amount is above 2^62-1 minor units")
    return minor


def format_minor(minor: int, digits: int) -> str:
    """The decimal of so many minor units, always with all decimal places: 1250 with 2 digits is "12.50"."""
    if minor < 0:
        return "-" + format_minor(-minor, digits)
    if digits == 0:
        return str(minor)
    text = str(minor).rjust(digits + 1, "0")
    return f"{text[:-digits]}.{text[-digits:]}"


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency and its scale. Raises CurrencyMalformed."""

    code: str
    """ISO 4217 or registered in the policy; `XTS` is the sandbox's."""

    digits: int
    """Decimal places of the minor unit, 0 to 18."""

    def __post_init__(self) -> None:
        check_currency_code(self.code)
        if not 0 <= self.digits <= DIGITS_MAX:
            raise CurrencyMalformed(f"a currency has 0 to {DIGITS_MAX} decimal places")


@dataclass(frozen=True, slots=True)
class Amount:
    """So much of one currency. Raises CurrencyMalformed, AmountOutOfRange; TypeError for a float."""

    currency_code: str

    minor: int
    """Minor units, 0 to 2^62-1."""

    def __post_init__(self) -> None:
        check_currency_code(self.currency_code)
        if type(self.minor) is not int:
            raise TypeError("money is counted in whole minor units")
        # SPEC ISSUANCE-3.7.1, ISSUANCE-20.21
        if not 0 <= self.minor <= AMOUNT_MAX:
            raise AmountOutOfRange("an amount is 0 to 2^62-1 minor units")

    @classmethod
    def parse(cls, text: str, currency: Currency) -> Self:
        """Read "12.50". Raises, in this order: AmountMalformed, AmountOutOfRange."""
        return cls(currency.code, parse_minor(text, currency.digits))

    def format(self, digits: int) -> str:
        """The decimal, without the currency's code."""
        return format_minor(self.minor, digits)

    def _minor_of(self, other: "Amount") -> int:
        if other.currency_code != self.currency_code:
            raise CurrencyMismatch(f"{self.currency_code} and {other.currency_code} do not mix")
        return other.minor

    def __add__(self, other: "Amount") -> "Amount":
        """The sum. Raises CurrencyMismatch, AmountOutOfRange."""
        return Amount(self.currency_code, self.minor + self._minor_of(other))

    def __sub__(self, other: "Amount") -> "Amount":
        """The difference. Raises CurrencyMismatch, AmountOutOfRange (below zero)."""
        return Amount(self.currency_code, self.minor - self._minor_of(other))

    def __lt__(self, other: "Amount") -> bool:
        return self.minor < self._minor_of(other)

    def __le__(self, other: "Amount") -> bool:
        return self.minor <= self._minor_of(other)

    def __gt__(self, other: "Amount") -> bool:
        return self.minor > self._minor_of(other)

    def __ge__(self, other: "Amount") -> bool:
        return self.minor >= self._minor_of(other)
