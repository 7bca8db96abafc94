//! The group under the ring signature, as a trait, and its one production implementation.
//!
//! The code of the ring signature is generic over `Backend`, so that the tests of this crate can run the very same
//! code on Monero's transactions, whose group and hashes are other ones. Scalars are the integers modulo
//! 2^252 + 27742317777372353535851937790883648493 in all of them.

use core::ops::{Add, Mul, Sub};

use curve25519_dalek::constants::RISTRETTO_BASEPOINT_POINT;
use curve25519_dalek::ristretto::CompressedRistretto;
use curve25519_dalek::traits::{Identity, IsIdentity, MultiscalarMul, VartimeMultiscalarMul};
use curve25519_dalek::RistrettoPoint;
pub use curve25519_dalek::Scalar;
use rayon::prelude::*;
use subtle::ConditionallySelectable;
use zeroize::Zeroize;

use super::hash;

/// What a ring signature binds besides its own responses; all public.
pub struct Bound<'a, B: Backend> {
    /// The message m of LEDGER §5.2.
    pub message: &'a [u8; 64],
    /// The request key.
    pub k_ring: &'a [u8; 32],
    /// The position of the input in its transaction.
    pub input_no: u8,
    /// The places of the members in the output log.
    pub indices: &'a [u64],
    /// The members, in the order of the indices.
    pub ring: &'a [&'a Member<B>],
    /// The pseudo-output C'.
    pub pseudo: &'a [u8; 32],
    /// The key image I.
    pub key_image: &'a [u8; 32],
    /// The auxiliary point D as it is transmitted.
    pub auxiliary: &'a [u8; 32],
}

/// One member of a ring, decoded: the one-time key, its commitment, and the base of its key image.
pub struct Member<B: Backend = Ristretto> {
    /// P.
    pub key: B::Point,
    /// C.
    pub commitment: B::Point,
    /// H_p("ki"; P).
    pub image_base: B::Point,
    /// The encoding of P.
    pub key_bytes: [u8; 32],
    /// The encoding of C.
    pub commitment_bytes: [u8; 32],
}

impl<B: Backend> Clone for Member<B> {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

impl<B: Backend> Member<B> {
    /// The member with these encodings; None if one of them does not decode or is the identity.
    pub fn decode(key: &[u8; 32], commitment: &[u8; 32]) -> Option<Self> {
        Some(Self {
            key: decode_nonzero::<B>(key)?,
            commitment: decode_nonzero::<B>(commitment)?,
            image_base: B::image_base(key),
            key_bytes: *key,
            commitment_bytes: *commitment,
        })
    }
}

/// A group of prime order and the hash functions of a ring signature over it.
// SPEC LEDGER-2.2 (the group of Monero is a back end of the tests of this crate only: core/tests/monero)
pub trait Backend: Sized + Send + Sync + 'static {
    /// An element of the group.
    type Point: Copy
        + Send
        + Sync
        + PartialEq
        + ConditionallySelectable
        + Zeroize
        + Add<Output = Self::Point>
        + Sub<Output = Self::Point>
        + Mul<Scalar, Output = Self::Point>;

    /// What the ring signature has bound, ready to give challenges.
    type Transcript: Send + Sync;

    /// The point of its one canonical encoding, the identity included; None for any other bytes.
    fn decode(bytes: &[u8; 32]) -> Option<Self::Point>;

    /// The transmitted form of D; differs from `decode` where D is sent divided by a cofactor.
    fn decode_auxiliary(bytes: &[u8; 32]) -> Option<Self::Point> {
        Self::decode(bytes)
    }

    /// The bytes that `decode_auxiliary` gives back.
    fn encode_auxiliary(point: &Self::Point) -> [u8; 32] {
        Self::encode(point)
    }

    /// The canonical encoding.
    fn encode(point: &Self::Point) -> [u8; 32];

    /// True for the neutral element.
    fn is_identity(point: &Self::Point) -> bool;

    /// The neutral element.
    fn identity() -> Self::Point;

    /// G, under keys and masks.
    // SPEC LEDGER-2.4
    fn base() -> Self::Point;

    /// scalar·G, in constant time.
    fn mul_base(scalar: &Scalar) -> Self::Point;

    /// H, under values.
    fn value_base() -> Self::Point;

    /// The base of the key image of a one-time key.
    fn image_base(key: &[u8; 32]) -> Self::Point;

    /// The sum of scalar·point, in constant time; both slices have the same length.
    fn multiscalar(scalars: &[Scalar], points: &[Self::Point]) -> Self::Point;

    /// The same for public data only.
    fn vartime_multiscalar(scalars: &[Scalar], points: &[Self::Point]) -> Self::Point;

