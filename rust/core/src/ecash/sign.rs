//! The DH-PS token: partial signatures, their combination, and the check of many at once (ECASH §4).
#![forbid(unsafe_code)]

use rayon::prelude::*;
use sha2::{Digest, Sha512};

use super::curve::{pairing_product_is_one_vartime, Group, Lines, Scalar, G1};
use super::fault::{Code, Fault};
use super::hash::{shift, token_base};
use super::keys::{generator_lines, lagrange, PublicKey, SecretShare};
use crate::ledger::random::Stream;

/// A message vector in the exponent, as a signer sees it.
pub struct Token {
    /// h = HG("h", M).
    pub base: G1,
    /// A = h^sk.
    pub first: G1,
    /// B̃ = B·h^ρ = h^s; None for an atom.
    pub second: Option<G1>,
    /// τ.
    pub tag: Scalar,
}

impl Token {
    /// From the message M, A, and B as the user sent it, if it is a coin. Both points are in the subgroup.
    pub fn new(message: &[u8], tag: Scalar, first: G1, second: Option<G1>) -> Self {
        let base = token_base(message);
        let second = second.map(|point| point.add(&base.mul(&shift(message))));
        Self {
            base,
            first,
            second,
            tag,
        }
    }

    /// What `verify_shown_vartime` needs to judge a signature on it.
    pub fn signed<'a>(&self, key: &'a PublicKey, signature: G1) -> Shown<'a> {
        Shown {
            key,
            tag: self.tag,
            base: self.base,
            signature,
            first: self.first,
            second: self.second,
        }
    }
}

/// σ_k = h^(x_k + y3_k·τ) · A^(y1_k) · B̃^(y2_k). Refuses: Length (a coin needs y2, an atom has none).
pub fn sign_partial(share: &SecretShare, token: &Token) -> Result<G1, Code> {
    let power = zeroize::Zeroizing::new(*share.x + *share.y3 * token.tag);
    let sum = token.base.mul(&power).add(&token.first.mul(&share.y1));
    match (&share.y2, &token.second) {
        (Some(y2), Some(second)) => Ok(sum.add(&second.mul(y2))),
        (None, None) => Ok(sum),
        _ => Err(Code::Length),
    }
}

/// σ = Π σ_k^λ_k. Any t different indices give the same. Refuses: Count, Order.
pub fn combine(places: &[u16], partials: &[G1]) -> Result<G1, Code> {
    if places.len() != partials.len() {
        return Err(Code::Count);
    }
    Ok(G1::sum_vartime(partials, &lagrange(places, 0)?, 256))
}

/// A token or its r-th power, with its signature.
#[derive(Clone)]
pub struct Shown<'a> {
    /// The key it is to verify under.
    pub key: &'a PublicKey,
    /// τ.
    pub tag: Scalar,
    /// h or σ1.
    pub base: G1,
    /// σ or σ2.
    pub signature: G1,
    /// A or K.
    pub first: G1,
    /// B̃ or L; None for an atom.
    pub second: Option<G1>,
}

/// Random odd weights of 128 bits, bound to what they weigh.
// SPEC ECASH-4.1
fn weights(shown: &[Shown<'_>], random: &[u8; 32]) -> Vec<Scalar> {
    let mut hasher = Sha512::new_with_prefix(random);
    let points: Vec<G1> = shown.iter().flat_map(|one| [one.signature, one.first]).collect();
    hasher.update(G1::encode_many(&points));
    let digest = hasher.finalize();
    let mut stream = Stream::new(&core::array::from_fn(|place| digest[place]));
    let weight = |_: &Shown<'_>| {
        let mut bytes: [u8; 16] = stream.take();
        bytes[15] |= 1;
        Scalar::reduce(&bytes)
    };
    shown.iter().map(weight).collect()
}

