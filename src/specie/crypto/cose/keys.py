"""COSE_Key in its deterministic form, and the key id that follows from it.

Source: RFC 9052 section 7, RFC 9053 section 7, RFC 9679.
"""

from dataclasses import dataclass
from hashlib import sha256

from specie.crypto import es256
from specie.crypto.errors import WrongHeader, WrongLength
from specie.kernel import codec

KEY_BYTES_MAX = 256
KEY_ID_BYTES = 16

_OKP_CURVES = {"x25519": 4, "ed25519": 6}


@dataclass(frozen=True, slots=True)
class Key:
    """A public key with its algorithm."""

    algorithm: str
    """`ed25519`, `x25519` or `es256`."""

    public: bytes
    """32 bytes; 65 for ES256 (0x04 || x || y)."""


def cose_key(public: bytes, algorithm: str = "ed25519") -> bytes:
    """The COSE_Key of a public key. Raises WrongLength, also for an unknown algorithm."""
    if algorithm in _OKP_CURVES and len(public) == 32:
        return codec.encode({1: 1, -1: _OKP_CURVES[algorithm], -2: public})
    if algorithm == "es256" and len(public) == es256.PUBLIC_BYTES and public[0] == 4:
        return codec.encode({1: 2, -1: 1, -2: public[1:33], -3: public[33:]})
    raise WrongLength(f"not a public key of {algorithm}")


def parse_key(data: bytes) -> Key:
    """The key of a COSE_Key. Whether the point is good is for `check_public` of its scheme.

    Raises, in this order: codec.TooLarge, codec.Malformed, codec.NonCanonical, WrongHeader.
    """
    fields = codec.decode(data, bytes_max=KEY_BYTES_MAX)
    match fields:
        case {-1: 4, -2: bytes(x)}:
            key = Key("x25519", x)
        case {-1: 6, -2: bytes(x)}:
            key = Key("ed25519", x)
        case {-1: 1, -2: bytes(x), -3: bytes(y)}:
            key = Key("es256", b"\x04" + x + y)
        case _:
            raise WrongHeader("not the COSE_Key of an Ed25519, X25519 or P-256 key")
    # Building it again is what makes the match exact: lengths, key type, no further fields.
    try:
        again = cose_key(key.public, key.algorithm)
    except WrongLength as error:
        raise WrongHeader("a coordinate has not 32 bytes") from error
    if again != data:
        raise WrongHeader("a COSE_Key has its type, its curve and its coordinates, and nothing else")
    return key


def key_id_of(data: bytes) -> bytes:
    """The key id, 16 bytes, of a COSE_Key in its deterministic form."""
    # SPEC ISSUANCE-2.4.1
    return sha256(data).digest()[:KEY_ID_BYTES]


def key_id(public: bytes, algorithm: str = "ed25519") -> bytes:
    """The key id, 16 bytes, of a public key. Raises WrongLength."""
    return key_id_of(cose_key(public, algorithm))
