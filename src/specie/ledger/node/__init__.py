"""What runs inside an enclave: the keys of the epochs, and the trusted node of mode T0 (LEDGER §11, §20.1)."""

from specie.ledger.node.epochs import EpochKeeper
from specie.ledger.node.replica import LogReplica
from specie.ledger.node.rings import OutputLog, RingService
from specie.ledger.node.scan import ScanService
from specie.ledger.node.sessions import Sessions
from specie.ledger.node.trusted import TrustedNode
from specie.ledger.node.vault import FolderVault, Vault

__all__ = [
    "EpochKeeper",
    "FolderVault",
    "LogReplica",
    "OutputLog",
    "RingService",
    "ScanService",
    "Sessions",
    "TrustedNode",
    "Vault",
]
