"""The JSON view of any object, for people; never signed and never parsed back (ISSUANCE section 3.8)."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from specie.crypto import cose
from specie.issuance.errors import Malformed, WrongType
from specie.issuance.messages import keys, objects, policy
from specie.issuance.messages.claims import Claims, read_payload
from specie.issuance.messages.wire import Body

_TAG_SIGN = b"\xd8\x62"


def kinds() -> dict[str, type[Body]]:
    """Every type of object, by its typ."""
    found = [each for module in (objects, keys, policy) for each in vars(module).values()]
    return {
        each.typ: each for each in found if isinstance(each, type) and issubclass(each, Body) and hasattr(each, "typ")
    }


def plain(value: Any) -> Any:
    """Bytes as hex, bodies by field name, the rest as it is."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Body):
        named = {item.name: getattr(value, item.name) for item in fields(value)}  # type: ignore[arg-type]
        return {name: plain(each) for name, each in named.items() if each is not None}
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {(key.hex() if isinstance(key, bytes) else str(key)): plain(each) for key, each in value.items()}
    return value


def claims_view(claims: Claims) -> dict[str, Any]:
    named = {name: getattr(claims, name) for name in Claims.__slots__}
    return {name: plain(value) for name, value in named.items() if value is not None}


# SPEC ISSUANCE-3.8.1
def view(data: bytes) -> dict[str, Any]:
    """An object as plain values: typ, signers, claims, body. Raises Malformed, WrongType, Schema, codec refusals."""
    if data.startswith(_TAG_SIGN):
        parsed = cose.parse_sign(data)
        typ, payload, signers = parsed.typ, parsed.payload, [signer.kid.hex() for signer in parsed.signers]
    else:
        (one,) = cose.parse_sign1_many([data])
        if one.status != cose.OK:
            raise Malformed("not an object of this profile")
        typ, payload, signers = one.typ, one.payload, [one.kid.hex()]
    kind = kinds().get(typ)
    if kind is None:
        raise WrongType(f"no object of the type {typ} is known")
    claims, body = read_payload(kind, payload)
    return {"typ": typ, "signers": signers, "claims": claims_view(claims), "body": plain(body)}
