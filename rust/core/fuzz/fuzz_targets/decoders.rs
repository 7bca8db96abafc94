//! Any bytes are accepted or refused by every decoder of the core; what is accepted keeps its promises.
#![no_main]

use libfuzzer_sys::fuzz_target;
use specie_core::{cbor, cose, ed25519, merkle, seal};

const BYTES_MAX: usize = 16_384;

fuzz_target!(|data: &[u8]| {
    let whole = cbor::check(data, cbor::DEPTH_MAX);
    if let Ok(object) = cose::parse_sign1(data, BYTES_MAX) {
        assert!(whole.is_err(), "an object is tagged, and a plain item is not");
        assert!(cbor::check(object.payload, cbor::DEPTH_MAX).is_ok());
        let tail = object.payload.len();
        let prefix = &object.to_be_verified[..object.to_be_verified.len() - tail];
        assert!(object.to_be_verified.starts_with(b"\x84\x6aSignature1"));
        assert!(object.to_be_verified.ends_with(object.payload) && prefix.len() > 12);
    }
    let _ = seal::parse(data, BYTES_MAX);
    let _ = cose::match_to_be_signed_many(&[data], &[&data[..data.len() / 2]]);
    let _ = ed25519::check_public(data);
    let _ = merkle::Frontier::decode(data, data.len() as u64);
});
