//! Any bytes are an output, an address, a view or a ring signature or none: no decoder panics, and what is accepted
//! comes back as the same bytes.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use specie_core::ledger::clsag::{self, Member, Signature, Statement};
use specie_core::ledger::group::{
    check_points_many, decode_scalar, equation_holds_vartime, Backend, Ristretto,
};
use specie_core::ledger::keys::{Address, WalletKeys};
use specie_core::ledger::outputs::Fields;
use specie_core::ledger::{dleq, hash};

static WALLET: LazyLock<WalletKeys> = LazyLock::new(|| WalletKeys::from_seed(&[7; 32]).unwrap());

fn item(data: &[u8], at: usize) -> [u8; 32] {
    let mut out = [0; 32];
    let part = data.get(at..).unwrap_or_default();
    out.iter_mut().zip(part).for_each(|(to, from)| *to = *from);
    out
}

fn try_outputs(data: &[u8]) {
    if let Ok(fields) = Fields::parse(data) {
        assert_eq!(fields.encode(), data);
        let mask = decode_scalar(&item(data, 5));
        for kind in 0..=7 {
            let _ = WALLET.open(&item(data, 1), &fields, kind, mask.as_ref());
            let _ = WALLET.open(&item(data, 1), &fields, kind, None);
        }
    }
    if let Ok(address) = Address::decode(data) {
        assert_eq!(address.bytes, data);
    }
    if let Ok(keys) = WalletKeys::from_view(data) {
        assert_eq!(keys.export_view().unwrap().as_slice(), data);
    }
    if let Ok(found) = WALLET.detect_many(&[(item(data, 0), data)], 1) {
        assert_eq!(found.len(), 1);
    }
}

fn try_signature(data: &[u8]) {
    let Ok(signature) = Signature::decode(data) else {
        return;
    };
    assert_eq!(signature.encode(), data);
    let size = signature.s.len();
    let key = Ristretto::encode(&hash::point("ki", &[&data[..1]]));
    let Some(member) = Member::<Ristretto>::decode(&key, &key) else {
        return;
    };
    let indices: Vec<u64> = (0..size as u64).collect();
    let statement = Statement {
        message: [data[0]; 64],
        k_ring: item(data, 3),
        input_no: data[1],
        indices: &indices,
        ring: vec![&member; size],
        pseudo: item(data, 32),
        key_image: item(data, 64),
        signature: &signature,
    };
    assert!(!clsag::verify_one_vartime(&statement));
    assert!(!clsag::verify_classic_vartime(&statement));
}

fuzz_target!(|data: &[u8]| {
    try_outputs(data);
    try_signature(data);
    let points: Vec<[u8; 32]> = (0..data.len() / 32).map(|k| item(data, 32 * k)).collect();
    let answers = check_points_many(&points);
    assert!(answers
        .iter()
        .zip(&points)
        .all(|(answer, point)| (*answer == 2) == (*point == [0; 32])));
    let _ = equation_holds_vartime([(&points, 3), (&points, 4)], &points);
    let pair = dleq::Pair {
        base1: &item(data, 0),
        image1: &item(data, 32),
        base2: &item(data, 64),
        image2: &item(data, 96),
    };
    let _ = dleq::verify_vartime(data, pair, data.get(..64).unwrap_or_default());
    let _ = dleq::schnorr_verify_vartime(
        "esc/topup",
        &item(data, 0),
        &[data],
        data.get(..64).unwrap_or_default(),
    );
});
