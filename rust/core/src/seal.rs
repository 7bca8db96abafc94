//! COSE_Encrypt for one recipient: ECDH-ES + HKDF-256 (-25) over X25519, content A256GCM or ChaCha20/Poly1305
//! (RFC 9052, RFC 9053 sections 5 and 6.3, in the profile of ISSUANCE-3.6.1).
//!
//! ```text
//! 96([ << {1: alg, 16: typ, -70001: cti} >>, {5: nonce}, ciphertext,
//!      [[ << {1: -25} >>, {4: kid, -1: {1: 1, -1: 4, -2: ephemeral}}, h'' ]] ])
//! ```
//!
//! external_aad is "dc/1/" || typ || cti. The cti stands in the protected header, because the opener must know it
//! before it can open.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::Aes256Gcm;
use chacha20poly1305::ChaCha20Poly1305;
use hkdf::Hkdf;
use rayon::prelude::*;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::cbor::{self, Reader, DEPTH_MAX};
use crate::cbor_write::{put_bytes, put_head, put_int, put_text};
use crate::cose::TYP_BYTES_MAX;
use crate::hash::sha256;
use crate::x25519::X25519Secret;
use crate::Refusal;

/// A256GCM.
pub const ALG_A256GCM: i64 = 3;
/// ChaCha20/Poly1305.
pub const ALG_CHACHA20_POLY1305: i64 = 24;
/// Random bytes that sealing one message takes: an ephemeral key and a nonce.
pub const RANDOM_BYTES: usize = 44;

const TAG_ENCRYPT: u64 = 96;
const HEADER_CTI: i64 = -70001;
/// << {1: -25} >>
const RECIPIENT_PROTECTED: [u8; 4] = [0xa1, 0x01, 0x38, 0x18];

/// What the headers of a sealed message say.
pub struct Sealed<'a> {
    /// Content algorithm, 3 or 24.
    pub alg: i64,
    /// Kind of object.
    pub typ: &'a str,
    /// Id of what is inside, 16 bytes.
    pub cti: &'a [u8; 16],
    /// Key id of the recipient, 16 bytes.
    pub recipient_kid: &'a [u8; 16],
    protected: &'a [u8],
    nonce: &'a [u8; 12],
    ephemeral: &'a [u8; 32],
    ciphertext: &'a [u8],
}

/// What one sealing needs.
pub struct Job<'a> {
    /// What to seal.
    pub plaintext: &'a [u8],
    /// X25519 public key, 32 bytes.
    pub recipient: &'a [u8],
    /// Id of what is inside, 16 bytes.
    pub cti: &'a [u8],
    /// RANDOM_BYTES fresh random bytes.
    pub random: &'a [u8],
}

/// Key id of an X25519 public key: the first 16 bytes of SHA-256 of {1: 1, -1: 4, -2: x} (ISSUANCE-2.4.1).
pub fn x25519_key_id(public: &[u8; 32]) -> [u8; 16] {
    let mut key = Vec::with_capacity(48);
    put_x25519_key(&mut key, public);
    let mut kid = [0; 16];
    kid.copy_from_slice(&sha256(&[&key])[..16]);
    kid
}

fn put_x25519_key(out: &mut Vec<u8>, public: &[u8]) {
    out.extend_from_slice(&[0xa3, 0x01, 0x01, 0x20, 0x04, 0x21]);
    put_bytes(out, public);
}

/// Seal one message. Refuses: WrongLength (recipient, cti or random), WrongHeader (typ or alg), WeakKey.
pub fn seal(job: &Job<'_>, typ: &str, alg: i64) -> Result<Vec<u8>, Refusal> {
    let recipient: &[u8; 32] = job.recipient.try_into().map_err(|_| Refusal::WrongLength)?;
    let cti: &[u8; 16] = job.cti.try_into().map_err(|_| Refusal::WrongLength)?;
    if job.random.len() != RANDOM_BYTES {
        return Err(Refusal::WrongLength);
    }
    if !is_typ(typ) || !is_content_alg(alg) {
        return Err(Refusal::WrongHeader);
    }
    let (ephemeral, nonce) = job.random.split_at(32);
    let ephemeral = X25519Secret::from_bytes(ephemeral)?;
    let shared = ephemeral.exchange(recipient)?;
    let protected = protected_header(alg, typ, cti);
    let key = content_key(shared.as_slice(), alg)?;
    let aad = enc_structure(&protected, typ, cti);
    let payload = Payload {
        msg: job.plaintext,
        aad: &aad,
    };
    let ciphertext = match alg {
        ALG_A256GCM => Aes256Gcm::new(key.as_slice().into()).encrypt(nonce.into(), payload),
        _ => ChaCha20Poly1305::new(key.as_slice().into()).encrypt(nonce.into(), payload),
    }
    .map_err(|_| Refusal::TooLarge)?;

    let mut out = Vec::with_capacity(ciphertext.len() + 200);
    put_head(&mut out, 6, TAG_ENCRYPT);
    put_head(&mut out, 4, 4);
    put_bytes(&mut out, &protected);
    put_head(&mut out, 5, 1);
    put_int(&mut out, 5);
    put_bytes(&mut out, nonce);
    put_bytes(&mut out, &ciphertext);
    put_recipient(&mut out, recipient, ephemeral.public());
    Ok(out)
}

