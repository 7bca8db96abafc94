"""Sessions of a trusted node: keys that live for a minute, bound by a quote to the nonce of who asked (LEDGER §11.4).

A request is sealed to the session's key with HPKE; its answer is sealed under a key that the same exchange gives, with
nonce 0. So a request must open once only: the same bytes again would give one key and one nonce to two answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from specie.crypto import hpke
from specie.crypto.aead import ChaCha20Poly1305Aead
from specie.crypto.errors import OpenFailed
from specie.crypto.x25519 import X25519Secret, generate_secret
from specie.enclave.api import Enclave
from specie.kernel.clock import Clock, Randomness
from specie.ledger.errors import EnvelopeUnopenable, NonCanonical, Overloaded, Unknown
from specie.ledger.messages.sealed import ANSWER_LABEL, ANSWER_NONCE, NONCE_BYTES, session_info, session_report
from specie.ledger.messages.views import Session, time_text

# SPEC LEDGER-11.4.2
LIFE_S = 60
SESSIONS_MAX = 4096
REQUESTS_MAX = 64
"""In one session."""

_ID_BYTES = 16
_ENCAPSULATED_BYTES = 32

Seal = Callable[[bytes], bytes]
"""Seals the one answer to a request."""


@dataclass(slots=True)
class _Open:
    secret: X25519Secret
    expires_us: int
    seen: set[bytes] = field(default_factory=set)
    """Encapsulated keys of the requests that were opened."""


class Sessions:
    """All sessions of one trusted node, in memory only."""

    def __init__(self, enclave: Enclave, chain_id: bytes, clock: Clock, randomness: Randomness) -> None:
        self._enclave = enclave
        self._chain_id = chain_id
        self._clock = clock
        self._randomness = randomness
        self._open: dict[str, _Open] = {}

    @property
    def count(self) -> int:
        """How many are open."""
        self._forget_old()
        return len(self._open)

    def open(self, nonce: bytes) -> Session:
        """A new session for a nonce of 32 bytes. Raises NonCanonical, Overloaded."""
        if len(nonce) != NONCE_BYTES:
            raise NonCanonical("a nonce has 32 bytes")
        self._forget_old()
        if len(self._open) >= SESSIONS_MAX:
            raise Overloaded("too many sessions are open")
        secret = generate_secret(self._randomness)
        ident = self._randomness.bytes(_ID_BYTES).hex()
        expires_us = self._clock.now_us() + LIFE_S * 1_000_000
        self._open[ident] = _Open(secret, expires_us)
        # erased in time also when nobody calls again
        asyncio.get_running_loop().call_later(LIFE_S, self._open.pop, ident, None)
        quote = self._enclave.quote(session_report(self._chain_id, secret.public(), nonce))
        return Session(
            session=ident,
            public_key=secret.public().hex(),
            quote=quote.hex(),
            expires_at=time_text(expires_us // 1000),
        )

    def take(self, ident: str, path: str, sealed: bytes) -> tuple[bytes, Seal]:
        """The plaintext of a request, and what seals its answer.

        Raises, in this order: Unknown (a session that is over or never was), EnvelopeUnopenable, Overloaded (no more
        requests in this session).
        """
        self._forget_old()
        session = self._open.get(ident)
        if session is None:
            raise Unknown("the session is over; open another one")
        encapsulated, ciphertext = sealed[:_ENCAPSULATED_BYTES], sealed[_ENCAPSULATED_BYTES:]
        if encapsulated in session.seen:
            raise EnvelopeUnopenable("this request was opened before; seal it anew")
        try:
            context = hpke.setup_recipient(encapsulated, session.secret, session_info(self._chain_id))
            plaintext = context.open(path.encode("ascii"), ciphertext)
        except OpenFailed as error:
            raise EnvelopeUnopenable("the request does not open in this session") from error
        if len(session.seen) >= REQUESTS_MAX:
            raise Overloaded("this session has had its requests; open another one")
        session.seen.add(encapsulated)
        cipher = ChaCha20Poly1305Aead(context.export(ANSWER_LABEL, 32))
        return plaintext, lambda answer: cipher.seal(ANSWER_NONCE, answer, b"")

    def _forget_old(self) -> None:
        now_us = self._clock.now_us()
        for ident in [ident for ident, session in self._open.items() if session.expires_us <= now_us]:
            del self._open[ident]
