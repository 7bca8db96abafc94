"""Sealing: what is sealed opens for its recipient only; two other implementations of ECDH-ES agree."""

import pytest
from cbor2 import dumps, loads
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from specie.crypto import cose
from specie.crypto.errors import OpenFailed, WeakKey, WrongHeader, WrongLength
from specie.crypto.x25519 import X25519Secret
from specie.kernel import codec
from specie.kernel.clock import SeededRandomness

SEED = bytes(range(32))
SECRET = X25519Secret.from_bytes(SEED)
CTI = b"c" * 16
ALGORITHMS: dict[int, type[AESGCM] | type[ChaCha20Poly1305]] = {
    cose.A256GCM: AESGCM,
    cose.CHACHA20_POLY1305: ChaCha20Poly1305,
}


def sealed(plaintext: bytes = b"credential", alg: int = cose.A256GCM) -> bytes:
    return cose.seal(plaintext, SECRET.public(), CTI, SeededRandomness(1), alg)


# SPEC ISSUANCE-3.6.1
@pytest.mark.parametrize("alg", ALGORITHMS)
def test_what_is_sealed_opens(alg: int) -> None:
    data = sealed(alg=alg)
    assert cose.open_sealed(data, SECRET) == cose.Opened(CTI, b"credential")
    kid = cose.key_id(SECRET.public(), "x25519")
    assert cose.read_sealed(data) == cose.SealedHeaders("dc-cred-sealed", CTI, kid, alg)


# SPEC ISSUANCE-3.6.1
@pytest.mark.parametrize("alg", ALGORITHMS)
def test_opens_by_the_letter_of_the_rfc(alg: int) -> None:
    """RFC 9052 and RFC 9053 written out over other libraries open what the core seals."""
    tag = loads(sealed(alg=alg))
    protected, unprotected, ciphertext, [[inner, outer, nothing]] = tag.value
    assert (tag.tag, nothing, loads(inner)) == (96, b"", {1: -25})
    assert loads(protected) == {1: alg, 16: "dc-cred-sealed", -70001: CTI}
    shared = X25519PrivateKey.from_private_bytes(SEED).exchange(X25519PublicKey.from_public_bytes(outer[-1][-2]))
    context = dumps([alg, [None, None, None], [None, None, None], [256, inner]])
    key = HKDF(SHA256(), 32, None, context).derive(shared)
    aad = dumps(["Encrypt", protected, b"dc/1/dc-cred-sealed" + CTI])
    assert ALGORITHMS[alg](key).decrypt(unprotected[5], ciphertext, aad) == b"credential"


def test_many_are_single() -> None:
    items = [(bytes([i]) * i, SECRET.public(), bytes([i]) * 16) for i in range(40)]
    datas = cose.seal_many(items, SeededRandomness(2))
    opened = cose.open_sealed_many([*datas, b"", datas[0][:-1]], SECRET)
    assert opened[:-2] == [cose.Opened(cti, plaintext) for plaintext, _, cti in items]
    assert all(isinstance(one, codec.Malformed) for one in opened[-2:])


def test_every_changed_byte_is_refused() -> None:
    data = sealed()
    for at in range(len(data)):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        with pytest.raises((codec.Malformed, codec.NonCanonical, WrongHeader, OpenFailed)):
            cose.open_sealed(changed, SECRET)


def test_refusals_in_order() -> None:
    data = sealed()
    with pytest.raises(codec.TooLarge):
        cose.open_sealed(data, SECRET, bytes_max=10)
    with pytest.raises(codec.Malformed):
        cose.open_sealed(data[:-1], SECRET)
    with pytest.raises(WrongHeader):
        cose.open_sealed(data, SECRET, typ="dc-key-sealed")
    with pytest.raises(OpenFailed):
        cose.open_sealed(data, X25519Secret.from_bytes(b"2" * 32))


def test_arguments_are_checked() -> None:
    randomness = SeededRandomness(3)
    with pytest.raises(WrongLength):
        cose.seal(b"", bytes(31), CTI, randomness)
    with pytest.raises(WrongLength):
        cose.seal(b"", SECRET.public(), bytes(15), randomness)
    with pytest.raises(WrongHeader):
        cose.seal(b"", SECRET.public(), CTI, randomness, 1)
    with pytest.raises(WrongHeader):
        cose.seal(b"", SECRET.public(), CTI, randomness, typ="")
    with pytest.raises(WeakKey):
        cose.seal(b"", bytes(32), CTI, randomness)


def test_an_opened_message_does_not_print_its_plaintext() -> None:
    assert "credential" not in repr(cose.open_sealed(sealed(), SECRET))
