//! The key agreement under HPKE: X25519 alone, or X-Wing, which is ML-KEM-768 and X25519 together.
//!
//! ```text
//! X-Wing: (d, z, sk_X) = SHAKE256(seed 32, 96);  secret = SHA3-256(ss_M || ss_X || ct_X || pk_X || "\.//^\")
//! ```

use ml_kem::{Decapsulate, KeyExport, MlKem768};
use sha3::digest::{ExtendableOutput, Update, XofReader};
use sha3::{Digest, Sha3_256, Shake256};
use zeroize::{Zeroize, Zeroizing};

use super::hpke::{labeled_expand, labeled_extract, Context, Suite, ML_KEM_CT_BYTES, ML_KEM_PUBLIC_BYTES};
use crate::x25519::X25519Secret;
use crate::Refusal;

type DecapsulationKey = ml_kem::DecapsulationKey<MlKem768>;
type EncapsulationKey = ml_kem::EncapsulationKey<MlKem768>;

const X_WING_LABEL: &[u8; 6] = b"\\.//^\\";
const NO_SALT: &[u8] = b"";

/// ExtractAndExpand of RFC 9180 section 4.1.
fn dhkem_secret(dh: &[u8], enc: &[u8], public: &[u8]) -> Zeroizing<[u8; 32]> {
    let id = Suite::X25519.kem_suite_id();
    let prk = labeled_extract(&id, NO_SALT, "eae_prk", dh);
    labeled_expand(&prk, &id, "shared_secret", &[enc, public].concat())
}

fn x_wing_secret(post_quantum: &[u8], classic: &[u8], enc: &[u8], public: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut hasher = Sha3_256::new();
    for part in [post_quantum, classic, enc, public, X_WING_LABEL] {
        Digest::update(&mut hasher, part);
    }
    Zeroizing::new(hasher.finalize().into())
}

/// The parts of an X-Wing private key: the seed of ML-KEM and the key of X25519.
fn x_wing_expand(seed: &[u8; 32]) -> Zeroizing<[u8; 96]> {
    let mut out = Zeroizing::new([0; 96]);
    let mut hasher = Shake256::default();
    hasher.update(seed);
    hasher.finalize_xof().read(out.as_mut_slice());
    out
}

/// A private key with which envelopes are opened; wiped from memory when it goes.
pub struct PrivateKey {
    suite: Suite,
    secret: Zeroizing<[u8; 32]>,
    classic: X25519Secret,
    post_quantum: Option<Box<DecapsulationKey>>,
    public: Vec<u8>,
}

impl PrivateKey {
    /// The key of its 32 byte secret: the scalar of X25519, or the seed of X-Wing. Refuses: WrongLength.
    pub fn from_secret(suite: Suite, secret: &[u8]) -> Result<Self, Refusal> {
        let secret: Zeroizing<[u8; 32]> =
            Zeroizing::new(secret.try_into().map_err(|_| Refusal::WrongLength)?);
        if suite == Suite::X25519 {
            let classic = X25519Secret::from_bytes(secret.as_slice())?;
            let public = classic.public().to_vec();
            return Ok(Self {
                suite,
                secret,
                classic,
                post_quantum: None,
                public,
            });
        }
        let expanded = x_wing_expand(&secret);
        let (seed, classic) = expanded.split_at(64);
        let seed = ml_kem::Seed::try_from(seed).map_err(|_| Refusal::WrongLength)?;
        let post_quantum = Box::new(DecapsulationKey::from_seed(seed));
        let classic = X25519Secret::from_bytes(classic)?;
        let mut public = post_quantum.encapsulation_key().to_bytes().to_vec();
        public.extend_from_slice(classic.public());
        let post_quantum = Some(post_quantum);
        Ok(Self {
            suite,
            secret,
            classic,
            post_quantum,
            public,
        })
    }

