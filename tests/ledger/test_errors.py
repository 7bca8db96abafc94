"""The table of refusal codes, as the chapter has it."""

from __future__ import annotations

import pytest

from specie.kernel.errors import Refused, Unavailable
from specie.ledger import errors

TABLE = """
1 ENVELOPE_MALFORMED 400|2 EPOCH_UNKNOWN 409|3 ENVELOPE_UNOPENABLE 400|4 NON_CANONICAL 400|5 SHAPE 422|6 BURN_RULE 422
7 EXPIRED 422|8 FEE_TOO_LOW 422|9 KEY_IMAGE_ORDER 400|10 OUTPUT_ORDER 400|11 KEY_IMAGE_SPENT 409
12 WITHDRAW_REF_USED 409|13 POINT_INVALID 400|14 SCALAR_INVALID 400|15 OUTPUT_KEY_REUSED 409|16 ESCROW_REFUSED 422
17 RING_INVALID 422|18 RING_CLASS 422|19 ANCHOR_INVALID 422|20 BALANCE 422|21 RING_GLUE 422|22 RING_SIGNATURE 422
23 RANGE_PROOF 422|24 TX_DUPLICATE 200|25 WRONG_CHAIN 422|26 TOO_LARGE 413|32 MINT_OBJECT 400|33 MINT_KEY 401
34 MINT_SIGNATURE 401|35 MINT_CURRENCY 422|36 MINT_MODEL 422|37 MINT_KEY_REVOKED 409|38 CONTROL_BIT_USED 409
39 CONTROL_BIT_CANCELLED 409|40 MINT_SUM 422|41 MINT_OWNER 422|42 MINT_UNIT_ROOT 422|43 MINT_KERNEL 422
44 CANCEL_REFUSED 409|48 WITHDRAW_STATE 409|49 WITHDRAW_BANK 403|50 WITHDRAW_TOO_EARLY 425|64 ESCROW_EXISTS 409
65 ESCROW_UNKNOWN 404|66 ESCROW_STATE 409|67 ESCROW_SIGNATURE 401|68 ESCROW_CLAIM 422|69 ESCROW_TIME 409
70 ESCROW_OPS 429|80 ANCHOR_KEY 401|81 ANCHOR_SEQUENCE 409|96 PARAMS_VERSION 409|97 PARAMS_QUORUM 403
98 PARAMS_VALUE 422|112 EPOCH_REFUSED 409|120 BLOCK_FULL 503|121 NOT_AVAILABLE 501|122 NOT_READY 503
123 OVERLOADED 503|124 UNKNOWN 404|125 PRUNED 410|126 INTERNAL 500
"""
ROWS = [tuple(row.split()) for row in TABLE.strip().replace("\n", "|").split("|")]
LABELS = {
    **{"V": 22, "M": 15, "MC": 3, "WD": 6, "E": 11, "A": 5, "P": 5, "EK": 3},
}


@pytest.mark.parametrize(("number", "name", "status"), ROWS, ids=[row[1] for row in ROWS])
def test_every_code_has_a_class(number: str, name: str, status: str) -> None:
    kind = errors.by_number(int(number))
    assert (kind.code, kind.status, kind.number) == (f"ledger.{name.lower()}", int(status), int(number))
    assert kind.__name__ == name.title().replace("_", "")
    assert issubclass(kind, Unavailable if int(number) in (120, 122, 123, 126) else Refused)
    find = errors.unavailable_class if issubclass(kind, Unavailable) else errors.refusal_class
    assert find(kind.code) is kind


def test_every_check_has_a_code() -> None:
    for letter, most in LABELS.items():
        for number in range(1, most + 1):
            assert issubclass(errors.of_rule(f"{letter}-{number}"), Refused)
    assert errors.of_rule("K-27") is errors.EscrowClaim
    with pytest.raises(KeyError):
        errors.of_rule("V-23")


def test_a_refusal_names_its_rule() -> None:
    assert errors.KeyImageSpent("spent", rule="V-9").rule == "V-9"
    assert errors.BlockFull("full", rule="8.5.5").rule == "8.5.5"
    assert errors.KeyImageSpent().rule is None
    assert errors.by_number(9999) is errors.Rejected
    assert errors.refusal_class("ledger.later") is errors.Rejected
    assert errors.unavailable_class("ledger.later") is errors.Deferred
