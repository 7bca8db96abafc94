"""The COSE profile of section 3: Sign1, Sign, Encrypt with one ECDH-ES recipient, key ids.

Sources: RFC 9052 (structures), RFC 9053 sections 5.2 and 6.3 (key derivation, ECDH-ES), RFC 9596 (typ).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from . import curve
from .cbor import BYTES_MAX_LARGE, Malformed, Tag, decode, encode

EDDSA, ES256, ECDH_ES_HKDF_256, A256GCM, CHACHA20 = -8, -7, -25, 3, 24
ALG, KID, IV, TYP, CTI, EPHEMERAL = 1, 4, 5, 16, -70001, -1
SEALED = "dc-cred-sealed"


class BadSignature(ValueError):
    """The signature does not verify."""


class UnsealFailed(ValueError):
    """The sealed bytes do not open with this key."""


class Sign1(NamedTuple):
    """An object signed once."""

    alg: int
    kid: bytes
    typ: str
    payload: bytes
    signature: bytes


class SignedByMany(NamedTuple):
    """An object with a signature per person: (alg, kid, signature)."""

    typ: str
    payload: bytes
    signatures: list[tuple[int, bytes, bytes]]


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def okp_key(public: bytes, crv: int = 6) -> bytes:
    """Deterministic COSE_Key of an Ed25519 (6) or X25519 (4) public key."""
    return encode({1: 1, -1: crv, -2: public})


def p256_key(x: bytes, y: bytes) -> bytes:
    """Deterministic COSE_Key of a P-256 public key."""
    return encode({1: 2, -1: 1, -2: x, -3: y})


def key_id(cose_key: bytes) -> bytes:
    """First 16 bytes of the SHA-256 of the COSE_Key. Spec: ISSUANCE-2.4.1."""
    return sha256(cose_key)[:16]


def external_aad(typ: str) -> bytes:
    """Spec: ISSUANCE-3.3.4."""
    return b"dc/1/" + typ.encode()


# -- one signature ------------------------------------------------------------------------------------------


def to_be_signed(typ: str, kid: bytes, payload: bytes, alg: int = EDDSA) -> bytes:
    """Sig_structure of RFC 9052 section 4.4."""
    return encode(["Signature1", encode({ALG: alg, KID: kid, TYP: typ}), external_aad(typ), payload])


def assemble_sign1(typ: str, kid: bytes, payload: bytes, signature: bytes, alg: int = EDDSA) -> bytes:
    return encode(Tag(18, [encode({ALG: alg, KID: kid, TYP: typ}), {}, payload, signature]))


def sign1(typ: str, payload: bytes, seed: bytes) -> bytes:
    """Sign a payload with the Ed25519 key of a 32-byte seed."""
    key = Ed25519PrivateKey.from_private_bytes(seed)
    kid = key_id(okp_key(key.public_key().public_bytes_raw()))
    return assemble_sign1(typ, kid, payload, key.sign(to_be_signed(typ, kid, payload)))


def parse_sign1(data: bytes) -> Sign1:
    """Raises what decode raises, and Malformed where the frame or a header is not the profile's."""
    match decode(data):
        case Tag(18, [bytes(protected), dict(outer), bytes(payload), bytes(signature)]) if not outer:
            pass
        case _:
            raise Malformed("not a COSE_Sign1 with an empty unprotected header")
    match header := decode(protected):
        case {1: int(alg), 4: bytes(kid), 16: str(typ)} if len(header) == 3 and len(kid) == 16:
            pass
        case _:
            raise Malformed("protected header is not {1: alg, 4: kid, 16: typ}")
    if alg not in (EDDSA, ES256) or len(signature) != 64:
        raise Malformed("algorithm or length of the signature")
    return Sign1(alg, kid, typ, payload, signature)


def object_hash(data: bytes) -> bytes:
    """SHA-256 of what was signed: the hash by which a log names an object that it fixes before signing it."""
    message = parse_sign1(data)
    return sha256(to_be_signed(message.typ, message.kid, message.payload, message.alg))