fn protected_header(alg: i64, typ: &str, cti: &[u8; 16]) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    put_head(&mut out, 5, 3);
    put_int(&mut out, 1);
    put_int(&mut out, alg);
    put_int(&mut out, 16);
    put_text(&mut out, typ);
    put_int(&mut out, HEADER_CTI);
    put_bytes(&mut out, cti);
    out
}

fn put_recipient(out: &mut Vec<u8>, recipient: &[u8; 32], ephemeral: &[u8; 32]) {
    put_head(out, 4, 1);
    put_head(out, 4, 3);
    put_bytes(out, &RECIPIENT_PROTECTED);
    put_head(out, 5, 2);
    put_int(out, 4);
    put_bytes(out, &x25519_key_id(recipient));
    put_int(out, -1);
    put_x25519_key(out, ephemeral);
    put_bytes(out, &[]);
}

/// Parse the headers; nothing is opened.
///
/// Refuses: TooLarge, Malformed, NonCanonical, WrongHeader.
pub fn parse(data: &[u8], bytes_max: usize) -> Result<Sealed<'_>, Refusal> {
    if data.len() > bytes_max {
        return Err(Refusal::TooLarge);
    }
    let body = cbor::check_tagged(data, DEPTH_MAX, TAG_ENCRYPT)?;
    let mut reader = Reader::new(body);
    reader.expect_exactly(4, 4)?;
    let protected = reader.bytes()?;
    reader.expect_exactly(5, 1)?;
    reader.expect_exactly(0, 5)?;
    let nonce = reader.bytes_of::<12>()?;
    let ciphertext = reader.bytes()?;
    let (recipient_kid, ephemeral) = read_recipient(&mut reader)?;
    reader.end()?;
    cbor::check(protected, DEPTH_MAX)?;
    let (alg, typ, cti) = read_protected(protected)?;
    Ok(Sealed {
        alg,
        typ,
        cti,
        recipient_kid,
        protected,
        nonce,
        ephemeral,
        ciphertext,
    })
}

/// The one recipient: its key id and the ephemeral key.
fn read_recipient<'a>(reader: &mut Reader<'a>) -> Result<(&'a [u8; 16], &'a [u8; 32]), Refusal> {
    reader.expect_exactly(4, 1)?;
    reader.expect_exactly(4, 3)?;
    if reader.bytes()? != RECIPIENT_PROTECTED {
        return Err(Refusal::WrongHeader);
    }
    reader.expect_exactly(5, 2)?;
    reader.expect_exactly(0, 4)?;
    let kid = reader.bytes_of::<16>()?;
    reader.expect_exactly(1, 0)?;
    // The COSE_Key {1: 1, -1: 4, -2: x}.
    reader.expect_exactly(5, 3)?;
    reader.expect_exactly(0, 1)?;
    reader.expect_exactly(0, 1)?;
    reader.expect_exactly(1, 0)?;
    reader.expect_exactly(0, 4)?;
    reader.expect_exactly(1, 1)?;
    let ephemeral = reader.bytes_of::<32>()?;
    reader.expect_exactly(2, 0)?;
    Ok((kid, ephemeral))
}

fn read_protected(protected: &[u8]) -> Result<(i64, &str, &[u8; 16]), Refusal> {
    let mut header = Reader::new(protected);
    header.expect_exactly(5, 3)?;
    header.expect_exactly(0, 1)?;
    let alg = header.int()?;
    header.expect_exactly(0, 16)?;
    let typ = header.text()?;
    if header.int()? != HEADER_CTI {
        return Err(Refusal::WrongHeader);
    }
    let cti = header.bytes_of::<16>()?;
    header.end()?;
    if !is_content_alg(alg) || !is_typ(typ) {
        return Err(Refusal::WrongHeader);
    }
    Ok((alg, typ, cti))
}

/// Parse and open; the answer is (cti, plaintext).
///
/// Refuses: TooLarge, Malformed, NonCanonical, WrongHeader (also for another typ), OpenFailed (also for a message to
/// another key).
pub fn open(
    data: &[u8],
    secret: &X25519Secret,
    typ: &str,
    bytes_max: usize,
) -> Result<([u8; 16], Vec<u8>), Refusal> {
    let sealed = parse(data, bytes_max)?;
    if sealed.typ != typ {
        return Err(Refusal::WrongHeader);
    }
    if *sealed.recipient_kid != x25519_key_id(secret.public()) {
        return Err(Refusal::OpenFailed);
    }
    let shared = secret
        .exchange(sealed.ephemeral)
        .map_err(|_| Refusal::OpenFailed)?;
    let key = content_key(shared.as_slice(), sealed.alg)?;
    let aad = enc_structure(sealed.protected, typ, sealed.cti);
    let payload = Payload {
        msg: sealed.ciphertext,
        aad: &aad,
    };
    let nonce = sealed.nonce.into();
    let plaintext = match sealed.alg {
        ALG_A256GCM => Aes256Gcm::new(key.as_slice().into()).decrypt(nonce, payload),
        _ => ChaCha20Poly1305::new(key.as_slice().into()).decrypt(nonce, payload),
    }
    .map_err(|_| Refusal::OpenFailed)?;
    Ok((*sealed.cti, plaintext))
}

