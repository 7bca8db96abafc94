//! Encodings that must be refused, and the arithmetic against itself.

use super::super::fault::Code;
use super::*;

fn g() -> G1 {
    G1::generator()
}

fn decode(bytes: &[u8]) -> Result<G1, Code> {
    G1::decode_checked(bytes)
}

// SPEC ECASH-2.4
#[test]
fn only_canonical_points_decode() {
    let good = g().encode();
    assert!(decode(&good).is_ok());
    assert_eq!(decode(&good[..47]).err(), Some(Code::Length));
    assert_eq!(
        decode(&[good.as_slice(), &[0]].concat()).err(),
        Some(Code::Length)
    );
    let mut identity = [0; 48];
    identity[0] = 0xc0;
    assert_eq!(decode(&identity).err(), Some(Code::PointIdentity));
    identity[47] = 1;
    assert_eq!(decode(&identity).err(), Some(Code::PointEncoding));
    identity[47] = 0;
    identity[0] = 0xe0;
    assert_eq!(decode(&identity).err(), Some(Code::PointEncoding));
    let mut clear = good.clone();
    clear[0] &= 0x7f;
    assert_eq!(decode(&clear).err(), Some(Code::PointEncoding));
    assert_eq!(decode(&[0xff; 48]).err(), Some(Code::PointEncoding));
}

/// A point of the curve outside the subgroup: the first small x that is on the curve.
#[test]
fn points_outside_the_subgroup_are_refused() {
    let mut bytes = [0; 48];
    bytes[0] = 0x80;
    let found = (0..=255u8).find_map(|x| {
        bytes[47] = x;
        G1::decode(&bytes).ok().filter(|point| !point.in_subgroup())
    });
    let point = found.map(|point| point.encode());
    assert_eq!(
        decode(&point.unwrap_or_default()).err(),
        Some(Code::PointSubgroup)
    );
}

#[test]
fn arithmetic_agrees_with_itself() {
    let (a, b) = (Scalar::from(11), Scalar::from(31));
    assert_eq!((a * b).encode(), Scalar::from(341).encode());
    assert_eq!((a * a.inverse()).encode(), Scalar::from(1).encode());
    let (left, right) = (g().mul(&a), g().mul(&b));
    assert!(left.add(&right) == g().mul(&(a + b)));
    assert!(left.add(&left) == left.mul(&Scalar::from(2)));
    assert!(left.add(&left.negate()).is_identity());
    assert!(left.mul(&Scalar::ZERO).is_identity());
    let mut short = [0; 16];
    short[0] = 0x80;
    short[15] = 3;
    assert!(left.mul_short(&short) == left.mul(&Scalar::reduce(&short)));
    assert!(G1::sum_vartime(&[g(), left, G1::identity()], &[b, a, a], 256) == g().mul(&(b + a * a)));
    assert!(G1::sum_vartime(&[], &[], 128).is_identity());
    let many = [left, right, g()];
    let each: Vec<u8> = many.iter().flat_map(|point| point.encode()).collect();
    assert_eq!(G1::encode_many(&many), each);
}

#[test]
fn scalars_are_canonical() {
    let q = [
        0x73, 0xed, 0xa7, 0x53, 0x29, 0x9d, 0x7d, 0x48, 0x33, 0x39, 0xd8, 0x08, 0x09, 0xa1, 0xd8, 0x05, 0x53,
        0xbd, 0xa4, 0x02, 0xff, 0xfe, 0x5b, 0xfe, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x01,
    ];
    assert!(Scalar::decode(&q).is_none());
    assert!(Scalar::decode(&[0xff; 32]).is_none());
    assert!(Scalar::decode(&[0; 32]).is_some_and(|zero| zero.is_zero()));
    assert!(Scalar::reduce(&q).is_zero());
    let mut below = q;
    below[31] = 0;
    assert_eq!(Scalar::decode(&below).map(|scalar| scalar.encode()), Some(below));
}

#[test]
fn pairing_products_balance() {
    let (a, b) = (Scalar::from(5), Scalar::from(9));
    let (one, many) = (Lines::of(&G2::generator()), Lines::of(&G2::generator().mul(&a)));
    let good = [(g().mul(&b), &many), (g().mul(&(a * b)).negate(), &one)];
    assert!(pairing_product_is_one_vartime(&good));
    assert!(pairing_product_is_one_vartime(&[(G1::identity(), &many)]));
    assert!(!pairing_product_is_one_vartime(&good[..1]));
}
