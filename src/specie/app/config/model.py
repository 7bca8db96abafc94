"""Every setting there is, with its type, its default and one line that says what it is for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from platformdirs import user_data_path
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator
from pydantic.fields import FieldInfo

from specie.app.tls import TlsFiles

SECRET: dict[str, Any] = {"secret": True}
"""Marks a field that is never shown and never read from a TOML file."""

Port = Annotated[int, Field(ge=0, le=65_535)]
SystemId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,62}$")]
LogLevel = Literal["debug", "info", "warning", "error"]


class Section(BaseModel):
    """A table of the configuration; it knows all its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class Currency(Section):
    """The currency of this deployment."""

    code: Annotated[str, Field(pattern=r"^[A-Z0-9]{3,12}$")] = Field(
        default="XTS", description="Code of the currency; XTS is ISO 4217's code for testing."
    )
    digits: Annotated[int, Field(ge=0, le=8)] = Field(
        default=2, description="Digits after the decimal point: 2 means that 100 minor units are 1.00."
    )
    registry: Literal["ledger", "offline"] = Field(
        default="ledger",
        description="Where issued units go: onto the private ledger, or nowhere (verified off line). Never changes.",
    )


class System(Section):
    """One of the three systems of issuance. Empty paths stand below ``data_dir``."""

    id: SystemId = Field(
        default="system",
        description="Name of the system in messages and certificates.",
    )
    url: str = Field(default="", description="Where other systems reach it; empty means its own host and port.")
    listen_host: str = Field(default="127.0.0.1", description="Address that it listens on.")
    listen_port: Port = Field(default=0, description="Port that it listens on; 0 lets the system choose.")
    database: str = Field(
        default="",
        description="sqlite:///PATH or postgresql://…; else SQLite below data_dir.",
        json_schema_extra={"url": True},
    )
    keys_dir: Path | None = Field(default=None, description="Folder of its key files; else below data_dir.")
    passphrase_file: Path | None = Field(
        default=None,
        description="File (mode 0600) with the passphrase of its key files; else below data_dir.",
    )
    passphrase: SecretStr | None = Field(
        default=None,
        description="The passphrase itself, from the environment, or a kms:// reference to it.",
        json_schema_extra=SECRET,
    )
    certificate: Path | None = Field(default=None, description="Its TLS certificate (PEM); else below data_dir.")
    private_key: Path | None = Field(default=None, description="Its TLS key (PEM, mode 0600); else below data_dir.")
    ca: Path | None = Field(default=None, description="The authority that all systems trust (PEM).")
    tls: bool = Field(default=True, description="Mutual TLS between the systems; off only within one machine.")


class CentralManagement(System):
    """Validates requests and makes quota credentials."""

    id: SystemId = Field(default="cm-1", description="Name of the system in messages and certificates.")
    listen_port: Port = Field(default=8791, description="Port that it listens on; 0 lets the system choose.")


class QuotaControl(System):
    """Counts in real time and signs control bits."""

    id: SystemId = Field(default="qc-1", description="Name of the system in messages and certificates.")
    listen_port: Port = Field(default=8792, description="Port that it listens on; 0 lets the system choose.")


class IssuanceSystem(System):
    """Asks for quota and makes the money."""

    id: SystemId = Field(default="is-1", description="Name of the system in messages and certificates.")
    listen_port: Port = Field(default=8793, description="Port that it listens on; 0 lets the system choose.")


class Auditor(System):
    """Follows the logs of the three systems, recomputes everything, and cosigns their checkpoints."""

    id: SystemId = Field(default="auditor-1", description="Name of the system in messages and certificates.")
    listen_port: Port = Field(default=8794, description="Port that it listens on; 0 lets the system choose.")
    every_s: Annotated[int, Field(ge=1, le=3600)] = Field(
        default=2, description="Seconds from one round of reading to the next."
    )
    embedded: bool = Field(default=True, description="Run it inside `specie up` too, where it reads every 10 s.")


class Issuance(Section):
    """The three systems, and the keys that they all trust."""

    central_management: CentralManagement = Field(default_factory=CentralManagement)
    quota_control: QuotaControl = Field(default_factory=QuotaControl)
    issuance_system: IssuanceSystem = Field(default_factory=IssuanceSystem)
    operators: tuple[str, ...] = Field(
        default=(), description="Names in certificates that may order issues, besides the issuance system's own."
    )
    root_keys: tuple[str, ...] = Field(
        default=(), description="Public keys (hex, 32 bytes each) that the key manifest must be signed by."
    )

    @field_validator("root_keys")
    @classmethod
    def _hex(cls, keys: tuple[str, ...]) -> tuple[str, ...]:
        for key in keys:
            if len(bytes.fromhex(key)) != 32:
                raise ValueError("a root key is 32 bytes, written as 64 hexadecimal digits")
        return keys


class VerificationNode(System):
    """Checks every transaction, makes blocks, and keeps the ledger."""

    id: SystemId = Field(default="vn-1", description="Name of the system in messages and certificates.")
    listen_port: Port = Field(default=8795, description="Port that it listens on; 0 lets the system choose.")
    archive: bool = Field(default=False, description="Keep all range proofs for ever.")
    block_interval_ms: Annotated[int, Field(ge=10, le=60_000)] = Field(
        default=200, description="A block is cut when so much time has passed with a transaction waiting."
    )


class TrustedNode(System):
    """Serves rings to wallets, and scans for those that ask for it; inside an enclave, simulated here."""

    id: SystemId = Field(default="tn-1", description="Name of the system in messages and certificates.")
    listen_port: Port = Field(default=8796, description="Port that it listens on; 0 lets the system choose.")


