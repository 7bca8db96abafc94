"""What a decoder of the profile refuses, in hex, and how it calls it. Spec: ISSUANCE-3.3.5."""

from __future__ import annotations

REFUSED = {
    "": "MALFORMED",
    "1800": "NON_CANONICAL",
    "190017": "NON_CANONICAL",
    "1a0000ffff": "NON_CANONICAL",
    "1b00000000ffffffff": "NON_CANONICAL",
    "5f4101ff": "NON_CANONICAL",
    "9fff": "NON_CANONICAL",
    "bfff": "NON_CANONICAL",
    "a201000100": "NON_CANONICAL",
    "a202000100": "NON_CANONICAL",
    "a220000100": "NON_CANONICAL",
    "f90000": "MALFORMED",
    "fb0000000000000000": "MALFORMED",
    "f6": "MALFORMED",
    "f7": "MALFORMED",
    "f818": "MALFORMED",
    "0000": "MALFORMED",
    "61ff": "MALFORMED",
    "6365cc81": "NON_CANONICAL",
    "818181818181818180": "MALFORMED",
    "9b7fffffffffffffff": "MALFORMED",
    "5b7fffffffffffffff": "MALFORMED",
    "1c": "MALFORMED",
    "a18000": "MALFORMED",
}
