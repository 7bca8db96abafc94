//! Monero's group and hashes under the ring signature of this crate. It exists in these tests alone.
// SPEC LEDGER-2.2

use std::collections::BTreeMap;
use std::sync::RwLock;

use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::montgomery::MontgomeryPoint;
use curve25519_dalek::traits::{Identity, IsIdentity, MultiscalarMul, VartimeMultiscalarMul};
use curve25519_dalek::Scalar;
use sha3::{Digest, Keccak256};
use specie_core::ledger::group::{Backend, Bound};

use super::field::Field;

/// The prime subgroup of Ed25519 with Keccak and Monero's tags.
pub struct MoneroEdwards;

/// H of Monero, as its sources publish it.
const VALUE_BASE: &str = "8b655970153799af2aeadc9ff1add0ea6c7251d54154cfa92c173a0dd39c1f94";

/// A of the Montgomery form v^2 = u^3 + A·u^2 + u.
const MONTGOMERY_A: u64 = 486_662;

pub fn keccak(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Keccak256::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize().into()
}

/// Keccak, reduced modulo the group order.
pub fn hash_to_scalar(parts: &[&[u8]]) -> Scalar {
    Scalar::from_bytes_mod_order(keccak(parts))
}

/// A canonical encoding of any point of the curve, torsion included.
pub fn decode_any(bytes: &[u8; 32]) -> Option<EdwardsPoint> {
    let point = CompressedEdwardsY(*bytes).decompress()?;
    (point.compress().to_bytes() == *bytes).then_some(point)
}

/// Elligator 2 as CryptoNote uses it: u = -A/(1+2r²), or -A-u if that is not on the curve; the sign of x says which.
pub fn map_to_curve(bytes: &[u8; 32]) -> EdwardsPoint {
    let r = Field::from_bytes(bytes);
    let minus_a = Field::small(MONTGOMERY_A).negate();
    let denominator = r.mul(r).mul(Field::small(2)).add(Field::small(1));
    let u = minus_a.mul(denominator.invert());
    let other = minus_a.add(u.negate());
    let first = MontgomeryPoint(u.to_bytes()).to_edwards(1);
    first
        .or_else(|| MontgomeryPoint(other.to_bytes()).to_edwards(0))
        .unwrap()
}

/// What a ring signature hashes again and again.
pub struct Transcript {
    aggregation: Vec<u8>,
    round: Vec<u8>,
}

fn tag(name: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out[..name.len()].copy_from_slice(name);
    out
}

impl Backend for MoneroEdwards {
    type Point = EdwardsPoint;
    type Transcript = Transcript;

    fn decode(bytes: &[u8; 32]) -> Option<EdwardsPoint> {
        // Whether a point has torsion costs a multiplication; a mutated signature repeats all its other points.
        static GOOD: RwLock<BTreeMap<[u8; 32], EdwardsPoint>> = RwLock::new(BTreeMap::new());
        if let Some(point) = GOOD.read().unwrap().get(bytes) {
            return Some(*point);
        }
        // SPEC LEDGER-15.4
        let point = decode_any(bytes).filter(EdwardsPoint::is_torsion_free)?;
        GOOD.write().unwrap().insert(*bytes, point);
        Some(point)
    }

    fn decode_auxiliary(bytes: &[u8; 32]) -> Option<EdwardsPoint> {
        decode_any(bytes).map(|point| point.mul_by_cofactor())
    }

    fn encode_auxiliary(point: &EdwardsPoint) -> [u8; 32] {
        (point * Scalar::from(8u8).invert()).compress().to_bytes()
    }

    fn encode(point: &EdwardsPoint) -> [u8; 32] {
        point.compress().to_bytes()
    }

    fn is_identity(point: &EdwardsPoint) -> bool {
        point.is_identity()
    }

    fn identity() -> EdwardsPoint {
        EdwardsPoint::identity()
    }

    fn base() -> EdwardsPoint {
        ED25519_BASEPOINT_POINT
    }

    fn mul_base(scalar: &Scalar) -> EdwardsPoint {
        EdwardsPoint::mul_base(scalar)
    }

    fn value_base() -> EdwardsPoint {
        let bytes: [u8; 32] = hex::decode(VALUE_BASE).unwrap().try_into().unwrap();
        decode_any(&bytes).unwrap()
    }

    fn image_base(key: &[u8; 32]) -> EdwardsPoint {
        map_to_curve(&keccak(&[key])).mul_by_cofactor()
    }

    fn multiscalar(scalars: &[Scalar], points: &[EdwardsPoint]) -> EdwardsPoint {
        EdwardsPoint::multiscalar_mul(scalars, points)
    }

    fn vartime_multiscalar(scalars: &[Scalar], points: &[EdwardsPoint]) -> EdwardsPoint {
        EdwardsPoint::vartime_multiscalar_mul(scalars, points)
    }

    /// Monero has no request key, number or indices in its hashes, and a message of 32 bytes.
    fn transcript(bound: &Bound<'_, Self>) -> Transcript {
        let mut members = Vec::new();
        bound
            .ring
            .iter()
            .for_each(|member| members.extend_from_slice(&member.key_bytes));
        bound
            .ring
            .iter()
            .for_each(|member| members.extend_from_slice(&member.commitment_bytes));
        let aggregation = [&members[..], bound.key_image, bound.auxiliary, bound.pseudo].concat();
        let round = [&members[..], bound.pseudo, &bound.message[..32]].concat();
        Transcript { aggregation, round }
    }

    fn transcript_bytes(transcript: &Transcript) -> [u8; 64] {
        let halves = [keccak(&[&transcript.aggregation]), keccak(&[&transcript.round])];
        halves.concat().try_into().unwrap()
    }

    fn aggregation(transcript: &Transcript) -> (Scalar, Scalar) {
        let weight = |name: &[u8]| hash_to_scalar(&[&tag(name), &transcript.aggregation]);
        (weight(b"CLSAG_agg_0"), weight(b"CLSAG_agg_1"))
    }

    fn challenge(transcript: &Transcript, left: &[u8; 32], right: &[u8; 32]) -> Scalar {
        hash_to_scalar(&[&tag(b"CLSAG_round"), &transcript.round, left, right])
    }
}
