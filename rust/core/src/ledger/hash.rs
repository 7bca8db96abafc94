//! The one hash of the ledger: SHA-512 with framing and a tag for each use (LEDGER §2).

use std::sync::OnceLock;

use curve25519_dalek::{RistrettoPoint, Scalar};
use sha2::{Digest, Sha512};

/// What every hash input starts with.
const PROTOCOL: &[u8] = b"PL1";

/// The longest tag whose length fits the frame.
pub const TAG_BYTES_MAX: usize = 255;

/// Hn(tag; items): 64 bytes. Tags are at most `TAG_BYTES_MAX` bytes, items below 4 GiB.
///
/// The lengths make the frame injective; a longer tag or item would have its length saturated.
// SPEC LEDGER-2.3
pub fn framed(tag: &str, items: &[&[u8]]) -> [u8; 64] {
    let mut hasher = Sha512::new();
    hasher.update(PROTOCOL);
    hasher.update([u8::try_from(tag.len()).unwrap_or(u8::MAX)]);
    hasher.update(tag.as_bytes());
    for item in items {
        let length = u32::try_from(item.len()).unwrap_or(u32::MAX);
        hasher.update(length.to_le_bytes());
        hasher.update(item);
    }
    hasher.finalize().into()
}

/// 64 bytes as a little-endian integer, reduced modulo the group order.
pub fn to_scalar(wide: &[u8; 64]) -> Scalar {
    Scalar::from_bytes_mod_order_wide(wide)
}

/// H_s(tag; items).
pub fn scalar(tag: &str, items: &[&[u8]]) -> Scalar {
    to_scalar(&framed(tag, items))
}

/// H_p(tag; items): the map of RFC 9496 §4.3.4, which is onto pairs of field elements of 32 bytes each.
pub fn point(tag: &str, items: &[&[u8]]) -> RistrettoPoint {
    RistrettoPoint::from_uniform_bytes(&framed(tag, items))
}

/// The first `N` bytes (at most 64) of Hn(tag; items).
fn first<const N: usize>(tag: &str, items: &[&[u8]]) -> [u8; N] {
    let wide = framed(tag, items);
    let mut out = [0; N];
    out.iter_mut().zip(wide).for_each(|(to, from)| *to = from);
    out
}

/// H_32(tag; items).
pub fn h32(tag: &str, items: &[&[u8]]) -> [u8; 32] {
    first(tag, items)
}

/// H_16(tag; items).
pub fn h16(tag: &str, items: &[&[u8]]) -> [u8; 16] {
    first(tag, items)
}

/// H_8(tag; items).
pub fn h8(tag: &str, items: &[&[u8]]) -> [u8; 8] {
    first(tag, items)
}

/// H = H_p("gen/value"), the generator that carries values.
pub fn value_base() -> &'static RistrettoPoint {
    static BASE: OnceLock<RistrettoPoint> = OnceLock::new();
    BASE.get_or_init(|| point("gen/value", &[]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame_is_the_one_of_the_chapter() {
        let mut flat = b"PL1\x03otk".to_vec();
        flat.extend_from_slice(&[2, 0, 0, 0, 7, 8, 0, 0, 0, 0]);
        let expected: [u8; 64] = Sha512::digest(&flat).into();
        assert_eq!(framed("otk", &[&[7, 8], &[]]), expected);
        assert_eq!(h32("otk", &[&[7, 8], &[]])[..], expected[..32]);
    }

    // SPEC LEDGER-2.3
    #[test]
    fn tags_and_borders_separate() {
        assert_ne!(framed("a", &[b"b"]), framed("ab", &[]));
        assert_ne!(framed("a", &[b"b", b"c"]), framed("a", &[b"bc"]));
        assert_ne!(framed("amt", &[b"b"]), framed("anc", &[b"b"]));
    }
}
