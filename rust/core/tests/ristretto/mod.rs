//! RFC 9496 Appendix A through the production back end.

use specie_core::ledger::group::{check_points_many, map_to_group, Backend, Ristretto, Scalar};

use crate::{published, unhex};

fn vectors() -> Option<serde_json::Value> {
    let text = published("ledger/ristretto255/rfc9496.json")?;
    Some(serde_json::from_str(&text).unwrap())
}

fn texts(list: &serde_json::Value) -> Vec<&str> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|text| text.as_str().unwrap())
        .collect()
}

fn map(wide: &serde_json::Value) -> [u8; 32] {
    Ristretto::encode(&map_to_group(&unhex(wide.as_str().unwrap())))
}

// SPEC LEDGER-2.1
#[test]
fn multiples_of_the_base_point() {
    let Some(vectors) = vectors() else { return };
    let multiples = texts(&vectors["A1_small_multiples"]);
    assert_eq!(multiples.len(), 16);
    for (k, text) in multiples.into_iter().enumerate() {
        let point = Ristretto::mul_base(&Scalar::from(k as u64));
        assert_eq!(Ristretto::encode(&point), unhex::<32>(text));
        assert!(Ristretto::decode(&unhex(text)).unwrap() == point);
    }
}

// SPEC LEDGER-15.2
#[test]
fn bad_encodings_do_not_decode() {
    let Some(vectors) = vectors() else { return };
    let bad: Vec<[u8; 32]> = texts(&vectors["A2_bad_encodings"])
        .into_iter()
        .map(unhex)
        .collect();
    assert_eq!(bad.len(), 29);
    assert!(bad.iter().all(|bytes| Ristretto::decode(bytes).is_none()));
    assert_eq!(check_points_many(&bad), [1; 29]);
}

#[test]
fn the_map_from_uniform_bytes() {
    let Some(vectors) = vectors() else { return };
    for case in vectors["A3_map"].as_array().unwrap() {
        assert_eq!(
            map(&case["uniform_sha512"]),
            unhex::<32>(case["element"].as_str().unwrap())
        );
    }
    let same = &vectors["A3_equivalent"];
    let inputs = same["inputs"].as_array().unwrap();
    assert_eq!(inputs.len(), 4);
    for input in inputs {
        assert_eq!(map(input), unhex::<32>(same["element"].as_str().unwrap()));
    }
}
