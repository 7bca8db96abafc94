//! Lockable signatures of payment channels over secp256k1: pre-signatures, points of secrets, hash chains.
//!
//! A pre-signature `(R^, k)` under a point `T = t G` becomes a BIP-340 signature for whoever learns `t` (MICROPAY-3.6).
//! Points are 32 bytes, x alone, with even y; scalars 32 bytes big-endian. All inputs here are public.

use rayon::prelude::*;
use secp256k1::{Parity, PublicKey, Scalar, SecretKey, XOnlyPublicKey};
use sha2::{Digest, Sha256};

use crate::hash::{sha256, Hash};
use crate::Refusal;

/// Bytes before index and value in every step of a chain: one block of SHA-256.
pub const CHAIN_PREFIX_BYTES: usize = 64;

/// The order of the curve, big-endian.
const ORDER: Hash = secp256k1::constants::CURVE_ORDER;

/// One lock to judge. Fields of a wrong length make it invalid.
#[derive(Debug, Clone, Copy)]
pub struct Lock<'a> {
    /// P_C, the key that locked.
    pub public: &'a [u8],
    /// The 32 bytes that the finished signature will be on.
    pub message: &'a [u8],
    /// T, or 32 zero bytes for none.
    pub point: &'a [u8],
    /// R^.
    pub nonce: &'a [u8],
    /// k.
    pub scalar: &'a [u8],
}

/// The point with this x and even y; nothing if x is not below p or not on the curve.
fn lift(x: &[u8]) -> Option<PublicKey> {
    let x = XOnlyPublicKey::from_byte_array(x.try_into().ok()?).ok()?;
    Some(PublicKey::from_x_only_public_key(x, Parity::Even))
}

/// The BIP-340 challenge e(R, P, m), reduced mod q: a hash is below 2q, so one subtraction is enough.
fn challenge(nonce: &XOnlyPublicKey, public: &[u8], message: &[u8]) -> Option<Scalar> {
    let tag = sha256(&[b"BIP0340/challenge"]);
    let mut wide = sha256(&[&tag, &tag, &nonce.to_byte_array(), public, message]);
    if wide >= ORDER {
        let mut borrow = false;
        for (digit, order) in wide.iter_mut().zip(ORDER).rev() {
            let (once, first) = digit.overflowing_sub(order);
            let (twice, second) = once.overflowing_sub(u8::from(borrow));
            (*digit, borrow) = (twice, first || second);
        }
    }
    Scalar::from_be_bytes(wide).ok()
}

/// What `vartime_preverify` decides; nothing stands for a refusal.
fn try_preverify(lock: &Lock<'_>) -> Option<bool> {
    let message: &Hash = lock.message.try_into().ok()?;
    let (nonce, public) = (lift(lock.nonce)?, lift(lock.public)?);
    let scalar = Scalar::from_be_bytes(lock.scalar.try_into().ok()?).ok()?;
    let sum = if lock.point == [0; 32] {
        nonce
    } else {
        nonce.combine(&lift(lock.point)?).ok()?
    };
    let (sum, parity) = sum.x_only_public_key();
    let challenge = challenge(&sum, lock.public, message)?;
    // kG - eP must be R^ or, where R^ + T has odd y, -R^.
    let left = public
        .negate()
        .mul_tweak(&challenge)
        .ok()?
        .add_exp_tweak(&scalar)
        .ok()?;
    let right = if parity == Parity::Odd {
        nonce.negate()
    } else {
        nonce
    };
    Some(left == right)
}

/// PreVerify: true if whoever learns t of tG = T can finish this lock. Variable time: every input is public.
pub fn vartime_preverify(lock: &Lock<'_>) -> bool {
    try_preverify(lock).unwrap_or(false)
}

