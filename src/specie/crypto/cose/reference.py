"""The parser of COSE_Sign1 in plain Python over the kernel's codec: to read, and to hold the Rust core to.

Services use `sign1`. A test feeds both thousands of spoiled objects: they accept the same and read the same.
Where an object has several encoding faults at once, one may name Malformed what the other names NonCanonical.
"""

from cbor2 import CBORTag

from specie.crypto.cose.sign1 import AAD_PREFIX, EDDSA, ES256, OBJECT_BYTES_MAX, SIGNATURE_BYTES, Sign1
from specie.crypto.errors import WrongHeader
from specie.kernel import codec

TAG = 18
TYP_BYTES_MAX = 64


def parse_sign1(data: bytes, *, bytes_max: int = OBJECT_BYTES_MAX) -> Sign1:
    """Parse one object; no signature is verified.

    Raises, in this order: codec.TooLarge, codec.Malformed, codec.NonCanonical, WrongHeader.
    """
    # SPEC ISSUANCE-3.3.5, ISSUANCE-3.3.6, ISSUANCE-3.3.7
    value = codec.decode(data, bytes_max=bytes_max, tags=frozenset({TAG}))
    match value:
        # SPEC ISSUANCE-3.3.1, ISSUANCE-3.3.2
        case CBORTag(tag=18, value=[bytes(protected), {**unprotected}, bytes(payload), bytes(signature)]) if (
            not unprotected and len(signature) == SIGNATURE_BYTES
        ):
            pass
        case _:
            raise WrongHeader("not a COSE_Sign1 with an empty unprotected header")
    header = codec.decode(protected, bytes_max=bytes_max)
    codec.decode(payload, bytes_max=bytes_max)
    match header:
        # SPEC ISSUANCE-3.3.2, ISSUANCE-3.3.3
        case {1: int(alg), 4: bytes(kid), 16: str(typ), **rest} if (
            not rest and alg in (EDDSA, ES256) and len(kid) == 16 and 0 < len(typ.encode()) <= TYP_BYTES_MAX
        ):
            pass
        case _:
            raise WrongHeader("the protected header is not {1: alg, 4: kid, 16: typ}")
    # SPEC ISSUANCE-3.3.4
    tbs = codec.encode(["Signature1", protected, AAD_PREFIX + typ.encode(), payload])
    return Sign1(kid, typ, alg, payload, signature, tbs)
