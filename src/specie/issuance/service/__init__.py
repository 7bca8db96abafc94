"""The HTTP doors of the three systems: decode, one call, encode."""

from specie.issuance.service.central_management import central_management_routes
from specie.issuance.service.issuance_system import issuance_routes
from specie.issuance.service.quota_control import quota_control_routes

__all__ = ["central_management_routes", "issuance_routes", "quota_control_routes"]
