"""Founding a chain: keys of the verification node, the institution and governance, and the genesis document.

The document names the keys of quota control and issuance that the ledger believes, so it is made after their keys and
before the policy, which names the chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from specie.app.config.errors import ValueInvalid
from specie.app.config.model import SYSTEMS, TRUSTED_NODE, VERIFICATION_NODE, Config
from specie.app.config.secrets import read_private
from specie.app.keyfolders import People, ensure_passphrase, system_store, write_private
from specie.crypto import cose
from specie.crypto.ring import WalletKeys
from specie.crypto.secret import Secret
from specie.enclave.messages import report_data
from specie.enclave.simulated import SimulatedEnclave, measure_release
from specie.issuance.messages.keys import KeyEntry, KeyStatus
from specie.issuance.wallet.founding import Holding, first_entry
from specie.kernel.clock import Clock, Randomness
from specie.ledger.messages.authority import AuthorityEntry, AuthorityStatus, Role
from specie.ledger.messages.genesis import Genesis
from specie.ledger.messages.parameters import AdmittedEnclave, Enclaves, Parameter

if TYPE_CHECKING:
    from specie.kms.keystore import FileKeystore

GENESIS_FILE = "genesis.cbor"
VALIDATOR, ENCLAVE, ANCHOR, WITHDRAWAL, REGISTER = "validator", "enclave-root", "anchor", "withdrawal", "register"
ENCLAVE_FILE = "enclave.sealed"
DEVELOPMENT_ROOTS = "development-roots"
"""Keys that sign simulated quotes and that wallets of this installation believe, a line each."""
ENCLAVE_AAD = b"specie/enclave-root/1"
GOVERNANCE = "governance"
GOVERNORS = ("governor-1", "governor-2", "governor-3")
TREASURY = "treasury"
RELEASE = "specie-0.1"
"""What the simulated enclave says that it runs; sealed epoch keys survive an edit of the code."""
MANIFEST_ROLES = {"qc:bit": Role.QUOTA_CONTROL, "is:unit": Role.ISSUANCE}
"""Keys of the manifest that the ledger believes, and as what."""
STATES: dict[int, AuthorityStatus] = {
    KeyStatus.RETIRED: AuthorityStatus.ENDED,
    KeyStatus.REVOKED: AuthorityStatus.REVOKED,
}
"""Other keys of the manifest are active for the ledger: their dates say when they sign."""
TOPICS = {"central-management": 4, "quota-control": 5, "issuance": 6}
KEY_LIFE_S = 365 * 24 * 3600
VERIFY_S = 10 * 365 * 24 * 3600


def genesis_file(config: Config) -> Path:
    return config.data_dir / GENESIS_FILE


def read_genesis(config: Config) -> Genesis:
    """The pinned document. Raises OSError, NonCanonical."""
    return Genesis.decode(genesis_file(config).read_bytes())


# -- the simulated enclave


async def make_enclave_root(store: FileKeystore, folder: Path, randomness: Randomness) -> None:
    """The root of a simulated enclave, sealed by a key of the node's own store."""
    store.create(ENCLAVE, "aead", [])
    sealed = await store.seal(store.uri(ENCLAVE), randomness.bytes(32), ENCLAVE_AAD)
    (folder / ENCLAVE_FILE).write_bytes(sealed)


async def open_enclave(store: FileKeystore, folder: Path, clock: Clock, randomness: Randomness) -> SimulatedEnclave:
    """The enclave of this node: simulated, and it says so. Raises OSError, OpenFailed."""
    sealed = (folder / ENCLAVE_FILE).read_bytes()
    root = Secret(await store.open(store.uri(ENCLAVE), sealed, ENCLAVE_AAD))
    return SimulatedEnclave(root, measurement=measure_release(RELEASE), clock=clock, randomness=randomness)


# -- the authority table


# SPEC ISSUANCE-13.2.7
def authority_of(entry: KeyEntry) -> AuthorityEntry | None:
    """The ledger's entry of a key of the manifest; None for a key that the ledger does not believe."""
    if entry.role not in MANIFEST_ROLES:
        return None
    public = cose.parse_key(entry.cose_key).public
    status = STATES.get(entry.status, AuthorityStatus.ACTIVE)
    # the log position of ISSUANCE section 12.2; without one nothing of the key counts
    revoked_from = entry.compromised_from or 0 if status == AuthorityStatus.REVOKED else 0
    return AuthorityEntry(
        entry.kid,
        MANIFEST_ROLES[entry.role],
        entry.holder,
        public,
        entry.nbf,
        entry.signing_until,
        entry.verify_until,
        status=status,
        revoked_from=revoked_from,
    )


