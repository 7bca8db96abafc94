"""Where commands of issuance work: the systems as they are reached from here, and this installation's key files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from specie.app.config.model import LEDGER_ROLES, Config
from specie.app.founding import KEYS_FILE, found, is_founded, pinned_roots
from specie.app.http.client import LEDGER_ANSWER_BYTES_MAX, TIMEOUT_S, ServiceClient, Unreachable
from specie.app.http.media_types import COSE
from specie.app.http.wire import Reply
from specie.app.keyfolders import People, add_key, allowed_of, system_store
from specie.crypto.secret import Secret
from specie.issuance.wallet.hand import Hand
from specie.kernel.clock import Clock, Randomness, SystemClock, SystemRandomness
from specie.kernel.errors import Refused, Unavailable
from specie.kernel.ids import uuid7

if TYPE_CHECKING:
    from specie.issuance.wallet.founding import Terms
    from specie.kms.keystore import FileKeystore


class PersonUnknown(Refused):
    """Nobody of this name has keys here."""

    code = "request.person_unknown"
    status = 404


class AlreadyFounded(Refused):
    """The data folder holds a deployment already; nothing in it is touched."""

    code = "system.already_founded"
    status = 409


class NotFounded(Refused):
    """There are no keys and no policy here yet."""

    code = "system.not_founded"
    status = 404


class Behind:
    """One system behind the one door: its paths stand under /v1/ROLE (ISSUANCE-16.1.2), the ledger's where they are."""

    def __init__(self, client: ServiceClient, role: str) -> None:
        self.client = client
        self.role = role

    async def call(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        media_type: str = COSE,
        headers: Sequence[tuple[str, str]] = (),
    ) -> Reply:
        """As `ServiceClient.call`."""
        inner = path if self.role in LEDGER_ROLES else path.replace("/v1/", f"/v1/{self.role}/", 1)
        return await self.client.call(method, inner, body, media_type, headers)


class Reaching:
    """A system at its own address; where that is closed, behind the door of this very deployment, if it is open."""

    def __init__(self, place: Workplace, role: str) -> None:
        self.place = place
        self.role = role

    async def call(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        media_type: str = COSE,
        headers: Sequence[tuple[str, str]] = (),
    ) -> Reply:
        """As `ServiceClient.call`; only a call that did not leave goes to the door instead."""
        if self.place.door is None:
            try:
                return await self.place.own_client(self.role).call(method, path, body, media_type, headers)
            except Unreachable:
                if not await self.place.find_door():
                    raise
        assert self.place.door is not None
        return await Behind(self.place.door, self.role).call(method, path, body, media_type, headers)


