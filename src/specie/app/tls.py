"""A private certificate authority for one deployment, and the two TLS contexts that its systems use.

Every system holds one certificate for both directions (server and client). Its identity is the URI
``specie:system:<id>`` in the subject alternative name; the DNS name and the address only satisfy ordinary
clients. Keys are P-256: every client library and every browser speaks it.
"""

from __future__ import annotations

import ipaddress
import os
import re
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from specie.kernel.clock import Clock
from specie.kernel.errors import Refused

SYSTEM_URI_PREFIX = "specie:system:"
AUTHORITY_DAYS = 3650
SYSTEM_DAYS = 397
BACKDATE = timedelta(minutes=5)
"""Certificates start a little in the past, so that a peer with a slow clock accepts them."""

_SYSTEM_ID = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")


class SystemIdInvalid(Refused):
    """A system id that cannot stand in a certificate."""

    code = "config.system_id_invalid"
    status = 422


class CertificateUnusable(Refused):
    """A certificate or key file that is missing, readable by others or not what it should be."""

    code = "config.certificate_unusable"
    status = 422


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The three files that a system needs to speak TLS."""

    certificate: Path
    """PEM, the system's own certificate."""

    private_key: Path
    """PEM (PKCS #8), mode 0600."""

    ca: Path
    """PEM, the certificate of the deployment's authority: the only trust anchor."""


