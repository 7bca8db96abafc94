"""FOEC-1, fair off-line electronic cash (ECASH 2 to 10, 13), in the Rust core: tokens, payments, keys, tracing.

Points are 48 bytes (96 in G2), scalars 32 bytes big-endian. What judges a message of others answers None, or a
`Verdict`; what builds a message of our own raises WrongLength, BadPoint, BadScalar or BadPlan. `random` is always
32 fresh bytes of the operating system: it is drawn here, and a test passes that of a vector instead. What works
on many items does so on all cores with the interpreter lock released, and answers for each what it would get alone.

| symbol | here |
|---|---|
| sk, pk | a holder's keys |
| s', s, S | serial exponent as derived, as signed, and the serial δ^s |
| M, h | the message of a token, and its base HG("h", M) |
| A, B | h^sk and h^s' |
| σ | the signature on a token |
| τ | public tag: of a value or of a fact |
| R, T | challenge of a payment, and the double-spend tag g^(sk+R·s) |
"""

from collections.abc import Sequence
from secrets import token_bytes

from specie.crypto.core import _core

__all__ = [
    "POINT_BYTES",
    "RANDOM_BYTES",
    "Dealer",
    "Holder",
    "IssuerKey",
    "Opening",
    "Payment",
    "ShareKey",
    "Show",
    "Signer",
    "Token",
    "Trustee",
    "Verdict",
    "Withdrawal",
    "atom_tag",
    "check_claim",
    "check_points",
    "check_record",
    "coin_tag",
    "combine",
    "decode_opening",
    "decode_payments",
    "decode_withdrawals",
    "dkg_check",
    "dkg_check_share",
    "dkg_context",
    "dkg_keys",
    "dkg_sum",
    "identify",
    "is_share",
    "open_trace",
    "pseudonym_base",
    "verify_claim",
    "verify_payments",
    "verify_self_trace",
    "verify_tokens",
    "verify_withdrawals",
]

POINT_BYTES = 48
RANDOM_BYTES = 32

Verdict = tuple[str, int]
"""The code of ECASH 20 without prefix, in capitals, and the place of what is wrong, or -1."""

Token = tuple[bytes, bytes, bytes, bytes]
"""(M, τ, A, B) as a signer needs it; B is empty for a fact."""

PaymentFields = tuple[
    bytes,
    list[tuple[bytes, int]],
    list[tuple[bytes, str, str]],
    bytes,
    bytes,
    list[tuple[int, bytes, int]],
    bytes,
    bytes,
]
"""Fields 2 to 9 of a payment: hash of the invoice, (kid, D), (kid, type, value), points, proof, (class, kid, D),
points of outputs, pseudonym; absent ones are empty."""

WithdrawFields = tuple[str, bytes, bytes, int, list[int], bytes, bytes]
"""Fields 2 to 8 of a withdraw request."""

Offer = tuple[bytes, bytes, str, list[tuple[str, str]]]
"""(kid, N_R, account, facts)."""

ClaimFields = tuple[
    str,
    int,
    int,
    str,
    bytes,
    int,
    list[tuple[bytes, int, bytes]],
    bytes,
    bytes,
    list[tuple[bytes, int]],
    bytes,
]
"""Fields 1 to 11 of a claim; absent ones are empty."""

Ceremony = tuple[bytes, int, str, str, str, int, list[int]]
"""(session, role, operator, currency, epoch, t, participants)."""

Subject = tuple[bytes, bytes, int, int, bytes, bytes]
"""(kid of the trustees, SHA-256 of the warrant, kind, index of the trustee, subject, E1 or Q1)."""

IssuerKey = _core.EcashKey
"""`IssuerKey(kid, public, J, kid of J)`: a bank's key; an authority's has the last two empty. Raises WrongLength,
BadPoint. Making one precomputes what pairings need, so keep it."""

ShareKey = _core.EcashShareKey
"""`ShareKey(public)`: the public key of one signer's share, to judge his partial signatures."""

Signer = _core.EcashSigner
"""`Signer(share)`: one signer's share of a key. `sign(tokens)` gives his partial signatures. It checks no proof: that
is the caller's duty (ECASH-6.12)."""

Opening = _core.EcashOpening
Withdrawal = _core.EcashWithdrawal
Payment = _core.EcashPayment
"""A payment whose lengths and encodings are right: `info`, `r`, `serials`, `double_spend_tags`, `parts()` (fields 5, 6,
8, 9) and `output_tokens()` for the signers."""

Holder = _core.EcashHolder
"""`Holder(seed)`: the keys of a wallet. It builds open requests, withdrawals, payments, prepared shows, claims and
self-traces from counters; nothing gives the seed, sk or a serial exponent back."""

Show = _core.EcashShow
"""A prepared show: `pay(invoice_hash)` once; it has no other form than this object in memory (ECASH-2.16, 2.17)."""

Dealer = _core.EcashDealer
"""`Dealer(role, t, random, kind, share)`, kind "new", "refresh" or "reshare": the polynomials of one dealer."""

Trustee = _core.EcashTrustee
"""`Trustee(share)`: a trustee's share. `decrypt(subject, random)` gives (d, proof); what it decrypts was verified by
the caller (ECASH-9.8)."""


def coin_tag(kid: bytes, value: int) -> bytes:
    """τ of a coin of this value under a bank's key."""
    return _core.ecash_coin_tag(kid, value)


def atom_tag(kid: bytes, kind: str, value: str) -> bytes:
    """τ of a fact under an authority's key."""
    return _core.ecash_atom_tag(kid, kind, value)


