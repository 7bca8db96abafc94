//! Any bytes are a plaintext, a transaction, a proof or none: no decoder panics, and what is accepted comes back as
//! the same bytes.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use specie_core::ledger::envelope::{split_plaintext, EpochKey};
use specie_core::ledger::mint::{self, Kernel};
use specie_core::ledger::opened::{judge, RING_SIZES};
use specie_core::ledger::range::{self, Claim};
use specie_core::ledger::sparse;
use specie_core::ledger::transaction::{TxPrivate, TxPublic};

static KEYS: LazyLock<[EpochKey; 2]> =
    LazyLock::new(|| [1, 2].map(|suite| EpochKey::generate(suite, &[7; 64]).unwrap()));

const FLAG_RING_PROOFS: u8 = 2;

fn try_parts(public: &[u8], private: &[u8]) {
    let Ok((tx, head)) = TxPublic::parse(public) else {
        return;
    };
    assert_eq!(tx.encode().unwrap(), public);
    assert_eq!(tx.head().unwrap(), public[..head]);
    for ring_size in RING_SIZES {
        if let Ok(secret) = TxPrivate::parse(private, tx.key_images.len(), ring_size) {
            let has_proofs = private.first().is_some_and(|flags| flags & FLAG_RING_PROOFS != 0);
            assert!(has_proofs || secret.encode().unwrap() == private);
            let (faults, points) = judge(&tx, &secret);
            assert!(points.is_some() || !faults.is_empty());
        }
    }
}

fn try_proofs(data: &[u8]) {
    let (root, key) = ([1; 32], [2; 32]);
    assert!(!sparse::verify(&root, &key, None, data) && !sparse::verify(&root, &key, Some(&root), data));
    let (commitments, proof) = data.split_at(data.len().min(64));
    if let Some(claim) = Claim::decode(commitments, proof, [3; 64]) {
        assert_eq!(range::verify_many_vartime(&[claim]), [false]);
    }
    let claim = Kernel {
        outputs: data,
        value: 1,
        kernel: &key,
        signature: &[4; 64],
        core: data,
    };
    assert!(mint::verify_vartime(&claim).is_err());
}

fuzz_target!(|data: &[u8]| {
    for key in KEYS.iter() {
        assert!(key.open(&[5; 32], 6, data).is_err());
        assert!(EpochKey::unwrap(key.suite(), data, &[8; 32]).is_err());
        if let Ok((public, private)) = split_plaintext(key.suite(), data) {
            try_parts(public, private);
        }
    }
    let cut = usize::from(data.first().copied().unwrap_or(0)) * 8;
    let (public, private) = data.split_at(cut.min(data.len()));
    try_parts(public, private);
    try_parts(data, &[]);
    try_proofs(data);
});
