//! Proofs of knowledge over the group: equality of two logarithms, one logarithm, and what wallets prove with them
//! (LEDGER §13, §9.1, §9.6).

use curve25519_dalek::traits::VartimeMultiscalarMul;
use curve25519_dalek::{RistrettoPoint, Scalar};
use zeroize::Zeroizing;

use super::group::{decode_nonzero, decode_scalar, Backend, Ristretto};
use super::hash;
use super::keys::{Index, WalletKeys};
use super::outputs::Fields;
use super::scan::{Opened, Status};
use crate::Refusal;

/// Bytes of a proof of either kind.
pub const PROOF_BYTES: usize = 64;

/// Two bases and their images; the claim is that one secret takes each base to its image.
#[derive(Clone, Copy)]
pub struct Pair<'a> {
    /// B1.
    pub base1: &'a [u8; 32],
    /// Y1.
    pub image1: &'a [u8; 32],
    /// B2.
    pub base2: &'a [u8; 32],
    /// Y2.
    pub image2: &'a [u8; 32],
}

impl Pair<'_> {
    fn challenge(&self, context: &[u8], a1: &[u8; 32], a2: &[u8; 32]) -> Scalar {
        let items: [&[u8]; 7] = [context, self.base1, self.image1, self.base2, self.image2, a1, a2];
        hash::scalar("dleq", &items)
    }
}

/// `tag` over the secret first, the context, and 32 random bytes last.
// SPEC LEDGER-2.9
fn hedged(tag: &str, secret: &Scalar, context: &[&[u8]], random: &[u8; 32]) -> Zeroizing<Scalar> {
    let secret = Zeroizing::new(secret.to_bytes());
    let mut items: Vec<&[u8]> = vec![secret.as_slice()];
    items.extend_from_slice(context);
    items.push(random);
    let wide = Zeroizing::new(hash::framed(tag, &items));
    Zeroizing::new(hash::to_scalar(&wide))
}

fn join(first: [u8; 32], second: [u8; 32]) -> [u8; PROOF_BYTES] {
    let mut out = [0; PROOF_BYTES];
    out[..32].copy_from_slice(&first);
    out[32..].copy_from_slice(&second);
    out
}

fn split(proof: &[u8]) -> Option<([u8; 32], [u8; 32])> {
    let (first, second) = proof.split_at_checked(32)?;
    Some((first.try_into().ok()?, second.try_into().ok()?))
}

/// c | s for the pair under `secret`. `random`: 32 fresh bytes. Refuses: BadPoint.
pub fn prove(
    context: &[u8],
    pair: Pair<'_>,
    secret: &Scalar,
    random: &[u8; 32],
) -> Result<[u8; PROOF_BYTES], Refusal> {
    let base1 = decode_nonzero::<Ristretto>(pair.base1).ok_or(Refusal::BadPoint)?;
    let base2 = decode_nonzero::<Ristretto>(pair.base2).ok_or(Refusal::BadPoint)?;
    let bound: [&[u8]; 5] = [context, pair.base1, pair.image1, pair.base2, pair.image2];
    let k = hedged("dleq/nonce", secret, &bound, random);
    let a1 = Ristretto::encode(&(base1 * *k));
    let a2 = Ristretto::encode(&(base2 * *k));
    let c = pair.challenge(context, &a1, &a2);
    Ok(join(c.to_bytes(), (*k - c * secret).to_bytes()))
}

/// True if c | s proves that both logarithms of the pair are one. Anything else, bad bytes included, is false.
pub fn verify_vartime(context: &[u8], pair: Pair<'_>, proof: &[u8]) -> bool {
    let Some((c_bytes, s_bytes)) = split(proof) else {
        return false;
    };
    let (Some(c), Some(s)) = (decode_scalar(&c_bytes), decode_scalar(&s_bytes)) else {
        return false;
    };
    let point = |base: &[u8; 32], image: &[u8; 32]| -> Option<[u8; 32]> {
        let points = [
            decode_nonzero::<Ristretto>(base)?,
            decode_nonzero::<Ristretto>(image)?,
        ];
        Some(Ristretto::encode(&RistrettoPoint::vartime_multiscalar_mul(
            [s, c],
            points,
        )))
    };
    let (Some(a1), Some(a2)) = (point(pair.base1, pair.image1), point(pair.base2, pair.image2)) else {
        return false;
    };
    pair.challenge(context, &a1, &a2) == c
}

