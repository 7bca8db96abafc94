"""The group of the ledger, wallet keys, one-time outputs and ring signatures (LEDGER 2 to 5, 13), in the Rust core.

Points are 32 bytes (ristretto255, RFC 9496), scalars 32 bytes little-endian, keys of an address 96 bytes
`K_s | K_v | K_d`. Whatever takes bytes of a fixed length raises WrongLength for another one. What works on many
items does so on all cores with the interpreter lock released.

| symbol | here |
|---|---|
| ctx | context of an output, 32 bytes |
| n | anchor of an output, 16 bytes |
| P, C, R | its one-time key, commitment and ephemeral point |
| C', I | pseudo-output and key image of an input |
"""

from collections.abc import Sequence

from specie.crypto.core import _core

__all__ = [
    "ADDRESS_KEYS_BYTES",
    "CANDIDATE_BYTES",
    "MEMO_BYTES",
    "OUTPUT_BYTES",
    "POINT_BYTES",
    "POINT_GOOD",
    "POINT_IDENTITY",
    "POINT_UNDECODABLE",
    "SCALAR_BYTES",
    "STUB_BYTES",
    "Claim",
    "OwnedOutput",
    "RingMembers",
    "WalletKeys",
    "address_points_ok",
    "clsag_sign",
    "clsag_verify",
    "clsag_verify_batch",
    "clsag_verify_classic",
    "commit",
    "dleq_verify",
    "group_equation",
    "make_output",
    "payment_matches",
    "pl1_hash",
    "pl1_point",
    "pl1_scalar",
    "points_check",
    "public_outputs",
    "ristretto_map",
    "scalars_check",
    "schnorr_verify",
    "sigma_bytes",
    "sum_points",
]

POINT_BYTES = 32
SCALAR_BYTES = 32
ADDRESS_KEYS_BYTES = 96
OUTPUT_BYTES = 267
STUB_BYTES = 227
MEMO_BYTES = 128

CANDIDATE_BYTES = 35
"""R and tag of one output, as a compact block lists them."""

POINT_GOOD, POINT_UNDECODABLE, POINT_IDENTITY = range(3)

WalletKeys = _core.WalletKeys
"""The keys of a wallet (LEDGER 3). Tiers: `from_seed(seed 32)` spends; `from_view(k_v | K_s | s_b)` sees all
history; `from_detect(k_d)` finds candidates. `tier` says which. What a tier cannot do raises WrongTier.

- `address(account, index)`: the 96 bytes of a subaddress. `extend(account, indices)`: scanning recognises the
  subaddresses 0 .. indices-1 of the account from now on.
- `detect([(ctx, n × 35)], threads)`: per group the places of the rows with our tag, in constant time; threads 0 for
  all cores, 1 for the calling thread.
- `open([(ctx, output, kind, mask)])`: an OwnedOutput, or None for the outputs of others. Kinds 1 and 2 have hidden
  openings and an empty mask; 3 to 5 come with their public mask (LEDGER 4.5).
- `refund_stub(account, index, ctx, value, mask, n)`: 227 bytes for a withdrawal; n is 16 fresh random bytes.
- `prove_receive`, `prove_reserve`, `prove_topup` (LEDGER 13, 9.6) with 32 fresh random bytes; a reserve proof of an
  output that is not ours raises OpenFailed.
- `disclosure(tx_id)`, `recipient_hash(address)` (LEDGER 14).
- `export_view()` and `export_detect()` give secrets away knowingly. Nothing gives k_s back."""

OwnedOutput = _core.OwnedOutput
"""An output with one of our keys, read-only: `status` is "ours", "hostile" (it fails the Janus check: show it, never
acknowledge it) or "mismatch" (its amount does not open C: `value` is 0). `key_image` is empty without the spend key
and for what is not ours; `memo` is empty where it does not open; `memo_own` marks change."""

RingMembers = _core.RingMembers
"""The members `n × (P | C)` of a ring, 1 to 64, decoded once. Raises WrongLength, BadPoint."""

Claim = tuple[bytes, bytes, int, list[int], bytes | RingMembers, bytes, bytes, bytes]
"""(message 64, k_ring 32, input number, indices, ring, C', I, sigma) of one ring signature."""


def sigma_bytes(ring_size: int) -> int:
    """The length of a ring signature."""
    return 64 + 96 * ring_size


def pl1_hash(tag: str, items: list[bytes]) -> bytes:
    """Hn(tag; items), 64 bytes. The tag is ASCII of 1 to 255 characters, else WrongLength. Spec: LEDGER-2.3."""
    return _core.pl1_hash(tag, items)


def pl1_scalar(tag: str, items: list[bytes]) -> bytes:
    """H_s(tag; items), 32 bytes little-endian."""
    return _core.pl1_scalar(tag, items)