def _now(clock: Clock) -> datetime:
    return datetime.fromtimestamp(clock.now_us() // 1_000_000, UTC)


def _write_private(path: Path, data: bytes) -> None:
    """Write a file with mode 0600, all or nothing."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


class Authority:
    """The deployment's certificate authority: ``ca.pem`` and ``ca.key`` in one directory."""

    def __init__(self, directory: Path, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self._directory = directory
        self._certificate = certificate
        self._key = key

    @property
    def certificate_path(self) -> Path:
        """Where the authority's certificate stands; every system trusts this file alone."""
        return self._directory / "ca.pem"

    @classmethod
    def create(cls, directory: Path, clock: Clock, name: str = "specie deployment authority") -> Authority:
        """Make a new authority and write its files. Raises CertificateUnusable if one is there already."""
        if (directory / "ca.key").exists():
            raise CertificateUnusable(f"{directory} already holds an authority")
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = _now(clock)
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        certificate = (
            x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - BACKDATE)
            .not_valid_after(now + timedelta(days=AUTHORITY_DAYS))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(authority=True), critical=True)
            .add_extension(identifier, critical=False)
            .sign(key, hashes.SHA256())
        )
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_private(directory / "ca.pem", certificate.public_bytes(serialization.Encoding.PEM))
        _write_private(directory / "ca.key", _key_pem(key))
        return cls(directory, certificate, key)

    @classmethod
    def open(cls, directory: Path) -> Authority:
        """Read an authority back. Raises CertificateUnusable."""
        check_private(directory / "ca.key")
        key = serialization.load_pem_private_key((directory / "ca.key").read_bytes(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise CertificateUnusable(f"{directory / 'ca.key'} is not a P-256 key")
        return cls(directory, read_certificate(directory / "ca.pem"), key)

    def issue(
        self,
        system_id: str,
        directory: Path,
        clock: Clock,
        *,
        names: Sequence[str] = ("localhost",),
        addresses: Sequence[str] = ("127.0.0.1",),
        days: int = SYSTEM_DAYS,
    ) -> TlsFiles:
        """Make a key and a certificate for a system and write them to ``directory``.

        Raises SystemIdInvalid. The key is fresh each time: renewing is issuing again.
        """
        if not _SYSTEM_ID.fullmatch(system_id):
            raise SystemIdInvalid(f"{system_id!r}: lower-case letters, digits, dot and hyphen, 63 at most")
        key = ec.generate_private_key(ec.SECP256R1())
        now = _now(clock)
        alternative: list[x509.GeneralName] = [x509.UniformResourceIdentifier(SYSTEM_URI_PREFIX + system_id)]
        alternative += [x509.DNSName(name) for name in names]
        alternative += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, system_id)])
        issuer_key = self._key.public_key()
        certificate = (
            x509.CertificateBuilder(self._certificate.subject, subject, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - BACKDATE)
            .not_valid_after(min(now + timedelta(days=days), self._certificate.not_valid_after_utc))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(authority=False), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
                critical=False,
            )
            .add_extension(x509.SubjectAlternativeName(alternative), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        files = TlsFiles(directory / "tls.pem", directory / "tls.key", self.certificate_path)
        _write_private(files.private_key, _key_pem(key))
        _write_private(files.certificate, certificate.public_bytes(serialization.Encoding.PEM))
        return files

    def renew(self, files: TlsFiles, clock: Clock, days: int = SYSTEM_DAYS) -> TlsFiles:
        """Replace a system's key and certificate, keeping its id, names and addresses."""
        old = read_certificate(files.certificate)
        names = old.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return self.issue(
            system_id_of(old),
            files.certificate.parent,
            clock,
            names=names.get_values_for_type(x509.DNSName),
            addresses=[str(address) for address in names.get_values_for_type(x509.IPAddress)],
            days=days,
        )


def check_private(path: Path) -> None:
    """Refuse a key file that others may read, or that is not there. Raises CertificateUnusable."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise CertificateUnusable(f"{path} cannot be read ({error.strerror})") from error
    if mode & 0o077:
        raise CertificateUnusable(f"{path} is readable by group or world; run: chmod 600 {path}")


def read_certificate(path: Path) -> x509.Certificate:
    """Read a PEM certificate. Raises CertificateUnusable."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        raise CertificateUnusable(f"{path} holds no certificate that can be read") from error


def system_id_of(certificate: x509.Certificate) -> str:
    """The system id in a certificate. Raises CertificateUnusable unless there is exactly one."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    except x509.ExtensionNotFound:
        uris = []
    ids = [uri.removeprefix(SYSTEM_URI_PREFIX) for uri in uris if uri.startswith(SYSTEM_URI_PREFIX)]
    if len(ids) != 1:
        raise CertificateUnusable("the certificate names no system, or more than one")
    return ids[0]


def expires_in_s(path: Path, clock: Clock) -> int:
    """Seconds until a certificate ends; negative if it has. Raises CertificateUnusable."""
    end = read_certificate(path).not_valid_after_utc
    return int(end.timestamp()) - clock.now_us() // 1_000_000


def peer_id(peer_certificate: Mapping[str, object] | None) -> str | None:
    """The system id in what ``ssl`` calls a peer certificate; None where there is no single one.

    peer_certificate: the answer of ``SSLObject.getpeercert()`` of a verified connection.
    """
    if not peer_certificate:
        return None
    names = peer_certificate.get("subjectAltName", ())
    if not isinstance(names, tuple):
        return None
    ids = [
        value.removeprefix(SYSTEM_URI_PREFIX)
        for kind, value in names
        if kind == "URI" and value.startswith(SYSTEM_URI_PREFIX)
    ]
    return ids[0] if len(ids) == 1 else None


def server_context(files: TlsFiles) -> ssl.SSLContext:
    """TLS 1.3 alone, and no connection without a client certificate of our authority.

    Raises CertificateUnusable.
    """
    return _context(ssl.PROTOCOL_TLS_SERVER, files)


def client_context(files: TlsFiles) -> ssl.SSLContext:
    """The other side of ``server_context``; it checks host names as usual. Raises CertificateUnusable."""
    return _context(ssl.PROTOCOL_TLS_CLIENT, files)


def _context(protocol: int, files: TlsFiles) -> ssl.SSLContext:
    check_private(files.private_key)
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    try:
        context.load_cert_chain(files.certificate, files.private_key)
        context.load_verify_locations(files.ca)
    except OSError as error:
        raise CertificateUnusable(f"{files.certificate} or {files.ca} cannot be used") from error
    return context
