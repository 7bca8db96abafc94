"""An issuance system: asks for quota, shows credentials, makes the money (steps 1, 4 and 6)."""

from specie.issuance.engine.issuance_system.system import IssuanceSystemEngine

__all__ = ["IssuanceSystemEngine"]
