"""One key in one file: deterministic CBOR, the secret under scrypt and ChaCha20-Poly1305, mode 0600.

    {1: format, 2: name, 3: algorithm, 4: [kinds that it may sign], 5: public key,
     6: [log2 n, r, p], 7: salt (16), 8: nonce (12), 9: ciphertext (secret and tag)}

Fields 1 to 7 are the associated data, so none of them can be changed without the passphrase.
"""

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from specie.crypto.aead import ChaCha20Poly1305Aead, derive_scrypt
from specie.crypto.errors import OpenFailed
from specie.crypto.secret import Secret
from specie.kernel import codec
from specie.kernel.clock import Randomness
from specie.kernel.errors import Refused
from specie.kms.errors import AlreadyExists, NotFound, Permissions, Unreadable

FORMAT = "specie-key-1"
FILE_BYTES_MAX = 16_384
KINDS_MAX = 64

_DOMAIN = b"specie/keyfile/1"
_SCRYPT_R = 8
_SCRYPT_P = 1
_SCRYPT_LOG2_MIN = 1
_SCRYPT_LOG2_MAX = 20
"""At most 1 GiB of memory, whatever a file asks for."""

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True)
class KeyFile:
    """The content of a key file, secret still encrypted."""

    name: str
    algorithm: str
    allowed: tuple[str, ...]
    public: bytes
    scrypt_log2_n: int
    salt: bytes
    nonce: bytes = b""
    ciphertext: bytes = field(default=b"", repr=False)

    def _head(self) -> dict[int, object]:
        parameters = [self.scrypt_log2_n, _SCRYPT_R, _SCRYPT_P]
        kinds = list(self.allowed)
        return {
            1: FORMAT,
            2: self.name,
            3: self.algorithm,
            4: kinds,
            5: self.public,
            6: parameters,
            7: self.salt,
        }

    def aad(self) -> bytes:
        """What the ciphertext is bound to."""
        return _DOMAIN + codec.encode(self._head())

    def encode(self) -> bytes:
        """The bytes of the file."""
        return codec.encode({**self._head(), 8: self.nonce, 9: self.ciphertext})

    @classmethod
    def decode(cls, data: bytes) -> "KeyFile":
        """Raises Unreadable."""
        try:
            fields = codec.decode(data, bytes_max=FILE_BYTES_MAX)
        except Refused as error:
            raise Unreadable("not a key file") from error
        match fields:
            case {
                1: "specie-key-1",
                2: str(name),
                3: str(algorithm),
                4: [*kinds],
                5: bytes(public),
                6: [int(log2_n), 8, 1],
                7: bytes(salt),
                8: bytes(nonce),
                9: bytes(ciphertext),
                **rest,
            } if not rest and _SCRYPT_LOG2_MIN <= log2_n <= _SCRYPT_LOG2_MAX and len(nonce) == 12:
                allowed = tuple(kind for kind in kinds if isinstance(kind, str))
                if len(allowed) == len(kinds) <= KINDS_MAX:
                    return cls(name, algorithm, allowed, public, log2_n, salt, nonce, ciphertext)
        raise Unreadable("not a key file of this format")

    def _cipher(self, passphrase: Secret) -> ChaCha20Poly1305Aead:
        n = 1 << self.scrypt_log2_n
        return ChaCha20Poly1305Aead(derive_scrypt(passphrase.reveal(), self.salt, n, _SCRYPT_R, _SCRYPT_P))

    def open(self, passphrase: Secret) -> Secret:
        """The secret of the key; takes as long as scrypt is set to. Raises Unreadable."""
        try:
            return Secret(self._cipher(passphrase).open(self.nonce, self.ciphertext, self.aad()))
        except OpenFailed as error:
            raise Unreadable(f"{self.name}: wrong passphrase, or the file was changed") from error


# SPEC ISSUANCE-2.3.1
def encrypt_key(
    name: str,
    algorithm: str,
    allowed: tuple[str, ...],
    public: bytes,
    secret: Secret,
    passphrase: Secret,
    scrypt_n: int,
    randomness: Randomness,
) -> KeyFile:
    """A key file for a secret; takes as long as scrypt is set to (scrypt_n is a power of two, 2 to 2^20)."""
    log2_n = scrypt_n.bit_length() - 1
    if scrypt_n != 1 << log2_n or not _SCRYPT_LOG2_MIN <= log2_n <= _SCRYPT_LOG2_MAX:
        raise ValueError("scrypt_n must be a power of two from 2 to 2^20")
    salt, nonce = randomness.bytes(16), randomness.bytes(12)
    empty = KeyFile(name, algorithm, allowed, public, log2_n, salt, nonce)
    ciphertext = empty._cipher(passphrase).seal(nonce, secret.reveal(), empty.aad())
    return KeyFile(name, algorithm, allowed, public, log2_n, salt, nonce, ciphertext)


# SPEC ISSUANCE-2.3.2
def check_private(mode: int, path: Path) -> None:
    """Refuse a file that is not a plain file, or is open to group or world. Raises Permissions."""
    if not stat.S_ISREG(mode):
        raise Permissions(f"{path.name} is not a plain file")
    if mode & _OTHERS:
        raise Permissions(f"{path.name} is open to group or world: its mode must be 0600")


def check_folder(folder: Path) -> None:
    """Refuse a folder in which others may put or replace files. Raises NotFound, Permissions."""
    try:
        mode = folder.stat().st_mode
    except OSError as error:
        raise NotFound("the folder of the key store is not there") from error
    if not stat.S_ISDIR(mode) or mode & _OTHERS_WRITE:
        raise Permissions("the folder of the key store is writable for group or world")


def read_key(path: Path) -> KeyFile:
    """Read a key file, never through a symbolic link.

    Raises, in this order: NotFound, Permissions, Unreadable.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError as error:
        raise NotFound(f"no key {path.stem}") from error
    except OSError as error:
        raise Permissions(f"{path.name} is a symbolic link or may not be read") from error
    try:
        check_private(os.fstat(descriptor).st_mode, path)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(FILE_BYTES_MAX + 1)
    finally:
        os.close(descriptor)
    return KeyFile.decode(data)


def write_key(path: Path, content: KeyFile, randomness: Randomness) -> None:
    """Write a new key file: whole or not at all, and on the disk when this returns. Raises AlreadyExists."""
    trial = path.with_name(f".{path.name}.{randomness.bytes(8).hex()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(trial, flags, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content.encode())
            file.flush()
            os.fsync(descriptor)
        # A link fails where the name is taken; a rename would replace a key.
        os.link(trial, path)
    except FileExistsError as error:
        raise AlreadyExists(f"there is a key {path.stem} already") from error
    finally:
        trial.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
