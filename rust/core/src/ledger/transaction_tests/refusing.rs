//! What was changed is refused by the right rule, alone and in a batch.

use super::*;

/// A change, and the rule that refuses it.
type Spoil<'a> = (&'a dyn Fn(&mut Opened), Rule);

// SPEC LEDGER-7.3
#[test]
fn the_form_is_strict() {
    let tx = portable();
    let private = tx.private.encode().unwrap();
    assert_eq!(verdict(&sealed(&tx.tx_public, &private).unwrap()), None);
    let fails = |public: &[u8], private: &[u8]| matches!(sealed(public, private), Err(Rule::Form));
    assert!(fails(&[tx.tx_public.as_slice(), &[0]].concat(), &private));
    assert!(fails(&tx.tx_public, &[private.as_slice(), &[0]].concat()));
    assert!(fails(&tx.tx_public[1..], &private));
    assert!(fails(&tx.tx_public, &private[..private.len() - 1]));
    let mut flags = private.clone();
    flags[0] = 0x81;
    assert!(fails(&tx.tx_public, &flags));
    // An over-long delta of the first index: 20 - 15 = 5 as 0x85 0x00.
    let mut long = private.clone();
    assert_eq!(long[41], 5.min(long[41]));
    long[41] |= 0x80;
    long.insert(42, 0);
    assert!(fails(&tx.tx_public, &long));
    let mut unknown = tx.tx_public.clone();
    unknown[2] = 4;
    assert!(fails(&unknown, &private));
    let key = &world().epoch[0];
    let sealer = || Sealer::new(&CHAIN, 1, 6, key.public(), &[2; 64]).unwrap();
    let mut plain = [
        &1334u32.to_le_bytes()[..],
        &tx.tx_public,
        &(private.len() as u32).to_le_bytes(),
        &private,
    ]
    .concat();
    plain.resize(8192 - 17 - 32 - 16, 0);
    assert!(opened_as(&sealer().seal_plaintext(&plain).unwrap(), 1, 16).is_ok());
    *plain.last_mut().unwrap() = 1;
    assert!(matches!(
        opened_as(&sealer().seal_plaintext(&plain).unwrap(), 1, 16),
        Err(Rule::Form)
    ));
    assert!(matches!(opened_as(&[], 1, 16), Err(Rule::Sealed)));
}

/// The rules that a good transaction breaks once it is changed.
fn faults(change: &dyn Fn(&mut TxPublic, &mut TxPrivate)) -> Vec<Rule> {
    static GOOD: OnceLock<(TxPublic, TxPrivate)> = OnceLock::new();
    let (mut public, mut private) = GOOD
        .get_or_init(|| {
            let tx = portable();
            (tx.public.clone(), tx.private.clone())
        })
        .clone();
    change(&mut public, &mut private);
    judge(&public, &private).0
}

#[test]
fn numbers_amounts_and_orders_are_judged() {
    assert_eq!(faults(&|_, _| ()), []);
    assert_eq!(faults(&|public, _| public.version = 2), [Rule::Numbers]);
    assert_eq!(faults(&|public, _| public.outputs.truncate(1)), [Rule::Numbers]);
    assert_eq!(faults(&|public, _| public.outputs.clear()), [Rule::Numbers]);
    assert_eq!(faults(&|public, _| public.key_images.clear()), [Rule::Numbers]);
    assert_eq!(faults(&|public, _| public.fee = 1 << 62), [Rule::Amounts]);
    assert_eq!(faults(&|public, _| public.burn = 1), [Rule::Amounts]);
    assert_eq!(faults(&|public, _| public.kind = 3), [Rule::Amounts]);
    assert_eq!(
        faults(&|public, _| public.key_images.swap(0, 1)),
        [Rule::ImageOrder]
    );
    assert_eq!(
        faults(&|public, _| public.key_images[1] = public.key_images[0]),
        [Rule::ImageOrder]
    );
    assert_eq!(
        faults(&|public, _| public.outputs.swap(0, 1)),
        [Rule::OutputOrder]
    );
    assert_eq!(
        faults(&|public, _| public.outputs[1] = public.outputs[0]),
        [Rule::OutputOrder]
    );
}

