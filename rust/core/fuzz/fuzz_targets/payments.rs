//! Any bytes are refused or decoded by the e-cash decoders, and what is decoded encodes to the same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use specie_core::ecash::curve::{Group, G1, G2};
use specie_core::ecash::keys::{PublicKey, SecretShare};
use specie_core::ecash::payment::{Fields, Payment};
use specie_core::ecash::withdraw::{self, Withdrawal};

fuzz_target!(|data: &[u8]| {
    if let Ok(point) = G1::decode_checked(data) {
        assert_eq!(point.encode(), data);
    }
    if let Ok(point) = G2::decode_checked(data) {
        assert_eq!(point.encode(), data);
    }
    let _ = PublicKey::decode(data);
    let _ = SecretShare::decode(data);
    let Some((head, rest)) = data.split_first_chunk::<4>() else {
        return;
    };
    let (coins, outputs) = (usize::from(head[0] % 18), usize::from(head[1] % 18));
    let cut = rest.len() * usize::from(head[2]) / 255;
    let _ = Payment::decode(Fields {
        invoice_hash: [0; 64],
        coins: vec![([1; 16], 1); coins],
        atoms: Vec::new(),
        points: rest[..cut].to_vec(),
        proof: rest[cut..].to_vec(),
        outputs: vec![(head[3] % 6, [1; 16], 1); outputs],
        output_points: rest.to_vec(),
        pseudonym: Vec::new(),
    });
    let _ = Withdrawal::decode(withdraw::Fields {
        account: String::new(),
        pk: rest.get(..48).unwrap_or(rest).to_vec(),
        nonce: [0; 16],
        time: 0,
        values: vec![1; coins],
        points: rest[..cut].to_vec(),
        proof: rest[cut..].to_vec(),
    });
});
