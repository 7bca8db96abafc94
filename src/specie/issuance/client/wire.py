"""What goes over HTTP between the systems beside signed objects: arrays and maps in the canonical encoding.

Batch calls are CBOR arrays of up to 100 byte strings and answer an array of [status, body], an item in each place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from specie.issuance.api import Bit, Closed, Granted, MintNote, Order, Pending, Refusal, Report, Traced
from specie.issuance.errors import Denial, Overloaded, Schema, refusal_class, unavailable_class
from specie.kernel import codec
from specie.kernel.errors import Refused, Unavailable

CBOR = "application/cbor"
COSE = "application/cose"
BATCH_MAX = 100
BATCH_BYTES_MAX = 4 * 2**20
LEAVES_BYTES_MAX = 2**20


def encode(value: Any) -> bytes:
    return codec.encode(value)


def decode(data: bytes, bytes_max: int = BATCH_BYTES_MAX) -> Any:
    """Any canonical value. Raises codec refusals."""
    return codec.decode(data, bytes_max=bytes_max)


# SPEC ISSUANCE-16.2.1
def unpack_batch(data: bytes) -> list[bytes]:
    """An array of up to 100 objects. Raises Schema, codec refusals."""
    value = decode(data)
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= BATCH_MAX:
        raise Schema(f"an array of 1 to {BATCH_MAX} objects expected")
    if not all(isinstance(item, bytes) for item in value):
        raise Schema("a batch holds byte strings")
    return list(value)


def pack_refusal(error: Refusal) -> list[Any]:
    """[status, {1: code, 2: detail, ?3: evidence, ?4: bucket, ?5: available, ?6: not before, ?7: retry after}]."""
    body: dict[int, Any] = {1: error.code, 2: error.detail}
    if isinstance(error, Denial):
        optional = (error.evidence or None, error.bucket, error.available, error.not_before_s, error.retry_after_s)
        body |= {key: value for key, value in enumerate(optional, 3) if value is not None}
    elif isinstance(error, Unavailable):
        body[7] = error.retry_after_s
    status = error.status if isinstance(error, Refused) else 503
    return [status, encode(body)]


def unpack_refusal(status: int, data: bytes) -> Refusal:
    """The refusal or unavailability that another system answered."""
    body = decode(data)
    code, detail = body[1], body[2]
    if status == 503:
        return unavailable_class(code)(detail, body.get(7, 1))
    refusal = refusal_class(code)(detail)
    refusal.evidence, refusal.bucket = body.get(3, b""), body.get(4)
    refusal.available, refusal.not_before_s, refusal.retry_after_s = body.get(5), body.get(6), body.get(7)
    return refusal


def pack_granted(answer: Granted) -> bytes:
    return encode(
        {
            1: answer.sealed,
            2: answer.cti,
            3: answer.hash,
            4: answer.amount,
            5: answer.currency,
            6: answer.exp,
            7: answer.quota_control,
            8: answer.replayed,
        }
    )


def unpack_granted(data: bytes) -> Granted:
    body = decode(data)
    return Granted(*(body[key] for key in range(1, 9)))


def pack_pending(answer: Pending) -> bytes:
    return encode({1: answer.cti, 2: answer.persons, 3: answer.until_s, 4: answer.retry_after_s})


def unpack_pending(data: bytes) -> Pending:
    body = decode(data)
    return Pending(*(body[key] for key in range(1, 5)))


def pack_requests(answers: Sequence[Granted | Pending | Refusal]) -> bytes:
    """Answers to `submit_requests`."""
    return encode([pack_request_answer(answer) for answer in answers])


def pack_request_answer(answer: Granted | Pending | Refusal) -> list[Any]:
    if isinstance(answer, Granted):
        return [200, pack_granted(answer)]
    if isinstance(answer, Pending):
        return [202, pack_pending(answer)]
    return pack_refusal(answer)


def unpack_requests(data: bytes) -> list[Granted | Pending | Refusal]:
    answers: list[Granted | Pending | Refusal] = []
    for status, body in decode(data):
        if status == 200:
            answers.append(unpack_granted(body))
        else:
            answers.append(unpack_pending(body) if status == 202 else unpack_refusal(status, body))
    return answers


def pack_bits(answers: Sequence[Bit | Refusal]) -> bytes:
    """Answers to `control_bits`."""
    return encode(
        [
            [200, encode([answer.bit, answer.replayed])] if isinstance(answer, Bit) else pack_refusal(answer)
            for answer in answers
        ]
    )


def unpack_bits(data: bytes) -> list[Bit | Refusal]:
    return [Bit(*decode(body)) if status == 200 else unpack_refusal(status, body) for status, body in decode(data)]


def pack_closed(answers: Sequence[Closed | Refusal]) -> bytes:
    return encode(
        [
            [200, encode([answer.answer, answer.used])] if isinstance(answer, Closed) else pack_refusal(answer)
            for answer in answers
        ]
    )


def unpack_closed(data: bytes) -> list[Closed | Refusal]:
    return [Closed(*decode(body)) if status == 200 else unpack_refusal(status, body) for status, body in decode(data)]


def pack_outcomes(answers: Sequence[Refusal | None]) -> bytes:
    return encode([[200, b""] if answer is None else pack_refusal(answer) for answer in answers])


def unpack_outcomes(data: bytes) -> list[Refusal | None]:
    return [None if status == 200 else unpack_refusal(status, body) for status, body in decode(data)]


def pack_reports(reports: Sequence[Report]) -> bytes:
    return encode([[report.kind, report.key, list(report.objects)] for report in reports])


def unpack_reports(data: bytes) -> list[Report]:
    """Raises Schema, codec refusals."""
    value = decode(data)
    try:
        reports = [Report(kind, key, tuple(objects)) for kind, key, objects in value]
        good = all(
            isinstance(each.kind, str) and all(isinstance(item, bytes) for item in (each.key, *each.objects))
            for each in reports
        )
    except (TypeError, ValueError) as error:
        raise Schema("reports are an array of [kind, key, objects]") from error
    if not good or len(reports) > 1024:
        raise Schema("reports are an array of [kind, key, objects]")
    return reports


def pack_notes(notes: Sequence[MintNote]) -> bytes:
    return encode([[note.minted, note.receipt] for note in notes])


def unpack_notes(data: bytes) -> list[MintNote]:
    """Raises Schema, codec refusals."""
    return [MintNote(*pair) for pair in unpack_pairs(data)]


def pack_pairs(pairs: Sequence[tuple[bytes, bytes]]) -> bytes:
    return encode([list(pair) for pair in pairs])


def unpack_pairs(data: bytes) -> list[tuple[bytes, bytes]]:
    """An array of pairs of byte strings. Raises Schema, codec refusals."""
    value = decode(data)
    if not isinstance(value, list | tuple) or len(value) > 1024:
        raise Schema("an array of pairs expected")
    pairs = []
    for item in value:
        if not isinstance(item, list | tuple) or len(item) != 2 or not all(isinstance(part, bytes) for part in item):
            raise Schema("an array of pairs of byte strings expected")
        pairs.append((item[0], item[1]))
    return pairs


# SPEC ISSUANCE-14.13
def pack_plan(order: Order, issuer: str) -> bytes:
    """An order for a dry run: [issuer, currency, amount, model, owner, purpose, denominations, operator or empty]."""
    piles = [list(pair) for pair in order.denominations or ()]
    fields = [issuer, order.currency, order.amount, int(order.model), order.owner, order.purpose, piles]
    return encode([*fields, order.operator or ""])


def unpack_plan(data: bytes) -> tuple[Order, str]:
    """Raises Schema, codec refusals."""
    value = decode(data)
    kinds = [str, str, int, int, bytes, str, list, str]
    if not isinstance(value, list) or [type(item) for item in value] != kinds:
        raise Schema("a plan is an array of eight fields")
    issuer, code, amount, model, owner, purpose, piles, operator = value
    if not all(isinstance(pile, list) and [type(item) for item in pile] == [int, int] for pile in piles):
        raise Schema("denominations are pairs of numbers")
    pairs = tuple((pile[0], pile[1]) for pile in piles) or None
    return Order(code, amount, model, owner, pairs, purpose, operator or None), issuer


def unpack_traced(data: bytes) -> list[Traced]:
    return [Traced(*row) for row in decode(data)]


def too_many(count: int) -> Overloaded:
    return Overloaded(f"{count} items in one call; at most {BATCH_MAX}")