    /// Binds a statement.
    fn transcript(bound: &Bound<'_, Self>) -> Self::Transcript;

    /// 64 bytes that name what is bound.
    fn transcript_bytes(transcript: &Self::Transcript) -> [u8; 64];

    /// The weights μ_P and μ_C.
    fn aggregation(transcript: &Self::Transcript) -> (Scalar, Scalar);

    /// The round function F(L, R), from encodings.
    fn challenge(transcript: &Self::Transcript, left: &[u8; 32], right: &[u8; 32]) -> Scalar;
}

/// The point of a canonical encoding that is not the identity.
pub fn decode_nonzero<B: Backend>(bytes: &[u8; 32]) -> Option<B::Point> {
    B::decode(bytes).filter(|point| !B::is_identity(point))
}

/// The canonical scalar of 32 bytes; None for a value of ℓ or more.
pub fn decode_scalar(bytes: &[u8; 32]) -> Option<Scalar> {
    Scalar::from_canonical_bytes(*bytes).into()
}

/// ristretto255 (RFC 9496) with the tagged SHA-512 of the ledger.
// SPEC LEDGER-2.1
pub struct Ristretto;

/// T of LEDGER §5.2, next to the key that every challenge takes.
pub struct RistrettoTranscript {
    k_ring: [u8; 32],
    bound: [u8; 64],
}

impl Backend for Ristretto {
    type Point = RistrettoPoint;
    type Transcript = RistrettoTranscript;

    fn decode(bytes: &[u8; 32]) -> Option<RistrettoPoint> {
        CompressedRistretto(*bytes).decompress()
    }

    fn encode(point: &RistrettoPoint) -> [u8; 32] {
        point.compress().to_bytes()
    }

    fn is_identity(point: &RistrettoPoint) -> bool {
        point.is_identity()
    }

    fn identity() -> RistrettoPoint {
        RistrettoPoint::identity()
    }

    fn base() -> RistrettoPoint {
        RISTRETTO_BASEPOINT_POINT
    }

    fn mul_base(scalar: &Scalar) -> RistrettoPoint {
        RistrettoPoint::mul_base(scalar)
    }

    fn value_base() -> RistrettoPoint {
        *hash::value_base()
    }

    fn image_base(key: &[u8; 32]) -> RistrettoPoint {
        hash::point("ki", &[key])
    }

    fn multiscalar(scalars: &[Scalar], points: &[RistrettoPoint]) -> RistrettoPoint {
        RistrettoPoint::multiscalar_mul(scalars, points)
    }

    fn vartime_multiscalar(scalars: &[Scalar], points: &[RistrettoPoint]) -> RistrettoPoint {
        RistrettoPoint::vartime_multiscalar_mul(scalars, points)
    }

    fn transcript(bound: &Bound<'_, Self>) -> RistrettoTranscript {
        let mut indices = Vec::with_capacity(8 * bound.indices.len());
        bound
            .indices
            .iter()
            .for_each(|index| indices.extend_from_slice(&index.to_le_bytes()));
        let mut members = Vec::with_capacity(64 * bound.ring.len());
        for member in bound.ring {
            members.extend_from_slice(&member.key_bytes);
            members.extend_from_slice(&member.commitment_bytes);
        }
        let items: [&[u8]; 8] = [
            bound.k_ring,
            bound.message,
            &[bound.input_no],
            &indices,
            &members,
            bound.pseudo,
            bound.key_image,
            bound.auxiliary,
        ];
        RistrettoTranscript {
            k_ring: *bound.k_ring,
            bound: hash::framed("clsag/T", &items),
        }
    }

    fn transcript_bytes(transcript: &RistrettoTranscript) -> [u8; 64] {
        transcript.bound
    }

    fn aggregation(transcript: &RistrettoTranscript) -> (Scalar, Scalar) {
        let keys = hash::scalar("clsag/muP", &[&transcript.bound]);
        let commitments = hash::scalar("clsag/muC", &[&transcript.bound]);
        (keys, commitments)
    }

    fn challenge(transcript: &RistrettoTranscript, left: &[u8; 32], right: &[u8; 32]) -> Scalar {
        hash::scalar("clsag/rnd", &[&transcript.k_ring, &transcript.bound, left, right])
    }
}

/// The map of RFC 9496 §4.3.4 on 64 uniform bytes.
pub fn map_to_group(wide: &[u8; 64]) -> RistrettoPoint {
    RistrettoPoint::from_uniform_bytes(wide)
}

/// For each encoding: 0 an element, 1 no encoding of one, 2 the identity.
pub fn check_points_many(points: &[[u8; 32]]) -> Vec<u8> {
    let check = |bytes: &[u8; 32]| match Ristretto::decode(bytes) {
        None => 1,
        Some(point) if Ristretto::is_identity(&point) => 2,
        Some(_) => 0,
    };
    points.par_iter().with_min_len(32).map(check).collect()
}

/// The sum of the elements, the identity for none; None if one does not decode.
pub fn sum(points: &[[u8; 32]]) -> Option<RistrettoPoint> {
    let decode = |bytes: &[u8; 32]| Ristretto::decode(bytes);
    points
        .par_iter()
        .with_min_len(64)
        .map(decode)
        .try_reduce(RistrettoPoint::identity, |sum, point| Some(sum + point))
}

/// True if Σ points + value·H (+ Σ masks·G on the first side) is the same on both sides; false for a bad encoding.
pub fn equation_holds_vartime(sides: [(&[[u8; 32]], u128); 2], masks: &[[u8; 32]]) -> bool {
    let [(left, left_value), (right, right_value)] = sides;
    let masks: Option<Scalar> = masks.iter().map(decode_scalar).sum();
    let (Some(left), Some(right), Some(mask)) = (sum(left), sum(right), masks) else {
        return false;
    };
    let value = Scalar::from(left_value) - Scalar::from(right_value);
    let fixed = RistrettoPoint::vartime_double_scalar_mul_basepoint(&value, hash::value_base(), &mask);
    left + fixed == right
}
