//! COSE_Sign1 (RFC 9052) in the profile of ISSUANCE section 3.3.

use rayon::prelude::*;

use crate::cbor::{self, Reader, DEPTH_MAX};
use crate::cbor_write::{put_bytes, put_head, put_text};
use crate::Refusal;

/// EdDSA; the key fixes Ed25519.
pub const ALG_EDDSA: i64 = -8;
/// ES256, for officers' tokens only.
pub const ALG_ES256: i64 = -7;
/// A `typ` has at most this many bytes.
pub const TYP_BYTES_MAX: usize = 64;

const TAG_SIGN1: u64 = 18;
const AAD_PREFIX: &str = "dc/1/";

/// A parsed object; every field but the last is a part of the bytes that came in.
pub struct Sign1<'a> {
    /// Key id, 16 bytes.
    pub kid: &'a [u8; 16],
    /// Kind of object.
    pub typ: &'a str,
    /// -8 or -7.
    pub alg: i64,
    /// One deterministic CBOR item.
    pub payload: &'a [u8],
    /// 64 bytes, not verified.
    pub signature: &'a [u8; 64],
    /// The bytes that the signature is over.
    pub to_be_verified: Vec<u8>,
}

/// Parse one object. The object, its protected header and its payload are judged in this order, then the headers.
///
/// Refuses: TooLarge, Malformed, NonCanonical, WrongHeader.
pub fn parse_sign1(data: &[u8], bytes_max: usize) -> Result<Sign1<'_>, Refusal> {
    if data.len() > bytes_max {
        return Err(Refusal::TooLarge);
    }
    let body = cbor::check_tagged(data, DEPTH_MAX, TAG_SIGN1)?;
    let mut reader = Reader::new(body);
    reader.expect_exactly(4, 4)?;
    let protected = reader.bytes()?;
    reader.expect_exactly(5, 0)?;
    let payload = reader.bytes()?;
    let signature = reader.bytes_of::<64>()?;
    cbor::check(protected, DEPTH_MAX)?;
    cbor::check(payload, DEPTH_MAX)?;
    let (alg, kid, typ) = read_protected(protected)?;
    let to_be_verified = sig_structure(protected, typ, payload);
    Ok(Sign1 {
        kid,
        typ,
        alg,
        payload,
        signature,
        to_be_verified,
    })
}

/// Parse each object on its own.
pub fn parse_sign1_many<B: AsRef<[u8]> + Sync>(
    items: &[B],
    bytes_max: usize,
) -> Vec<Result<Sign1<'_>, Refusal>> {
    if items.len() < 32 {
        return items
            .iter()
            .map(|item| parse_sign1(item.as_ref(), bytes_max))
            .collect();
    }
    items
        .par_iter()
        .with_min_len(16)
        .map(|item| parse_sign1(item.as_ref(), bytes_max))
        .collect()
}

fn read_protected(protected: &[u8]) -> Result<(i64, &[u8; 16], &str), Refusal> {
    let mut header = Reader::new(protected);
    header.expect_exactly(5, 3)?;
    header.expect_exactly(0, 1)?;
    let alg = header.int()?;
    header.expect_exactly(0, 4)?;
    let kid = header.bytes_of::<16>()?;
    header.expect_exactly(0, 16)?;
    let typ = header.text()?;
    header.end()?;
    if (alg != ALG_EDDSA && alg != ALG_ES256) || typ.is_empty() || typ.len() > TYP_BYTES_MAX {
        return Err(Refusal::WrongHeader);
    }
    Ok((alg, kid, typ))
}

/// The Sig_structure ["Signature1", protected, "dc/1/" || typ, payload].
fn sig_structure(protected: &[u8], typ: &str, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(protected.len() + typ.len() + payload.len() + 40);
    put_head(&mut out, 4, 4);
    put_text(&mut out, "Signature1");
    put_bytes(&mut out, protected);
    put_head(&mut out, 2, (AAD_PREFIX.len() + typ.len()) as u64);
    out.extend_from_slice(AAD_PREFIX.as_bytes());
    out.extend_from_slice(typ.as_bytes());
    put_bytes(&mut out, payload);
    out
}

