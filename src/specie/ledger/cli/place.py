"""What the commands of this room need of the application: a terminal, a ledger, and a folder of wallets."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from specie.kms.api import Keys, KeyUri
from specie.ledger.api import Ledger
from specie.ledger.institution import Institution
from specie.ledger.messages.parameters import AuthorityUpdate
from specie.ledger.wallet.wallet import Surroundings

T = TypeVar("T")


class Flags(Protocol):
    """The global flags, as far as these commands look at them."""

    @property
    def json(self) -> bool: ...
    @property
    def jsonl(self) -> bool: ...
    @property
    def person(self) -> str | None: ...
    @property
    def dry_run(self) -> bool: ...
    @property
    def wait(self) -> bool: ...
    @property
    def yes(self) -> bool: ...
    @property
    def no_input(self) -> bool: ...
    @property
    def timeout_s(self) -> float | None: ...
    @property
    def idempotency_key(self) -> str | None: ...


class LedgerPlace(Protocol):
    """One ledger as it is reached from here, and the wallets of this profile."""

    def ledger(self) -> Ledger:
        """The ledger: a client of a node, or the engine of this process."""
        ...

    def wallets(self) -> Path:
        """The folder of wallet files, below the data folder of the profile; made with mode 0700 when first needed."""
        ...

    async def surroundings(self) -> Surroundings:
        """What a wallet needs: the ledger, the key that seals, clock, randomness, manners, a ring service if any."""
        ...

    def institution(self) -> AbstractAsyncContextManager[Institution]:
        """The institution of this deployment, with its keys. Raises PersonUnknown where they are not here."""
        ...

    def governors(self) -> Sequence[str]:
        """Whose governance keys are here."""
        ...

    def governor(self, name: str) -> tuple[Keys, KeyUri]:
        """A governance key. Raises PersonUnknown."""
        ...

    async def manifest(self) -> AuthorityUpdate:
        """What issuance's key manifest in force says of keys that the ledger believes, verified from its roots on.

        Raises ManifestRefused, and where the service does not answer.
        """
        ...

    def new_id(self) -> bytes:
        """A new id of 16 bytes."""
        ...

    async def close(self) -> None:
        """End all connections."""
        ...


class Terminal(Protocol):
    """The person's side of a command."""

    @property
    def flags(self) -> Flags: ...
    def show(self, value: Any, text: str | None = None) -> None: ...
    def table(self, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None: ...
    def event(self, kind: str, text: str, **fields: Any) -> None: ...
    def note(self, text: str) -> None: ...
    def warn(self, text: str) -> None: ...
    def confirm(self, question: str) -> None: ...
    def run(self, work: Coroutine[Any, Any, T]) -> T: ...
    def ledger_place(self) -> LedgerPlace: ...
