"""HPKE against the vectors of RFC 9180: 4 modes, 3 AEADs, encryptions and exports."""

from typing import Any

import pytest
from cryptography.hazmat.primitives import hpke as oracle
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from published import published_json
from specie.crypto import hpke
from specie.crypto.errors import OpenFailed, WrongLength
from specie.crypto.x25519 import X25519Secret, generate_secret
from specie.kernel.clock import SeededRandomness


class Given:
    """Randomness that gives the bytes of a vector."""

    def __init__(self, value: bytes) -> None:
        self._value = value

    def bytes(self, n: int) -> bytes:
        assert len(self._value) == n
        return self._value


def unhex(vector: dict[str, Any], name: str) -> bytes:
    return bytes.fromhex(vector[name])


def contexts(vector: dict[str, Any]) -> tuple[bytes, hpke.Context, hpke.Context]:
    """(encapsulated key, sender's context, recipient's context)."""
    psk = hpke.Psk(unhex(vector, "psk"), unhex(vector, "psk_id")) if "psk" in vector else None
    sender = X25519Secret.from_bytes(unhex(vector, "skSm")) if "skSm" in vector else None
    recipient = X25519Secret.from_bytes(unhex(vector, "skRm"))
    info, aead = unhex(vector, "info"), vector["aead_id"]
    encapsulated, sealing = hpke.setup_sender(
        unhex(vector, "pkRm"), info, Given(unhex(vector, "skEm")), aead=aead, psk=psk, sender=sender
    )
    opening = hpke.setup_recipient(
        encapsulated, recipient, info, aead=aead, psk=psk, sender=sender.public() if sender else None
    )
    return encapsulated, sealing, opening


def test_rfc_9180_vectors() -> None:
    vectors = published_json("ledger/hpke/rfc9180_x25519_hkdfsha256.json")
    assert {(vector["mode"], vector["aead_id"]) for vector in vectors} == {
        (mode, aead) for mode in range(4) for aead in (1, 2, 3)
    }
    for vector in vectors:
        encapsulated, sealing, opening = contexts(vector)
        assert encapsulated == unhex(vector, "enc")
        for one in vector["encryptions"]:
            aad, plaintext, ciphertext = unhex(one, "aad"), unhex(one, "pt"), unhex(one, "ct")
            assert sealing.seal(aad, plaintext) == ciphertext
            assert opening.open(aad, ciphertext) == plaintext
        for one in vector["exports"]:
            for context in (sealing, opening):
                assert context.export(unhex(one, "exporter_context"), one["L"]) == unhex(one, "exported_value")


def test_agrees_with_cryptography_in_base_mode() -> None:
    secret = generate_secret(SeededRandomness(1))
    other = X25519PrivateKey.from_private_bytes(SeededRandomness(1).bytes(32))
    suite = oracle.Suite(oracle.KEM.X25519, oracle.KDF.HKDF_SHA256, oracle.AEAD.CHACHA20_POLY1305)
    sealed = hpke.seal(secret.public(), b"info", b"", b"message", SeededRandomness(2))
    assert suite.decrypt(sealed, other, b"info") == b"message"
    sealed = suite.encrypt(b"message", other.public_key(), b"info")
    assert hpke.open_sealed(secret, b"info", b"", sealed) == b"message"


def test_a_message_that_does_not_open_is_waited_for() -> None:
    secret = generate_secret(SeededRandomness(3))
    encapsulated, sealing = hpke.setup_sender(secret.public(), b"", SeededRandomness(4))
    opening = hpke.setup_recipient(encapsulated, secret, b"")
    first = sealing.seal(b"", b"first")
    with pytest.raises(OpenFailed):
        opening.open(b"", first[:-1])
    assert opening.open(b"", first) == b"first"
    with pytest.raises(OpenFailed):
        opening.open(b"", first)


@pytest.mark.parametrize("sealed", [b"", bytes(20), bytes(64), b"\x09" * 64])
def test_what_is_not_sealed_does_not_open(sealed: bytes) -> None:
    secret = generate_secret(SeededRandomness(5))
    with pytest.raises(OpenFailed):
        hpke.open_sealed(secret, b"", b"", sealed)


def test_arguments_are_checked() -> None:
    secret, randomness = generate_secret(SeededRandomness(6)), SeededRandomness(7)
    with pytest.raises(WrongLength):
        hpke.setup_sender(secret.public(), b"", randomness, aead=4)
    with pytest.raises(WrongLength):
        hpke.setup_sender(secret.public(), b"", randomness, psk=hpke.Psk(bytes(31), b"id"))
    with pytest.raises(WrongLength):
        hpke.setup_sender(secret.public(), b"", randomness)[1].export(b"", 8161)