/// Seal each job on its own.
pub fn seal_many(jobs: &[Job<'_>], typ: &str, alg: i64) -> Vec<Result<Vec<u8>, Refusal>> {
    jobs.par_iter().map(|job| seal(job, typ, alg)).collect()
}

/// What opening one message gives: (cti, plaintext), or why it does not open.
pub type Opened = Result<([u8; 16], Vec<u8>), Refusal>;

/// Open each message on its own.
pub fn open_many<B: AsRef<[u8]> + Sync>(
    items: &[B],
    secret: &X25519Secret,
    typ: &str,
    bytes_max: usize,
) -> Vec<Opened> {
    items
        .par_iter()
        .map(|item| open(item.as_ref(), secret, typ, bytes_max))
        .collect()
}

fn is_typ(typ: &str) -> bool {
    !typ.is_empty() && typ.len() <= TYP_BYTES_MAX && typ.is_ascii()
}

fn is_content_alg(alg: i64) -> bool {
    alg == ALG_A256GCM || alg == ALG_CHACHA20_POLY1305
}

/// HKDF-SHA-256 without salt; info is the COSE_KDF_Context of RFC 9053 section 5.2 with empty parties:
/// [alg, [nil, nil, nil], [nil, nil, nil], [256, << {1: -25} >>]].
fn content_key(shared: &[u8], alg: i64) -> Result<Zeroizing<[u8; 32]>, Refusal> {
    let mut context = vec![0x84];
    put_int(&mut context, alg);
    context.extend_from_slice(&[0x83, 0xf6, 0xf6, 0xf6, 0x83, 0xf6, 0xf6, 0xf6, 0x82]);
    put_int(&mut context, 256);
    put_bytes(&mut context, &RECIPIENT_PROTECTED);
    let mut key = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(None, shared)
        .expand(&context, key.as_mut_slice())
        .map_err(|_| Refusal::WrongLength)?;
    Ok(key)
}

/// The Enc_structure ["Encrypt", protected, "dc/1/" || typ || cti].
fn enc_structure(protected: &[u8], typ: &str, cti: &[u8; 16]) -> Vec<u8> {
    let mut out = Vec::with_capacity(protected.len() + typ.len() + 48);
    put_head(&mut out, 4, 3);
    put_text(&mut out, "Encrypt");
    put_bytes(&mut out, protected);
    put_bytes(&mut out, &[b"dc/1/", typ.as_bytes(), cti].concat());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYP: &str = "dc-cred-sealed";

    fn sealed(alg: i64) -> (X25519Secret, Vec<u8>) {
        let secret = X25519Secret::from_bytes(&[3; 32]).unwrap();
        let job = Job {
            plaintext: b"credential",
            recipient: secret.public(),
            cti: &[7; 16],
            random: &[11; RANDOM_BYTES],
        };
        let data = seal(&job, TYP, alg).unwrap();
        (secret, data)
    }

    #[test]
    fn opens_what_it_seals() {
        for alg in [ALG_A256GCM, ALG_CHACHA20_POLY1305] {
            let (secret, data) = sealed(alg);
            let (cti, plaintext) = open(&data, &secret, TYP, 16384).unwrap();
            assert_eq!((cti, &plaintext[..]), ([7; 16], &b"credential"[..]));
            let parsed = parse(&data, 16384).unwrap();
            assert_eq!(*parsed.recipient_kid, x25519_key_id(secret.public()));
        }
    }

    #[test]
    fn every_changed_byte_is_refused() {
        let (secret, data) = sealed(ALG_A256GCM);
        for at in 0..data.len() {
            let mut changed = data.clone();
            changed[at] ^= 1;
            assert!(open(&changed, &secret, TYP, 16384).is_err(), "byte {at}");
        }
    }

    #[test]
    fn refuses_in_order() {
        let (secret, data) = sealed(ALG_A256GCM);
        assert_eq!(open(&data, &secret, TYP, 10).err(), Some(Refusal::TooLarge));
        assert_eq!(
            open(&data[1..], &secret, TYP, 999).err(),
            Some(Refusal::Malformed)
        );
        assert_eq!(
            open(&data, &secret, "dc-x", 999).err(),
            Some(Refusal::WrongHeader)
        );
        let other = X25519Secret::from_bytes(&[4; 32]).unwrap();
        assert_eq!(open(&data, &other, TYP, 999).err(), Some(Refusal::OpenFailed));
    }
}
