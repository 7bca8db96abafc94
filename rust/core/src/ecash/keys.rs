//! Public keys of banks and authorities, and the checks of a key record that need the curve (ECASH §3.1, §3.2).
#![forbid(unsafe_code)]

use std::sync::OnceLock;

use zeroize::Zeroizing;

use super::curve::{Group, Lines, Scalar, G1, G2};
use super::fault::{Code, Fault};
use super::points::{decode_checked, decode_scalar, SCALAR_BYTES};

/// X̃, Ỹ1, Ỹ2, Ỹ3 of a bank, or X̃, Ỹ1, Ỹ3 of an authority; also those of one signer's share.
pub struct PublicKey {
    /// X̃.
    pub x: Lines,
    /// Ỹ1, over sk.
    pub y1: Lines,
    /// Ỹ2, over s; None for an authority.
    pub y2: Option<Lines>,
    /// Ỹ3, over τ.
    pub y3: Lines,
}

impl PublicKey {
    /// 384 bytes of a bank or 288 of an authority. Refuses: Length, and what a point can have.
    pub fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        let points = decode_checked::<G2>(bytes, bytes.len() / G2::BYTES)?;
        let (x, y1, y2, y3) = match points.as_slice() {
            [x, y1, y2, y3] => (x, y1, Some(y2), y3),
            [x, y1, y3] => (x, y1, None, y3),
            _ => return Err(Code::Length.into()),
        };
        Ok(Self {
            x: Lines::of(x),
            y1: Lines::of(y1),
            y2: y2.map(Lines::of),
            y3: Lines::of(y3),
        })
    }
}

/// The lines of g̃.
pub fn generator_lines() -> &'static Lines {
    static LINES: OnceLock<Lines> = OnceLock::new();
    LINES.get_or_init(|| Lines::of(&G2::generator()))
}

/// A key that issues: of a bank, or of an authority.
pub struct IssuerKey {
    /// Key id.
    pub kid: [u8; 16],
    /// The public key.
    pub public: PublicKey,
    /// J, the trustees' key; None for an authority.
    pub trustee: Option<G1>,
    /// The key id of J; empty for an authority.
    pub trustee_kid: Vec<u8>,
}

impl IssuerKey {
    /// `trustee`: J of a bank, empty for an authority. Refuses: Length, and what a point can have.
    pub fn decode(kid: [u8; 16], public: &[u8], trustee: &[u8], trustee_kid: &[u8]) -> Result<Self, Fault> {
        let public = PublicKey::decode(public)?;
        let bank = public.y2.is_some();
        if bank == trustee.is_empty() || bank == trustee_kid.is_empty() {
            return Err(Code::Length.into());
        }
        let trustee = if bank {
            Some(G1::decode_checked(trustee)?)
        } else {
            None
        };
        Ok(Self {
            kid,
            public,
            trustee,
            trustee_kid: trustee_kid.to_vec(),
        })
    }
}

/// One signer's part of a secret key: x, y1, (y2,) y3; wiped when dropped.
pub struct SecretShare {
    /// x_k.
    pub x: Zeroizing<Scalar>,
    /// y1_k.
    pub y1: Zeroizing<Scalar>,
    /// y2_k; None for an authority.
    pub y2: Option<Zeroizing<Scalar>>,
    /// y3_k.
    pub y3: Zeroizing<Scalar>,
}

impl SecretShare {
    /// 128 bytes of a bank's signer or 96 of an authority's. Refuses: Length, ScalarRange.
    pub fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        if !bytes.len().is_multiple_of(SCALAR_BYTES) {
            return Err(Code::Length.into());
        }
        let scalars: Result<Vec<_>, Code> = bytes
            .chunks_exact(SCALAR_BYTES)
            .map(|scalar| decode_scalar(scalar).map(Zeroizing::new))
            .collect();
        let mut scalars = scalars?.into_iter();
        let parts = [(); 5].map(|()| scalars.next());
        match parts {
            [Some(x), Some(y1), Some(y2), Some(y3), None] => Ok(Self {
                x,
                y1,
                y2: Some(y2),
                y3,
            }),
            [Some(x), Some(y1), Some(y3), None, None] => Ok(Self { x, y1, y2: None, y3 }),
            _ => Err(Code::Length.into()),
        }
    }
}

/// The Lagrange coefficients at `at` of the polynomial through these places.
///
/// Refuses: Count (none, or 0 among them), Order (one of them twice).
pub fn lagrange(places: &[u16], at: u16) -> Result<Vec<Scalar>, Code> {
    if places.is_empty() || places.contains(&0) {
        return Err(Code::Count);
    }
    let mut sorted = places.to_vec();
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Code::Order);
    }
    let number = |place: u16| Scalar::from(u64::from(place));
    let coefficient = |own: &u16| {
        let others = places.iter().filter(|other| *other != own);
        let one = (Scalar::from(1), Scalar::from(1));
        let (above, below) = others.fold(one, |(above, below), other| {
            (
                above * (number(at) - number(*other)),
                below * (number(*own) - number(*other)),
            )
        });
        above * below.inverse()
    };
    Ok(places.iter().map(coefficient).collect())
}

/// Π values^λ at `at`: the value there of the polynomial in the exponent.
pub fn interpolate<G: Group>(places: &[u16], values: &[G], at: u16) -> Result<G, Code> {
    if places.len() != values.len() {
        return Err(Code::Count);
    }
    Ok(G::sum_vartime(values, &lagrange(places, at)?, 256))
}

/// K6: the first t share keys give the public key, and every further one lies on the same polynomial.
///
/// `shares`: for each index its components. Refuses: Count, Order, ShareInvalid with the place of the culprit.
// SPEC ECASH-3.8
pub fn check_share_keys<G: Group>(
    threshold: usize,
    places: &[u16],
    shares: &[Vec<G>],
    public: &[G],
) -> Result<(), Fault> {
    let fits = shares.iter().all(|share| share.len() == public.len());
    if threshold == 0 || threshold > places.len() || places.len() != shares.len() || !fits {
        return Err(Code::Count.into());
    }
    for (component, key) in public.iter().enumerate() {
        let values: Vec<G> = shares.iter().map(|share| share[component]).collect();
        let (known, base) = (&places[..threshold], &values[..threshold]);
        if interpolate(known, base, 0)? != *key {
            return Err(Fault::at(Code::ShareInvalid, 0));
        }
        for (place, value) in values.iter().enumerate().skip(threshold) {
            if interpolate(known, base, places[place])? != *value {
                return Err(Fault::at(Code::ShareInvalid, place));
            }
        }
    }
    Ok(())
}