def verify(cose_key: bytes, alg: int, message: bytes, signature: bytes) -> None:
    """Raises BadSignature. Ed25519 as ISSUANCE-3.4.1 and 3.4.2 say."""
    try:
        match decode(cose_key), alg:
            case {1: 1, -1: 6, -2: bytes(public)}, -8:
                curve.check_public(public)
                curve.check_signature_form(signature)
                Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
            case {1: 2, -1: 1, -2: bytes(x), -3: bytes(y)}, -7:
                numbers = ec.EllipticCurvePublicNumbers(int.from_bytes(x), int.from_bytes(y), ec.SECP256R1())
                pair = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
                der = utils.encode_dss_signature(*pair)
                numbers.public_key().verify(der, message, ec.ECDSA(SHA256()))
            case _:
                raise BadSignature("the algorithm is not the key's")
    except (InvalidSignature, ValueError) as error:
        raise BadSignature(str(error)) from error


def verify_sign1(data: bytes, cose_key: bytes) -> Sign1:
    """The parsed object if its signature verifies under this key and its kid is the key's."""
    message = parse_sign1(data)
    if message.kid != key_id(cose_key):
        raise BadSignature("signed by another key")
    tbs = to_be_signed(message.typ, message.kid, message.payload, message.alg)
    verify(cose_key, message.alg, tbs, message.signature)
    return message


# -- a signature per person ---------------------------------------------------------------------------------


def to_be_signed_by_many(typ: str, kid: bytes, payload: bytes, alg: int = EDDSA) -> bytes:
    protected = encode({ALG: alg, KID: kid})
    return encode(["Signature", encode({TYP: typ}), protected, external_aad(typ), payload])


def sign(typ: str, payload: bytes, seeds: list[bytes]) -> bytes:
    """A COSE_Sign with one Ed25519 signature per seed. Spec: ISSUANCE-3.5.1."""
    signatures = []
    for seed in seeds:
        key = Ed25519PrivateKey.from_private_bytes(seed)
        kid = key_id(okp_key(key.public_key().public_bytes_raw()))
        signature = key.sign(to_be_signed_by_many(typ, kid, payload))
        signatures.append([encode({ALG: EDDSA, KID: kid}), {}, signature])
    return encode(Tag(98, [encode({TYP: typ}), {}, payload, signatures]))


def parse_sign(data: bytes) -> SignedByMany:
    match decode(data, BYTES_MAX_LARGE):
        case Tag(98, [bytes(protected), dict(outer), bytes(payload), [_, *_] as rows]) if not outer:
            pass
        case _:
            raise Malformed("not a COSE_Sign with an empty unprotected header")
    match header := decode(protected):
        case {16: str(typ)} if len(header) == 1:
            pass
        case _:
            raise Malformed("protected header is not {16: typ}")
    signatures = []
    for row in rows:
        match row:
            case [bytes(inner), dict(outer), bytes(signature)] if not outer and len(signature) == 64:
                match decode(inner):
                    case {1: int(alg), 4: bytes(kid)} if alg in (EDDSA, ES256) and len(kid) == 16:
                        signatures.append((alg, kid, signature))
                        continue
        raise Malformed("a signature is not [{1: alg, 4: kid}, {}, 64 bytes]")
    return SignedByMany(typ, payload, signatures)


def verify_sign(data: bytes, keys: Mapping[bytes, bytes]) -> tuple[SignedByMany, set[bytes]]:
    """The parsed object and the kids whose signature verifies; keys maps kid to COSE_Key."""
    message, good = parse_sign(data), set()
    for alg, kid, signature in message.signatures:
        if kid in keys:
            verify(keys[kid], alg, to_be_signed_by_many(message.typ, kid, message.payload, alg), signature)
            good.add(kid)
    return message, good


# -- sealing ------------------------------------------------------------------------------------------------


