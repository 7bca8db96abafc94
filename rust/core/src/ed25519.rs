//! Ed25519 (RFC 8032) under one strict rule: no cofactor, S < L, canonical A and R, neither of small order.
//!
//! Every item of a batch is verified on its own. A random linear combination would be quicker, but it can
//! accept what single verification refuses (ISSUANCE-3.4.4).

use std::collections::HashMap;

use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use ed25519_dalek::Signer;
use rayon::prelude::*;
use sha2::{Digest, Sha512};

use crate::Refusal;

/// 2^255 - 19, little endian.
const FIELD_PRIME: [u8; 32] = {
    let mut p = [0xff; 32];
    p[0] = 0xed;
    p[31] = 0x7f;
    p
};

/// True if the y coordinate is below the field's prime. The sign bit is not part of it.
fn has_canonical_y(encoded: &[u8; 32]) -> bool {
    let mut y = *encoded;
    y[31] &= 0x7f;
    y.iter().rev().lt(FIELD_PRIME.iter().rev())
}

/// The point of a public key that may be registered. Refuses: WrongLength, WeakKey.
fn decode_public(public: &[u8]) -> Result<EdwardsPoint, Refusal> {
    let encoded: [u8; 32] = public.try_into().map_err(|_| Refusal::WrongLength)?;
    if !has_canonical_y(&encoded) {
        return Err(Refusal::WeakKey);
    }
    let point = CompressedEdwardsY(encoded).decompress().ok_or(Refusal::WeakKey)?;
    // x = 0 with the sign bit set is a second spelling of a point of order 1 or 2, so this refuses it too.
    if point.is_small_order() {
        return Err(Refusal::WeakKey);
    }
    Ok(point)
}

/// True for a canonical public key that is not of small order (ISSUANCE-3.4.1).
pub fn check_public(public: &[u8]) -> bool {
    decode_public(public).is_ok()
}

/// True if the signature is valid. Variable time: every input is public.
pub fn vartime_verify(public: &[u8], message: &[u8], signature: &[u8]) -> bool {
    decode_public(public).is_ok_and(|a| vartime_verify_by(&a, public, message, signature))
}

/// The same for a public key that was decoded before: `a` is the point of `public`.
fn vartime_verify_by(a: &EdwardsPoint, public: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let Ok(signature) = <&[u8; 64]>::try_from(signature) else {
        return false;
    };
    let (r_bytes, s_bytes) = signature.split_at(32);
    let mut s_encoded = [0u8; 32];
    s_encoded.copy_from_slice(s_bytes);
    let Some(s) = Option::<Scalar>::from(Scalar::from_canonical_bytes(s_encoded)) else {
        return false;
    };
    let mut hasher = Sha512::new();
    hasher.update(r_bytes);
    hasher.update(public);
    hasher.update(message);
    let k = Scalar::from_bytes_mod_order_wide(&hasher.finalize().into());
    let expected = EdwardsPoint::vartime_double_scalar_mul_basepoint(&k, &-*a, &s);
    // Comparing encodings refuses a non-canonical R, because `compress` never makes one.
    expected.compress().as_bytes() == r_bytes && !expected.is_small_order()
}

/// One answer for each triple, the same that `vartime_verify` gives.
pub fn vartime_verify_many<B: AsRef<[u8]> + Sync>(
    publics: &[B],
    messages: &[B],
    signatures: &[B],
) -> Result<Vec<u8>, Refusal> {
    if publics.len() != messages.len() || publics.len() != signatures.len() {
        return Err(Refusal::WrongLength);
    }
    // A batch names few keys many times; decoding one is an eighth of a verification.
    let mut points: HashMap<&[u8], Option<EdwardsPoint>> = HashMap::new();
    for public in publics {
        let public = public.as_ref();
        points.entry(public).or_insert_with(|| decode_public(public).ok());
    }
    let verify = |i: usize| {
        let public = publics[i].as_ref();
        u8::from(
            points[public]
                .as_ref()
                .is_some_and(|a| vartime_verify_by(a, public, messages[i].as_ref(), signatures[i].as_ref())),
        )
    };
    if publics.len() < 2 {
        return Ok((0..publics.len()).map(verify).collect());
    }
    Ok((0..publics.len()).into_par_iter().map(verify).collect())
}

/// A private signing key; wiped from memory when it goes.
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// The key of a 32 byte seed. Refuses: WrongLength.
    pub fn from_seed(seed: &[u8]) -> Result<Self, Refusal> {
        let seed: &[u8; 32] = seed.try_into().map_err(|_| Refusal::WrongLength)?;
        Ok(Self(ed25519_dalek::SigningKey::from_bytes(seed)))
    }

    /// The 32 byte public key.
    pub fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// The deterministic signature of RFC 8032.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }

    /// A signature for each message.
    pub fn sign_many<B: AsRef<[u8]> + Sync>(&self, messages: &[B]) -> Vec<[u8; 64]> {
        if messages.len() < 4 {
            return messages.iter().map(|m| self.sign(m.as_ref())).collect();
        }
        messages.par_iter().map(|m| self.sign(m.as_ref())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unhex<const N: usize>(text: &str) -> [u8; N] {
        hex::decode(text).unwrap().try_into().unwrap()
    }

    #[test]
    fn rfc8032_test_1() {
        let seed: [u8; 32] = unhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
        let key = SigningKey::from_seed(&seed).unwrap();
        let public = unhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        assert_eq!(key.public(), public);
        let signature: [u8; 64] = unhex(
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b\
             d25bf5f0595bbe24655141438e7a100b",
        );
        assert_eq!(key.sign(b""), signature);
        assert!(vartime_verify(&public, b"", &signature));
        assert!(!vartime_verify(&public, b"x", &signature));
    }

    #[test]
    fn refuses_small_order_and_other_spellings() {
        for text in [
            "0100000000000000000000000000000000000000000000000000000000000000",
            "0100000000000000000000000000000000000000000000000000000000000080",
            "0000000000000000000000000000000000000000000000000000000000000000",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        ] {
            assert!(!check_public(&unhex::<32>(text)), "{text}");
        }
    }

    #[test]
    fn refuses_s_plus_l() {
        let key = SigningKey::from_seed(&[7; 32]).unwrap();
        let mut signature = key.sign(b"m");
        let order: [u8; 32] = unhex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
        let mut carry = 0u16;
        for (byte, add) in signature[32..].iter_mut().zip(order) {
            let sum = u16::from(*byte) + u16::from(add) + carry;
            *byte = (sum & 0xff) as u8;
            carry = sum >> 8;
        }
        assert!(!vartime_verify(&key.public(), b"m", &signature));
    }

    #[test]
    fn many_is_single() {
        let key = SigningKey::from_seed(&[1; 32]).unwrap();
        let messages: Vec<Vec<u8>> = (0..64u8).map(|i| vec![i]).collect();
        let mut signatures: Vec<Vec<u8>> = key.sign_many(&messages).iter().map(|s| s.to_vec()).collect();
        signatures[3][0] ^= 1;
        signatures[9].pop();
        let publics = vec![key.public().to_vec(); 64];
        let answers = vartime_verify_many(&publics, &messages, &signatures).unwrap();
        for (i, answer) in answers.iter().enumerate() {
            assert_eq!(*answer == 1, i != 3 && i != 9);
        }
    }
}