class Ledger(Section):
    """The private ledger: one verification node (embedded), and trusted nodes for thin clients."""

    verification_node: VerificationNode = Field(default_factory=VerificationNode)
    trusted_node: TrustedNode = Field(default_factory=TrustedNode)
    institution: SystemId = Field(
        default="bank-1", description="The institution of this deployment that burns value and redeems it."
    )


class Gateway(Section):
    """The public door."""

    listen_host: str = Field(default="127.0.0.1", description="Address that the gateway listens on.")
    listen_port: Port = Field(default=8787, description="Port that the gateway listens on, or the next free one.")


class Telemetry(Section):
    """What the services tell about themselves."""

    log_format: Literal["auto", "json", "pretty"] = Field(
        default="auto", description="Form of the logs; auto is pretty on a terminal and JSON elsewhere."
    )


class Config(Section):
    """The whole configuration."""

    environment: Literal["dev", "pilot", "live"] = Field(
        default="dev",
        description="dev for a sandbox, pilot for real people and small sums, live for the rest.",
    )
    data_dir: Path = Field(
        default_factory=lambda: user_data_path("specie"),
        description="Folder of databases, keys and certificates (mode 0700).",
    )
    log_level: LogLevel = Field(default="info", description="Least severe log record that is written.")
    currency: Currency = Field(default_factory=Currency)
    issuance: Issuance = Field(default_factory=Issuance)
    ledger: Ledger = Field(default_factory=Ledger)
    auditor: Auditor = Field(default_factory=Auditor)
    gateway: Gateway = Field(default_factory=Gateway)
    telemetry: Telemetry = Field(default_factory=Telemetry)

    @field_validator("data_dir")
    @classmethod
    def _expand(cls, path: Path) -> Path:
        return path.expanduser().absolute()

    def system(self, role: str) -> SystemSettings:
        """A role's settings with every path filled in. Raises KeyError for a role that is no system."""
        section: System = getattr(self.section_of(role), SECTIONS[role])
        home = self.data_dir / role
        tls = TlsFiles(
            section.certificate or home / "tls" / "tls.pem",
            section.private_key or home / "tls" / "tls.key",
            section.ca or self.data_dir / "ca" / "ca.pem",
        )
        scheme = "https" if section.tls else "http"
        return SystemSettings(
            role=role,
            id=section.id,
            url=section.url or f"{scheme}://{_reachable(section.listen_host)}:{section.listen_port}",
            listen_host=section.listen_host,
            listen_port=section.listen_port,
            database=section.database or f"sqlite:///{home / 'store.sqlite3'}",
            keys_dir=section.keys_dir or home / "keys",
            passphrase_file=section.passphrase_file or home / "passphrase",
            passphrase=section.passphrase,
            tls=tls if section.tls else None,
        )

    def section_of(self, role: str) -> Section:
        """The section that holds a role's own. Raises KeyError for a role that is no system."""
        if role == AUDITOR:
            return self
        return self.ledger if role in LEDGER_ROLES else self.issuance

    @property
    def has_ledger(self) -> bool:
        """The currency's units are minted onto the ledger."""
        return self.currency.registry == "ledger"

    @property
    def root_keys(self) -> tuple[bytes, ...]:
        """The pinned root keys, 32 bytes each."""
        return tuple(bytes.fromhex(key) for key in self.issuance.root_keys)


SYSTEMS = {
    "central-management": "central_management",
    "quota-control": "quota_control",
    "issuance": "issuance_system",
}
"""The systems of issuance: roles of ``specie serve`` to sections of the configuration."""

AUDITOR = "auditor"
VERIFICATION_NODE, TRUSTED_NODE = "verification-node", "trusted-node"
LEDGER_ROLES = {VERIFICATION_NODE: "verification_node", TRUSTED_NODE: "trusted_node"}
SECTIONS = {**SYSTEMS, **LEDGER_ROLES, AUDITOR: "auditor"}
SERVED = (*SYSTEMS, *LEDGER_ROLES, AUDITOR)
"""Every role that ``specie serve`` runs."""


@dataclass(frozen=True, slots=True)
class SystemSettings:
    """What one system needs to start; nothing is left to default."""

    role: str
    id: str
    url: str
    listen_host: str
    listen_port: int
    database: str
    keys_dir: Path
    passphrase_file: Path
    passphrase: SecretStr | None
    tls: TlsFiles | None


def _reachable(host: str) -> str:
    """The name under which a listener is reached from this machine, and that its certificate carries."""
    if host in ("127.0.0.1", "0.0.0.0", "::", "::1", ""):
        return "localhost"
    return f"[{host}]" if ":" in host else host


def field_at(key: str) -> FieldInfo | None:
    """The field behind a dotted key; None where there is none or the key names a section."""
    section: type[BaseModel] = Config
    *path, last = key.split(".")
    for name in path:
        inner = section.model_fields.get(name)
        if inner is None or not _is_section(inner):
            return None
        section = inner.annotation  # type: ignore[assignment]
    field = section.model_fields.get(last)
    return None if field is None or _is_section(field) else field


def all_keys(section: type[BaseModel] = Config, prefix: str = "") -> list[str]:
    """Every dotted key, in the order of the model."""
    keys: list[str] = []
    for name, field in section.model_fields.items():
        if _is_section(field):
            keys += all_keys(field.annotation, f"{prefix}{name}.")  # type: ignore[arg-type]
        else:
            keys.append(prefix + name)
    return keys


def is_secret(key: str) -> bool:
    """True if the value behind this key is never shown."""
    field = field_at(key)
    extra = field.json_schema_extra if field is not None else None
    return isinstance(extra, dict) and bool(extra.get("secret"))


def _is_section(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, Section)
