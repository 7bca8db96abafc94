//! BLS12-381 over blst: scalars, points of G1 and G2, pairing products. The one file of the core with `unsafe`.
//!
//! Every call below hands blst pointers to values that this function owns or borrows, and lengths that belong to
//! them; blst keeps no pointer. `mul` and scalar arithmetic are constant time; what is named `vartime` is not.
//!
//! Scalar multiplication uses an endomorphism and is right only inside the subgroup of order q, so a point that
//! came from outside must pass `in_subgroup` first (ECASH-2.5).
#![allow(unsafe_code)]

use blst::*;
use zeroize::{DefaultIsZeroes, Zeroizing};

use super::fault::Code;

/// Bits of a scalar.
const SCALAR_BITS: usize = 255;

/// An integer modulo q. Copies are not wiped by themselves: secrets live in `Zeroizing<Scalar>`.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Scalar(blst_fr);

impl DefaultIsZeroes for Scalar {}

impl Scalar {
    /// The number 0.
    pub const ZERO: Self = Self(blst_fr { l: [0; 4] });

    /// 32 bytes big-endian; None if not below q.
    // SPEC ECASH-2.3
    pub fn decode(bytes: &[u8; 32]) -> Option<Self> {
        let (mut raw, mut out) = (blst_scalar::default(), blst_fr::default());
        unsafe {
            blst_scalar_from_bendian(&mut raw, bytes.as_ptr());
            if !blst_scalar_fr_check(&raw) {
                return None;
            }
            blst_fr_from_scalar(&mut out, &raw);
        }
        Some(Self(out))
    }

    /// A big-endian number of any length, modulo q.
    pub fn reduce(bytes: &[u8]) -> Self {
        let (mut raw, mut out) = (blst_scalar::default(), blst_fr::default());
        unsafe {
            blst_scalar_from_be_bytes(&mut raw, bytes.as_ptr(), bytes.len());
            blst_fr_from_scalar(&mut out, &raw);
        }
        Self(out)
    }

    /// 32 bytes big-endian.
    pub fn encode(&self) -> [u8; 32] {
        let mut out = [0; 32];
        unsafe { blst_bendian_from_scalar(out.as_mut_ptr(), &self.raw()) };
        out
    }

    fn raw(&self) -> blst_scalar {
        let mut raw = blst_scalar::default();
        unsafe { blst_scalar_from_fr(&mut raw, &self.0) };
        raw
    }

    /// True for 0.
    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }

    /// 1/x modulo q; 0 for 0.
    pub fn inverse(&self) -> Self {
        let mut out = blst_fr::default();
        unsafe { blst_fr_inverse(&mut out, &self.0) };
        Self(out)
    }
}

impl From<u64> for Scalar {
    fn from(value: u64) -> Self {
        Self::reduce(&value.to_be_bytes())
    }
}

macro_rules! scalar_operation {
    ($trait:ident, $method:ident, $function:ident) => {
        impl core::ops::$trait for Scalar {
            type Output = Scalar;
            fn $method(self, other: Scalar) -> Scalar {
                let mut out = blst_fr::default();
                unsafe { $function(&mut out, &self.0, &other.0) };
                Scalar(out)
            }
        }
    };
}
scalar_operation!(Add, add, blst_fr_add);
scalar_operation!(Sub, sub, blst_fr_sub);
scalar_operation!(Mul, mul, blst_fr_mul);

/// What the proofs and the key ceremony need of either group, written additively.
pub trait Group: Copy + PartialEq + Send + Sync + 'static {
    /// Bytes of the compressed encoding.
    const BYTES: usize;

    /// g or g̃.
    fn generator() -> Self;

    /// The neutral element.
    fn identity() -> Self;

    /// A canonical encoding of a point of the curve other than the identity; the subgroup is not tested.
    ///
    /// Refuses: PointEncoding, PointIdentity.
    fn decode(bytes: &[u8]) -> Result<Self, Code>;

    /// The compressed encoding.
    fn encode(&self) -> Vec<u8>;

    /// True if the point has order q.
    fn in_subgroup(&self) -> bool;

    /// True for the neutral element.
    fn is_identity(&self) -> bool;

    /// self · scalar, in constant time.
    fn mul(&self, scalar: &Scalar) -> Self;

    /// self · the big-endian number of 128 bits.
    fn mul_short(&self, number: &[u8; 16]) -> Self;

    /// self + other.
    fn add(&self, other: &Self) -> Self;

    /// −self.
    fn negate(&self) -> Self;

    /// Σ points[i] · scalars[i] with scalars below 2^bits; variable time. The shorter list decides.
    fn sum_vartime(points: &[Self], scalars: &[Scalar], bits: usize) -> Self;

    /// The encodings of all points, one after the other, with one inversion for all of them.
    fn encode_many(points: &[Self]) -> Vec<u8>;

    /// `decode`, and the subgroup tested. Refuses: PointEncoding, PointIdentity, PointSubgroup.
    // SPEC ECASH-2.4
    fn decode_checked(bytes: &[u8]) -> Result<Self, Code> {
        let point = Self::decode(bytes)?;
        point.in_subgroup().then_some(point).ok_or(Code::PointSubgroup)
    }
}