#[test]
fn points_and_scalars_are_judged() {
    let zero = [0; 32];
    for at in [0, 32, 64] {
        let order = if at == 64 {
            vec![Rule::OutputOrder, Rule::Points]
        } else {
            vec![Rule::Points]
        };
        assert_eq!(faults(&|public, _| public.outputs[1][at..at + 32].fill(0)), order);
    }
    // SPEC LEDGER-15.3
    assert_eq!(faults(&|public, _| public.key_images[0] = zero), [Rule::Points]);
    assert_eq!(
        faults(&|public, _| public.pseudo_outputs[1] = zero),
        [Rule::Points]
    );
    assert_eq!(
        faults(&|_, private| private.inputs[0].signature.d = zero),
        [Rule::Points]
    );
    assert_eq!(
        faults(&|_, private| private.inputs[1].signature.l[15] = zero),
        [Rule::Points]
    );
    assert_eq!(
        faults(&|_, private| private.inputs[1].signature.r[3] = [0xff; 32]),
        [Rule::Points]
    );
    // SPEC LEDGER-15.5
    assert_eq!(
        faults(&|_, private| private.inputs[0].signature.c1 = [0xff; 32]),
        [Rule::Scalars]
    );
    let both = |signature: &mut Signature| {
        signature.s[7] = [0xff; 32];
        signature.d = zero;
    };
    assert_eq!(
        faults(&|_, private| both(&mut private.inputs[1].signature)),
        [Rule::Points, Rule::Scalars]
    );
}

#[test]
fn expensive_rules_are_named() {
    let named = |change: &dyn Fn(&mut Opened)| {
        let mut tx = portable();
        change(&mut tx);
        verdict(&tx)
    };
    assert_eq!(named(&|_| ()), None);
    // SPEC LEDGER-15.11
    assert_eq!(named(&|tx| tx.public.fee += 1), Some(Rule::Balance));
    assert_eq!(named(&|tx| tx.public.burn = u64::MAX), Some(Rule::Balance));
    assert_eq!(
        named(&|tx| tx.public.pseudo_outputs[0] = tx.public.key_images[0]),
        Some(Rule::Balance)
    );
    // SPEC LEDGER-15.9
    assert_eq!(
        named(&|tx| tx.private.inputs[0].signature.c1[0] ^= 1),
        Some(Rule::Glue)
    );
    assert_eq!(named(&|tx| tx.private.anchor_height += 1), Some(Rule::Glue));
    assert_eq!(named(&|tx| tx.exporter[0] ^= 1), Some(Rule::Glue));
    assert_eq!(named(&|tx| tx.tx_public[9] ^= 1), Some(Rule::Glue));
    assert_eq!(
        named(&|tx| tx.private.inputs[1].indices[0] += 80),
        Some(Rule::Rings)
    );
    assert_eq!(named(&|tx| tx.private.inputs.swap(0, 1)), Some(Rule::Glue));
    assert_eq!(
        named(&|tx| tx.private.inputs[1].signature.s[5][0] ^= 1),
        Some(Rule::Rings)
    );
    assert_eq!(named(&|tx| tx.bp_ctx[0] ^= 1), Some(Rule::Range));
    assert_eq!(named(&|tx| tx.public.range_proof[70] ^= 1), Some(Rule::Range));
    let other_root = verdicts(&[&portable()], [1; 32]);
    assert_eq!(other_root, [Some(Rule::Glue)]);
}

// SPEC LEDGER-15.19
#[test]
fn a_signature_is_bound_to_its_envelope() {
    let tx = opened(&plan(&[20, 30], 1, 16));
    let moved = sealed(&tx.tx_public, &tx.private.encode().unwrap()).unwrap();
    assert_eq!((verdict(&tx), verdict(&moved)), (None, Some(Rule::Glue)));
}

// SPEC LEDGER-15.21
#[test]
fn a_batch_answers_as_one_by_one() {
    let good = portable();
    let spoil: [Spoil<'_>; 4] = [
        (&|tx| tx.public.fee += 1, Rule::Balance),
        (&|tx| tx.private.inputs[0].signature.c1[0] ^= 1, Rule::Glue),
        (&|tx| tx.private.inputs[0].signature.s[5][0] ^= 1, Rule::Rings),
        (&|tx| tx.bp_ctx[0] ^= 1, Rule::Range),
    ];
    for (place, (change, rule)) in spoil.iter().enumerate() {
        let mut bad = portable();
        change(&mut bad);
        let batch: Vec<&Opened> = (0..7)
            .map(|at| if at == 2 * place { &bad } else { &good })
            .collect();
        let expected: Vec<_> = (0..7).map(|at| (at == 2 * place).then_some(*rule)).collect();
        assert_eq!(verdicts(&batch, world().root), expected);
    }
    assert_eq!(verdicts(&[], world().root), []);
}

// SPEC LEDGER-15.9
#[test]
fn every_changed_byte_is_refused() {
    let tx = portable();
    let private = tx.private.encode().unwrap();
    let parts = [tx.tx_public.len(), private.len()];
    for (part, length) in parts.into_iter().enumerate() {
        for at in (0..length).step_by(if cfg!(debug_assertions) { 151 } else { 3 }) {
            let mut changed = [tx.tx_public.clone(), private.clone()];
            changed[part][at] ^= 1 << (at % 8);
            let passes = sealed(&changed[0], &changed[1])
                .is_ok_and(|tx| tx.faults.is_empty() && tx.ring_size == 16 && verdict(&tx).is_none());
            assert!(!passes, "part {part} byte {at}");
        }
    }
}