@dataclass
class Workplace:
    """The systems of one deployment, its people, and what only its founder can do."""

    config: Config
    url: str | None = None
    """The one door; None: each system at its own address, by mutual TLS."""

    timeout_s: float | None = None
    clock: Clock = field(default_factory=SystemClock)
    randomness: Randomness = field(default_factory=SystemRandomness)
    door: ServiceClient | None = None
    clients: dict[str, ServiceClient] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.url is not None:
            self.door = self.open_door(self.url)

    @property
    def environment(self) -> str:
        return self.config.environment

    @property
    def currency(self) -> str:
        """The currency where none is said."""
        return self.config.currency.code

    def system_id(self, role: str) -> str:
        return self.config.system(role).id

    # -- reaching systems

    def open_door(self, url: str) -> ServiceClient:
        """A client of the one door. Raises Refused for what is no address."""
        from specie.app.cli.errors import Usage

        try:
            tls = self.config.system("issuance").tls if url.startswith("https") else None
            return ServiceClient(
                url, tls=tls, timeout_s=self.timeout_s or TIMEOUT_S, answer_bytes_max=LEDGER_ANSWER_BYTES_MAX
            )
        except ValueError as error:
            raise Usage(str(error)) from error

    def caller(self, role: str) -> Behind | Reaching:
        """Calls to one of the three systems, under that system's own certificate. Raises KeyError."""
        self.config.system(role)
        if self.door is not None:
            return Behind(self.door, role)
        return Reaching(self, role)

    def own_client(self, role: str) -> ServiceClient:
        """The system at its own address. Raises NotFounded where there are no certificates."""
        if role not in self.clients:
            system = self.config.system(role)
            tls = system.tls if system.url.startswith("https") else None
            if tls is not None and not tls.certificate.exists():
                raise NotFounded(f"{self.config.data_dir} holds no certificate of {system.id}")
            self.clients[role] = ServiceClient(
                system.url,
                tls=tls,
                server_id=system.id if tls else None,
                timeout_s=self.timeout_s or TIMEOUT_S,
                answer_bytes_max=LEDGER_ANSWER_BYTES_MAX,
            )
        return self.clients[role]

    async def find_door(self) -> bool:
        """Is `specie up` of this very deployment answering? Told by its first key manifest, which must be ours."""
        ours = self.config.data_dir / KEYS_FILE
        gateway = self.config.gateway
        if not ours.exists():
            return False
        door = self.open_door(f"http://{gateway.listen_host}:{gateway.listen_port}")
        try:
            from specie.issuance.client.calling import RulesClient

            theirs = await RulesClient(Behind(door, "central-management")).keys_since(0)
        except (Refused, Unavailable):
            theirs = []
        if theirs and sha256(theirs[0]).digest() == sha256(ours.read_bytes()).digest():
            self.door = door
            return True
        await door.close()
        return False

    async def close(self) -> None:
        """End all connections."""
        for client in [*self.clients.values(), *([self.door] if self.door else [])]:
            await client.close()

    # -- people and keys

    @property
    def _people(self) -> People:
        return People(self.config, self.clock, self.randomness)

    def people(self) -> list[str]:
        """Who has key files here."""
        return self._people.known()

    async def ledger_address(self, owner: str | None) -> bytes | None:
        """The address that units for this owner go to: said as an address, or a fresh one of a wallet of this name.

        None where the currency's registry is no ledger. Raises AddressInvalid, WalletUnknown.
        """
        if not self.config.has_ledger:
            return None
        from specie.app.chain.place import LedgerWorkplace

        return await LedgerWorkplace(self).address_of(owner or "alice")

    def hand(self, person: str) -> Hand:
        """A person's signature. Raises PersonUnknown."""
        known = self.people()
        if person not in known:
            names = ", ".join(known) or "nobody"
            raise PersonUnknown(f"{person} has no keys here; known are: {names}", said=person, known=names)
        return self._people.hand(person)

    def key_folder(self, person: str) -> FileKeystore:
        """The key files of a person or institution. Raises PersonUnknown."""
        if person not in self.people():
            raise PersonUnknown(f"{person} has no keys here", said=person)
        return self._people.store(person)

    def roots(self) -> dict[bytes, bytes]:
        """The pinned root keys, kid to public key. Raises NotFounded."""
        if not self.config.root_keys and not is_founded(self.config):
            raise NotFounded(f"{self.config.data_dir} holds no deployment")
        return dict(pinned_roots(self.config))

    def is_here(self) -> bool:
        """Whether the deployment was founded in this data folder."""
        return is_founded(self.config)

    def new_id(self) -> bytes:
        return uuid7(self.clock.now_us(), self.randomness)

    # -- books

    async def audit(self) -> Mapping[str, Any]:
        """The audit of the stores of this configuration. Raises NotHere where they are somewhere else."""
        from specie.app.books import audit_books, open_shelves

        self.check_stores()
        async with open_shelves(self.config, self.clock) as shelves:
            return await audit_books(self.config, shelves)

    async def bundle(self, *, supply: bool = False) -> str:
        """Everything signed and logged, or what proves the supply, for the stand-alone verifier. Raises NotHere."""
        from specie.app.books import bundle_books, open_shelves

        self.check_stores()
        async with open_shelves(self.config, self.clock) as shelves:
            return await bundle_books(shelves, supply=supply)

    def has_stores(self) -> bool:
        """Whether the stores can be opened from here."""
        from specie.app.books import has_stores

        return (is_founded(self.config) or bool(self.config.root_keys)) and has_stores(self.config)

    def check_stores(self) -> None:
        """Raises NotHere."""
        from specie.app.cli.errors import NotHere

        if not self.has_stores():
            raise NotHere(f"the stores of the three systems are not below {self.config.data_dir}, nor configured")

    # -- founding and keys of systems

    async def found(self, change: Callable[[Terms], Terms], note: Callable[[str], None]) -> None:
        """Keys, certificates, first manifest and policy. Raises AlreadyFounded."""
        from specie.app.founding import default_terms

        if is_founded(self.config):
            raise AlreadyFounded(f"{self.config.data_dir} holds a deployment already; it stays as it is")
        await found(self.config, self.clock, self.randomness, change(default_terms(self.config)), note)

    def make_system_key(self, role: str, key_role: str, algorithm: str) -> tuple[bytes, bytes, Hand]:
        """A key in a system's own folder: (key id, COSE_Key, its signature). Raises FileUnreadable."""
        store, holder = system_store(self.config, role), self.system_id(role)
        allowed = allowed_of(key_role, holder, self.environment)
        kid, key = add_key(store, algorithm, allowed, self.randomness)
        return kid, key, Hand(holder, store, store.uri(kid.hex()), self.clock, self.randomness)

    def keep_system_key(self, role: str, key_role: str, kid: bytes, seed: Secret) -> Hand:
        """A delivered key, kept in the system's own folder. Raises FileUnreadable, kms refusals."""
        store, holder = system_store(self.config, role), self.system_id(role)
        store.add(kid.hex(), "ed25519", allowed_of(key_role, holder, self.environment), seed, self.randomness)
        return Hand(holder, store, store.uri(kid.hex()), self.clock, self.randomness)
