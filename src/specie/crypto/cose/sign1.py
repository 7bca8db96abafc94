"""COSE_Sign1: protected header exactly {1: alg, 4: kid, 16: typ}, external_aad "dc/1/" || typ."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from specie.crypto.core import STATUS_OK, _core, refusal_of
from specie.crypto.errors import WrongLength
from specie.kernel import codec

EDDSA = -8
ES256 = -7

# SPEC ISSUANCE-3.3.4
AAD_PREFIX = b"dc/1/"

# SPEC ISSUANCE-3.3.5
OBJECT_BYTES_MAX = 16_384

SIGNATURE_BYTES = 64

OK, MALFORMED, NON_CANONICAL, TOO_LARGE, WRONG_HEADER = range(5)
"""Statuses of `Parsed`."""

_OBJECT_HEAD = b"\xd2\x84"
_STRUCTURE_HEAD = b"\x84\x6aSignature1"
_NO_UNPROTECTED = b"\xa0"
_SIGNATURE_HEAD = b"\x58\x40"


class Parsed(NamedTuple):
    """One object of a batch; all fields but the status are empty if it is refused."""

    status: int
    kid: bytes
    typ: str
    alg: int
    payload: bytes
    signature: bytes
    tbs: bytes
    """The Sig_structure: what the signature is over."""


class Sign1(NamedTuple):
    """A parsed object whose signature is not yet verified."""

    kid: bytes
    typ: str
    alg: int
    payload: bytes
    signature: bytes
    tbs: bytes
    """The Sig_structure: what the signature is over."""


def _protected(typ: str, kid: bytes, alg: int) -> bytes:
    # SPEC ISSUANCE-3.3.2
    return codec.encode(codec.encode({1: alg, 4: kid, 16: typ}))


@lru_cache(maxsize=1024)
def to_be_signed_prefix(typ: str, kid: bytes, alg: int = EDDSA) -> bytes:
    """The Sig_structure up to its payload: the same for every object of one kind under one key."""
    return _STRUCTURE_HEAD + _protected(typ, kid, alg) + codec.encode(AAD_PREFIX + typ.encode())


@lru_cache(maxsize=1024)
def _object_prefix(typ: str, kid: bytes, alg: int) -> bytes:
    return _OBJECT_HEAD + _protected(typ, kid, alg) + _NO_UNPROTECTED


def to_be_signed(typ: str, kid: bytes, payload: bytes, alg: int = EDDSA) -> bytes:
    """The Sig_structure ["Signature1", protected, "dc/1/" || typ, payload] of RFC 9052 section 4.4."""
    return to_be_signed_prefix(typ, kid, alg) + codec.encode(payload)


def assemble_sign1(typ: str, kid: bytes, payload: bytes, signature: bytes, alg: int = EDDSA) -> bytes:
    """The object, tagged 18. Raises WrongLength unless the signature has 64 bytes."""
    if len(signature) != SIGNATURE_BYTES:
        raise WrongLength("a signature has 64 bytes")
    # SPEC ISSUANCE-3.3.1
    return _object_prefix(typ, kid, alg) + codec.encode(payload) + _SIGNATURE_HEAD + signature


# SPEC ISSUANCE-3.3.1, ISSUANCE-3.3.2, ISSUANCE-3.3.3, ISSUANCE-3.3.5, ISSUANCE-3.3.6, ISSUANCE-3.3.7
def parse_sign1_many(datas: Sequence[bytes], *, bytes_max: int = OBJECT_BYTES_MAX) -> list[Parsed]:
    """Parse each object on its own, on all cores; no signature is verified.

    A status names the first fault in this order: TOO_LARGE, then MALFORMED and NON_CANONICAL of the object,
    of its protected header and of its payload, and WRONG_HEADER where shape or headers are not the profile's.
    Which `typ` is wanted, and whether ES256 is allowed, is for the caller.
    """
    return list(map(Parsed._make, _core.parse_sign1_many(list(datas), bytes_max)))


def parse_sign1(data: bytes, *, bytes_max: int = OBJECT_BYTES_MAX) -> Sign1:
    """Parse one object.

    Raises what `parse_sign1_many` answers: codec.TooLarge, codec.Malformed, codec.NonCanonical, WrongHeader.
    """
    status, *fields = _core.parse_sign1_many([data], bytes_max)[0]
    if status != STATUS_OK:
        raise refusal_of(status, "the bytes are not an object of the COSE profile")
    return Sign1._make(fields)


def match_to_be_signed_many(messages: Sequence[bytes], prefixes: Sequence[bytes]) -> list[int]:
    """For each message the index of the prefix it begins with, or -1.

    After the prefix one byte string must follow, holding one item of deterministic CBOR, and then nothing. At
    most 254 prefixes. A Sig_structure has one encoding, so this is how a signer parses before it signs.
    """
    return [answer - 1 for answer in _core.match_to_be_signed_many(list(messages), list(prefixes))]
