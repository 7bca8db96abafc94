"""The holder's end of a sealed session: believes a trusted node's enclave before it says anything, and its answers only
as far as their proofs reach (LEDGER §11).

It works over any `api.TrustedNode`, in this process or behind HTTP.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from specie.crypto import hpke, merkle
from specie.crypto.aead import ChaCha20Poly1305Aead
from specie.crypto.errors import OpenFailed
from specie.crypto.errors import ProofInvalid as PathInvalid
from specie.enclave.api import QuoteRules, QuoteVerifier
from specie.kernel.clock import Clock, Randomness
from specie.kernel.errors import Refused
from specie.ledger.api import Session, TrustedNode
from specie.ledger.errors import ConsentMissing, NonCanonical, ProofInvalid, QuoteRefused
from specie.ledger.messages.bulk import RingAnswer, RingMember
from specie.ledger.messages.parameters import Parameters
from specie.ledger.messages.sealed import (
    ANSWER_LABEL,
    ANSWER_NONCE,
    NONCE_BYTES,
    RINGS_PATH,
    SCAN_PATH,
    RingRequest,
    ScanRequest,
    decode_candidates,
    decode_rings,
    ring_answer_bytes,
    session_info,
    session_report,
)
from specie.ledger.messages.views import time_of

RING_SIZES = (16, 32, 64)

SCAN_WARNING = (
    "Whoever holds the detection key can tell for ever which outputs are this wallet's and which addresses belong "
    "together, though no amounts."
)
"""What a wallet says before it hands out k_d."""


# SPEC LEDGER-12.2.1
def quote_rules(parameters: Parameters, *, dev: bool, development_roots: Iterable[bytes] = ()) -> QuoteRules:
    """What a chain believes of quotes: the measurements of parameter 18; simulated enclaves on a `dev` chain alone."""
    return QuoteRules(
        frozenset(parameters.enclaves.measurements), hardware=not dev, development_roots=frozenset(development_roots)
    )


@dataclass(frozen=True, slots=True)
class _Opened:
    ident: str
    public_key: bytes
    expires_us: int


class SealedNode:
    """A trusted node as one holder uses it. Opens a session when it has none that will last."""

    def __init__(
        self,
        node: TrustedNode,
        verifier: QuoteVerifier,
        rules: QuoteRules,
        chain_id: bytes,
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        """rules: measurements of parameter 18; with `hardware` every simulated node is refused (LEDGER-12.2.1)."""
        self._node = node
        self._verifier = verifier
        self._rules = rules
        self._chain_id = chain_id
        self._clock = clock
        self._randomness = randomness
        self._opened: _Opened | None = None

    async def rings(self, h_a: int, indices: Sequence[int], out_root: bytes, out_size: int) -> tuple[RingMember, ...]:
        """All positions of one ring with their outputs, proven to the out_root of a header that was verified.

        indices: strictly ascending, as many as RING_SIZE, the real one among them, in one request (LEDGER-10.4). H_p of
        the members is not proven: whoever signs computes it anew. Raises QuoteRefused, what the node refuses,
        ProofInvalid.
        """
        size = next((each for each in RING_SIZES if len(indices) <= each), RING_SIZES[-1])
        answer = await self._ask(RINGS_PATH, RingRequest(h_a, tuple(indices)).encode(size))
        if len(answer) != ring_answer_bytes(size):
            raise ProofInvalid("the answer has not the size of its kind")
        found = _readable(answer)
        if (found.anchor_height, found.out_size, found.out_root) != (h_a, out_size, out_root):
            raise ProofInvalid("the answer is for another height")
        if [member.index for member in found.members] != list(indices):
            raise ProofInvalid("the answer holds other positions than were asked for")
        for member in found.members:
            _check_path(member, out_root, out_size)
        return found.members

    # SPEC LEDGER-11.4.5, LEDGER-11.4.7
    async def scan(self, detection_key: bytes, first: int, last: int, *, consent: bool) -> list[int]:
        """Candidates among the outputs of some blocks, both ends included. What is missing in the answer cannot be
        known: open what it names and check the sums.

        consent: the holder was told what handing out k_d gives away, and agreed. Raises, in this order: ConsentMissing,
        QuoteRefused, what the node refuses, ProofInvalid.
        """
        if not consent:
            raise ConsentMissing(SCAN_WARNING)
        answer = await self._ask(SCAN_PATH, ScanRequest(detection_key, first, last).encode())
        try:
            return decode_candidates(answer)
        except NonCanonical as error:
            raise ProofInvalid("the answer cannot be read") from error

    async def _ask(self, path: str, plaintext: bytes) -> bytes:
        session = await self._session()
        encapsulated, context = hpke.setup_sender(session.public_key, session_info(self._chain_id), self._randomness)
        sealed = encapsulated + context.seal(path.encode("ascii"), plaintext)
        call = self._node.rings if path == RINGS_PATH else self._node.scan
        try:
            answer = await call(session.ident, sealed)
        except BaseException:
            self._opened = None
            raise
        try:
            return ChaCha20Poly1305Aead(context.export(ANSWER_LABEL, 32)).open(ANSWER_NONCE, answer, b"")
        except OpenFailed as error:
            raise ProofInvalid("the answer was not sealed in this session") from error

    # SPEC LEDGER-11.4.1, LEDGER-11.4.6
    async def _session(self) -> _Opened:
        """A session whose quote was verified, bound to a nonce of ours. Raises QuoteRefused."""
        now_us = self._clock.now_us()
        if self._opened is None or self._opened.expires_us <= now_us:
            nonce = self._randomness.bytes(NONCE_BYTES)
            session = await self._node.session(nonce)
            self._opened = self._believed(session, nonce, now_us)
        return self._opened

    def _believed(self, session: Session, nonce: bytes, now_us: int) -> _Opened:
        try:
            public_key, quote = bytes.fromhex(session.public_key), bytes.fromhex(session.quote)
            expires_us = time_of(session.expires_at) * 1000
        except ValueError as error:
            raise QuoteRefused("the session cannot be read") from error
        expected = session_report(self._chain_id, public_key, nonce)
        try:
            self._verifier.verify(quote, None, expected, self._rules, now_us // 1_000_000)
        except Refused as error:
            raise QuoteRefused(error.detail, reason=error.code) from error
        return _Opened(session.session, public_key, expires_us)


# SPEC LEDGER-11.1.1
def _check_path(member: RingMember, out_root: bytes, out_size: int) -> None:
    leaf = merkle.leaf_hash(member.logged.encode())
    try:
        merkle.verify_inclusion(leaf, member.index, out_size, member.path, out_root)
    except PathInvalid as error:
        raise ProofInvalid("an output does not stand where the node says") from error


def _readable(answer: bytes) -> RingAnswer:
    try:
        return decode_rings(answer)
    except NonCanonical as error:
        raise ProofInvalid("the answer cannot be read") from error
