"""What this room refuses; codes of the KMS chapter, section 21, that begin with `enclave.`."""

from specie.kernel.errors import Refused


class NotAttested(Refused):
    """The quote cannot be read, is not signed by a root that is believed, or speaks of something else."""

    code = "enclave.not_attested"
    status = 403


class SimulatedRefused(Refused):
    """The quote is of the simulated provider, and only hardware is believed here."""

    code = "enclave.simulated_refused"
    status = 403


class MeasurementRefused(Refused):
    """The quote is good, but the code in that enclave is none that is believed."""

    code = "enclave.measurement_refused"
    status = 403


class UnsealFailed(Refused):
    """The sealed bytes are damaged, or were sealed by other code, on another machine or for another purpose."""

    code = "enclave.unseal_failed"
    status = 422
