"""The objects of annex A: judged by its CDDL, built from plain values.

A payload is claims<B>: {1 iss, ?3 aud, ?4 exp, ?5 nbf, 6 iat, 7 cti, -70000 body}.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from . import cose, merkle, units
from .cbor import decode, encode

BODY = -70000
AMOUNT_MAX = 2**62 - 1
Rule = Callable[[Any], bool]


class SchemaError(ValueError):
    """The claims or the body break annex A."""


def is_uint(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**64


def is_amount(value: Any) -> bool:
    return type(value) is int and 1 <= value <= AMOUNT_MAX


def is_bytes(value: Any) -> bool:
    return isinstance(value, bytes)


def is_id(value: Any) -> bool:
    return isinstance(value, bytes) and len(value) == 16


def is_hash(value: Any) -> bool:
    return isinstance(value, bytes) and len(value) == 32


def is_sid(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[a-z0-9:._-]{1,64}", value) is not None


def is_currency(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[A-Z0-9]{3,12}", value) is not None


def is_flag(value: Any) -> bool:
    return type(value) is int and value in (0, 1)


def is_text(value: Any) -> bool:
    return isinstance(value, str)


def text_to(length: int) -> Rule:
    """`tstr .size (0..n)` counts the bytes of the UTF-8 form (RFC 8610 section 3.8.1)."""
    return lambda value: isinstance(value, str) and len(value.encode()) <= length


def count_to(last: int) -> Rule:
    return lambda value: type(value) is int and 1 <= value <= last


def list_of(rule: Rule, least: int = 0) -> Rule:
    return lambda value: isinstance(value, list) and len(value) >= least and all(map(rule, value))


def is_denomination(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and is_amount(value[0]) and count_to(1000)(value[1])


def is_owner(value: Any) -> bool:
    return isinstance(value, bytes) and 1 <= len(value) <= 129


def is_figures(value: Any) -> bool:
    """Field 3 of dc-supply: {+ cur => [uint, uint, {+ sid => [uint, uint]}]}."""

    def pair(two: Any) -> bool:
        return isinstance(two, list) and len(two) == 2 and all(map(is_uint, two))

    def row(three: Any) -> bool:
        return isinstance(three, list) and len(three) == 3 and pair(three[:2]) and table(three[2], is_sid, pair)

    def table(rows: Any, key: Rule, member: Rule) -> bool:
        return isinstance(rows, dict) and rows != {} and all(key(k) and member(v) for k, v in rows.items())

    return table(value, is_currency, row)


def is_attributes(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(key, str) for key in value)


RULES: Mapping[str, Rule] = {
    "amount": is_amount,
    "attributes": is_attributes,
    "bytes": is_bytes,
    "bytes*": list_of(is_bytes),
    "bytes+": list_of(is_bytes, 1),
    "ids": list_of(is_id, 1),
    "currency": is_currency,
    "denominations": list_of(is_denomination, 1),
    "figures": is_figures,
    "flag": is_flag,
    "hash": is_hash,
    "hash*": list_of(is_hash),
    "hash+": list_of(is_hash, 1),
    "id": is_id,
    "map": lambda value: isinstance(value, dict),
    "number": count_to(1000),
    "owner": is_owner,
    "sid": is_sid,
    "text": is_text,
    "text64": text_to(64),
    "text256": text_to(256),
    "uint": is_uint,
}
USED = "1 id, 2 hash, 3 uint"
MINTED = "1 id, 2 hash, ?3 bytes"
CLAIMS = "1 sid, ?3 sid, ?4 uint, ?5 uint, 6 uint, 7 id, -70000 map"
SCHEMAS = {
    "dc-req": "1 currency, 2 amount, 3 flag, 4 owner, ?5 denominations, 6 text64, ?7 id, ?8 sid, ?9 uint",
    "dc-appr": "1 hash, 2 flag, 3 uint, ?4 text256",
    "dc-cred": "1 bytes, 2 hash, 3 sid, 4 currency, 5 amount, 6 flag, 7 uint, 8 hash, 9 bytes*, 10 hash, ?11 hash",
    "dc-pres": "1 bytes, 2 hash",
    "dc-bit": "1 id, 2 hash, 3 currency, 4 amount, 5 flag, 6 hash, 7 hash, 8 number, 9 uint",
    "dc-unit": "1 currency, 2 amount, 3 bytes, 4 bytes, 5 uint, 6 hash*, ?7 uint, ?8 attributes",
    "dc-acct": "1 currency, 2 amount, 3 bytes, 4 bytes, 5 id",
    "dc-deny": "1 hash, 2 text, ?3 text, ?4 uint, ?5 uint",
    "dc-used": USED,
    "dc-tomb": USED,
    "dc-minted": MINTED,
    "dc-cancel": MINTED,
    "dc-redreq": "1 currency, 2 amount, ?3 ids, ?4 bytes, 5 text",
    "dc-redeem": "1 hash, 2 currency, 3 amount, 4 uint",
    "dc-reserve": "1 currency, 2 uint, 3 uint",
    "dc-lease": "1 text, 2 amount, 3 sid",
    "dc-revoke": "1 bytes, ?2 uint, 3 text",
    "dc-pause": "1 text, 2 flag, 3 text, ?4 hash+",
    "dc-supply": "1 uint, 2 hash, 3 figures, 4 hash",
}


def check_fields(value: Any, schema: str) -> None:
    """Raises SchemaError naming the first field that is missing, unknown or wrong."""
    rows = [row.strip().rsplit(" ", 1) for row in schema.split(",")]
    rules = {int(key.lstrip("?")): (RULES[name], key[0] != "?") for key, name in rows}
    if not isinstance(value, dict):
        raise SchemaError("not a map")
    if unknown := set(value) - set(rules):
        raise SchemaError(f"unknown fields {sorted(map(str, unknown))}")
    for key, (rule, needed) in rules.items():
        if key not in value and needed:
            raise SchemaError(f"field {key} is missing")
        if key in value and not rule(value[key]):
            raise SchemaError(f"field {key} is wrong")


class Object(NamedTuple):
    """A parsed and schema-checked object; its signature is not yet judged."""

    typ: str
    kid: bytes
    claims: dict[int, Any]
    body: dict[int, Any]
    data: bytes


def parse(data: bytes, typ: str | None = None) -> Object:
    """Raises what the decoder raises, and SchemaError. Spec: 3.3, annex A."""
    message = cose.parse_sign1(data)
    if message.typ not in SCHEMAS or typ not in (None, message.typ):
        raise SchemaError(f"typ is {message.typ}")
    claims = decode(message.payload)
    check_fields(claims, CLAIMS)
    check_fields(claims[BODY], SCHEMAS[message.typ])
    return Object(message.typ, message.kid, claims, claims[BODY], data)


def payload(
    iss: str,
    iat: int,
    cti: bytes,
    body: Mapping[int, Any],
    *,
    aud: str | None = None,
    exp: int | None = None,
    nbf: int | None = None,
) -> bytes:
    """The claims, encoded; what is None is left out."""
    fields = {key: value for key, value in body.items() if value is not None}
    claims = {1: iss, 3: aud, 4: exp, 5: nbf, 6: iat, 7: cti, BODY: fields}
    return encode({key: value for key, value in claims.items() if value is not None})


def unit_values(request: Object) -> list[int]:
    """The value of each unit that a request asks for, in order."""
    return units.values(request.body[2], request.body.get(5))


def unit_leaves(request: Object, credential_cti: bytes) -> list[bytes]:
    return units.leaves(credential_cti, request.body[1], request.body[4], unit_values(request))


def credential(
    request: bytes,
    seed: bytes,
    *,
    iss: str,
    aud: str,
    iat: int,
    exp: int,
    cti: bytes,
    policy: tuple[int, bytes],
    approvals: Sequence[bytes] = (),
    reserve: bytes | None = None,
) -> bytes:
    """A dc-cred, unsealed. policy: version and hash. Spec: 4.3."""
    asked = parse(request, "dc-req")
    body = {
        1: request,
        2: cose.sha256(request),
        3: asked.claims[1],
        4: asked.body[1],
        5: asked.body[2],
        6: asked.body[3],
        7: policy[0],
        8: policy[1],
        9: list(approvals),
        10: merkle.root(unit_leaves(asked, cti)),
        11: reserve,
    }
    return cose.sign1("dc-cred", payload(iss, iat, cti, body, aud=aud, exp=exp, nbf=iat), seed)


def control_bit(credential_bytes: bytes, seed: bytes, *, iss: str, iat: int, exp: int, cti: bytes, seq: int) -> bytes:
    """A dc-bit for a whole credential. Spec: 4.5."""
    cred = parse(credential_bytes, "dc-cred")
    asked = parse(cred.body[1], "dc-req")
    body = {
        1: cred.claims[7],
        2: cose.sha256(credential_bytes),
        3: cred.body[4],
        4: cred.body[5],
        5: cred.body[6],
        6: cose.sha256(asked.body[4]),
        7: cred.body[10],
        8: len(unit_values(asked)),
        9: seq,
    }
    return cose.sign1("dc-bit", payload(iss, iat, cti, body, aud=cred.body[3], exp=exp), seed)


def make_units(request: bytes, bit_bytes: bytes, seed: bytes, *, iat: int, compact: bool = False) -> list[bytes]:
    """All dc-unit of a bit. Spec: 4.6."""
    asked, bit = parse(request, "dc-req"), parse(bit_bytes, "dc-bit")
    cti, all_leaves = bit.body[1], unit_leaves(asked, bit.body[1])
    shown = cose.sha256(bit_bytes) if compact else bit_bytes
    made = []
    for i, value in enumerate(unit_values(asked)):
        path = merkle.inclusion_proof(all_leaves, i)
        body = {1: asked.body[1], 2: value, 3: asked.body[4], 4: shown, 5: i, 6: path}
        made.append(cose.sign1("dc-unit", payload(asked.claims[1], iat, units.serial(cti, i), body), seed))
    return made


def account_order(request: bytes, bit_bytes: bytes, seed: bytes, *, iat: int, cti: bytes) -> bytes:
    """A dc-acct. Spec: 4.8."""
    asked, bit = parse(request, "dc-req"), parse(bit_bytes, "dc-bit")
    body = {1: bit.body[3], 2: bit.body[4], 3: asked.body[4], 4: bit_bytes, 5: bit.body[1]}
    return cose.sign1("dc-acct", payload(asked.claims[1], iat, cti, body), seed)


def is_unit_of(unit: Object, bit: Object) -> bool:
    """Whether the bit authorises exactly this unit (the signatures apart). Spec: 4.7."""
    index, owner, serial = unit.body[5], unit.body[3], unit.claims[7]
    if index >= bit.body[8] or serial != units.serial(bit.body[1], index):
        return False
    if unit.claims[1] != bit.claims.get(3) or unit.body[1] != bit.body[3] or cose.sha256(owner) != bit.body[6]:
        return False
    start = units.leaf(bit.body[1], unit.body[1], unit.body[2], owner, index)
    try:
        return merkle.root_from_path(start, index, bit.body[8], unit.body[6]) == bit.body[7]
    except ValueError:
        return False


# -- manifest -----------------------------------------------------------------------------------------------


class KeyEntry(NamedTuple):
    """One entry of dc-keys; status 0 pending, 1 active, 2 retired, 3 revoked."""

    kid: bytes
    cose_key: bytes
    role: str
    holder: str
    nbf: int
    signing_until: int
    verify_until: int
    status: int = 1
    compromised_from_seq: int | None = None
    title: str | None = None

    def encoded(self) -> dict[int, Any]:
        return {i: value for i, value in enumerate(self, start=1) if value is not None}


def manifest(
    environment: str,
    version: int,
    previous: bytes,
    entries: Sequence[KeyEntry],
    root_seeds: list[bytes],
    *,
    iss: str = "cm",
    iat: int,
    cti: bytes,
    threshold: int | None = None,
) -> bytes:
    """A dc-keys signed by the root keys of these seeds. Spec: 2.1."""
    body = {1: environment, 2: version, 3: previous, 4: [e.encoded() for e in entries], 5: threshold}
    return cose.sign("dc-keys", payload(iss, iat, cti, body), root_seeds)
