"""The commands of this room: wallet for people, ledger for whoever looks at or runs one."""

from specie.ledger.cli.inspecting import ledger
from specie.ledger.cli.wallets import wallet

__all__ = ["ledger", "wallet"]
