"""What other rooms may ask of an enclave, and of whoever judges quotes (KMS section 2)."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from specie.crypto.secret import Secret
from specie.enclave.messages import BANNER, Kind, Measurement, QuoteRules, report_data

__all__ = ["BANNER", "Enclave", "Kind", "Measurement", "QuoteRules", "QuoteVerifier", "Secret", "report_data"]


@runtime_checkable
class Enclave(Protocol):
    """The enclave of this process."""

    @property
    def kind(self) -> Kind:
        """Who provides it; `simulated` must be shown in every banner, quote and status answer."""
        ...

    @property
    def assurance(self) -> str:
        """What keeps its secrets, in words for people."""
        ...

    @property
    def public_key(self) -> bytes:
        """Its Ed25519 key, 32 bytes; stays the same over restarts."""
        ...

    def measurement(self) -> Measurement:
        """What runs in it."""
        ...

    def quote(self, report_data: bytes) -> bytes:
        """A signed statement that this code said these 64 bytes. Raises ValueError for another length."""
        ...

    def sign(self, message: bytes) -> bytes:
        """An Ed25519 signature by its own key."""
        ...

    def seal(self, owner: bytes, label: str, plaintext: bytes) -> bytes:
        """Bytes that only this code on this machine opens again, for this owner (cluster or chain id) and label."""
        ...

    def unseal(self, owner: bytes, label: str, sealed: bytes) -> bytes:
        """The plaintext of `seal`. Raises UnsealFailed."""
        ...

    def sealing_key(self, owner: bytes, label: str) -> Secret:
        """32 bytes with the same bounds as `seal`, for secrets of the core that never become bytes here."""
        ...


@runtime_checkable
class QuoteVerifier(Protocol):
    """Judges quotes by rules that the caller brings."""

    def verify(
        self, quote: bytes, collateral: bytes | None, expected_report_data: bytes, rules: QuoteRules, now_s: int
    ) -> Measurement:
        """What runs in the enclave that said exactly this report data.

        Raises, in this order: NotAttested (unreadable), SimulatedRefused, NotAttested (root, signature, report data,
        age, platform), MeasurementRefused.
        """
        ...
