//! The envelope of a transaction (LEDGER 6.3) and the keys of an epoch.
//!
//! ```text
//! header   = "PLX1" | suite u8 | epoch u32 | key_id 8      key_id = SHA-256(public key)[0:8]
//! envelope = header | enc | ct                             8, 16, 32 or 64 KiB
//! plaintext = u32 len | TxPublic | u32 len | TxPrivate | zero bytes
//! ```

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::ChaCha20Poly1305;
use zeroize::Zeroizing;

use super::hpke::{Context, Suite, TAG_BYTES};
use super::kem::{set_up_sender, PrivateKey};
use crate::hash::{sha256, Hash};
use crate::Refusal;

/// The sizes that an envelope can have.
pub const CLASSES: [usize; 4] = [8192, 16384, 32768, 65536];
/// Bytes of the header.
pub const HEADER_BYTES: usize = 17;
/// Bytes of a wrapped epoch key.
pub const WRAPPED_BYTES: usize = 12 + 32 + TAG_BYTES;
const MAGIC: &[u8; 4] = b"PLX1";
const EXPORT_LABEL: &[u8] = b"PL1/ring";

/// key_id: what an envelope says of the key that opens it.
pub fn key_id(public: &[u8]) -> [u8; 8] {
    let mut id = [0; 8];
    id.copy_from_slice(&sha256(&[public])[..8]);
    id
}

fn header(suite: Suite, epoch: u32, public: &[u8]) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..4].copy_from_slice(MAGIC);
    header[4] = suite.byte();
    header[5..9].copy_from_slice(&epoch.to_le_bytes());
    header[9..].copy_from_slice(&key_id(public));
    header
}

fn info(chain_id: &[u8; 32], epoch: u32) -> Vec<u8> {
    [b"PL1/env".as_slice(), chain_id, &epoch.to_le_bytes()].concat()
}

/// The smallest class that holds a plaintext of so many bytes without padding. Refuses: TooLarge.
// SPEC LEDGER-6.3.1
pub fn class_of(suite: Suite, plaintext_bytes: usize) -> Result<usize, Refusal> {
    let total = HEADER_BYTES + suite.enc_bytes() + TAG_BYTES + plaintext_bytes;
    let fits = CLASSES.iter().find(|class| total <= **class);
    fits.copied().ok_or(Refusal::TooLarge)
}

/// What is inside an opened envelope.
pub struct Opened {
    /// The plaintext with its padding.
    pub plaintext: Zeroizing<Vec<u8>>,
    /// HPKE Export("PL1/ring", 32).
    pub exporter: Zeroizing<Hash>,
}

/// The private key of an epoch.
pub struct EpochKey(PrivateKey);

impl EpochKey {
    /// A new key from 64 random bytes. Refuses: WrongHeader (no such suite), WrongLength.
    pub fn generate(suite: u8, random: &[u8]) -> Result<Self, Refusal> {
        Ok(Self(PrivateKey::derive(Suite::from_byte(suite)?, random)?))
    }

    /// The suite byte.
    pub fn suite(&self) -> u8 {
        self.0.suite().byte()
    }

    /// The public key, 32 or 1216 bytes.
    pub fn public(&self) -> &[u8] {
        self.0.public()
    }

    /// The private key under a 32 byte key: nonce 12 | ciphertext 48, bound to suite and public key.
    ///
    /// Refuses: WrongLength (of the key; `random` has 12 bytes or more).
    pub fn wrap(&self, key: &[u8], random: &[u8]) -> Result<Vec<u8>, Refusal> {
        let key: &[u8; 32] = key.try_into().map_err(|_| Refusal::WrongLength)?;
        if random.len() < 12 {
            return Err(Refusal::WrongLength);
        }
        // The nonce depends on what is sealed, so weak randomness does not repeat it for another key.
        let nonce = sha256(&[b"PL1/wrap", self.0.secret(), key, random]);
        let payload = Payload {
            msg: self.0.secret(),
            aad: &wrap_aad(self.suite()),
        };
        let sealed = ChaCha20Poly1305::new(key.into())
            .encrypt(nonce[..12].into(), payload)
            .map_err(|_| Refusal::TooLarge)?;
        Ok([&nonce[..12], &sealed].concat())
    }

