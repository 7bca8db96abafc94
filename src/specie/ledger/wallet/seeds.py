"""The wallet's secrets at rest and on paper: sealed under a key of the key service, and as bech32m text.

specie-seed1…   seed 32 | birthday u64      all there is to restore a wallet
specie-view1…   k_v 32 | K_s 32 | s_b 32    sees everything, spends nothing
"""

from __future__ import annotations

from dataclasses import dataclass

from specie.crypto.aead import NONCE_BYTES, ChaCha20Poly1305Aead, derive_scrypt
from specie.crypto.errors import OpenFailed
from specie.crypto.secret import Secret
from specie.kernel.clock import Randomness
from specie.kms.api import Keys, KeyUri
from specie.ledger.errors import AddressInvalid
from specie.ledger.messages.bech32m import bech32m_decode, bech32m_encode
from specie.ledger.wallet.errors import KeyTextInvalid, WalletLocked

SEED_PREFIX, VIEW_PREFIX = "specie-seed", "specie-view"
SEED_BYTES, VIEW_BYTES, BIRTHDAY_BYTES = 32, 96, 8
SPEND, VIEW = "spend", "view"

_SALT_BYTES = 16
_SCRYPT = (1 << 15, 8, 1)


@dataclass(frozen=True, slots=True)
class Seed:
    """The one secret that everything comes from, and the height before which it had nothing."""

    secret: Secret
    birthday: int = 0

    @property
    def text(self) -> str:
        """The text for paper. Whoever reads it can spend everything."""
        return bech32m_encode(SEED_PREFIX, self.secret.reveal() + self.birthday.to_bytes(BIRTHDAY_BYTES, "little"))

    @classmethod
    def parse(cls, text: str) -> Seed:
        """Read the text; without a birthday too. Raises KeyTextInvalid, which never repeats the text."""
        data = _decoded(SEED_PREFIX, text)
        if len(data) not in (SEED_BYTES, SEED_BYTES + BIRTHDAY_BYTES):
            raise KeyTextInvalid("the seed is cut or too long")
        return cls(Secret(data[:SEED_BYTES]), int.from_bytes(data[SEED_BYTES:], "little"))

    @classmethod
    def generate(cls, randomness: Randomness, birthday: int) -> Seed:
        """A new one."""
        return cls(Secret(randomness.bytes(SEED_BYTES)), birthday)


def view_text(view: Secret) -> str:
    """The text of a view export. Whoever reads it sees every amount, in and out, for ever."""
    return bech32m_encode(VIEW_PREFIX, view.reveal())


def parse_view(text: str) -> Secret:
    """Raises KeyTextInvalid."""
    data = _decoded(VIEW_PREFIX, text)
    if len(data) != VIEW_BYTES:
        raise KeyTextInvalid("the view key is cut or too long")
    return Secret(data)


def _decoded(prefix: str, text: str) -> bytes:
    try:
        found, data = bech32m_decode("".join(text.split()))
    except AddressInvalid:
        raise KeyTextInvalid("the text is mistyped or cut: its checksum is wrong") from None
    if found != prefix:
        raise KeyTextInvalid(f"a text that begins with {prefix}1 is meant")
    return data


@dataclass(frozen=True, slots=True)
class Vault:
    """Seals secrets under a symmetric key of the key service, bound to what they are and to their chain."""

    keys: Keys
    uri: KeyUri
    randomness: Randomness

    async def seal(self, secret: Secret, what: str, chain_id: bytes) -> bytes:
        """Raises the refusals of `Keys.seal`."""
        return await self.keys.seal(self.uri, secret.reveal(), _bound(what, chain_id))

    async def open(self, sealed: bytes, what: str, chain_id: bytes) -> Secret:
        """Raises the refusals of `Keys.open`."""
        return Secret(await self.keys.open(self.uri, sealed, _bound(what, chain_id)))

    # -- a second lock, by a passphrase that is nowhere stored

    def lock(self, secret: Secret, passphrase: Secret) -> Secret:
        """The secret under a passphrase."""
        salt, nonce = self.randomness.bytes(_SALT_BYTES), self.randomness.bytes(NONCE_BYTES)
        cipher = ChaCha20Poly1305Aead(derive_scrypt(passphrase.reveal(), salt, *_SCRYPT))
        return Secret(salt + nonce + cipher.seal(nonce, secret.reveal(), b"specie/ledger/lock"))

    def unlock(self, locked: Secret, passphrase: Secret) -> Secret:
        """The secret again. Raises WalletLocked for another passphrase."""
        data = locked.reveal()
        salt, nonce, sealed = data[:_SALT_BYTES], data[_SALT_BYTES:][:NONCE_BYTES], data[_SALT_BYTES + NONCE_BYTES :]
        try:
            cipher = ChaCha20Poly1305Aead(derive_scrypt(passphrase.reveal(), salt, *_SCRYPT))
            return Secret(cipher.open(nonce, sealed, b"specie/ledger/lock"))
        except OpenFailed:
            raise WalletLocked("this is not the passphrase that the wallet was locked with") from None


def _bound(what: str, chain_id: bytes) -> bytes:
    return b"specie/ledger/wallet/" + what.encode() + b"/" + chain_id