    /// A new key from 64 random bytes (DeriveKeyPair of RFC 9180 section 7.1.3, for both suites). Refuses: WrongLength.
    pub fn derive(suite: Suite, random: &[u8]) -> Result<Self, Refusal> {
        if random.len() != 64 {
            return Err(Refusal::WrongLength);
        }
        let id = suite.kem_suite_id();
        let prk = labeled_extract(&id, NO_SALT, "dkp_prk", random);
        Self::from_secret(suite, labeled_expand::<32>(&prk, &id, "sk", b"").as_slice())
    }

    /// The suite of this key.
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// Its public key.
    pub fn public(&self) -> &[u8] {
        &self.public
    }

    /// The 32 bytes to keep, sealed.
    pub fn secret(&self) -> &[u8; 32] {
        &self.secret
    }

    /// The context of a key share. Refuses: WrongLength, OpenFailed (a share of small order).
    pub fn set_up(&self, enc: &[u8], info: &[u8]) -> Result<Context, Refusal> {
        if enc.len() != self.suite.enc_bytes() {
            return Err(Refusal::WrongLength);
        }
        let Some(post_quantum) = &self.post_quantum else {
            let dh = self.classic.exchange(enc).map_err(|_| Refusal::OpenFailed)?;
            let shared = dhkem_secret(dh.as_slice(), enc, &self.public);
            return Ok(Context::new(self.suite, &shared, info));
        };
        let (kem_share, dh_share) = enc.split_at(ML_KEM_CT_BYTES);
        let kem_share =
            ml_kem::Ciphertext::<MlKem768>::try_from(kem_share).map_err(|_| Refusal::WrongLength)?;
        let mut first = post_quantum.decapsulate(&kem_share);
        // X-Wing takes the exchange as it is; a share of small order stands for nobody and is refused all the same.
        let second = self.classic.exchange(dh_share).map_err(|_| Refusal::OpenFailed)?;
        let shared = x_wing_secret(&first, second.as_slice(), dh_share, self.classic.public());
        first.zeroize();
        Ok(Context::new(self.suite, &shared, info))
    }
}

