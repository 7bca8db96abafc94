"""Made-up rings and wallets for the tests of `specie.crypto.ring`."""

from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha512

from specie.crypto import ring

ORDER = 2**252 + 27742317777372353535851937790883648493
CTX = b"\xc0" * 32
NO_MEMO = bytes(ring.MEMO_BYTES)


def scalar(seed: object) -> bytes:
    """A scalar that looks random and is always the same for a seed."""
    wide = int.from_bytes(sha512(repr(seed).encode()).digest(), "little")
    return (wide % ORDER).to_bytes(32, "little")


def minus(one: bytes, other: bytes) -> bytes:
    difference = int.from_bytes(one, "little") - int.from_bytes(other, "little")
    return (difference % ORDER).to_bytes(32, "little")


@dataclass(frozen=True)
class Signed:
    """A ring signature with all that it is about."""

    message: bytes
    k_ring: bytes
    input_no: int
    indices: tuple[int, ...]
    members: bytes
    pseudo: bytes
    key_image: bytes
    sigma: bytes

    def claim(self) -> ring.Claim:
        return (
            self.message,
            self.k_ring,
            self.input_no,
            list(self.indices),
            self.members,
            self.pseudo,
            self.key_image,
            self.sigma,
        )

    def with_sigma(self, at: int, part: bytes) -> "Signed":
        """The same with other bytes in one place of sigma."""
        return replace(self, sigma=self.sigma[:at] + part + self.sigma[at + len(part) :])


@cache
def signed(seed: int, size: int = 16, real: int = 0) -> Signed:
    """A valid signature by the member at `real`."""
    members = b"".join(
        ring.commit(0, scalar((seed, "x", k))) + ring.commit(k, scalar((seed, "b", k))) for k in range(size)
    )
    mask = scalar((seed, "b'"))
    message, k_ring = bytes([seed % 256]) * 64, bytes([seed % 256, size]) * 16
    indices = tuple(7 * k + seed for k in range(size))
    pseudo = ring.commit(real, mask)
    x, z = scalar((seed, "x", real)), minus(scalar((seed, "b", real)), mask)
    random = sha512(repr(seed).encode()).digest()
    sigma, image = ring.clsag_sign(message, k_ring, 3, list(indices), members, pseudo, real, x, z, random)
    return Signed(message, k_ring, 3, indices, members, pseudo, image, sigma)


@cache
def wallet(seed: bytes = b"w" * 32) -> ring.WalletKeys:
    """A wallet that recognises four subaddresses of account 0 and two of account 7."""
    keys = ring.WalletKeys.from_seed(seed)
    keys.extend(0, 4)
    keys.extend(7, 2)
    return keys


def candidate(output: bytes) -> bytes:
    """R and tag of an output."""
    return output[64:99]
