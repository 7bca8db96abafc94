"""A key store to test with: real files, but scrypt set low."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from specie.crypto import cose
from specie.crypto.secret import Secret
from specie.kernel.clock import SeededRandomness
from specie.kms.api import KeyUri
from specie.kms.keystore import FileKeystore

T = TypeVar("T")

PASSPHRASE = b"a passphrase for tests"
PAYLOAD = b"\xa1\x01\x02"


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def make_store(folder: Path, passphrase: bytes = PASSPHRASE, *, inline: bool = False) -> FileKeystore:
    return FileKeystore(folder, Secret(passphrase), scrypt_n=4, inline=inline, randomness=SeededRandomness(1))


def req_id(number: int) -> bytes:
    return number.to_bytes(16, "big")


def to_be_signed(store: FileKeystore, key: KeyUri, typ: str, payload: bytes = PAYLOAD) -> bytes:
    """The Sig_structure of an object under this key."""
    public = run(store.public_key(key))
    alg = cose.ES256 if public.algorithm == "es256" else cose.EDDSA
    return cose.to_be_signed(typ, cose.key_id(public.bytes, public.algorithm), payload, alg)