def kdf_context(content_alg: int, recipient_protected: bytes) -> bytes:
    """COSE_KDF_Context of RFC 9053 section 5.2 without party information; both contents take 256-bit keys."""
    nobody = [None, None, None]
    return encode([content_alg, nobody, nobody, [256, recipient_protected]])


def content_key(secret: X25519PrivateKey, public: bytes, content_alg: int, inner: bytes) -> bytes:
    """The AEAD key; inner is the recipient's protected header."""
    shared = secret.exchange(X25519PublicKey.from_public_bytes(public))
    return HKDF(SHA256(), 32, None, kdf_context(content_alg, inner)).derive(shared)


def enc_structure(protected: bytes, cti: bytes) -> bytes:
    """Enc_structure of RFC 9052 section 5.3 with the external data of ISSUANCE-3.6.1."""
    return encode(["Encrypt", protected, external_aad(SEALED) + cti])


def seal(
    plaintext: bytes, public: bytes, cti: bytes, ephemeral: bytes, nonce: bytes, content_alg: int = A256GCM
) -> bytes:
    """COSE_Encrypt to an X25519 public key. ephemeral: 32 secret bytes, used once; nonce: 12 bytes."""
    secret = X25519PrivateKey.from_private_bytes(ephemeral)
    protected = encode({ALG: content_alg, TYP: SEALED, CTI: cti})
    inner = encode({ALG: ECDH_ES_HKDF_256})
    key = content_key(secret, public, content_alg, inner)
    cipher = AESGCM(key) if content_alg == A256GCM else ChaCha20Poly1305(key)
    ciphertext = cipher.encrypt(nonce, plaintext, enc_structure(protected, cti))
    ours = {1: 1, -1: 4, -2: secret.public_key().public_bytes_raw()}
    recipient = [inner, {EPHEMERAL: ours, KID: key_id(okp_key(public, 4))}, b""]
    return encode(Tag(96, [protected, {IV: nonce}, ciphertext, [recipient]]))


def open_sealed(data: bytes, secret_bytes: bytes) -> tuple[bytes, bytes]:
    """(plaintext, cti). Raises what decode raises, Malformed, UnsealFailed."""
    match decode(data):
        case Tag(96, [bytes(protected), {5: bytes(nonce)} as outer, bytes(ciphertext), [recipient]]):
            pass
        case _:
            raise Malformed("not a COSE_Encrypt with one recipient")
    match recipient:
        case [bytes(inner), dict(to), b""] if len(outer) == 1 and len(nonce) == 12 and set(to) == {KID, EPHEMERAL}:
            pass
        case _:
            raise Malformed("not one recipient with {4: kid, -1: ephemeral key}")
    match header := decode(protected):
        case {1: 3 | 24 as alg, 16: "dc-cred-sealed", -70001: bytes(cti)} if len(header) == 3 and len(cti) == 16:
            pass
        case _:
            raise Malformed("protected header is not {1: content, 16: typ, -70001: cti}")
    match to[EPHEMERAL]:
        case {1: 1, -1: 4, -2: bytes(theirs), **more} if not more:
            pass
        case _:
            raise Malformed("the ephemeral key is not X25519")
    if inner != encode({ALG: ECDH_ES_HKDF_256}):
        raise Malformed("the recipient's algorithm is not ECDH-ES + HKDF-256")
    secret = X25519PrivateKey.from_private_bytes(secret_bytes)
    if to[KID] != key_id(okp_key(secret.public_key().public_bytes_raw(), 4)):
        raise UnsealFailed("sealed to another key")
    try:
        key = content_key(secret, theirs, alg, inner)  # raises ValueError for an all-zero shared secret
        cipher = AESGCM(key) if alg == A256GCM else ChaCha20Poly1305(key)
        return cipher.decrypt(nonce, ciphertext, enc_structure(protected, cti)), cti
    except (InvalidTag, ValueError) as error:
        raise UnsealFailed("does not open") from error