macro_rules! group {
    ($doc:literal, $name:ident, $point:ident, $affine:ident, $bytes:literal, $from_affine:ident, $generator:ident,
     $uncompress:ident, $compress:ident, $in_group:ident, $is_inf:ident, $is_equal:ident, $mult:ident, $add:ident,
     $cneg:ident, $to_affine:ident, $to_affine_many:ident, $affine_compress:ident, $msm:ident,
     $msm_scratch:ident) => {
        #[doc = $doc]
        #[derive(Clone, Copy, Default)]
        pub struct $name($point);

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                unsafe { $is_equal(&self.0, &other.0) }
            }
        }

        impl $name {
            fn affine(&self) -> $affine {
                let mut out = $affine::default();
                unsafe { $to_affine(&mut out, &self.0) };
                out
            }

            /// One inversion for all; none of the points may be the identity, and there must be one.
            fn affine_many(points: &[Self]) -> Vec<$affine> {
                let places: Vec<*const $point> = points.iter().map(|point| &raw const point.0).collect();
                let mut out = vec![$affine::default(); places.len()];
                unsafe { $to_affine_many(out.as_mut_ptr(), places.as_ptr(), places.len()) };
                out
            }
        }

        impl Group for $name {
            const BYTES: usize = $bytes;

            fn generator() -> Self {
                Self(unsafe { *$generator() })
            }

            fn identity() -> Self {
                Self($point::default())
            }

            fn decode(bytes: &[u8]) -> Result<Self, Code> {
                let bytes: &[u8; $bytes] = bytes.try_into().map_err(|_| Code::Length)?;
                let (mut affine, mut point) = ($affine::default(), $point::default());
                let read = unsafe { $uncompress(&mut affine, bytes.as_ptr()) };
                if read != BLST_ERROR::BLST_SUCCESS {
                    return Err(Code::PointEncoding);
                }
                unsafe { $from_affine(&mut point, &affine) };
                let point = Self(point);
                if point.encode() != bytes {
                    return Err(Code::PointEncoding);
                }
                if point.is_identity() {
                    return Err(Code::PointIdentity);
                }
                Ok(point)
            }

            fn encode(&self) -> Vec<u8> {
                let mut out = vec![0; $bytes];
                unsafe { $compress(out.as_mut_ptr(), &self.0) };
                out
            }

            fn in_subgroup(&self) -> bool {
                unsafe { $in_group(&self.0) }
            }

            fn is_identity(&self) -> bool {
                unsafe { $is_inf(&self.0) }
            }

            fn mul(&self, scalar: &Scalar) -> Self {
                let (mut out, raw) = ($point::default(), scalar.raw());
                unsafe { $mult(&mut out, &self.0, raw.b.as_ptr(), SCALAR_BITS) };
                Self(out)
            }

            fn mul_short(&self, number: &[u8; 16]) -> Self {
                let mut little = Zeroizing::new(*number);
                little.reverse();
                let mut out = $point::default();
                unsafe { $mult(&mut out, &self.0, little.as_ptr(), 128) };
                Self(out)
            }

            fn add(&self, other: &Self) -> Self {
                let mut out = $point::default();
                unsafe { $add(&mut out, &self.0, &other.0) };
                Self(out)
            }

            fn negate(&self) -> Self {
                let mut out = self.0;
                unsafe { $cneg(&mut out, true) };
                Self(out)
            }

            fn encode_many(points: &[Self]) -> Vec<u8> {
                if points.is_empty() || points.iter().any(Self::is_identity) {
                    return points.iter().flat_map(Self::encode).collect();
                }
                let mut out = vec![0; $bytes * points.len()];
                for (point, place) in Self::affine_many(points).iter().zip(out.chunks_exact_mut($bytes)) {
                    unsafe { $affine_compress(place.as_mut_ptr(), point) };
                }
                out
            }

            fn sum_vartime(points: &[Self], scalars: &[Scalar], bits: usize) -> Self {
                let (points, scalars): (Vec<Self>, Vec<blst_scalar>) = points
                    .iter()
                    .zip(scalars)
                    .filter(|(point, _)| !point.is_identity())
                    .map(|(point, scalar)| (*point, scalar.raw()))
                    .unzip();
                if points.is_empty() {
                    return Self::identity();
                }
                let affine = Self::affine_many(&points);
                let bases: Vec<*const $affine> = affine.iter().map(|point| &raw const *point).collect();
                let factors: Vec<*const u8> = scalars.iter().map(|scalar| scalar.b.as_ptr()).collect();
                let mut out = $point::default();
                unsafe {
                    let mut scratch = vec![0; $msm_scratch(bases.len()) / size_of::<limb_t>() + 1];
                    $msm(
                        &mut out,
                        bases.as_ptr(),
                        bases.len(),
                        factors.as_ptr(),
                        bits.min(SCALAR_BITS),
                        scratch.as_mut_ptr(),
                    );
                }
                Self(out)
            }
        }
    };
}

