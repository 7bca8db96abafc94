"""What this room refuses. The Rust core raises these classes too, by name."""

from specie.kernel.errors import Refused


class WrongLength(Refused):
    """A key, signature, hash, id or random string does not have the length its type demands."""

    code = "crypto.wrong_length"
    status = 400


class WeakKey(Refused):
    """The public key is not canonical or is of small order, or an exchange with it gives zero."""

    code = "crypto.weak_key"
    status = 422


class WrongHeader(Refused):
    """A COSE object does not have the shape or the headers of the profile."""

    code = "cose.wrong_header"
    status = 400


class SignatureInvalid(Refused):
    """A signature does not verify."""

    code = "crypto.signature_invalid"
    status = 422


class OpenFailed(Refused):
    """A ciphertext does not open under this key and context."""

    code = "crypto.open_failed"
    status = 422


class UnitsOutOfRange(Refused):
    """An issue has no units or more than 1000, or a field of it is out of its bounds."""

    code = "crypto.units_out_of_range"
    status = 422


class OutOfTree(Refused):
    """An index or a size does not lie inside the tree."""

    code = "crypto.out_of_tree"
    status = 422


class BadPoint(Refused):
    """A group element is not in its one canonical encoding, or is the identity."""

    code = "crypto.bad_point"
    status = 422


class BadScalar(Refused):
    """A scalar is not below the group order, or a secret one is zero."""

    code = "crypto.bad_scalar"
    status = 422


class WrongTier(Refused):
    """These wallet keys do not reach that far: a view tier cannot spend, a detect tier cannot open."""

    code = "crypto.wrong_tier"
    status = 403


class BadPlan(Refused):
    """No transaction or mint can be built from this plan: its counts, its rings, or an input that is not ours."""

    code = "crypto.bad_plan"
    status = 422


class Unbalanced(Refused):
    """The values that go into a transaction or mint are not those that come out."""

    code = "crypto.unbalanced"
    status = 422


class ProofInvalid(Refused):
    """An inclusion, consistency or sum proof does not lead to the root."""

    code = "crypto.proof_invalid"
    status = 422


class NoteMalformed(Refused):
    """A text is not a signed note or not a checkpoint."""

    code = "note.malformed"
    status = 400


class StaleExtension(Exception):
    """The Rust extension was built from other sources than those of this checkout."""

    def __init__(self) -> None:
        super().__init__("the Rust extension is older than its sources; run `make setup`")
