"""Secrets stay inside: not in a repr, a log, an error or a pickle."""

import logging
import pickle
import traceback
from pathlib import Path

import pytest

from kms.places import PASSPHRASE, make_store, req_id, run
from specie.crypto.secret import Secret
from specie.kernel.errors import Refused

SEED = b"a seed that must never be shown!"
SHOWN = [SEED, PASSPHRASE]


def shows_a_secret(text: str) -> bool:
    return any(form in text for value in SHOWN for form in (value.decode(), value.hex(), repr(value)))


# SPEC ISSUANCE-2.3.3
def test_nothing_shows_a_secret(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    store = make_store(tmp_path / "keys")
    for name, algorithm in (("a", "ed25519"), ("b", "es256"), ("c", "x25519"), ("d", "aead")):
        store.add(name, algorithm, [], Secret(SEED))
        known = run(store.public_key(store.uri(name)))
        assert not shows_a_secret(repr(known))
    held = list(store._open.values())
    assert len(held) == 4
    for one in [store, *held]:
        assert not shows_a_secret(repr(one))
        assert not shows_a_secret(str(vars(one)) if hasattr(one, "__dict__") else repr(one))
        with pytest.raises(TypeError):
            pickle.dumps(one)
    assert not shows_a_secret(caplog.text)


# SPEC ISSUANCE-2.3.3
def test_refusals_show_no_secret(tmp_path: Path) -> None:
    store = make_store(tmp_path / "keys")
    store.add("a", "ed25519", [], Secret(SEED))
    other = make_store(tmp_path / "keys", b"wrong")
    for one, kind in ((store, "cose"), (other, "cose"), (store, "raw")):
        with pytest.raises(Refused) as refused:
            run(one.sign(one.uri("a"), kind, SEED, req_id(1)))  # type: ignore[arg-type]
        assert not shows_a_secret("".join(traceback.format_exception(refused.value)))
        assert not shows_a_secret(str(refused.value.facts))
