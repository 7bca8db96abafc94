"""Reading the passphrase of a system's key files: from the environment, or from a file of its own."""

from __future__ import annotations

from pathlib import Path

from specie.app.config.errors import FileUnreadable, ValueInvalid
from specie.app.config.model import SystemSettings
from specie.crypto.secret import Secret


def passphrase_of(system: SystemSettings) -> Secret:
    """The passphrase, without the line break at the end of its file.

    Raises ValueInvalid for a ``kms://`` reference, since this release has no KMS to ask; FileUnreadable if
    the file is missing, empty or open to others.
    """
    if system.passphrase is None:
        return Secret(read_private(system.passphrase_file))
    text = system.passphrase.get_secret_value()
    if text.startswith("kms://"):
        raise ValueInvalid(f"{system.role}: there is no KMS here to ask for the passphrase", key="passphrase")
    return Secret(text.encode())


def read_private(path: Path) -> bytes:
    """The one line of a file for its owner's eyes. Raises FileUnreadable."""
    try:
        if path.stat().st_mode & 0o077:
            raise FileUnreadable(f"{path} holds a secret and others may read it; run: chmod 600 {path}")
        line = path.read_bytes().rstrip(b"\r\n")
    except OSError as error:
        raise FileUnreadable(f"{path} cannot be read ({error.strerror})", file=str(path)) from error
    if not line:
        raise FileUnreadable(f"{path} is empty", file=str(path))
    return line