def pl1_point(tag: str, items: list[bytes]) -> bytes:
    """H_p(tag; items), 32 bytes."""
    return _core.pl1_point(tag, items)


def ristretto_map(wide: bytes) -> bytes:
    """The element that RFC 9496 section 4.3.4 makes of 64 bytes."""
    return _core.ristretto_map(wide)


def points_check(points: bytes) -> bytes:
    """For each 32 bytes POINT_GOOD, POINT_UNDECODABLE or POINT_IDENTITY."""
    return _core.points_check(points)


def scalars_check(scalars: bytes) -> bytes:
    """For each 32 bytes 0 if they are a canonical scalar, else 1."""
    return _core.scalars_check(scalars)


def commit(value: int, mask: bytes) -> bytes:
    """mask·G + value·H, for values below 2^64. Raises WrongLength, BadScalar."""
    return _core.commit(value, mask)


def group_equation(left: bytes, right: bytes, left_value: int, right_value: int, masks: bytes) -> bool:
    """Whether Σ left + left_value·H + Σ masks·G = Σ right + right_value·H.

    Points and masks are given one after the other, values are below 2^127. A bad encoding gives False.
    """
    return _core.group_equation(left, right, left_value, right_value, masks)


def sum_points(points: bytes) -> bytes:
    """The sum of points given one after the other; 32 zero bytes for none. Raises WrongLength, BadPoint."""
    return _core.sum_points(points)


def make_output(pay: bytes, ctx: bytes, value: int, n: bytes, memo: bytes, own: bytes = b"") -> tuple[bytes, bytes]:
    """(output, its mask) to an address, with a hidden opening. `own`: s_b of the maker for change.

    n must be fresh: the same n to the same address gives the same output. Raises WrongLength, BadPoint.
    """
    return _core.make_output(pay, ctx, value, n, memo, own)


def public_outputs(items: list[tuple[bytes, bytes, bytes, int, bytes]]) -> list[bytes]:
    """Outputs of the kinds 3 and 4 from (keys of the address, ctx, n, value, public mask).

    Raises, for the first bad item: WrongLength, BadPoint, BadScalar.  Spec: LEDGER 4.5.
    """
    return _core.public_outputs(items)


def payment_matches(output: bytes, ctx: bytes, n: bytes, pay: bytes, value: int) -> bool:
    """Whether this output with a hidden opening pays `value` to the address: R, P and C are recomputed from n."""
    return _core.payment_matches(output, ctx, n, pay, value)


def address_points_ok(pay: bytes) -> bool:
    """Whether the three keys of an address decode and none is the identity.  Spec: LEDGER-3.2."""
    return _core.address_points_ok(pay)


def dleq_verify(context: bytes, base1: bytes, image1: bytes, base2: bytes, image2: bytes, proof: bytes) -> bool:
    """Whether one secret takes base1 to image1 and base2 to image2; bad points and scalars give False.

    The context has to hold a challenge of the verifier.  Spec: LEDGER-13.5.
    """
    return _core.dleq_verify(context, base1, image1, base2, image2, proof)


def schnorr_verify(tag: str, public: bytes, items: list[bytes], signature: bytes) -> bool:
    """Whether A | s satisfies s·G = A + c·Y with c = H_s(tag; A, Y, items…); bad points and scalars give False."""
    return _core.schnorr_verify(tag, public, items, signature)


def clsag_sign(
    message: bytes,
    k_ring: bytes,
    input_no: int,
    indices: list[int],
    ring: bytes | RingMembers,
    pseudo: bytes,
    real: int,
    x: bytes,
    z: bytes,
    random: bytes,
) -> tuple[bytes, bytes]:
    """(sigma, key image) for the member at `real`, in constant time in real, x and z. `random`: 64 fresh bytes.

    The core builds transactions without letting x and z out; this raw form is for tests and other implementations.
    Raises WrongLength, BadScalar, BadPoint.  Spec: LEDGER-5.3.1.
    """
    return _core.clsag_sign(message, k_ring, input_no, indices, ring, pseudo, real, x, z, random)


def clsag_verify(claim: Claim) -> bool:
    """The four steps of LEDGER 5.4, the equations one by one.

    Bytes of a wrong length raise WrongLength; everything else that is wrong gives False.
    """
    return _core.clsag_verify(*claim)


def clsag_verify_classic(claim: Claim) -> bool:
    """The same for the short form (c_1, D, s) of CLSAG: L and R of the signature are not looked at."""
    return _core.clsag_verify_classic(*claim)


def clsag_verify_batch(claims: Sequence[Claim], random: bytes) -> list[bool]:
    """For each claim what `clsag_verify` says, by one multiscalar multiplication per 64 claims.

    `random`: 32 bytes of the operating system.  Spec: LEDGER-5.5.3.
    """
    return _core.clsag_verify_batch(list(claims), random)
