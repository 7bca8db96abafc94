"""Founding a deployment: keys for every system and person, certificates, the first manifest, the first policy.

Everything is written below the data folder, each system's part in a folder of its own; nothing is overwritten. In a
real deployment the parts of people are moved to their own machines afterwards; the manifest and the policy stay valid.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from specie.app.chain.founding import check_can_found, found_chain, make_chain_keys
from specie.app.config.errors import ValueInvalid
from specie.app.config.model import AUDITOR, SERVED, SYSTEMS, Config
from specie.app.keyfolders import People, add_key, allowed_of, ensure_passphrase, system_store, write_private
from specie.app.tls import Authority
from specie.crypto import cose
from specie.issuance.wallet.founding import Holding, Terms, first_manifest, first_policy
from specie.issuance.wallet.officer import sign_manifest, sign_policy
from specie.kernel.clock import Clock, Randomness

KEYS_FILE, POLICY_FILE, PINS_FILE = "keys-1.cose", "policy-1.cose", "root-keys"
ROOTS = ("root-1", "root-2", "root-3")
ROOT_THRESHOLD = 2
OFFICERS = {"mina": "treasury", "omar": "risk", "ines": "treasury"}
CUSTODIANS = ("custodian-1",)
OWNERS = ("alice", "bob")
SYSTEM_KEYS = {
    "central-management": {"cm:cred": "ed25519", "cm:kem": "x25519", "log": "ed25519"},
    "quota-control": {"qc:bit": "ed25519", "qc:kem": "x25519", "log": "ed25519"},
    "issuance": {"is:req": "ed25519", "is:unit": "ed25519", "log": "ed25519"},
}


def cosigned_kinds(config: Config) -> tuple[str, ...]:
    """What the auditor's witness key signs: cosignatures on the checkpoints of the three logs, and nothing else."""
    return tuple(f"cosign:specie/{config.environment}/{config.system(role).id}" for role in SYSTEMS)


def is_founded(config: Config) -> bool:
    return (config.data_dir / KEYS_FILE).exists()


def pinned_roots(config: Config) -> Mapping[bytes, bytes]:
    """The root keys that this deployment believes: from the configuration, else from the file written at founding.

    Raises ValueInvalid where there are none.
    """
    publics = list(config.root_keys)
    pins = config.data_dir / PINS_FILE
    if not publics and pins.exists():
        publics = [bytes.fromhex(line) for line in pins.read_text().split()]
    if not publics:
        raise ValueInvalid("no root keys are pinned; run: specie issuance init", key="issuance.root_keys")
    return {cose.key_id(public): public for public in publics}


def default_terms(config: Config) -> Terms:
    """A sandbox currency: 10,000.00 a day, automatic to 1,000.00, one officer to 5,000.00, two above."""
    unit = 10**config.currency.digits
    return Terms(
        currency=config.currency.code,
        digits=config.currency.digits,
        registry="offline",
        issuers=(config.system("issuance").id,),
        quota_control=config.system("quota-control").id,
        stock_cap=1_000_000 * unit,
        daily_cap=10_000 * unit,
        request_max=50_000 * unit,
        automatic_max=1_000 * unit,
        one_officer_max=5_000 * unit,
    )


async def found(
    config: Config,
    clock: Clock,
    randomness: Randomness,
    terms: Terms | None = None,
    note: Callable[[str], None] = lambda line: None,
) -> None:
    """Make everything of a deployment that is not there. Raises ValueInvalid where it was founded before."""
    if is_founded(config):
        raise ValueInvalid(f"{config.data_dir} holds a deployment already", key="data_dir")
    if config.has_ledger:
        check_can_found(config)
    config.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    people = People(config, clock, randomness)
    holdings = make_keys(config, people, randomness, note)
    chosen = terms or default_terms(config)
    if config.has_ledger:
        note("keys of the ledger, and its genesis document")
        holdings += await make_chain_keys(config, people, randomness)
        genesis = await found_chain(config, people, holdings, clock, randomness)
        chosen = replace(chosen, registry=genesis.chain_id.hex())
    note("certificates of the three systems and the auditor")
    authority = Authority.create(config.data_dir / "ca", clock)
    for role in SERVED:
        system = config.system(role)
        if system.tls is not None:
            authority.issue(system.id, system.tls.certificate.parent, clock)
    note("key manifest and quota policy, version 1")
    now_s = clock.now_us() // 1_000_000
    hands = [people.hand(name) for name in ROOTS[:ROOT_THRESHOLD]]
    manifest = first_manifest(config.environment, holdings, now_s, ROOT_THRESHOLD)
    policy = first_policy(config.environment, chosen, now_s)
    write_private(config.data_dir / POLICY_FILE, await sign_policy(policy, hands))
    write_private(config.data_dir / KEYS_FILE, await sign_manifest(manifest, hands))


def make_keys(config: Config, people: People, randomness: Randomness, note: Callable[[str], None]) -> list[Holding]:
    """Key files of root holders, officers, custodians, owners and systems; answers the entries of the manifest."""
    note("keys of root holders, officers and owners")
    pins = [cose.parse_key(people.make(name, "root")[1]).public.hex() for name in ROOTS]
    write_private(config.data_dir / PINS_FILE, ("\n".join(pins) + "\n").encode())
    holdings = [Holding(people.make(name, "officer")[1], "officer", name, title) for name, title in OFFICERS.items()]
    holdings += [Holding(people.make(name, "custodian")[1], "custodian", name) for name in CUSTODIANS]
    for name in OWNERS:
        people.make(name, "owner")
    note("keys of central management, quota control and the issuance system")
    for role, roles in SYSTEM_KEYS.items():
        system = config.system(role)
        ensure_passphrase(config, role)
        store = system_store(config, role)
        for key_role, algorithm in roles.items():
            _, key = add_key(store, algorithm, allowed_of(key_role, system.id, config.environment), randomness)
            holdings.append(Holding(key, key_role, system.id))
    # SPEC ISSUANCE-15.2.1, ISSUANCE-15.6.1 (it can cosign what it has seen, and sign nothing that counts)
    ensure_passphrase(config, AUDITOR)
    _, key = add_key(system_store(config, AUDITOR), "ed25519", (*cosigned_kinds(config), "dc-enrol"), randomness)
    holdings.append(Holding(key, "witness", config.system(AUDITOR).id))
    return holdings