    /// The key of its wrapped form. Refuses: WrongHeader (no such suite), WrongLength, OpenFailed.
    pub fn unwrap(suite: u8, wrapped: &[u8], key: &[u8]) -> Result<Self, Refusal> {
        let key: &[u8; 32] = key.try_into().map_err(|_| Refusal::WrongLength)?;
        let kind = Suite::from_byte(suite)?;
        if wrapped.len() != WRAPPED_BYTES {
            return Err(Refusal::OpenFailed);
        }
        let (nonce, sealed) = wrapped.split_at(12);
        let payload = Payload {
            msg: sealed,
            aad: &wrap_aad(suite),
        };
        let opened = ChaCha20Poly1305::new(key.into()).decrypt(nonce.into(), payload);
        let secret = Zeroizing::new(opened.map_err(|_| Refusal::OpenFailed)?);
        Ok(Self(PrivateKey::from_secret(kind, &secret)?))
    }

    /// Open an envelope of this epoch. Refuses: OpenFailed, whatever is wrong.
    // SPEC LEDGER-7.2
    pub fn open(&self, chain_id: &[u8; 32], epoch: u32, envelope: &[u8]) -> Result<Opened, Refusal> {
        let suite = self.0.suite();
        let (head, rest) = envelope
            .split_at_checked(HEADER_BYTES)
            .ok_or(Refusal::OpenFailed)?;
        // The caller judged the header (V-1); another one would not open, so it is not even tried.
        if head != header(suite, epoch, self.public()) {
            return Err(Refusal::OpenFailed);
        }
        let (enc, sealed) = rest
            .split_at_checked(suite.enc_bytes())
            .ok_or(Refusal::OpenFailed)?;
        let context = self.0.set_up(enc, &info(chain_id, epoch))?;
        let plaintext = context.open(head, sealed)?;
        let exporter = context.export(EXPORT_LABEL);
        Ok(Opened { plaintext, exporter })
    }
}

fn wrap_aad(suite: u8) -> [u8; 9] {
    let mut aad = *b"PL1/wrap\0";
    aad[8] = suite;
    aad
}

/// A share of the epoch's key, made before the transaction is signed, for one envelope.
pub struct Sealer {
    header: [u8; HEADER_BYTES],
    suite: Suite,
    enc: Vec<u8>,
    context: Context,
}

impl Sealer {
    /// A fresh share from 64 random bytes. Refuses: WrongHeader (suite), WrongLength, WeakKey (public key).
    // SPEC LEDGER-6.3.2
    pub fn new(
        chain_id: &[u8; 32],
        suite: u8,
        epoch: u32,
        public: &[u8],
        random: &[u8],
    ) -> Result<Self, Refusal> {
        let suite = Suite::from_byte(suite)?;
        let (enc, context) = set_up_sender(suite, public, random, &info(chain_id, epoch))?;
        let header = header(suite, epoch, public);
        Ok(Self {
            header,
            suite,
            enc,
            context,
        })
    }

    /// HPKE Export("PL1/ring", 32).
    pub fn exporter(&self) -> Zeroizing<Hash> {
        self.context.export(EXPORT_LABEL)
    }

    /// The envelope of a transaction. It is used up: a share seals one plaintext. Refuses: TooLarge.
    pub fn seal(self, tx_public: &[u8], tx_private: &[u8]) -> Result<Vec<u8>, Refusal> {
        let mut plaintext = Zeroizing::new(Vec::with_capacity(CLASSES[3]));
        for part in [tx_public, tx_private] {
            let length = u32::try_from(part.len()).map_err(|_| Refusal::TooLarge)?;
            plaintext.extend_from_slice(&length.to_le_bytes());
            plaintext.extend_from_slice(part);
        }
        let class = class_of(self.suite, plaintext.len())?;
        // SPEC LEDGER-6.3.3
        plaintext.resize(class - HEADER_BYTES - self.enc.len() - TAG_BYTES, 0);
        self.seal_plaintext(&plaintext)
    }

    /// The envelope of any bytes, well-formed or not. Refuses: TooLarge.
    pub fn seal_plaintext(self, plaintext: &[u8]) -> Result<Vec<u8>, Refusal> {
        let sealed = self.context.seal(&self.header, plaintext)?;
        Ok([self.header.as_slice(), &self.enc, &sealed].concat())
    }
}

/// The two parts of a plaintext: (TxPublic, TxPrivate). Refuses: Malformed.
// SPEC LEDGER-6.3.3
pub fn split_plaintext(suite: u8, plaintext: &[u8]) -> Result<(&[u8], &[u8]), Refusal> {
    let suite = Suite::from_byte(suite)?;
    let (tx_public, rest) = take_part(plaintext)?;
    let (tx_private, padding) = take_part(rest)?;
    let content = plaintext.len() - padding.len();
    let class = HEADER_BYTES + suite.enc_bytes() + TAG_BYTES + plaintext.len();
    // SPEC LEDGER-6.3.1
    if padding.iter().any(|byte| *byte != 0) || class_of(suite, content) != Ok(class) {
        return Err(Refusal::Malformed);
    }
    Ok((tx_public, tx_private))
}

