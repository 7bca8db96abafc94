"""What a decision leaves to do after its commit: objects to sign, and the refusal that they are evidence of."""

from __future__ import annotations

import json
from dataclasses import dataclass

from specie.issuance.errors import Denial, refusal_class
from specie.issuance.store.journal import ObjectRow


@dataclass(frozen=True, slots=True)
class Outcome:
    """An object of this system, signed already where its row carries a signature."""

    row: ObjectRow
    refusal: Denial | None = None
    """Set where the object is the evidence of a refusal."""
    replayed: bool = False


def pack_refusal(refusal: Denial) -> str:
    """A refusal as a row keeps it, so that a replay answers the same."""
    return json.dumps(
        {
            "code": refusal.code,
            "detail": refusal.detail,
            "bucket": refusal.bucket,
            "available": refusal.available,
            "not_before": refusal.not_before_s,
            "retry_after": refusal.retry_after_s,
        },
        separators=(",", ":"),
    )


def unpack_refusal(text: str) -> Denial:
    """The refusal that a row keeps."""
    value = json.loads(text)
    refusal = refusal_class(value["code"])(value["detail"])
    refusal.bucket, refusal.available = value["bucket"], value["available"]
    refusal.not_before_s, refusal.retry_after_s = value["not_before"], value["retry_after"]
    return refusal
