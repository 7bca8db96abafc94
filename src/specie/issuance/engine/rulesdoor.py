"""Signed rules from outside: implements `api.Rules` over one system's writer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from specie.issuance.engine.desk import Desk
from specie.issuance.engine.rulebook import ClockItem, ConfirmItem, ManifestItem, PauseItem, PolicyItem, ReserveItem
from specie.issuance.store import rules as store


async def _nothing() -> None:
    """Most systems do nothing more."""


@dataclass(slots=True)
class RulesDoor:
    """Hands each rule to the writer, where it is decided in turn with everything else."""

    desk: Desk
    submit: Callable[[Any], Awaitable[Any]]
    manifest_item: Callable[[bytes], Any] = ManifestItem
    after_reserve: Callable[[], Awaitable[None]] = _nothing

    async def apply_policy(self, data: bytes) -> int:
        """The next policy; answers its version. Raises PolicyRefused."""
        return int(await self._apply(PolicyItem(data)))

    async def apply_keys(self, data: bytes) -> int:
        """The next key manifest; answers its version. Raises ManifestRefused."""
        return int(await self._apply(self.manifest_item(data)))

    async def confirm_keys(self, version: int) -> bool:
        """Central management's newest version is this; False where ours is older."""
        return bool(await self._apply(ConfirmItem(version)))

    async def apply_pause(self, datas: Sequence[bytes]) -> None:
        """A pause by one officer, or a resume by two."""
        await self._apply(PauseItem(tuple(datas)))

    async def apply_clock(self, datas: Sequence[bytes]) -> None:
        """Two officers set the stored time back after the clock had jumped ahead."""
        await self._apply(ClockItem(tuple(datas)))

    async def apply_reserve(self, data: bytes) -> None:
        """A custodian's attestation."""
        await self._apply(ReserveItem(data))
        await self.after_reserve()

    async def keys_since(self, version: int) -> Sequence[bytes]:
        """Manifests after this version, in order."""
        return await self.desk.database.read(lambda tx: store.manifests_since(tx, version))

    async def policies_since(self, version: int) -> Sequence[bytes]:
        """Policies after this version, in order."""
        return await self.desk.database.read(lambda tx: store.policies_since(tx, version))

    async def _apply(self, item: Any) -> Any:
        answer = await self.submit(item)
        await self.desk.refresh()
        return answer
