//! X25519 (RFC 7748). A shared secret of zero is refused.

use curve25519_dalek::montgomery::MontgomeryPoint;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::Refusal;

/// A private X25519 key; wiped from memory when it goes.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct X25519Secret {
    secret: [u8; 32],
    #[zeroize(skip)]
    public: [u8; 32],
}

impl X25519Secret {
    /// The key of 32 bytes; they are clamped at use. Refuses: WrongLength.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Refusal> {
        let secret: [u8; 32] = bytes.try_into().map_err(|_| Refusal::WrongLength)?;
        let public = MontgomeryPoint::mul_base_clamped(secret).to_bytes();
        Ok(Self { secret, public })
    }

    /// The 32 byte public key.
    pub fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// The shared secret with a public key. Refuses: WrongLength, WeakKey (the all-zero secret).
    pub fn exchange(&self, public: &[u8]) -> Result<Zeroizing<[u8; 32]>, Refusal> {
        let public: [u8; 32] = public.try_into().map_err(|_| Refusal::WrongLength)?;
        let shared = Zeroizing::new(MontgomeryPoint(public).mul_clamped(self.secret).to_bytes());
        // Every byte is looked at, so the time does not depend on where a secret byte stands.
        if shared.iter().fold(0u8, |all, byte| all | byte) == 0 {
            return Err(Refusal::WeakKey);
        }
        Ok(shared)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unhex(text: &str) -> Vec<u8> {
        hex::decode(text).unwrap()
    }

    #[test]
    fn both_sides_agree() {
        let one = X25519Secret::from_bytes(&[8; 32]).unwrap();
        let two = X25519Secret::from_bytes(&[9; 32]).unwrap();
        assert_eq!(
            *one.exchange(two.public()).unwrap(),
            *two.exchange(one.public()).unwrap()
        );
    }

    #[test]
    fn rfc7748_section_5_2() {
        let scalar = "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4";
        let point = "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c";
        let shared = "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552";
        let key = X25519Secret::from_bytes(&unhex(scalar)).unwrap();
        assert_eq!(key.exchange(&unhex(point)).unwrap().as_slice(), unhex(shared));
    }

    #[test]
    fn refuses_the_zero_secret() {
        let key = X25519Secret::from_bytes(&[9; 32]).unwrap();
        assert_eq!(key.exchange(&[0; 32]).unwrap_err(), Refusal::WeakKey);
        assert_eq!(key.exchange(&[0; 31]).unwrap_err(), Refusal::WrongLength);
    }
}
