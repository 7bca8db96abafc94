//! Byte strings of points and scalars: lengths first, then encodings, then the subgroup (ECASH §2.4).
#![forbid(unsafe_code)]

use rayon::prelude::*;

use super::curve::{Group, Scalar, G1};
use super::fault::{Code, Fault};

/// Bytes of a point of G1.
pub const POINT_BYTES: usize = 48;

/// Bytes of a scalar.
pub const SCALAR_BYTES: usize = 32;

/// The points of one byte string; the subgroup is not tested. Refuses: Length, PointEncoding, PointIdentity.
///
/// `first` is the place of the first of them among all points of the message.
// SPEC ECASH-2.5
pub fn decode<G: Group>(bytes: &[u8], count: usize, first: usize) -> Result<Vec<G>, Fault> {
    if bytes.len() != count * G::BYTES {
        return Err(Code::Length.into());
    }
    let decode = |(place, point)| G::decode(point).map_err(|code| Fault::at(code, first + place));
    bytes.chunks_exact(G::BYTES).enumerate().map(decode).collect()
}

/// `decode`, and every point by itself in the subgroup. Refuses also: PointSubgroup.
// SPEC ECASH-2.6
pub fn decode_checked<G: Group>(bytes: &[u8], count: usize) -> Result<Vec<G>, Fault> {
    let points = decode::<G>(bytes, count, 0)?;
    check_subgroup(&points, 0)?;
    Ok(points)
}

/// Refuses: PointSubgroup, with the first place that is outside.
pub fn check_subgroup<G: Group>(points: &[G], first: usize) -> Result<(), Fault> {
    match points.iter().position(|point| !point.in_subgroup()) {
        None => Ok(()),
        Some(place) => Err(Fault::at(Code::PointSubgroup, first + place)),
    }
}

/// One scalar. Refuses: Length, ScalarRange.
pub fn decode_scalar(bytes: &[u8]) -> Result<Scalar, Code> {
    let bytes: &[u8; SCALAR_BYTES] = bytes.try_into().map_err(|_| Code::Length)?;
    Scalar::decode(bytes).ok_or(Code::ScalarRange)
}

/// The responses of a proof, after the 16 bytes of its challenge. Refuses: Length, ScalarRange.
// SPEC ECASH-13.1
pub fn decode_proof(proof: &[u8], witnesses: usize) -> Result<([u8; 16], Vec<Scalar>), Fault> {
    if proof.len() != 16 + SCALAR_BYTES * witnesses {
        return Err(Code::Length.into());
    }
    let (challenge, responses) = proof.split_at(16);
    let decode = |(place, scalar)| decode_scalar(scalar).map_err(|code| Fault::at(code, place));
    let responses: Result<Vec<Scalar>, Fault> = responses
        .chunks_exact(SCALAR_BYTES)
        .enumerate()
        .map(decode)
        .collect();
    Ok((challenge.try_into().map_err(|_| Code::Length)?, responses?))
}

/// What is wrong with each 48 bytes, None for a point of the subgroup; on all cores.
pub fn check_many(bytes: &[u8]) -> Vec<Option<Code>> {
    bytes
        .par_chunks(POINT_BYTES)
        .map(|point| G1::decode_checked(point).err())
        .collect()
}
