"""Where sealed epoch keys lie: one small file each, gone when the key must be gone."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Protocol

_NAME = re.compile(r"epoch-([0-9]{10})\.sealed")
_SEALED_BYTES_MAX = 16_384


class Vault(Protocol):
    """Keeps sealed bytes by epoch. What it keeps is worth nothing outside of the enclave that sealed it."""

    def load(self) -> dict[int, bytes]:
        """All that is kept."""
        ...

    def keep(self, epoch: int, sealed: bytes) -> None:
        """Durable when it returns."""
        ...

    def erase(self, epoch: int) -> None:
        """Gone when it returns; an epoch that is not kept is no mistake."""
        ...


class FolderVault:
    """`Vault` in a folder of mode 0700, files of mode 0600.

    A file is overwritten before it is removed. On a disk that copies on write the old bytes may stay in freed blocks:
    they are sealed, and only whoever has the enclave's root and such a block reads them.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder

    def load(self) -> dict[int, bytes]:
        """All that is kept; other files of the folder are left alone."""
        found = {}
        for path in self._folder.iterdir():
            if name := _NAME.fullmatch(path.name):
                with path.open("rb") as file:
                    found[int(name[1])] = file.read(_SEALED_BYTES_MAX)
        return found

    def keep(self, epoch: int, sealed: bytes) -> None:
        """Whole or not at all, and on the disk when this returns."""
        path = self._path(epoch)
        trial = path.with_name(f".{path.name}")
        descriptor = os.open(trial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(sealed)
            file.flush()
            os.fsync(descriptor)
        trial.rename(path)
        self._sync()

    def erase(self, epoch: int) -> None:
        """Overwritten, then removed."""
        path = self._path(epoch)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        with os.fdopen(descriptor, "wb") as file:
            file.write(bytes(os.fstat(descriptor).st_size))
            file.flush()
            os.fsync(descriptor)
        path.unlink()
        self._sync()

    def _path(self, epoch: int) -> Path:
        return self._folder / f"epoch-{epoch:010}.sealed"

    def _sync(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
