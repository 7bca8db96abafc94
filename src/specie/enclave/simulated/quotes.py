"""Quotes of the simulated provider: CBOR that names itself simulated, signed by a development root.

{1: "simulated", 2: version, 3: measurement 32, 4: report data 64, 5: issued (s), 6: platform state,
 7: development root 32, 8: Ed25519 signature over a domain and fields 1 to 7}
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from specie.crypto import ed25519
from specie.enclave.errors import MeasurementRefused, NotAttested, SimulatedRefused
from specie.enclave.messages import REPORT_DATA_BYTES, Measurement, QuoteRules
from specie.kernel import codec
from specie.kernel.errors import Refused

QUOTE_BYTES_MAX = 1024
CLOCK_SKEW_S = 300
"""How far in the future a quote may have been issued."""

_VERSION = 1
_DOMAIN = b"specie/simulated-quote/1"
_UP_TO_DATE = "UpToDate"
_SIZES = {3: 32, 4: REPORT_DATA_BYTES, 7: 32, 8: 64}
_TYPES = {1: str, 2: int, 3: bytes, 4: bytes, 5: int, 6: str, 7: bytes, 8: bytes}


# SPEC KMS-2.3, LEDGER-1.2
def build_quote(
    key: ed25519.SigningKey, measurement: bytes, report_data: bytes, issued_s: int, platform: str = _UP_TO_DATE
) -> bytes:
    """A quote, `simulated` in its first field. Raises ValueError unless there are 64 bytes of report data."""
    if len(report_data) != REPORT_DATA_BYTES:
        raise ValueError("a quote carries exactly 64 bytes of report data")
    fields = {
        1: "simulated",
        2: _VERSION,
        3: measurement,
        4: report_data,
        5: issued_s,
        6: platform,
        7: key.public(),
    }
    return codec.encode({**fields, 8: key.sign(_DOMAIN + codec.encode(fields))})


def verify_quote(quote: bytes, expected_report_data: bytes, rules: QuoteRules, now_s: int) -> Measurement:
    """What runs in the simulated enclave that said exactly this report data.

    Raises, in this order: NotAttested (unreadable), SimulatedRefused, NotAttested (root, signature, report data, age,
    platform), MeasurementRefused.  Spec: KMS-2.6, KMS-2.10, LEDGER-12.2.1.
    """
    fields = _read(quote)
    # SPEC LEDGER-12.2.1
    if rules.hardware:
        raise SimulatedRefused("this quote is simulated; only enclaves of hardware are believed here")
    measurement, said, issued_s, platform, root = (fields[key] for key in (3, 4, 5, 6, 7))
    if root not in rules.development_roots:
        raise NotAttested("the quote is signed by a development root that is not configured here")
    body = {key: value for key, value in fields.items() if key != 8}
    if not ed25519.is_signature(root, _DOMAIN + codec.encode(body), fields[8]):
        raise NotAttested("the signature of the quote is not valid")
    # SPEC KMS-2.10, LEDGER-11.4.6
    if said != expected_report_data:
        raise NotAttested("the quote speaks of other keys, another chain or another nonce")
    if not now_s - rules.age_s_max <= issued_s <= now_s + CLOCK_SKEW_S:
        raise NotAttested("the quote is too old, or from the future")
    # SPEC KMS-2.6
    if platform != _UP_TO_DATE:
        raise NotAttested(f"the platform is {platform}")
    if measurement not in rules.measurements:
        raise MeasurementRefused("the code in that enclave is not on the list", measurement=measurement)
    return Measurement("simulated", measurement, sha256(root).digest(), tcb_status=platform)


def _read(quote: bytes) -> dict[int, Any]:
    try:
        fields = codec.decode(quote, bytes_max=QUOTE_BYTES_MAX)
    except Refused as error:
        raise NotAttested("the quote cannot be read") from error
    if not isinstance(fields, dict) or {key: type(value) for key, value in fields.items()} != _TYPES:
        raise NotAttested("the quote is of no kind that is known here")
    sized = all(len(fields[key]) == size for key, size in _SIZES.items())
    if not sized or fields[1] != "simulated" or fields[2] != _VERSION:
        raise NotAttested("the quote is of no kind that is known here")
    return fields


class SimulatedVerifier:
    """`api.QuoteVerifier` for quotes of this provider; a quote of any other is not attested."""

    def verify(
        self, quote: bytes, collateral: bytes | None, expected_report_data: bytes, rules: QuoteRules, now_s: int
    ) -> Measurement:
        """As `verify_quote`; simulated quotes have no collateral."""
        return verify_quote(quote, expected_report_data, rules, now_s)
