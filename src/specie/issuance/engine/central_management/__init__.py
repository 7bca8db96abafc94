"""Central management: validates requests, makes quota credentials, publishes the key manifest (steps 2 and 3)."""

from specie.issuance.engine.central_management.system import CentralManagementEngine

__all__ = ["CentralManagementEngine"]