fn take_part(bytes: &[u8]) -> Result<(&[u8], &[u8]), Refusal> {
    let (length, rest) = bytes.split_first_chunk::<4>().ok_or(Refusal::Malformed)?;
    let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| Refusal::Malformed)?;
    rest.split_at_checked(length).ok_or(Refusal::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAIN: [u8; 32] = [4; 32];

    fn sealer(key: &EpochKey, epoch: u32) -> Sealer {
        Sealer::new(&CHAIN, key.suite(), epoch, key.public(), &[8; 64]).unwrap()
    }

    #[test]
    fn round_trip_in_the_smallest_class() {
        for suite in [1, 2] {
            let key = EpochKey::generate(suite, &[1; 64]).unwrap();
            for (bytes, class) in [(10, 8192), (9000, 16384), (40000, 65536)] {
                let sealer = sealer(&key, 3);
                let exporter = sealer.exporter();
                let envelope = sealer.seal(&vec![7; bytes], b"private").unwrap();
                assert_eq!(envelope.len(), class);
                let opened = key.open(&CHAIN, 3, &envelope).unwrap();
                assert_eq!(*opened.exporter, *exporter);
                let parts = split_plaintext(suite, &opened.plaintext).unwrap();
                assert_eq!(parts, (vec![7; bytes].as_slice(), b"private".as_slice()));
                assert!(key.open(&CHAIN, 4, &envelope).is_err());
                assert!(key.open(&[5; 32], 3, &envelope).is_err());
            }
            assert_eq!(
                sealer(&key, 3).seal(&vec![0; 65536], b"").unwrap_err(),
                Refusal::TooLarge
            );
        }
    }

    // SPEC LEDGER-15.18
    #[test]
    fn every_flip_is_refused() {
        let key = EpochKey::generate(2, &[1; 64]).unwrap();
        let envelope = sealer(&key, 3).seal(b"public", b"private").unwrap();
        for at in (0..envelope.len()).step_by(7).chain(0..64) {
            let mut bad = envelope.clone();
            bad[at] ^= 1 << (at % 8);
            assert!(key.open(&CHAIN, 3, &bad).is_err(), "byte {at}");
        }
        for length in [0, 16, 17, 1000, 1137, 8191] {
            assert!(key.open(&CHAIN, 3, &envelope[..length]).is_err());
        }
    }

    // SPEC LEDGER-15.20
    #[test]
    fn padding_is_zero_and_the_class_the_smallest() {
        let spare = |plaintext: &[u8]| split_plaintext(1, plaintext).is_ok();
        let size = 8192 - HEADER_BYTES - 32 - TAG_BYTES;
        let mut plain = vec![0; size];
        plain[0] = 5;
        plain[9] = 6;
        assert!(spare(&plain));
        plain[size - 1] = 1;
        assert!(!spare(&plain));
        plain[size - 1] = 0;
        plain.resize(size + 8192, 0);
        assert!(!spare(&plain), "a class too large");
        assert!(!spare(&[1, 0, 0, 0]));
        assert!(!spare(&[0xff; 40]));
    }

    #[test]
    fn wrapped_keys_come_back_under_their_key_and_suite_only() {
        let key = EpochKey::generate(2, &[1; 64]).unwrap();
        let wrapped = key.wrap(&[9; 32], &[3; 32]).unwrap();
        assert_eq!(wrapped.len(), WRAPPED_BYTES);
        assert_eq!(
            EpochKey::unwrap(2, &wrapped, &[9; 32]).unwrap().public(),
            key.public()
        );
        assert!(matches!(
            EpochKey::unwrap(1, &wrapped, &[9; 32]),
            Err(Refusal::OpenFailed)
        ));
        assert!(matches!(
            EpochKey::unwrap(2, &wrapped, &[8; 32]),
            Err(Refusal::OpenFailed)
        ));
        assert!(matches!(
            EpochKey::unwrap(2, &wrapped[1..], &[9; 32]),
            Err(Refusal::OpenFailed)
        ));
        assert!(matches!(
            EpochKey::generate(3, &[1; 64]),
            Err(Refusal::WrongHeader)
        ));
    }
}
