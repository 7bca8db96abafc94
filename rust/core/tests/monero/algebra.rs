//! Monero's tests.txt: the key algebra of CryptoNote, row by row.

use std::collections::BTreeMap;

use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::traits::IsIdentity;
use curve25519_dalek::Scalar;
use specie_core::ledger::group::{decode_scalar, Backend};

use super::backend::{decode_any, hash_to_scalar, keccak, map_to_curve, MoneroEdwards};
use crate::{published, unhex};

/// Rows of each kind that the file has; the kinds that draw from Monero's own generator are not in it.
const ROWS: [(&str, usize); 15] = [
    ("check_ge_p3_identity", 6),
    ("check_key", 372),
    ("check_ring_signature", 1024),
    ("check_scalar", 337),
    ("check_signature", 512),
    ("derive_public_key", 272),
    ("derive_secret_key", 256),
    ("derive_view_tag", 70),
    ("generate_key_derivation", 272),
    ("generate_key_image", 256),
    ("hash_to_ec", 256),
    ("hash_to_point", 371),
    ("hash_to_scalar", 256),
    ("secret_key_to_public_key", 272),
    ("skipped", 1013),
];

fn encode(point: &EdwardsPoint) -> String {
    hex::encode(point.compress().to_bytes())
}

fn point(text: &str) -> Option<EdwardsPoint> {
    decode_any(&unhex(text))
}

fn scalar(text: &str) -> Option<Scalar> {
    decode_scalar(&unhex(text))
}

/// `true <hex>` or `false`, as the file writes an answer that may fail.
fn answer(point: Option<EdwardsPoint>) -> String {
    point.map_or_else(|| "false".to_owned(), |point| format!("true {}", encode(&point)))
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

/// The scalar of a derivation and an output number.
fn derivation_scalar(derivation: &str, number: &str) -> Scalar {
    hash_to_scalar(&[&unhex::<32>(derivation), &varint(number.parse().unwrap())])
}

fn check_signature(prefix: &str, key: &str, signature: &str) -> bool {
    let (Some(public), Some(c), Some(r)) = (point(key), scalar(&signature[..64]), scalar(&signature[64..]))
    else {
        return false;
    };
    let commitment = MoneroEdwards::vartime_multiscalar(&[c, r], &[public, MoneroEdwards::base()]);
    let bytes = commitment.compress().to_bytes();
    c != Scalar::ZERO
        && !commitment.is_identity()
        && hash_to_scalar(&[&unhex::<32>(prefix), &unhex::<32>(key), &bytes]) == c
}

/// The ring signature of CryptoNote: the challenges of all members sum up to the hash of all commitments.
fn check_ring_signature(row: &[&str]) -> bool {
    let (prefix, image, count) = (row[0], row[1], row[2].parse::<usize>().unwrap());
    let (keys, signatures) = (&row[3..3 + count], row[3 + count]);
    let Some(image) = point(image).filter(|image| image.is_torsion_free()) else {
        return false;
    };
    let mut transcript = unhex::<32>(prefix).to_vec();
    let mut sum = Scalar::ZERO;
    for (j, key) in keys.iter().enumerate() {
        let pair = &signatures[128 * j..128 * (j + 1)];
        let (Some(public), Some(c), Some(r)) = (point(key), scalar(&pair[..64]), scalar(&pair[64..])) else {
            return false;
        };
        let base = MoneroEdwards::image_base(&unhex(key));
        let left = MoneroEdwards::vartime_multiscalar(&[c, r], &[public, MoneroEdwards::base()]);
        let right = MoneroEdwards::vartime_multiscalar(&[c, r], &[image, base]);
        transcript.extend_from_slice(&MoneroEdwards::encode(&left));
        transcript.extend_from_slice(&MoneroEdwards::encode(&right));
        sum += c;
    }
    hash_to_scalar(&[&transcript]) == sum
}

/// What the row must end in; None for a kind that is not covered.
fn expected(kind: &str, row: &[&str]) -> Option<String> {
    let text = match kind {
        "hash_to_scalar" => {
            let data = if row[0] == "x" {
                Vec::new()
            } else {
                hex::decode(row[0]).unwrap()
            };
            hex::encode(hash_to_scalar(&[&data]).to_bytes())
        }
        "hash_to_point" => encode(&map_to_curve(&unhex(row[0]))),
        "hash_to_ec" => encode(&MoneroEdwards::image_base(&unhex(row[0]))),
        "check_key" => point(row[0]).is_some().to_string(),
        "check_scalar" => scalar(row[0]).is_some().to_string(),
        "check_ge_p3_identity" => {
            let point = point(row[0]).unwrap();
            let negative = -point;
            (point + negative).is_identity().to_string()
        }
        "secret_key_to_public_key" => answer(scalar(row[0]).map(|secret| MoneroEdwards::mul_base(&secret))),
        "generate_key_derivation" => {
            let secret = scalar(row[1]).unwrap();
            answer(point(row[0]).map(|public| (public * secret).mul_by_cofactor()))
        }
        "derive_public_key" => {
            let offset = MoneroEdwards::mul_base(&derivation_scalar(row[0], row[1]));
            answer(point(row[2]).map(|base| base + offset))
        }
        "derive_secret_key" => {
            let secret = scalar(row[2]).unwrap() + derivation_scalar(row[0], row[1]);
            hex::encode(secret.to_bytes())
        }
        "derive_view_tag" => {
            let number = varint(row[1].parse().unwrap());
            hex::encode(&keccak(&[b"view_tag", &unhex::<32>(row[0]), &number])[..1])
        }
        "generate_key_image" => {
            encode(&(MoneroEdwards::image_base(&unhex(row[0])) * scalar(row[1]).unwrap()))
        }
        "check_signature" => check_signature(row[0], row[1], row[2]).to_string(),
        "check_ring_signature" => check_ring_signature(row).to_string(),
        _ => return None,
    };
    Some(text)
}

#[test]
fn every_row_of_the_key_algebra_agrees() {
    let Some(text) = published("ledger/monero/tests.txt") else {
        return;
    };
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let (kind, row) = (words[0], &words[1..]);
        let Some(answer) = expected(kind, row) else {
            *seen.entry("skipped").or_default() += 1;
            continue;
        };
        assert!(line.ends_with(&format!(" {answer}")), "{answer} for {line}");
        *seen.entry(kind).or_default() += 1;
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ROWS);
}
