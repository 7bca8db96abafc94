"""Three systems are three: processes, databases, keys and logs of their own, and keys that nobody else can read."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from specie.app.http.client import ServiceClient
from specie.app.keyfolders import system_store
from specie.kernel.errors import Unavailable
from tests.services import CM, IS, QC, ROLES, ROOT, Deployment, NotReady, make_deployment, run

IS_LINUX = sys.platform == "linux"


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    found = run(make_deployment(tmp_path_factory.mktemp("deployment")))
    with found.services as services:
        services.start()
        yield found


# SPEC ISSUANCE-1.2.1, ISSUANCE-1.2.2
def test_processes_databases_keys_and_certificates_are_apart(deployment: Deployment) -> None:
    config, services = deployment.config, deployment.services
    processes = {service.process.pid for service in services.by_role.values() if service.process is not None}
    databases = {config.system(role).database for role in ROLES}
    certificates = {config.system(role).tls for role in ROLES}
    keys = [set(system_store(config, role).key_ids()) for role in ROLES]
    passphrases = {config.system(role).passphrase_file.read_bytes() for role in ROLES}
    assert [len(each) for each in (processes, databases, certificates, passphrases)] == [3, 3, 3, 3]
    assert all(keys) and not keys[0] & keys[1] | keys[0] & keys[2] | keys[1] & keys[2]


async def checkpoint(client: ServiceClient) -> bytes:
    """The newest checkpoint; the first is made soon after the start, so it is asked for until it is there."""
    while True:
        with suppress(Unavailable):
            return (await client.get("/v1/log/checkpoint")).body


# SPEC ISSUANCE-1.2.1
def test_each_system_keeps_a_log_of_its_own(deployment: Deployment) -> None:
    async def work() -> set[bytes]:
        found = set()
        for role in ROLES:
            found.add((await checkpoint(deployment.client(role))).splitlines()[0])
        await deployment.close()
        return found

    assert run(work()) == {b"specie/dev/cm-1", b"specie/dev/qc-1", b"specie/dev/is-1"}


# SPEC ISSUANCE-2.3.1
def test_secret_files_are_for_their_owner_alone(deployment: Deployment) -> None:
    home = deployment.config.data_dir
    secrets = [path for pattern in ("*/keys/*.key", "*/passphrase", "*/tls/tls.key") for path in home.glob(pattern)]
    assert len(secrets) >= 9 + 3 + 3
    assert {path.stat().st_mode & 0o777 for path in secrets} == {0o600}


# SPEC ISSUANCE-2.3.2
@pytest.mark.parametrize(("role", "mode"), [(CM, 0o640), (QC, 0o604), (IS, 0o644)])
def test_a_key_file_that_others_may_read_stops_the_start(deployment: Deployment, role: str, mode: int) -> None:
    services = deployment.services
    key = sorted((deployment.config.data_dir / role / "keys").glob("*.key"))[0]
    services.stop(role)
    key.chmod(mode)
    try:
        with pytest.raises(NotReady, match=r"kms\.permissions|open to others|chmod 600"):
            services.start(role)
        assert services.by_role[role].end(9) != 0
    finally:
        key.chmod(0o600)
        services.start(role)


# SPEC ISSUANCE-2.3.3
@pytest.mark.skipif(not IS_LINUX, reason="core dumps are told off through prctl, which is Linux's")
def test_a_service_leaves_no_core_and_is_not_dumpable(deployment: Deployment) -> None:
    service = deployment.services.by_role[QC]
    assert service.process is not None
    folder = Path(f"/proc/{service.process.pid}")
    (limit,) = [line for line in (folder / "limits").read_text().splitlines() if "core file" in line]
    assert limit.split()[4:6] == ["0", "0"]
    # the files of a process that cannot be dumped belong to root, whoever runs it
    assert (folder / "environ").stat().st_uid == 0
    asked = "from specie.app.process import harden, is_dumpable; harden(); print(is_dumpable())"
    said = subprocess.run(
        [sys.executable, "-c", asked],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == "False\n"


# SPEC ISSUANCE-2.3.3
def test_logs_hold_no_secret(deployment: Deployment) -> None:
    passphrases = [deployment.config.system(role).passphrase_file.read_text().strip() for role in ROLES]
    logs = "".join(service.log() for service in deployment.services.by_role.values())
    assert not [passphrase for passphrase in passphrases if passphrase in logs]
    stores = [deployment.config.system(role).database.removeprefix("sqlite:///") for role in ROLES]
    assert not [path for path in stores for passphrase in passphrases if passphrase.encode() in Path(path).read_bytes()]