/// Whether all of them verify, under whichever keys: one pairing product (ECASH §4, BatchVer). Variable time.
///
/// `random`: 32 fresh bytes that the senders cannot foresee. Every point must be in the subgroup already.
/// A coin shown under an authority's key, or an atom under a bank's, does not verify.
pub fn verify_shown_vartime(shown: &[Shown<'_>], random: &[u8; 32]) -> bool {
    if shown
        .iter()
        .any(|one| one.key.y2.is_some() != one.second.is_some())
    {
        return false;
    }
    let weights = if shown.len() == 1 {
        vec![Scalar::from(1)]
    } else {
        weights(shown, random)
    };
    let mut keys: Vec<(&PublicKey, Vec<usize>)> = Vec::new();
    for (place, one) in shown.iter().enumerate() {
        let known = keys.iter().position(|(key, _)| core::ptr::eq(*key, one.key));
        let at = known.unwrap_or_else(|| {
            keys.push((one.key, Vec::new()));
            keys.len() - 1
        });
        keys[at].1.push(place);
    }
    let mut pairs: Vec<(G1, &Lines)> = Vec::new();
    for (key, places) in &keys {
        key_pairs(shown, &weights, key, places, &mut pairs);
    }
    let signatures: Vec<G1> = shown.iter().map(|one| one.signature).collect();
    pairs.push((weigh(&signatures, &weights, 128).negate(), generator_lines()));
    pairing_product_is_one_vartime(&pairs)
}

/// Π points^weights; few points are multiplied one by one.
fn weigh(points: &[G1], weights: &[Scalar], bits: usize) -> G1 {
    const FEW: usize = 12;
    if points.len() > FEW {
        return G1::sum_vartime(points, weights, bits);
    }
    let weigh = |(point, weight): (&G1, &Scalar)| {
        let bytes = weight.encode();
        match bytes.split_last_chunk::<16>() {
            Some((high, low)) if high == [0; 16] => point.mul_short(low),
            _ => point.mul(weight),
        }
    };
    let parts = points.iter().zip(weights).map(weigh);
    parts.fold(G1::identity(), |sum, part| sum.add(&part))
}

/// The pairs of one key: e(Σ w·σ1, X̃) e(Σ w·τ·σ1, Ỹ3) e(Σ w·K, Ỹ1) e(Σ w·L, Ỹ2).
fn key_pairs<'a>(
    shown: &[Shown<'_>],
    weights: &[Scalar],
    key: &'a PublicKey,
    places: &[usize],
    pairs: &mut Vec<(G1, &'a Lines)>,
) {
    let own: Vec<&Shown<'_>> = places.iter().map(|place| &shown[*place]).collect();
    let chosen: Vec<Scalar> = places.iter().map(|place| weights[*place]).collect();
    let bases: Vec<G1> = own.iter().map(|one| one.base).collect();
    let firsts: Vec<G1> = own.iter().map(|one| one.first).collect();
    let total = weigh(&bases, &chosen, 128);
    // one tag for all: the sum is there already, and one multiplication remains
    let tagged = if own.iter().all(|one| one.tag == own[0].tag) {
        total.mul(&own[0].tag)
    } else {
        let powers: Vec<Scalar> = chosen
            .iter()
            .zip(&own)
            .map(|(weight, one)| *weight * one.tag)
            .collect();
        weigh(&bases, &powers, 256)
    };
    pairs.push((total, &key.x));
    pairs.push((tagged, &key.y3));
    pairs.push((weigh(&firsts, &chosen, 128), &key.y1));
    if let Some(y2) = &key.y2 {
        let seconds: Vec<G1> = own.iter().filter_map(|one| one.second).collect();
        pairs.push((weigh(&seconds, &chosen, 128), y2));
    }
}

/// The groups that do not verify: the whole at once, then halves, so that few culprits cost little.
///
/// Always the same answer as one group at a time.
pub fn culprits_vartime(groups: &[Vec<Shown<'_>>], random: &[u8; 32]) -> Vec<usize> {
    if groups.is_empty() || verify_shown_vartime(&groups.concat(), random) {
        return Vec::new();
    }
    if groups.len() == 1 {
        return vec![0];
    }
    let (left, right) = groups.split_at(groups.len() / 2);
    let (mut found, rest) = rayon::join(
        || culprits_vartime(left, random),
        || culprits_vartime(right, random),
    );
    found.extend(rest.iter().map(|place| place + left.len()));
    found
}

/// Partial signatures on many tokens, on all cores.
pub fn sign_many(share: &SecretShare, tokens: &[Token]) -> Result<Vec<G1>, Fault> {
    let sign = |(place, token)| sign_partial(share, token).map_err(|code| Fault::at(code, place));
    tokens.par_iter().enumerate().map(sign).collect()
}
