//! BIP-340: Schnorr signatures over secp256k1, by libsecp256k1. They sign what happens inside a channel.

use rayon::prelude::*;
use secp256k1::{schnorr, Keypair, XOnlyPublicKey};
use zeroize::Zeroizing;

use crate::Refusal;

/// Below this number of signatures one thread is faster than the hand-over to several.
const PARALLEL_MIN: usize = 8;

/// A key pair that is overwritten when it goes; the crate itself leaves that to its user.
struct Wiped(Keypair);

impl Drop for Wiped {
    fn drop(&mut self) {
        self.0.non_secure_erase();
    }
}

/// The pair of a secret. Refuses: WrongLength, WeakKey (zero, or not below the order of the group).
fn keypair(secret: &[u8]) -> Result<Wiped, Refusal> {
    let secret: Zeroizing<[u8; 32]> = Zeroizing::new(secret.try_into().map_err(|_| Refusal::WrongLength)?);
    let pair = Keypair::from_secret_bytes(*secret).map_err(|_| Refusal::WeakKey)?;
    Ok(Wiped(pair))
}

/// The 32 byte public key of a secret of 32 bytes. Refuses: WrongLength, WeakKey.
pub fn public(secret: &[u8]) -> Result<[u8; 32], Refusal> {
    Ok(keypair(secret)?.0.x_only_public_key().0.to_byte_array())
}

/// Sign 32 bytes; `random` is the auxiliary randomness of the scheme, 32 bytes.
///
/// The nonce depends on the secret, the message and the randomness, in constant time.
/// Refuses: WrongLength, WeakKey.
pub fn sign(secret: &[u8], message: &[u8], random: &[u8]) -> Result<[u8; 64], Refusal> {
    let message: &[u8; 32] = message.try_into().map_err(|_| Refusal::WrongLength)?;
    let random: Zeroizing<[u8; 32]> = Zeroizing::new(random.try_into().map_err(|_| Refusal::WrongLength)?);
    let pair = keypair(secret)?;
    // SPEC LEDGER-2.9
    Ok(schnorr::sign_with_aux_rand(message, &pair.0, &random).to_byte_array())
}

/// Whether a signature over 32 bytes is valid. Whatever has the wrong length or does not decode is not.
pub fn verify(public: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let (Ok(public), Ok(signature)) = (<[u8; 32]>::try_from(public), <[u8; 64]>::try_from(signature)) else {
        return false;
    };
    let Ok(key) = XOnlyPublicKey::from_byte_array(public) else {
        return false;
    };
    message.len() == 32
        && schnorr::verify(&schnorr::Signature::from_byte_array(signature), message, &key).is_ok()
}

/// One byte for each triple: 1 valid, 0 not. Refuses: WrongLength, if the lists differ in length.
pub fn verify_many<B: AsRef<[u8]> + Sync>(
    publics: &[B],
    messages: &[B],
    signatures: &[B],
) -> Result<Vec<u8>, Refusal> {
    if publics.len() != messages.len() || publics.len() != signatures.len() {
        return Err(Refusal::WrongLength);
    }
    let one = |i: usize| {
        u8::from(verify(
            publics[i].as_ref(),
            messages[i].as_ref(),
            signatures[i].as_ref(),
        ))
    };
    if publics.len() < PARALLEL_MIN {
        return Ok((0..publics.len()).map(one).collect());
    }
    Ok((0..publics.len()).into_par_iter().map(one).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unhex(text: &str) -> Vec<u8> {
        hex::decode(text).unwrap()
    }

    /// Row 1 of the table of BIP-340.
    #[test]
    fn the_published_row() {
        let secret = unhex("b7e151628aed2a6abf7158809cf4f3c762e7160f38b4da56a784d9045190cfef");
        let message = unhex("243f6a8885a308d313198a2e03707344a4093822299f31d0082efa98ec4e6c89");
        let random = unhex("0000000000000000000000000000000000000000000000000000000000000001");
        let signature = sign(&secret, &message, &random).unwrap();
        assert_eq!(
            hex::encode(signature),
            "6896bd60eeae296db48a229ff71dfe071bde413e6d43f917dc8dcf8c78de3341\
             8906d11ac976abccb20b091292bff4ea897efcb639ea871cfa95f6de339e4b0a"
        );
        let public = public(&secret).unwrap();
        assert_eq!(
            hex::encode(public),
            "dff1d77f2a671c5f36183726db2341be58feae1da2deced843240f7b502ba659"
        );
        assert!(verify(&public, &message, &signature));
        assert!(!verify(&public, &random, &signature));
    }

    #[test]
    fn what_is_wrong_is_refused() {
        assert_eq!(public(&[0; 32]), Err(Refusal::WeakKey));
        assert_eq!(public(&[0xff; 32]), Err(Refusal::WeakKey));
        assert_eq!(sign(&[1; 31], &[0; 32], &[0; 32]), Err(Refusal::WrongLength));
        assert_eq!(sign(&[1; 32], &[0; 33], &[0; 32]), Err(Refusal::WrongLength));
        let signature = sign(&[1; 32], &[0; 32], &[0; 32]).unwrap();
        assert!(!verify(&[0xff; 32], &[0; 32], &signature));
        assert!(!verify(&public(&[1; 32]).unwrap(), &[0; 32], &signature[..63]));
        assert!(verify_many(&[&[0u8; 32]], &[], &[]).is_err());
    }

    #[test]
    fn many_is_single() {
        let public = public(&[7; 32]).unwrap().to_vec();
        let messages: Vec<Vec<u8>> = (0..20u8).map(|i| vec![i; 32]).collect();
        let mut signatures: Vec<Vec<u8>> = messages
            .iter()
            .map(|m| sign(&[7; 32], m, &[3; 32]).unwrap().to_vec())
            .collect();
        signatures[11][5] ^= 1;
        let answers = verify_many(&vec![public; 20], &messages, &signatures).unwrap();
        let expected: Vec<u8> = (0..20).map(|i| u8::from(i != 11)).collect();
        assert_eq!(answers, expected);
    }
}
