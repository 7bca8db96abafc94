//! HPKE (RFC 9180) in base mode with HKDF-SHA256 and ChaCha20-Poly1305, as a context: set up, export, seal or open.
//!
//! ```text
//! suite 0x01   KEM 0x0020   DHKEM(X25519, HKDF-SHA256)                    enc 32 bytes     public 32
//! suite 0x02   KEM 0x647a   X-Wing: ML-KEM-768 and X25519 (draft)         enc 1120 bytes   public 1216
//! ```
//!
//! A single message is sealed in a context, so the sequence number is zero and the nonce is the base nonce.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::ChaCha20Poly1305;
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::Refusal;

/// Bytes of a ciphertext beyond its plaintext.
pub const TAG_BYTES: usize = 16;
pub(super) const ML_KEM_PUBLIC_BYTES: usize = 1184;
pub(super) const ML_KEM_CT_BYTES: usize = 1088;
const NO_SALT: &[u8] = b"";

/// The two ways to agree on a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suite {
    /// 0x01: X25519.
    X25519,
    /// 0x02: ML-KEM-768 and X25519 together.
    Hybrid,
}

impl Suite {
    /// The suite of its byte. Refuses: WrongHeader.
    pub fn from_byte(byte: u8) -> Result<Self, Refusal> {
        match byte {
            1 => Ok(Suite::X25519),
            2 => Ok(Suite::Hybrid),
            _ => Err(Refusal::WrongHeader),
        }
    }

    /// Its byte in an envelope.
    pub fn byte(self) -> u8 {
        match self {
            Suite::X25519 => 1,
            Suite::Hybrid => 2,
        }
    }

    /// Bytes of a key share.
    pub fn enc_bytes(self) -> usize {
        match self {
            Suite::X25519 => 32,
            Suite::Hybrid => ML_KEM_CT_BYTES + 32,
        }
    }

    /// Bytes of a public key.
    pub fn public_bytes(self) -> usize {
        match self {
            Suite::X25519 => 32,
            Suite::Hybrid => ML_KEM_PUBLIC_BYTES + 32,
        }
    }

    pub(super) fn kem_suite_id(self) -> [u8; 5] {
        let [high, low] = self.kem_id();
        [b'K', b'E', b'M', high, low]
    }

    fn kem_id(self) -> [u8; 2] {
        match self {
            Suite::X25519 => [0x00, 0x20],
            Suite::Hybrid => [0x64, 0x7a],
        }
    }

    fn suite_id(self) -> [u8; 10] {
        let [high, low] = self.kem_id();
        [b'H', b'P', b'K', b'E', high, low, 0, 1, 0, 3]
    }
}

pub(super) fn labeled_extract(suite_id: &[u8], salt: &[u8], label: &str, ikm: &[u8]) -> Hkdf<Sha256> {
    let labeled = Zeroizing::new([b"HPKE-v1", suite_id, label.as_bytes(), ikm].concat());
    Hkdf::new(Some(salt), &labeled)
}

/// HKDF-Expand gives at most 8160 bytes; all lengths here are constants far below.
pub(super) fn labeled_expand<const N: usize>(
    prk: &Hkdf<Sha256>,
    suite_id: &[u8],
    label: &str,
    info: &[u8],
) -> Zeroizing<[u8; N]> {
    let mut out = Zeroizing::new([0; N]);
    let length = (N as u16).to_be_bytes();
    let parts = [&length, b"HPKE-v1".as_slice(), suite_id, label.as_bytes(), info];
    // An array of 32 bytes or less cannot be too long, so there is no error to hand on.
    let _ = prk.expand_multi_info(&parts, out.as_mut_slice());
    out
}

/// Keys that both sides of one envelope share.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Context {
    pub(super) key: [u8; 32],
    pub(super) nonce: [u8; 12],
    exporter: [u8; 32],
    #[zeroize(skip)]
    suite_id: [u8; 10],
}

impl Context {
    pub(super) fn new(suite: Suite, shared: &[u8; 32], info: &[u8]) -> Self {
        let id = suite.suite_id();
        let mut psk_id_hash = Zeroizing::new([0u8; 32]);
        let mut info_hash = Zeroizing::new([0u8; 32]);
        psk_id_hash.copy_from_slice(&extracted(&id, "psk_id_hash", b""));
        info_hash.copy_from_slice(&extracted(&id, "info_hash", info));
        let schedule = [&[0u8][..], psk_id_hash.as_slice(), info_hash.as_slice()].concat();
        let secret = labeled_extract(&id, shared, "secret", b"");
        Self {
            key: *labeled_expand(&secret, &id, "key", &schedule),
            nonce: *labeled_expand(&secret, &id, "base_nonce", &schedule),
            exporter: *labeled_expand(&secret, &id, "exp", &schedule),
            suite_id: id,
        }
    }

    /// 32 bytes that only the two sides of this context know.
    pub fn export(&self, label: &[u8]) -> Zeroizing<[u8; 32]> {
        // A secret of 32 bytes is exactly one output of the hash, which is what expanding needs.
        match Hkdf::<Sha256>::from_prk(&self.exporter) {
            Ok(prk) => labeled_expand(&prk, &self.suite_id, "sec", label),
            Err(_) => Zeroizing::new([0; 32]),
        }
    }

    /// Seal the one message. Refuses: TooLarge.
    pub fn seal(&self, aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, Refusal> {
        let payload = Payload { msg: plaintext, aad };
        ChaCha20Poly1305::new(&self.key.into())
            .encrypt(&self.nonce.into(), payload)
            .map_err(|_| Refusal::TooLarge)
    }

    /// Open the one message. Refuses: OpenFailed.
    pub fn open(&self, aad: &[u8], ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let payload = Payload { msg: ciphertext, aad };
        ChaCha20Poly1305::new(&self.key.into())
            .decrypt(&self.nonce.into(), payload)
            .map(Zeroizing::new)
            .map_err(|_| Refusal::OpenFailed)
    }
}

fn extracted(suite_id: &[u8], label: &str, ikm: &[u8]) -> [u8; 32] {
    let labeled = [b"HPKE-v1", suite_id, label.as_bytes(), ikm].concat();
    Hkdf::<Sha256>::extract(Some(NO_SALT), &labeled).0.into()
}