group!(
    "A point of the curve of G1.",
    G1,
    blst_p1,
    blst_p1_affine,
    48,
    blst_p1_from_affine,
    blst_p1_generator,
    blst_p1_uncompress,
    blst_p1_compress,
    blst_p1_in_g1,
    blst_p1_is_inf,
    blst_p1_is_equal,
    blst_p1_mult,
    blst_p1_add_or_double,
    blst_p1_cneg,
    blst_p1_to_affine,
    blst_p1s_to_affine,
    blst_p1_affine_compress,
    blst_p1s_mult_pippenger,
    blst_p1s_mult_pippenger_scratch_sizeof
);
group!(
    "A point of the curve of G2: only in key records and in the ceremony (ECASH-2.7).",
    G2,
    blst_p2,
    blst_p2_affine,
    96,
    blst_p2_from_affine,
    blst_p2_generator,
    blst_p2_uncompress,
    blst_p2_compress,
    blst_p2_in_g2,
    blst_p2_is_inf,
    blst_p2_is_equal,
    blst_p2_mult,
    blst_p2_add_or_double,
    blst_p2_cneg,
    blst_p2_to_affine,
    blst_p2s_to_affine,
    blst_p2_affine_compress,
    blst_p2s_mult_pippenger,
    blst_p2s_mult_pippenger_scratch_sizeof
);

impl G1 {
    /// hash_to_curve of RFC 9380, suite BLS12381G1_XMD:SHA-256_SSWU_RO_.
    pub fn hash(message: &[u8], domain: &[u8]) -> Self {
        let mut out = blst_p1::default();
        unsafe {
            blst_hash_to_g1(
                &mut out,
                message.as_ptr(),
                message.len(),
                domain.as_ptr(),
                domain.len(),
                core::ptr::null(),
                0,
            );
        }
        Self(out)
    }
}

/// Lines of a Miller loop.
const LINES: usize = 68;

/// A point of G2 made ready for pairings.
#[derive(Clone)]
pub struct Lines(Box<[blst_fp6]>);

impl Lines {
    /// The lines of a point that is in the subgroup and not the identity.
    pub fn of(point: &G2) -> Self {
        let mut lines = vec![blst_fp6::default(); LINES];
        unsafe { blst_precompute_lines(lines.as_mut_ptr(), &point.affine()) };
        Self(lines.into_boxed_slice())
    }
}

/// Whether Π e(P, Q) = 1 over the pairs; a pair whose P is the identity counts as 1. Variable time.
pub fn pairing_product_is_one_vartime(pairs: &[(G1, &Lines)]) -> bool {
    let mut product = blst_fp12::default();
    for (point, lines) in pairs.iter().filter(|(point, _)| !point.is_identity()) {
        let (mut one, before) = (blst_fp12::default(), product);
        unsafe {
            blst_miller_loop_lines(&mut one, lines.0.as_ptr(), &point.affine());
            blst_fp12_mul(&mut product, &before, &one);
        }
    }
    let mut out = blst_fp12::default();
    unsafe {
        blst_final_exp(&mut out, &product);
        blst_fp12_is_one(&out)
    }
}

#[cfg(test)]
#[path = "curve_tests.rs"]
mod tests;
