"""Opening many signed objects at once: size, encoding, type, key, signature, schema, in this order (C1 to C6).

Every step runs over the whole batch, so that decoding and signatures are checked by the core on all cores; an item that
fails keeps the refusal of its first fault, and the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from specie.crypto import cose, ed25519
from specie.issuance.errors import (
    AlgorithmNotAllowed,
    BadSignature,
    Denial,
    Malformed,
    NonCanonical,
    TooLarge,
    WrongType,
)
from specie.issuance.messages.claims import Signed, read_payload
from specie.issuance.messages.keys import KeyEntry
from specie.issuance.messages.wire import Body
from specie.issuance.protocol.keyset import KeySet
from specie.issuance.protocol.quorum import is_signed

B = TypeVar("B", bound=Body)
FindKey = Callable[[bytes], KeyEntry]

# SPEC ISSUANCE-3.3.5
OBJECT_BYTES_MAX = 16_384

_PARSE_FAULTS: dict[int, type[Denial]] = {
    cose.TOO_LARGE: TooLarge,
    cose.MALFORMED: Malformed,
    cose.NON_CANONICAL: NonCanonical,
    cose.WRONG_HEADER: Malformed,
}


# SPEC ISSUANCE-3.3.1, ISSUANCE-3.3.2, ISSUANCE-3.3.3, ISSUANCE-6.2.1, ISSUANCE-6.2.2, ISSUANCE-6.2.3, ISSUANCE-6.2.4
# SPEC ISSUANCE-6.2.5, ISSUANCE-6.2.6, ISSUANCE-6.0.2
def open_many(
    datas: Sequence[bytes],
    kind: type[B],
    keys: KeySet,
    find_key: FindKey,
    *,
    algorithms: Sequence[int] = (cose.EDDSA,),
) -> list[Signed[B] | Denial]:
    """Open a batch of objects of one type; each answer is the opened object or the refusal of its first fault.

    find_key: kid -> entry in force, raising UnknownKey, KeyRole, KeyNotActive or KeyRevoked.
    Refusals in order: TooLarge, Malformed, NonCanonical, WrongType, AlgorithmNotAllowed, those of find_key,
    BadSignature, Schema.
    """
    typ: str = kind.typ  # type: ignore[attr-defined]
    parsed = cose.parse_sign1_many(datas, bytes_max=OBJECT_BYTES_MAX)
    answers: list[Signed[B] | Denial | None] = [None] * len(datas)
    waiting: list[int] = []
    for index, item in enumerate(parsed):
        try:
            if item.status != cose.OK:
                raise _PARSE_FAULTS[item.status]("the bytes are not an object of this profile")
            if item.typ != typ:
                raise WrongType(f"{typ} expected")
            if item.alg not in algorithms:
                raise AlgorithmNotAllowed(f"algorithm {item.alg} is not allowed for {typ}")
            find_key(item.kid)
            waiting.append(index)
        except Denial as refusal:
            answers[index] = refusal
    verdicts = _verify(parsed, waiting, keys)
    for index, good in zip(waiting, verdicts, strict=True):
        item = parsed[index]
        try:
            if not good:
                raise BadSignature("the signature does not verify")
            claims, body = read_payload(kind, item.payload, checked=True)
            answers[index] = Signed(typ, item.kid, claims, body, datas[index], item.signature, item.tbs, item.alg)
        except Denial as refusal:
            answers[index] = refusal
    return answers  # type: ignore[return-value]


# SPEC ISSUANCE-3.4.3, ISSUANCE-3.4.4
def _verify(parsed: Sequence[cose.Parsed], waiting: Sequence[int], keys: KeySet) -> list[bool]:
    """Ed25519 goes to the core in one batch; the few ES256 signatures of officers one by one."""
    verdicts = [False] * len(waiting)
    batch = [place for place, index in enumerate(waiting) if parsed[index].alg == cose.EDDSA]
    good = ed25519.verify_many(
        [keys.publics[parsed[waiting[place]].kid] for place in batch],
        [parsed[waiting[place]].tbs for place in batch],
        [parsed[waiting[place]].signature for place in batch],
    )
    for place, verdict in zip(batch, good, strict=True):
        verdicts[place] = bool(verdict)
    for place, index in enumerate(waiting):
        item = parsed[index]
        if item.alg != cose.EDDSA:
            verdicts[place] = is_signed(keys.publics[item.kid], item.alg, item.tbs, item.signature)
    return verdicts


def open_one(
    data: bytes, kind: type[B], keys: KeySet, find_key: FindKey, *, algorithms: Sequence[int] = (cose.EDDSA,)
) -> Signed[B]:
    """Open one object; raises what `open_many` answers."""
    (answer,) = open_many([data], kind, keys, find_key, algorithms=algorithms)
    if isinstance(answer, Denial):
        raise answer
    return answer


def read_unverified(data: bytes, kind: type[B]) -> Signed[B]:
    """Decode an object whose signature is judged elsewhere. Raises as `open_many` does, but of key and signature."""
    (item,) = cose.parse_sign1_many([data], bytes_max=OBJECT_BYTES_MAX)
    if item.status != cose.OK:
        raise _PARSE_FAULTS[item.status]("the bytes are not an object of this profile")
    if item.typ != kind.typ:  # type: ignore[attr-defined]
        raise WrongType(f"{kind.typ} expected")  # type: ignore[attr-defined]
    claims, body = read_payload(kind, item.payload, checked=True)
    return Signed(item.typ, item.kid, claims, body, data, item.signature, item.tbs, item.alg)
