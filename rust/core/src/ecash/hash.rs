//! What is hashed and how: LP, Hs, Hc, HG, and the tags of values and facts (ECASH §2.2, §2.3, §3.3).
#![forbid(unsafe_code)]

use std::sync::OnceLock;

use sha2::{Digest, Sha256, Sha512};

use super::curve::{Group, Scalar, G1};

/// The domain of hash_to_curve.
const DOMAIN: &[u8] = b"FOEC1_BLS12381G1_XMD:SHA-256_SSWU_RO_";

/// LP(x1,..,xk): each item behind its length in four bytes, big-endian.
///
/// Items are below 4 GiB; a longer one would have its length saturated.
#[derive(Clone, Default)]
pub struct Lp(Vec<u8>);

impl Lp {
    /// LP of nothing: the empty string, which is also the empty LIST.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more item, as it is.
    #[must_use]
    pub fn item(mut self, bytes: &[u8]) -> Self {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(bytes);
        self
    }

    /// One byte.
    // SPEC ECASH-2.2
    #[must_use]
    pub fn u8(self, value: u8) -> Self {
        self.item(&[value])
    }

    /// Two bytes, big-endian.
    #[must_use]
    pub fn u16(self, value: u16) -> Self {
        self.item(&value.to_be_bytes())
    }

    /// Eight bytes, big-endian.
    #[must_use]
    pub fn u64(self, value: u64) -> Self {
        self.item(&value.to_be_bytes())
    }

    /// The bytes.
    pub fn done(self) -> Vec<u8> {
        self.0
    }
}

/// LP of some items.
pub fn lp(items: &[&[u8]]) -> Vec<u8> {
    items.iter().fold(Lp::new(), |all, item| all.item(item)).done()
}

/// SHA-512(LP("FOEC1/" + tag, items)).
fn tagged(tag: &str, items: &[&[u8]]) -> [u8; 64] {
    let mut all = Lp::new().item(format!("FOEC1/{tag}").as_bytes());
    for item in items {
        all = all.item(item);
    }
    Sha512::digest(all.done()).into()
}

/// Hs(tag, items).
pub fn scalar(tag: &str, items: &[&[u8]]) -> Scalar {
    Scalar::reduce(&tagged(tag, items))
}

/// Hc(tag, items).
pub fn challenge(tag: &str, items: &[&[u8]]) -> [u8; 16] {
    let wide = tagged(tag, items);
    core::array::from_fn(|place| wide[place])
}

/// HG(items).
pub fn point(items: &[&[u8]]) -> G1 {
    G1::hash(&lp(items), DOMAIN)
}

/// h = HG("h", M), the base of the token on M.
pub fn token_base(message: &[u8]) -> G1 {
    point(&[b"h", message])
}

/// H_M = HG("nym", pk_M).
pub fn pseudonym_base(merchant: &[u8; 32]) -> G1 {
    point(&[b"nym", merchant])
}

/// ρ = Hs("rho", M), what the signer adds to the serial exponent.
pub fn shift(message: &[u8]) -> Scalar {
    scalar("rho", &[message])
}

/// δ = HG("delta").
// SPEC ECASH-2.1
pub fn delta() -> &'static G1 {
    static DELTA: OnceLock<G1> = OnceLock::new();
    DELTA.get_or_init(|| point(&[b"delta"]))
}

/// τ_coin(D) under a bank key.
pub fn coin_tag(kid: &[u8; 16], value: u64) -> Scalar {
    scalar("coin", &[kid, &value.to_be_bytes()])
}

/// τ_atom(type, value) under an authority's key.
pub fn atom_tag(kid: &[u8; 16], kind: &str, value: &str) -> Scalar {
    scalar("atom", &[kid, kind.as_bytes(), value.as_bytes()])
}

/// The four forms of M (ECASH §4); `first` is what fixes sk: pk, or (σ1, K), or (h, A).
pub fn coin_message(form: &str, kid: &[u8; 16], value: u64, first: &[&[u8]], escrow: &[u8]) -> Vec<u8> {
    let mut all = Lp::new().item(form.as_bytes()).item(kid).u64(value);
    for point in first {
        all = all.item(point);
    }
    let (q1, q2) = escrow.split_at(escrow.len().min(G1::BYTES));
    all.item(q1).item(q2).done()
}

/// M of an atom.
pub fn atom_message(kid: &[u8; 16], kind: &str, value: &str, pk: &[u8]) -> Vec<u8> {
    lp(&[b"atom", kid, kind.as_bytes(), value.as_bytes(), pk])
}

/// cid = SHA-256(LP("foec1/cid", Q1, Q2)).
pub fn coin_id(q1: &[u8], q2: &[u8]) -> [u8; 32] {
    Sha256::digest(lp(&[b"foec1/cid", q1, q2])).into()
}

/// SHA-512.
pub fn sha512(bytes: &[u8]) -> [u8; 64] {
    Sha512::digest(bytes).into()
}
