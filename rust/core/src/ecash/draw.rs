//! Every random scalar of a protocol, and what a wallet derives from its seed (ECASH §2.9, §12).
#![forbid(unsafe_code)]

use hkdf::Hkdf;
use sha2::Sha512;
use zeroize::Zeroizing;

use super::curve::Scalar;
use super::hash::{lp, Lp};

fn expand(key: &[u8], salt: &[u8], info: &[u8]) -> Zeroizing<Scalar> {
    let mut wide = Zeroizing::new([0; 64]);
    // 64 bytes are one block of HKDF-SHA-512: the only error, a length over 255 blocks, cannot occur.
    let _ = Hkdf::<Sha512>::new(Some(salt), key).expand(info, wide.as_mut_slice());
    Zeroizing::new(Scalar::reduce(wide.as_slice()))
}

/// The randomness of one message: ρ, 32 fresh bytes of the operating system, and κ, the long-term secret.
pub struct Draws {
    key: Zeroizing<[u8; 64]>,
}

impl Draws {
    /// `secret`: sk of a user, j_k of a trustee, 0 in the key ceremony.
    // SPEC ECASH-12.4
    pub fn new(random: &[u8; 32], secret: &Scalar) -> Self {
        let mut key = Zeroizing::new([0; 64]);
        key[..32].copy_from_slice(random);
        key[32..].copy_from_slice(Zeroizing::new(secret.encode()).as_slice());
        Self { key }
    }

    /// draw(ρ, κ, salt, label, i).
    pub fn draw(&self, salt: &[u8], label: &str, index: u16) -> Zeroizing<Scalar> {
        let info = Lp::new()
            .item(b"foec1/draw")
            .item(label.as_bytes())
            .u16(index)
            .done();
        expand(self.key.as_slice(), salt, &info)
    }
}

/// sk of a wallet.
pub fn wallet_key(seed: &[u8; 32]) -> Zeroizing<Scalar> {
    expand(seed, &[], &lp(&[b"foec1/sk"]))
}

/// s' and q of one coin of a wallet; `output`: of a payment, a refresh or a claim, not of a withdrawal.
pub fn coin_secrets(
    seed: &[u8; 32],
    kid: &[u8; 16],
    value: u64,
    counter: u32,
    output: bool,
) -> (Zeroizing<Scalar>, Zeroizing<Scalar>) {
    let derive = |label: &str| {
        let info = lp(&[
            kid,
            &value.to_be_bytes(),
            &counter.to_be_bytes(),
            label.as_bytes(),
        ]);
        expand(seed, &[], &info)
    };
    let labels = if output { ("os", "oq") } else { ("s", "q") };
    (derive(labels.0), derive(labels.1))
}