def own_authority(role: Role, public: bytes, system: str, now_s: int, topic: int = 0) -> AuthorityEntry:
    """A key that the manifest does not name: an institution's for withdrawals, or an anchor's."""
    until = now_s + KEY_LIFE_S
    return AuthorityEntry(cose.key_id(public), role, system, public, now_s, until, until + VERIFY_S, topic)


# -- keys


async def make_chain_keys(config: Config, people: People, randomness: Randomness) -> list[Holding]:
    """Key files of the node, the institution, the governors; answers what the manifest must say of them."""
    for role in (VERIFICATION_NODE, TRUSTED_NODE):
        ensure_passphrase(config, role)
        await make_enclave_root(system_store(config, role), config.data_dir / role, randomness)
    clock = people.clock
    enclaves = [
        await open_enclave(system_store(config, role), config.data_dir / role, clock, randomness)
        for role in (VERIFICATION_NODE, TRUSTED_NODE)
    ]
    roots = "\n".join(enclave.development_root.hex() for enclave in enclaves) + "\n"
    write_private(config.data_dir / DEVELOPMENT_ROOTS, roots.encode())
    system_store(config, VERIFICATION_NODE).create(VALIDATOR, "ed25519", ["block"])
    for role in SYSTEMS:
        system_store(config, role).create(ANCHOR, "ed25519", ["op:48"])
    for name in GOVERNORS:
        people.make_named(name, GOVERNANCE, "ed25519", ["op:64"])
    institution = config.ledger.institution
    people.make_named(institution, WITHDRAWAL, "ed25519", ["op:18", "op:19"])
    key = people.make_named(institution, REGISTER, "ed25519", ["dc-redreq"])
    return [Holding(key, "bank:reg", institution)]


def treasury_keys(config: Config, randomness: Randomness) -> WalletKeys:
    """The wallet that fees go to: its seed is written once, mode 0600, for whoever keeps the treasury."""
    path = config.data_dir / "people" / TREASURY / "seed"
    if not path.exists():
        write_private(path, randomness.bytes(32).hex().encode() + b"\n")
    return WalletKeys.from_seed(bytes.fromhex(read_private(path).decode()))


def check_can_found(config: Config) -> None:
    """Raises ValueInvalid in a live environment, which takes enclaves of hardware only; before anything is written."""
    if config.environment == "live":
        raise ValueInvalid("a live ledger needs enclaves of hardware; this release simulates them", key="environment")


# SPEC LEDGER-1.1, LEDGER-8.6.1
async def found_chain(
    config: Config, people: People, holdings: Sequence[Holding], clock: Clock, randomness: Randomness
) -> Genesis:
    """The genesis document of a chain with one verification node, written once. Simulated enclaves make it `dev`."""
    now_s = clock.now_us() // 1_000_000
    store = system_store(config, VERIFICATION_NODE)
    validator = (await store.public_key(store.uri(VALIDATOR))).bytes
    enclave = await open_enclave(store, config.data_dir / VERIFICATION_NODE, clock, randomness)
    governors = [await people.public(name, GOVERNANCE) for name in GOVERNORS]
    institution = config.ledger.institution
    entries = [found for each in holdings if (found := authority_of(first_entry(each, now_s))) is not None]
    withdrawal = await people.public(institution, WITHDRAWAL)
    entries.append(own_authority(Role.BANK_WITHDRAWAL, withdrawal, institution, now_s))
    for role, topic in TOPICS.items():
        anchors = system_store(config, role)
        public = (await anchors.public_key(anchors.uri(ANCHOR))).bytes
        entries.append(own_authority(Role.ANCHOR, public, config.system(role).id, now_s, topic))
    measurement = enclave.measurement().mrenclave
    quote_hash = sha256(enclave.quote(report_data("pl1-genesis", bytes(32), enclave.public_key, bytes(32)))).digest()
    genesis = Genesis(
        currency=config.currency.code,
        scale=config.currency.digits,
        dev=True,
        created=now_s,
        provider="embedded",
        validators=(validator,),
        governance=tuple(governors),
        settings={Parameter.FEE_ADDRESS: treasury_keys(config, randomness).address(0, 0)},
        authorities=tuple(sorted(entries, key=lambda entry: entry.kid)),
        random=randomness.bytes(32),
        enclaves=Enclaves((measurement,), (AdmittedEnclave(0, enclave.public_key, measurement, quote_hash),)),
    )
    write_private(genesis_file(config), genesis.encode())
    return genesis
