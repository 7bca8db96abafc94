"""The simulated provider: every call of the interface, and no protection from whoever runs the machine."""

from specie.enclave.simulated.hardening import Hardening, harden_process
from specie.enclave.simulated.measuring import measure_package, measure_release
from specie.enclave.simulated.provider import SimulatedEnclave
from specie.enclave.simulated.quotes import SimulatedVerifier, verify_quote

__all__ = [
    "Hardening",
    "SimulatedEnclave",
    "SimulatedVerifier",
    "harden_process",
    "measure_package",
    "measure_release",
    "verify_quote",
]