def pseudonym_base(merchant: bytes) -> bytes:
    """H_M, the base of pseudonyms towards the merchant with this Ed25519 key."""
    return _core.ecash_pseudonym_base(merchant)


def check_points(points: bytes) -> list[str | None]:
    """For each 48 bytes None, or LENGTH, POINT_ENCODING, POINT_IDENTITY or POINT_SUBGROUP. Spec: ECASH-2.4."""
    return _core.ecash_points_check(points)


def combine(places: Sequence[int], partials: Sequence[bytes]) -> bytes:
    """The signatures that t signers' partials make. Any t of them make the same. They must have been checked."""
    return _core.ecash_combine(list(places), list(partials))


def verify_tokens(key: IssuerKey | ShareKey, tokens: list[Token], signatures: bytes) -> list[int]:
    """The places of the signatures that are not valid: all at once first, then halves to name the culprits."""
    # SPEC ECASH-4.1, ECASH-4.3
    return key.verify_tokens(tokens, signatures, token_bytes(RANDOM_BYTES))


def decode_opening(offer: Offer, pk: bytes, points: bytes, proof: bytes) -> Opening | Verdict:
    """An open request, or its first fault in O1."""
    return _core.ecash_decode_opening(offer, pk, points, proof)


def decode_withdrawals(items: list[WithdrawFields]) -> list[Withdrawal | Verdict]:
    """Withdraw requests, or in their places the first fault of each in W1."""
    return _core.ecash_decode_withdrawals(items)


def verify_withdrawals(items: list[tuple[Withdrawal, IssuerKey]]) -> list[Verdict | None]:
    """W4 and W6 of each request under its key."""
    return _core.ecash_verify_withdrawals(items)


def decode_payments(items: list[PaymentFields]) -> list[Payment | Verdict]:
    """Payments, or in their places the first fault of each in V1 and V2."""
    return _core.ecash_decode_payments(items)


def verify_payments(keys: list[IssuerKey], payments: list[Payment]) -> list[Verdict | None]:
    """V4, V5 and V6 of each payment; all signatures go into one pairing product for each core."""
    return _core.ecash_verify_payments(keys, payments, token_bytes(RANDOM_BYTES))


def identify(first: tuple[bytes, bytes], second: tuple[bytes, bytes]) -> bytes:
    """pk of who spent one coin twice, from (T, R) of both payments. Raises BadPlan if R is the same."""
    return _core.ecash_identify(first, second)


def dkg_context(ceremony: Ceremony, dealer: int) -> bytes:
    """What a dealer's proof is bound to."""
    return _core.ecash_dkg_context(ceremony, dealer)


def dkg_check(
    role: int, threshold: int, commitments: bytes, context: bytes, proof: bytes, *, refresh: bool = False
) -> Verdict | None:
    """N2, N3 and N5 of a dealer; a refresh carries no proof."""
    return _core.ecash_dkg_check(role, threshold, commitments, context, proof, refresh)


def dkg_check_share(
    role: int, threshold: int, commitments: bytes, participant: int, share: bytes, *, refresh: bool = False
) -> Verdict | None:
    """N6: whether a share is on the dealer's committed polynomials."""
    return _core.ecash_dkg_check_share(role, threshold, commitments, participant, share, refresh)


def dkg_keys(
    role: int, threshold: int, commitments: list[bytes], participants: list[int], old: Sequence[bytes] = ()
) -> tuple[bytes, list[bytes]]:
    """The public key and the share keys; with the old share keys, those after a refresh, and no public key."""
    return _core.ecash_dkg_keys(role, threshold, commitments, participants, list(old))


def dkg_sum(shares: list[bytes], places: Sequence[int] = ()) -> bytes:
    """A participant's share from what was dealt to him; `places` of the old holders in a resharing."""
    return _core.ecash_dkg_sum(shares, list(places))


def check_record(
    role: int,
    threshold: int,
    public: bytes,
    share_keys: list[tuple[int, bytes]],
    dealers: list[tuple[bytes, bytes, bytes]],
) -> Verdict | None:
    """K3 to K6 of a key record; dealers are (context, constants, proof).

    POINT_* and LENGTH are of K3, PROOF_INVALID of K4, KEY_SUM of K5, the rest of K6.
    """
    return _core.ecash_check_record(role, threshold, public, share_keys, dealers)


def is_share(subject: Subject, share_key: bytes, point: bytes, proof: bytes) -> bool:
    """Whether a trustee's answer verifies under its share key."""
    return _core.ecash_verify_share(subject, share_key, point, proof)


def open_trace(ciphertext: bytes, places: Sequence[int], points: bytes, message: bytes | None = None) -> bytes:
    """pk from E2 and t verified answers; with M of a coin, its serial from Q2."""
    return _core.ecash_open_trace(ciphertext, list(places), points, message)


def check_claim(claim: ClaimFields) -> Verdict | None:
    """X1 of a claim."""
    return _core.ecash_check_claim(claim)


def verify_claim(
    keys: list[IssuerKey], claim: ClaimFields, entries: list[tuple[bytes, bytes, bytes]], pk: bytes
) -> Verdict | None:
    """X4 and X6 of a claim over its log entries (M, A, B); pk in mode 1, else empty."""
    return _core.ecash_verify_claim(keys, claim, entries, pk)


def verify_self_trace(
    bank: str,
    account: str,
    nonce: bytes,
    time: int,
    coins: list[tuple[IssuerKey, bytes, bytes, bytes]],
    serials: bytes,
    proof: bytes,
) -> Verdict | None:
    """The proof of a self-trace; coins are (key, M, Q1 | Q2, cid)."""
    return _core.ecash_verify_self_trace(bank, account, nonce, time, coins, serials, proof)
