"""The deployment's authority and the contexts made of its files."""

import ssl
from pathlib import Path

import pytest

from specie.app.tls import (
    Authority,
    CertificateUnusable,
    SystemIdInvalid,
    client_context,
    expires_in_s,
    peer_id,
    read_certificate,
    server_context,
    system_id_of,
)
from specie.kernel.clock import ManualClock, SystemClock

DAY_S = 86_400


def test_files_are_private_and_name_their_system(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path / "ca", SystemClock())
    files = authority.issue("quota-control.eu-1", tmp_path / "qc", SystemClock())
    for path in (*tmp_path.glob("ca/*"), files.certificate, files.private_key):
        assert path.stat().st_mode & 0o777 == 0o600, path
    assert (tmp_path / "ca").stat().st_mode & 0o777 == 0o700
    assert system_id_of(read_certificate(files.certificate)) == "quota-control.eu-1"


def test_contexts_speak_tls_1_3_alone_and_want_certificates(tmp_path: Path) -> None:
    files = Authority.create(tmp_path / "ca", SystemClock()).issue("qc-1", tmp_path / "qc", SystemClock())
    for context in (server_context(files), client_context(files)):
        assert context.minimum_version == ssl.TLSVersion.TLSv1_3
        assert context.verify_mode == ssl.CERT_REQUIRED


def test_renewal_keeps_the_names_and_changes_the_key(tmp_path: Path) -> None:
    clock = ManualClock()
    Authority.create(tmp_path / "ca", clock)
    authority = Authority.open(tmp_path / "ca")
    files = authority.issue("qc-1", tmp_path / "qc", clock, names=("qc.example",), addresses=("10.0.0.7",))
    before, key = read_certificate(files.certificate), files.private_key.read_bytes()
    assert expires_in_s(files.certificate, clock) == 397 * DAY_S
    clock.advance(seconds=390 * DAY_S)
    assert expires_in_s(files.certificate, clock) == 7 * DAY_S
    renewed = authority.renew(files, clock)
    after = read_certificate(renewed.certificate)
    assert expires_in_s(renewed.certificate, clock) == 397 * DAY_S
    assert renewed.private_key.read_bytes() != key
    assert system_id_of(after) == "qc-1"
    name = "subjectAltName"
    assert [one.value for one in before.extensions if one.oid._name == name] == [
        one.value for one in after.extensions if one.oid._name == name
    ]


def test_no_certificate_outlives_its_authority(tmp_path: Path) -> None:
    clock = ManualClock()
    authority = Authority.create(tmp_path / "ca", clock)
    clock.advance(seconds=3600 * DAY_S)
    files = authority.issue("qc-1", tmp_path / "qc", clock)
    assert expires_in_s(files.certificate, clock) == 50 * DAY_S


@pytest.mark.parametrize("name", ["", "QC-1", "qc 1", "-qc", "q" * 64, "specie:system:x"])
def test_strange_system_ids_are_refused(tmp_path: Path, name: str) -> None:
    authority = Authority.create(tmp_path / "ca", SystemClock())
    with pytest.raises(SystemIdInvalid):
        authority.issue(name, tmp_path / "x", SystemClock())


def test_an_authority_is_never_overwritten(tmp_path: Path) -> None:
    Authority.create(tmp_path, SystemClock())
    with pytest.raises(CertificateUnusable, match="already holds"):
        Authority.create(tmp_path, SystemClock())


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_key_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    # SPEC ISSUANCE-2.3.2
    files = Authority.create(tmp_path / "ca", SystemClock()).issue("qc-1", tmp_path / "qc", SystemClock())
    files.private_key.chmod(mode)
    with pytest.raises(CertificateUnusable, match="chmod 600"):
        server_context(files)


def test_files_that_are_no_certificates_are_refused(tmp_path: Path) -> None:
    files = Authority.create(tmp_path / "ca", SystemClock()).issue("qc-1", tmp_path / "qc", SystemClock())
    files.certificate.write_text("nonsense")
    with pytest.raises(CertificateUnusable):
        server_context(files)
    with pytest.raises(CertificateUnusable):
        read_certificate(files.certificate)
    files.private_key.unlink()
    with pytest.raises(CertificateUnusable, match="cannot be read"):
        server_context(files)


@pytest.mark.parametrize(
    ("certificate", "expected"),
    [
        (None, None),
        ({}, None),
        ({"subjectAltName": (("DNS", "specie:system:qc-1"),)}, None),
        ({"subjectAltName": (("URI", "https://example.org"),)}, None),
        ({"subjectAltName": (("DNS", "localhost"), ("URI", "specie:system:qc-1"))}, "qc-1"),
        ({"subjectAltName": (("URI", "specie:system:a"), ("URI", "specie:system:b"))}, None),
    ],
)
def test_the_peer_is_the_one_system_that_its_certificate_names(
    certificate: dict[str, object] | None, expected: str | None
) -> None:
    assert peer_id(certificate) == expected