/// A fresh share for a public key, from 64 random bytes, and its context: (share, context).
///
/// Refuses: WrongLength (public or random), WeakKey (a public key that is none).
pub fn set_up_sender(
    suite: Suite,
    public: &[u8],
    random: &[u8],
    info: &[u8],
) -> Result<(Vec<u8>, Context), Refusal> {
    if public.len() != suite.public_bytes() || random.len() != 64 {
        return Err(Refusal::WrongLength);
    }
    let (for_kem, for_dh) = random.split_at(32);
    let classic_public = &public[public.len() - 32..];
    let ephemeral = X25519Secret::from_bytes(for_dh)?;
    let dh = ephemeral.exchange(classic_public)?;
    if suite == Suite::X25519 {
        let shared = dhkem_secret(dh.as_slice(), ephemeral.public(), public);
        return Ok((ephemeral.public().to_vec(), Context::new(suite, &shared, info)));
    }
    let key = ml_kem::Key::<EncapsulationKey>::try_from(&public[..ML_KEM_PUBLIC_BYTES])
        .map_err(|_| Refusal::WrongLength)?;
    let key = EncapsulationKey::new(&key).map_err(|_| Refusal::WeakKey)?;
    let mut message = ml_kem::B32::try_from(for_kem).map_err(|_| Refusal::WrongLength)?;
    let (kem_share, mut first) = key.encapsulate_deterministic(&message);
    let shared = x_wing_secret(&first, dh.as_slice(), ephemeral.public(), classic_public);
    message.zeroize();
    first.zeroize();
    let enc = [kem_share.as_slice(), ephemeral.public()].concat();
    Ok((enc, Context::new(suite, &shared, info)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vectors(name: &str) -> Option<serde_json::Value> {
        let folder = std::env::var("SPECIE_VECTORS")
            .unwrap_or_else(|_| format!("{}/../../../shared/vectors", env!("CARGO_MANIFEST_DIR")));
        let text = std::fs::read_to_string(format!("{folder}/ledger/hpke/{name}")).ok()?;
        serde_json::from_str(&text).ok()
    }

    fn field(row: &serde_json::Value, name: &str) -> Vec<u8> {
        hex::decode(row[name].as_str().unwrap()).unwrap()
    }

    fn check(row: &serde_json::Value, suite: Suite) {
        let key = PrivateKey::from_secret(suite, &field(row, "skRm")).unwrap();
        assert_eq!(key.public(), field(row, "pkRm"));
        let context = key.set_up(&field(row, "enc"), &field(row, "info")).unwrap();
        assert_eq!(context.key.to_vec(), field(row, "key"));
        assert_eq!(context.nonce.to_vec(), field(row, "base_nonce"));
        let first = &row["encryptions"][0];
        let (aad, plaintext) = (field(first, "aad"), field(first, "pt"));
        assert_eq!(context.seal(&aad, &plaintext).unwrap(), field(first, "ct"));
        assert_eq!(
            context.open(&aad, &field(first, "ct")).unwrap().as_slice(),
            plaintext
        );
        for export in row["exports"].as_array().unwrap() {
            if export["L"] == 32 {
                let value = context.export(&field(export, "exporter_context"));
                assert_eq!(value.to_vec(), field(export, "exported_value"));
            }
        }
    }

    fn check_all(name: &str, kem: u64, suite: Suite) -> Option<serde_json::Value> {
        let rows = vectors(name)?;
        let wanted = |row: &&serde_json::Value| {
            row["mode"] == 0 && row["kem_id"] == kem && row["kdf_id"] == 1 && row["aead_id"] == 3
        };
        let row = rows.as_array().unwrap().iter().find(wanted).unwrap().clone();
        check(&row, suite);
        Some(row)
    }

    #[test]
    fn published_x25519() {
        if let Some(row) = check_all("rfc9180_x25519_hkdfsha256.json", 0x0020, Suite::X25519) {
            let random = [[0; 32].as_slice(), &field(&row, "skEm")].concat();
            let sent =
                set_up_sender(Suite::X25519, &field(&row, "pkRm"), &random, &field(&row, "info")).unwrap();
            assert_eq!(
                (sent.0, sent.1.key.to_vec()),
                (field(&row, "enc"), field(&row, "key"))
            );
        }
    }

    #[test]
    fn published_hybrid() {
        if let Some(row) = check_all("hpke_pq_draft.json", 0x647a, Suite::Hybrid) {
            let (public, info) = (field(&row, "pkRm"), field(&row, "info"));
            let sent = set_up_sender(Suite::Hybrid, &public, &field(&row, "ikmE"), &info).unwrap();
            assert_eq!(
                (sent.0, sent.1.key.to_vec()),
                (field(&row, "enc"), field(&row, "key"))
            );
        }
    }

    #[test]
    fn both_sides_agree_and_nobody_else() {
        for suite in [Suite::X25519, Suite::Hybrid] {
            let key = PrivateKey::derive(suite, &[5; 64]).unwrap();
            let other = PrivateKey::derive(suite, &[6; 64]).unwrap();
            let (enc, context) = set_up_sender(suite, key.public(), &[9; 64], b"info").unwrap();
            assert_eq!(
                (enc.len(), key.public().len()),
                (suite.enc_bytes(), suite.public_bytes())
            );
            let sealed = context.seal(b"aad", b"text").unwrap();
            let opened = key.set_up(&enc, b"info").unwrap();
            assert_eq!(opened.open(b"aad", &sealed).unwrap().as_slice(), b"text");
            assert_eq!(*opened.export(b"x"), *context.export(b"x"));
            assert!(opened.open(b"aaD", &sealed).is_err());
            assert!(key.set_up(&enc, b"infO").unwrap().open(b"aad", &sealed).is_err());
            assert!(other
                .set_up(&enc, b"info")
                .unwrap()
                .open(b"aad", &sealed)
                .is_err());
            assert!(key.set_up(&enc[1..], b"info").is_err());
            assert!(set_up_sender(suite, &vec![0; key.public().len()], &[9; 64], b"").is_err());
        }
    }
}
