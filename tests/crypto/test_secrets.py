"""Nothing that holds a secret prints, compares or pickles it."""

import pickle
from collections.abc import Callable

import pytest

from specie.crypto.aead import Aes256GcmSiv
from specie.crypto.ed25519 import SigningKey
from specie.crypto.es256 import Es256Key
from specie.crypto.hpke import Psk, setup_sender
from specie.crypto.secret import Secret
from specie.crypto.x25519 import X25519Secret
from specie.kernel.clock import SeededRandomness

VALUE = b"correct horse battery staple 321"

HOLDERS: dict[str, Callable[[], object]] = {
    "Secret": lambda: Secret(VALUE),
    "SigningKey": lambda: SigningKey.from_seed(VALUE),
    "X25519Secret": lambda: X25519Secret.from_bytes(VALUE),
    "Es256Key": lambda: Es256Key.from_bytes(VALUE),
    "Aes256GcmSiv": lambda: Aes256GcmSiv(VALUE),
    "Context": lambda: setup_sender(X25519Secret.from_bytes(VALUE).public(), b"", SeededRandomness(1))[1],
}


@pytest.mark.parametrize("name", HOLDERS)
def test_it_prints_as_stars(name: str) -> None:
    holder = HOLDERS[name]()
    for text in (repr(holder), str(holder), f"{[holder]}", "%s" % (holder,)):  # noqa: UP031
        assert "***" in text
        assert "horse" not in text
        assert VALUE.hex() not in text


@pytest.mark.parametrize("name", HOLDERS)
def test_it_has_no_pickle(name: str) -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError):
            pickle.dumps(HOLDERS[name](), protocol)


@pytest.mark.parametrize("name", ["SigningKey", "X25519Secret"])
def test_opaque_keys_are_equal_to_themselves_only(name: str) -> None:
    one, two = HOLDERS[name](), HOLDERS[name]()
    assert one == one  # noqa: PLR0124
    assert one != two


def test_a_secret_has_no_equality_hash_length_or_iteration() -> None:
    one = Secret(VALUE)
    with pytest.raises(TypeError):
        _ = one == Secret(VALUE)
    with pytest.raises(TypeError):
        hash(one)
    with pytest.raises(TypeError):
        len(one)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        iter(one)  # type: ignore[call-overload]
    assert f"{one}" == "***"
    assert one.reveal() == VALUE


def test_a_shared_key_does_not_print() -> None:
    assert "horse" not in repr(Psk(VALUE, b"id"))
