//! What the core refuses, by name. The binding turns each into one Python exception.

/// A refusal of the core: the bytes that came in are wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// A byte string does not have the length its type demands.
    WrongLength,
    /// A public key is not a canonical point of large order.
    WeakKey,
    /// The bytes are not well-formed CBOR, or text is not UTF-8, or bytes trail.
    Malformed,
    /// Well-formed, but not in the one deterministic form of ISSUANCE-3.3.5.
    NonCanonical,
    /// Larger than the limit for this kind of object.
    TooLarge,
    /// Not the shape or the headers that the profile demands.
    WrongHeader,
    /// A ciphertext does not open under this key.
    OpenFailed,
    /// An issue has no units, too many of them, or a field out of its bounds.
    UnitsOutOfRange,
    /// An index or a size does not lie inside the tree.
    OutOfTree,
    /// A group element is not in its one canonical encoding, or is the identity.
    BadPoint,
    /// A scalar is not below the group order.
    BadScalar,
    /// The wallet keys at hand do not reach that far: a view tier cannot spend, a detect tier cannot open.
    WrongTier,
    /// A transaction or mint cannot be built from this plan: its counts, its rings, or an input that is not ours.
    BadPlan,
    /// The values that go in are not those that come out.
    Unbalanced,
}

impl core::fmt::Display for Refusal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Refusal::WrongLength => "a byte string has the wrong length",
            Refusal::WeakKey => "the public key is not canonical or is of small order",
            Refusal::Malformed => "not well-formed CBOR",
            Refusal::NonCanonical => "not deterministic CBOR",
            Refusal::TooLarge => "larger than the limit",
            Refusal::WrongHeader => "not the shape or headers of the profile",
            Refusal::OpenFailed => "the ciphertext does not open",
            Refusal::UnitsOutOfRange => "the units are out of range",
            Refusal::OutOfTree => "the index or size is not inside the tree",
            Refusal::BadPoint => "not the canonical encoding of a group element other than the identity",
            Refusal::BadScalar => "not a scalar below the group order",
            Refusal::WrongTier => "these wallet keys do not reach that far",
            Refusal::BadPlan => "no transaction or mint can be built from this plan",
            Refusal::Unbalanced => "the values that go in are not those that come out",
        })
    }
}

impl std::error::Error for Refusal {}
