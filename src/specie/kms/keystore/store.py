"""The key store: finds, opens and caches key files, and implements `Keys` with them."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from specie.crypto.aead import NONCE_BYTES, Aes256GcmSiv
from specie.crypto.ed25519 import SigningKey
from specie.crypto.errors import OpenFailed, WeakKey, WrongLength
from specie.crypto.es256 import Es256Key
from specie.crypto.secret import Secret
from specie.crypto.x25519 import X25519Secret
from specie.kernel.clock import Randomness, SystemRandomness
from specie.kms.errors import BadUri, NotFound, Unreadable, WrongUse
from specie.kms.keystore.keyfile import check_folder, check_private, encrypt_key, read_key, write_key
from specie.kms.keystore.policy import Policy, check_kinds, signed_bytes
from specie.kms.keystore.requests import RequestMemory
from specie.kms.messages import KEY_ID_PATTERN, KeyUri, PayloadKind, PublicKey, Signature

T = TypeVar("T")

SCRYPT_N = 1 << 15
SECRET_BYTES = 32

_SUFFIX = ".key"
_INLINE_ITEMS_MAX = 32
"""So few signatures take less time than the way to another thread and back costs."""

_Opaque = SigningKey | Es256Key | X25519Secret | Aes256GcmSiv


@dataclass(frozen=True, slots=True)
class _OpenKey:
    """A key in memory; the secret inside prints as ***."""

    public: PublicKey
    secret: _Opaque
    policy: Policy
    requests: RequestMemory


class FileKeystore:
    """Implements `Keys` for kms://CLUSTER/KEY_ID, that is DIRECTORY/KEY_ID.key, and for file:PATH.

    A key is opened at its first use and stays open as an opaque object. With `inline` all work runs on the
    calling thread (the simulator needs that); else what takes long leaves the event loop.
    """

    def __init__(
        self,
        directory: Path,
        passphrase: Secret,
        cluster: str = "local",
        scrypt_n: int = SCRYPT_N,
        *,
        inline: bool = False,
        randomness: Randomness | None = None,
    ) -> None:
        self._directory = directory
        self._passphrase = passphrase
        self._cluster = cluster
        self._scrypt_n = scrypt_n
        self._inline = inline
        self._randomness = randomness or SystemRandomness()
        self._open: dict[Path, _OpenKey] = {}

    # -- making and listing keys

    def create(
        self, key_id: str, algorithm: str, allowed: Sequence[str], randomness: Randomness | None = None
    ) -> PublicKey:
        """Make a key: `ed25519`, `es256`, `x25519` or `aead`. Its file is on the disk when this returns.

        allowed: the kinds of payload it may sign (`keystore.policy`).
        Raises, in this order: ValueError (algorithm, kinds), BadUri, Permissions, AlreadyExists.
        """
        source = randomness or self._randomness
        return self.add(key_id, algorithm, allowed, Secret(source.bytes(SECRET_BYTES)), source)

    def add(
        self,
        key_id: str,
        algorithm: str,
        allowed: Sequence[str],
        secret: Secret,
        randomness: Randomness | None = None,
    ) -> PublicKey:
        """Keep a secret of 32 bytes made elsewhere. Raises as `create`, and Unreadable for a bad secret."""
        source = randomness or self._randomness
        check_kinds(allowed)
        path = self._path_of(key_id)
        public, _ = _open_secret(algorithm, secret)
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        check_folder(self._directory)
        content = encrypt_key(
            key_id, algorithm, tuple(allowed), public, secret, self._passphrase, self._scrypt_n, source
        )
        write_key(path, content, source)
        return PublicKey(public, algorithm, "file", "software")

    def key_ids(self) -> list[str]:
        """The keys of the directory, by name."""
        return sorted(path.name.removesuffix(_SUFFIX) for path in self._directory.glob(f"*{_SUFFIX}"))

    # SPEC ISSUANCE-2.3.2
    def check(self) -> None:
        """Refuse to start on a folder or a key file that is open to others. Raises NotFound, Permissions."""
        check_folder(self._directory)
        for path in sorted(self._directory.glob(f"*{_SUFFIX}")):
            check_private(path.lstat().st_mode, path)

    def uri(self, key_id: str) -> KeyUri:
        """The name by which `Keys` knows a key of this store. Raises BadUri."""
        return KeyUri.kms(self._cluster, key_id)

    # -- Keys

    async def public_key(self, key: KeyUri) -> PublicKey:
        """What everybody may know of the key. Raises BadUri, NotFound, Permissions, Unreadable."""
        return (await self._key(key)).public

    async def sign(self, key: KeyUri, kind: PayloadKind, payload: bytes, req_id: bytes) -> Signature:
        """Sign one payload. Raises as `sign_many`."""
        return (await self.sign_many(key, [(kind, payload, req_id)]))[0]

    async def sign_many(self, key: KeyUri, items: Sequence[tuple[PayloadKind, bytes, bytes]]) -> list[Signature]:
        """Sign each (kind, payload, req_id), all or none; a refusal's fact `index` names the item.

        Raises, in this order: BadUri, NotFound, Permissions, Unreadable, WrongUse, PolicyDenied, ReqIdReused.
        """
        opened = await self._key(key)
        if not isinstance(opened.secret, SigningKey | Es256Key):
            raise WrongUse(f"a key of {opened.public.algorithm} does not sign")
        opened.policy.check(items)
        opened.requests.admit(items)
        signer, payloads = opened.secret, [signed_bytes(kind, payload) for kind, payload, _ in items]
        if isinstance(signer, SigningKey):
            batch = signer
            return await self._run(lambda: batch.sign_many(payloads), len(items))
        single = signer
        return await self._run(lambda: [single.sign(payload) for payload in payloads], len(items))

    async def seal(self, key: KeyUri, plaintext: bytes, aad: bytes) -> bytes:
        """Nonce, ciphertext and tag under AES-256-GCM-SIV. Raises as `public_key`, then WrongUse."""
        cipher = await self._cipher(key)
        nonce = self._randomness.bytes(NONCE_BYTES)
        return nonce + cipher.seal(nonce, plaintext, aad)

    async def open(self, key: KeyUri, sealed: bytes, aad: bytes) -> bytes:
        """The plaintext. Raises as `public_key`, then WrongUse, then crypto.OpenFailed."""
        cipher = await self._cipher(key)
        if len(sealed) < NONCE_BYTES:
            raise OpenFailed("a sealed message begins with its nonce")
        return cipher.open(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], aad)

    # -- beside Keys

    async def agreement_key(self, key: KeyUri) -> X25519Secret:
        """An X25519 key for use in this process, as an opaque object. Raises as `public_key`, then WrongUse.

        `Keys` has no key agreement: KMS section 6.6 keeps these keys in their own process.
        """
        opened = await self._key(key)
        if not isinstance(opened.secret, X25519Secret):
            raise WrongUse(f"a key of {opened.public.algorithm} does not agree on secrets")
        return opened.secret

    # -- inside

    async def _cipher(self, key: KeyUri) -> Aes256GcmSiv:
        opened = await self._key(key)
        if not isinstance(opened.secret, Aes256GcmSiv):
            raise WrongUse(f"a key of {opened.public.algorithm} does not seal")
        return opened.secret

    async def _key(self, key: KeyUri) -> _OpenKey:
        path, name = self._locate(key)
        opened = self._open.get(path)
        if opened is None:
            opened = await self._run(lambda: self._unlock(path, name), _INLINE_ITEMS_MAX + 1)
            # Two first uses at once open it twice; one of them stays, so that there is one memory of
            # requests.
            opened = self._open.setdefault(path, opened)
        return opened

    async def _run(self, work: Callable[[], T], items: int) -> T:
        if self._inline or items <= _INLINE_ITEMS_MAX:
            return work()
        return await asyncio.to_thread(work)

    def _locate(self, key: KeyUri) -> tuple[Path, str | None]:
        """(path, name that the file must state; None for any)."""
        if key.scheme == "file":
            return Path(key.name), None
        if key.scheme != "kms":
            raise BadUri("a key store has keys of kms: and file: only")
        if key.cluster != self._cluster or key.version not in (None, 1):
            raise NotFound(f"this key store has no {key}")
        return self._path_of(key.name), key.name

    def _path_of(self, key_id: str) -> Path:
        if not KEY_ID_PATTERN.fullmatch(key_id):
            raise BadUri("a key id is 1 to 64 characters of a-z, 0-9, colon, dot, underscore and hyphen")
        return self._directory / f"{key_id}{_SUFFIX}"

    def _unlock(self, path: Path, name: str | None) -> _OpenKey:
        if name is not None:
            check_folder(self._directory)
        content = read_key(path)
        if name is not None and content.name != name:
            raise Unreadable(f"the file of {name} holds another key")
        public, secret = _open_secret(content.algorithm, content.open(self._passphrase))
        if public != content.public:
            raise Unreadable("the public key is not that of the secret")
        policy = Policy(content.name, content.algorithm, public, content.allowed)
        known = PublicKey(public, content.algorithm, "file", "software")
        return _OpenKey(known, secret, policy, RequestMemory())


def _open_secret(algorithm: str, secret: Secret) -> tuple[bytes, _Opaque]:
    """(public key, opaque key) of 32 secret bytes. Raises ValueError for an unknown algorithm, Unreadable."""
    try:
        match algorithm:
            case "ed25519":
                signing = SigningKey.from_seed(secret.reveal())
                return signing.public(), signing
            case "es256":
                officer = Es256Key.from_bytes(secret.reveal())
                return officer.public(), officer
            case "x25519":
                agreement = X25519Secret.from_bytes(secret.reveal())
                return agreement.public(), agreement
            case "aead":
                return b"", Aes256GcmSiv(secret.reveal())
    except (WrongLength, WeakKey) as error:
        raise Unreadable("the secret is not one of its algorithm") from error
    raise ValueError(f"{algorithm!r} is not an algorithm of the key store")