/// For each message the index of the prefix that it has, if one byte string of deterministic CBOR and nothing
/// else follows the prefix.
///
/// A prefix is a Sig_structure up to its payload. A Sig_structure has one encoding, so to compare with the
/// prefixes that a key may sign is to parse it.
pub fn match_to_be_signed_many<B: AsRef<[u8]>, P: AsRef<[u8]>>(
    messages: &[B],
    prefixes: &[P],
) -> Vec<Option<usize>> {
    messages
        .iter()
        .map(|message| match_to_be_signed(message.as_ref(), prefixes))
        .collect()
}

fn match_to_be_signed<P: AsRef<[u8]>>(message: &[u8], prefixes: &[P]) -> Option<usize> {
    let (index, rest) = prefixes.iter().enumerate().find_map(|(i, prefix)| {
        let rest = message.strip_prefix(prefix.as_ref())?;
        Some((i, rest))
    })?;
    cbor::check(rest, 1).ok()?;
    let payload = Reader::new(rest).bytes().ok()?;
    cbor::check(payload, DEPTH_MAX).ok()?;
    Some(index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cbor_write::put_int;

    const KID: [u8; 16] = [5; 16];

    fn object(alg: i64, typ: &str, payload: &[u8]) -> Vec<u8> {
        let mut protected = vec![0xa3, 0x01];
        put_int(&mut protected, alg);
        protected.push(0x04);
        put_bytes(&mut protected, &KID);
        protected.push(0x10);
        put_text(&mut protected, typ);
        let mut out = vec![0xd2, 0x84];
        put_bytes(&mut out, &protected);
        out.push(0xa0);
        put_bytes(&mut out, payload);
        put_bytes(&mut out, &[9; 64]);
        out
    }

    fn refusal(data: &[u8]) -> Refusal {
        parse_sign1(data, 16384).err().unwrap()
    }

    #[test]
    fn reads_its_fields() {
        let data = object(-8, "dc-req", &[0xa0]);
        let parsed = parse_sign1(&data, 16384).unwrap();
        assert_eq!((parsed.kid, parsed.typ, parsed.alg), (&KID, "dc-req", -8));
        assert_eq!((parsed.payload, parsed.signature), (&[0xa0u8][..], &[9; 64]));
        assert!(parsed.to_be_verified.ends_with(b"\x4bdc/1/dc-req\x41\xa0"));
    }

    #[test]
    fn refuses_in_order() {
        let good = object(-8, "dc-req", &[0xa0]);
        assert_eq!(parse_sign1(&good, 10).err(), Some(Refusal::TooLarge));
        assert_eq!(refusal(&good[..good.len() - 1]), Refusal::Malformed);
        assert_eq!(refusal(&object(-8, "dc-req", &[0xa1])), Refusal::Malformed);
        assert_eq!(
            refusal(&object(-8, "dc-req", &[0x18, 0x01])),
            Refusal::NonCanonical
        );
        assert_eq!(refusal(&object(-6, "dc-req", &[0xa0])), Refusal::WrongHeader);
        assert_eq!(refusal(&object(-8, "", &[0xa0])), Refusal::WrongHeader);
        assert_eq!(refusal(&good[1..]), Refusal::WrongHeader);
        assert_eq!(refusal(&[]), Refusal::Malformed);
    }

    #[test]
    fn matches_only_whole_messages() {
        let data = object(-8, "dc-req", &[0xa0]);
        let message = parse_sign1(&data, 16384).unwrap().to_be_verified;
        let prefix = &message[..message.len() - 2];
        let trailing = [&message[..], &[0]].concat();
        let inner = [prefix, &[0x41, 0xa1]].concat();
        let messages = [message.clone(), trailing, inner, prefix.to_vec(), vec![]];
        let answers = match_to_be_signed_many(&messages, &[&b"other"[..], prefix]);
        assert_eq!(answers, [Some(1), None, None, None, None]);
    }
}
