//! What the e-cash core refuses, by the codes of ECASH §20, and where.
#![forbid(unsafe_code)]

/// A code of ECASH §20.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// A count is outside the limits of ECASH §2.10.
    Count,
    /// Atoms or facts do not ascend, or classes of outputs do not.
    Order,
    /// A byte string does not have the length that the counts demand.
    Length,
    /// A scalar is not below q.
    ScalarRange,
    /// A point is not canonical or not on the curve.
    PointEncoding,
    /// A point is the identity.
    PointIdentity,
    /// A point is not in the subgroup of order q.
    PointSubgroup,
    /// A key that the message names is not among those given.
    KeyUnknown,
    /// Coins and outputs belong to keys with different trustees.
    TrusteeMixed,
    /// The challenge is not the hash of the recomputed commitments.
    ProofInvalid,
    /// A signature under a bank's or an authority's key does not verify.
    SignatureInvalid,
    /// A signer's partial signature does not verify.
    PartialInvalid,
    /// A trustee's share does not verify.
    ShareInvalid,
    /// The dealers' constants do not make the public key.
    KeySum,
    /// R = 0.
    ZeroR,
}

impl Code {
    /// The code as the chapter spells it.
    pub fn name(self) -> &'static str {
        match self {
            Code::Count => "COUNT",
            Code::Order => "ORDER",
            Code::Length => "LENGTH",
            Code::ScalarRange => "SCALAR_RANGE",
            Code::PointEncoding => "POINT_ENCODING",
            Code::PointIdentity => "POINT_IDENTITY",
            Code::PointSubgroup => "POINT_SUBGROUP",
            Code::KeyUnknown => "KEY_UNKNOWN",
            Code::TrusteeMixed => "TRUSTEE_MIXED",
            Code::ProofInvalid => "PROOF_INVALID",
            Code::SignatureInvalid => "SIGNATURE_INVALID",
            Code::PartialInvalid => "PARTIAL_INVALID",
            Code::ShareInvalid => "SHARE_INVALID",
            Code::KeySum => "KEY_SUM",
            Code::ZeroR => "ZERO_R",
        }
    }
}

/// A refusal: its code, and the place of what is wrong where there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// The code.
    pub code: Code,
    /// Which point, scalar, coin or key, counted from 0 in the order of the message.
    pub index: Option<usize>,
}

impl Fault {
    /// A fault at a place.
    pub fn at(code: Code, index: usize) -> Self {
        Self {
            code,
            index: Some(index),
        }
    }
}

impl From<Code> for Fault {
    fn from(code: Code) -> Self {
        Self { code, index: None }
    }
}