/// `vartime_preverify` of each lock, on all cores.
pub fn vartime_preverify_many(locks: &[Lock<'_>]) -> Vec<bool> {
    locks.par_iter().with_min_len(4).map(vartime_preverify).collect()
}

/// True if these are 32 bytes below p and the x of a point.
pub fn is_point(x: &[u8]) -> bool {
    lift(x).is_some()
}

/// tG, 33 bytes compressed; nothing for t = 0, t not below q, or bytes of a wrong length. Constant time in t.
pub fn point_of(secret: &[u8]) -> Option<[u8; 33]> {
    let mut secret = SecretKey::from_secret_bytes(secret.try_into().ok()?).ok()?;
    let point = PublicKey::from_secret_key(&secret).serialize();
    secret.non_secure_erase();
    Some(point)
}

/// H_c(index, .), H_c(index - 1, .) … applied to `value`, `steps` times: H_c(i, x) = SHA-256(prefix || u32 i || x).
///
/// Refuses: WrongLength for prefix and value, OutOfTree for more steps than `index`.
pub fn walk(prefix: &[u8], value: &[u8], index: u32, steps: u32) -> Result<Hash, Refusal> {
    let mut value: Hash = value.try_into().map_err(|_| Refusal::WrongLength)?;
    if prefix.len() != CHAIN_PREFIX_BYTES {
        return Err(Refusal::WrongLength);
    }
    let last = index.checked_sub(steps).ok_or(Refusal::OutOfTree)?;
    let start = Sha256::new_with_prefix(prefix);
    for place in (last..index).rev() {
        let mut hasher = start.clone();
        hasher.update((place + 1).to_be_bytes());
        hasher.update(value);
        value = hasher.finalize().into();
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    // State 1 of the vector "cms_l" of the chapter: tests/vectors/micropay/cms.json.
    const PUBLIC: &str = "366bd95d5e95ff1e8dfdb2fe634486852460fb192ff891575b7470aab6f21315";
    const MESSAGE: &str = "2474928f79f5abb8f86c982caf77cc6f4983b78733f2932a6fc3b7eb582bdf16";
    const POINT: &str = "21d311dfc859b5b7dad5e087036ab4e533680818f5dfb76793ea7d4307517ba5";
    const NONCE: &str = "b62858a360f7107a6467fbd206d8a540e85594dcfbfd3593b8442fc83a491436";
    const SCALAR: &str = "b8f5b546abebe83166d56e58fddc1f48a7d322187abf905f10d86ac37331d977";
    const SECRET: &str = "e268fdc207502f3a35e93dad7b0857e7976e7b0c564e3524d3f1a547b67a2320";
    const CHAIN: &str = "e2d01222418b33441d94184fc0ebd6e1bc2ca5c6afff648f27395e6abc3046236539f214a4be169c014d31d22fd39c041d36b7afa09b9403e97036f4d246939e";
    const ANCHOR: &str = "39b20d999a87e2804696c438662aa9b266d9cdad705695a2eca7c8d097f00654";
    const FIRST: &str = "36d6dc6fefff196a6319e745b351a2bbfb0b2bf3157a697ee3f5c5a382bdf05e";
    const SIXTEENTH: &str = "f010d7c3b52d34f97c049bc55770aed84cc8576415d13ee9a817be8a0caef9b7";

    fn bytes(text: &str) -> Vec<u8> {
        hex::decode(text).unwrap()
    }

    #[test]
    fn the_vector_holds_and_every_flipped_bit_does_not() {
        let fields = [PUBLIC, MESSAGE, POINT, NONCE, SCALAR].map(bytes);
        let lock = |fields: &[Vec<u8>; 5]| {
            vartime_preverify(&Lock {
                public: &fields[0],
                message: &fields[1],
                point: &fields[2],
                nonce: &fields[3],
                scalar: &fields[4],
            })
        };
        assert!(lock(&fields));
        for field in 0..5 {
            for bit in 0..256 {
                let mut bad = fields.clone();
                bad[field][bit / 8] ^= 1 << (bit % 8);
                assert!(!lock(&bad), "field {field}, bit {bit}");
            }
            let mut short = fields.clone();
            short[field].pop();
            assert!(!lock(&short));
        }
    }

    #[test]
    fn scalars_and_points_out_of_range() {
        assert_eq!(point_of(&bytes(SECRET)).unwrap()[1..], bytes(POINT));
        assert!(point_of(&[0; 32]).is_none() && point_of(&ORDER).is_none() && point_of(&[1; 31]).is_none());
        assert!(is_point(&bytes(POINT)) && !is_point(&[0xff; 32]) && !is_point(&[0; 32]) && !is_point(&[]));
    }

    #[test]
    fn chains_walk_down_to_the_anchor() {
        let chain = bytes(CHAIN);
        assert_eq!(walk(&chain, &bytes(FIRST), 1, 1).unwrap()[..], bytes(ANCHOR));
        assert_eq!(walk(&chain, &bytes(SIXTEENTH), 16, 15).unwrap()[..], bytes(FIRST));
        assert_eq!(walk(&chain, &bytes(FIRST), 1, 0).unwrap()[..], bytes(FIRST));
        assert_eq!(walk(&chain, &bytes(FIRST), 1, 2), Err(Refusal::OutOfTree));
        assert_eq!(walk(&chain, &[0; 31], 1, 1), Err(Refusal::WrongLength));
        assert_eq!(walk(&chain[1..], &[0; 32], 1, 1), Err(Refusal::WrongLength));
    }
}