/// A | s with s·G = A + c·Y and c = H_s(tag; A, Y, items…), for Y = secret·G. `random`: 32 fresh bytes.
pub fn schnorr_sign(
    tag: &str,
    nonce_tag: &str,
    secret: &Scalar,
    public: &[u8; 32],
    items: &[&[u8]],
    random: &[u8; 32],
) -> [u8; PROOF_BYTES] {
    let mut bound: Vec<&[u8]> = vec![public];
    bound.extend_from_slice(items);
    let k = hedged(nonce_tag, secret, &bound, random);
    let a = Ristretto::encode(&RistrettoPoint::mul_base(&k));
    let c = schnorr_challenge(tag, &a, public, items);
    join(a, (*k + c * secret).to_bytes())
}

fn schnorr_challenge(tag: &str, a: &[u8; 32], public: &[u8; 32], items: &[&[u8]]) -> Scalar {
    let mut bound: Vec<&[u8]> = vec![a, public];
    bound.extend_from_slice(items);
    hash::scalar(tag, &bound)
}

/// True for a signature of `schnorr_sign` under the same tag, key and items.
pub fn schnorr_verify_vartime(tag: &str, public: &[u8; 32], items: &[&[u8]], signature: &[u8]) -> bool {
    let Some((a_bytes, s_bytes)) = split(signature) else {
        return false;
    };
    let decoded = (
        decode_nonzero::<Ristretto>(&a_bytes),
        decode_nonzero::<Ristretto>(public),
        decode_scalar(&s_bytes),
    );
    let (Some(a), Some(y), Some(s)) = decoded else {
        return false;
    };
    let c = schnorr_challenge(tag, &a_bytes, public, items);
    a == RistrettoPoint::vartime_double_scalar_mul_basepoint(&-c, &y, &s)
}

impl WalletKeys {
    /// A receive proof S_v | c | s: log of K_v^i to the base K_s^i equals that of S_v to the base R.
    ///
    /// Who reads it can recompute the key and the amount of this one output. Refuses: WrongTier, BadPoint.
    pub fn prove_receive(
        &self,
        output: &Fields,
        at: Index,
        context: &[u8],
        random: &[u8; 32],
    ) -> Result<[u8; 96], Refusal> {
        let k_v = self.view_key()?;
        let address = self.address(at)?;
        let ephemeral = decode_nonzero::<Ristretto>(&output.ephemeral).ok_or(Refusal::BadPoint)?;
        let shared = Ristretto::encode(&(ephemeral * *k_v));
        let (base1, image1) = (to_array(address.spend_bytes())?, to_array(address.view_bytes())?);
        let pair = Pair {
            base1: &base1,
            image1: &image1,
            base2: &output.ephemeral,
            image2: &shared,
        };
        let proof = prove(context, pair, k_v, random)?;
        let mut out = [0; 96];
        out[..32].copy_from_slice(&shared);
        out[32..].copy_from_slice(&proof);
        Ok(out)
    }

    /// A reserve proof: I | c | s for each output (log of P to G equals that of I to H_p("ki"; P)), then the sum of
    /// their masks. Refuses: OpenFailed (an output that is not ours to spend).
    pub fn prove_reserve(
        &self,
        outputs: &[Opened],
        context: &[u8],
        random: &[u8; 32],
    ) -> Result<Vec<u8>, Refusal> {
        let base1 = Ristretto::encode(&Ristretto::base());
        let mut masks = Scalar::ZERO;
        let mut out = Vec::with_capacity(96 * outputs.len() + 32);
        for opened in outputs {
            let (Status::Ours, Some(x), Some(image)) = (opened.status, &opened.secret, &opened.key_image)
            else {
                return Err(Refusal::OpenFailed);
            };
            let base2 = Ristretto::encode(&Ristretto::image_base(&opened.fields.key));
            let pair = Pair {
                base1: &base1,
                image1: &opened.fields.key,
                base2: &base2,
                image2: image,
            };
            out.extend_from_slice(image);
            out.extend_from_slice(&prove(context, pair, x, random)?);
            masks += *opened.mask;
        }
        out.extend_from_slice(&masks.to_bytes());
        Ok(out)
    }

    /// A | s under K_s^i over the items of a top-up. Refuses: WrongTier.
    pub fn prove_topup(
        &self,
        at: Index,
        items: &[&[u8]],
        random: &[u8; 32],
    ) -> Result<[u8; PROOF_BYTES], Refusal> {
        let secret = self.subaddress_secret(at)?;
        let public = Ristretto::encode(&RistrettoPoint::mul_base(&secret));
        Ok(schnorr_sign(
            "esc/topup",
            "esc/nonce",
            &secret,
            &public,
            items,
            random,
        ))
    }
}

fn to_array(bytes: &[u8]) -> Result<[u8; 32], Refusal> {
    bytes.try_into().map_err(|_| Refusal::WrongLength)
}
