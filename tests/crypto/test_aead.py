"""Ciphers and key derivation against the published cases."""

import pytest

from published import wycheproof
from specie.crypto.aead import (
    Aes256Gcm,
    Aes256GcmSiv,
    ChaCha20Poly1305Aead,
    derive_hkdf,
    derive_scrypt,
)
from specie.crypto.errors import OpenFailed, WrongLength

CIPHERS = [Aes256Gcm, Aes256GcmSiv, ChaCha20Poly1305Aead]


def test_wycheproof_chacha20_poly1305() -> None:
    cases = wycheproof("chacha20_poly1305_test.json")
    assert len(cases) == 325
    for _, case in cases:
        key, nonce, aad, message, ciphertext, tag = (
            bytes.fromhex(case[name]) for name in ("key", "iv", "aad", "msg", "ct", "tag")
        )
        cipher = ChaCha20Poly1305Aead(key)
        if case["result"] == "valid":
            assert cipher.seal(nonce, message, aad) == ciphertext + tag
            assert cipher.open(nonce, ciphertext + tag, aad) == message
        else:
            with pytest.raises(OpenFailed if len(nonce) == 12 else WrongLength):
                cipher.open(nonce, ciphertext + tag, aad)


def test_wycheproof_hkdf() -> None:
    cases = wycheproof("hkdf_sha256_test.json")
    assert len(cases) == 86
    for _, case in cases:
        arguments = (*(bytes.fromhex(case[name]) for name in ("ikm", "salt", "info")), case["size"])
        if case["result"] == "valid":
            assert derive_hkdf(*arguments) == bytes.fromhex(case["okm"])
        else:
            with pytest.raises(WrongLength):
                derive_hkdf(*arguments)


def test_rfc_8452_appendix_c_2() -> None:
    """AES-256-GCM-SIV, the case with 8 bytes of plaintext and none of associated data."""
    key, nonce = b"\x01" + bytes(31), b"\x03" + bytes(11)
    sealed = Aes256GcmSiv(key).seal(nonce, bytes.fromhex("0100000000000000"), b"")
    assert sealed.hex() == "c2ef328e5c71c83b843122130f7364b761e0b97427e3df28"


def test_rfc_7914_section_12() -> None:
    """The published vector has 64 bytes, of which PBKDF2 gives the first 32 on their own."""
    derived = derive_scrypt(b"password", b"NaCl", 1024, 8, 16)
    assert derived.hex() == "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"


@pytest.mark.parametrize("cipher", CIPHERS)
def test_what_is_changed_does_not_open(cipher: type[Aes256Gcm]) -> None:
    one = cipher(b"k" * 32)
    sealed = one.seal(b"n" * 12, b"message", b"aad")
    assert one.open(b"n" * 12, sealed, b"aad") == b"message"
    for nonce, data, aad in (
        (b"m" * 12, sealed, b"aad"),
        (b"n" * 12, sealed[:-1], b"aad"),
        (b"n" * 12, sealed, b"other"),
        (b"n" * 12, b"", b"aad"),
    ):
        with pytest.raises(OpenFailed):
            one.open(nonce, data, aad)


@pytest.mark.parametrize("cipher", CIPHERS)
def test_lengths_are_checked(cipher: type[Aes256Gcm]) -> None:
    with pytest.raises(WrongLength):
        cipher(bytes(16))
    with pytest.raises(WrongLength):
        cipher(bytes(32)).seal(bytes(11), b"", b"")
