//! What is built verifies; what cannot be built is refused.

use super::*;

#[test]
fn what_is_built_verifies() {
    for (spent, suite, ring_size) in [(&[20][..], 1, 16), (&[20, 30], 2, 16), (&[40, 41, 70], 2, 32)] {
        let plan = plan(spent, suite, ring_size);
        let built = built(&plan);
        // A transaction of another ring size is read, and says so.
        let tx = opened_as(&built.envelope, suite, 16).unwrap();
        assert_eq!((tx.ring_size, &tx.faults), (ring_size, &vec![]));
        assert_eq!(
            (&tx.tx_public, tx.tx_id, tx.tx_leaf),
            (&built.tx_public, built.tx_id, built.tx_leaf)
        );
        assert_eq!(
            (tx.env_id, &tx.public.key_images),
            (built.env_id, &built.key_images)
        );
        assert_eq!(verdict(&tx), None);
        let class = envelope_class(spent.len(), 2, suite, ring_size, 0, 0).unwrap();
        assert_eq!(class, built.envelope.len());
        for (place, at) in built.order.iter().enumerate() {
            let output = &tx.public.outputs[*at];
            let fields = Fields::parse(output).unwrap();
            let found = world()
                .keys
                .open(&transfer_context(&CHAIN), &fields, 1, None)
                .unwrap()
                .unwrap();
            assert_eq!(
                (found.value, found.anchor),
                (plan.outputs[place].value, built.anchors[place])
            );
            assert_eq!(
                (found.memo, found.memo_own),
                (Some([9; 128]), plan.outputs[place].own)
            );
        }
    }
}

#[test]
fn other_kinds_portable_mode_and_notes() {
    let stub = &world().outputs[9];
    let mut withdraw = plan(&[20], 1, 16);
    withdraw.kind = 2;
    withdraw.burn = 100;
    withdraw.outputs[0].value -= 100;
    withdraw.extra = vec![8; WITHDRAW_BYTES];
    withdraw.extra[32..64].copy_from_slice(&stub[..32]);
    withdraw.extra[64..96].copy_from_slice(&stub[64..96]);
    assert_eq!(verdict(&opened(&withdraw)), None);
    withdraw.extra[64] ^= 1;
    assert_eq!(opened(&withdraw).faults, [Rule::Points]);

    let mut fund = plan(&[20], 1, 16);
    fund.kind = 3;
    fund.burn = 989;
    fund.outputs[0].value -= 989;
    fund.extra = vec![8; 300];
    fund.portable = true;
    fund.note = b"a note".to_vec();
    let tx = opened(&fund);
    assert_eq!(
        (verdict(&tx), tx.public.extra.len(), tx.private.flags),
        (None, 300, 5)
    );
    assert_eq!(open_note(&tx, &CHAIN, &world().root).unwrap(), b"a note");
    assert_eq!(open_note(&tx, &CHAIN, &[0; 32]), None);
}

#[test]
fn one_call_with_the_same_randomness_gives_the_same_bytes() {
    let plan = plan(&[20, 30], 2, 16);
    assert_eq!(built(&plan).envelope, built(&plan).envelope);
    let other = build(&world().keys, &plan, &[5; 64]).unwrap();
    assert_ne!(built(&plan).tx_public, other.tx_public);
    let erased = opened(&plan).erased();
    assert_eq!(
        (erased.private.inputs.len(), verdict(&erased)),
        (0, Some(Rule::Balance))
    );
}

#[test]
fn impossible_plans_are_refused() {
    let refusal = |change: fn(&mut Plan)| {
        let mut plan = plan(&[20, 30], 1, 16);
        change(&mut plan);
        build(&world().keys, &plan, &[4; 64]).map(|_| ()).unwrap_err()
    };
    assert_eq!(refusal(|plan| plan.fee += 1), Refusal::Unbalanced);
    assert_eq!(refusal(|plan| plan.outputs[0].value += 1), Refusal::Unbalanced);
    assert_eq!(refusal(|plan| plan.burn = 1), Refusal::BadPlan);
    assert_eq!(refusal(|plan| plan.kind = 4), Refusal::BadPlan);
    assert_eq!(refusal(|plan| plan.inputs.clear()), Refusal::BadPlan);
    assert_eq!(refusal(|plan| plan.outputs.truncate(1)), Refusal::BadPlan);
    assert_eq!(refusal(|plan| plan.inputs[1].real = 3), Refusal::BadPlan);
    assert_eq!(
        refusal(|plan| plan.inputs[0].indices.swap(0, 1)),
        Refusal::BadPlan
    );
    assert_eq!(refusal(|plan| plan.inputs[0].ctx = [0; 32]), Refusal::BadPlan);
    assert_eq!(
        refusal(|plan| plan.inputs[0].members[1] = [0xff; 64]),
        Refusal::BadPoint
    );
    assert_eq!(refusal(|plan| plan.suite = 9), Refusal::WrongHeader);
    assert_eq!(refusal(|plan| plan.epoch_key.truncate(31)), Refusal::WrongLength);
    assert_eq!(refusal(|plan| plan.note = vec![0; 65535 - 8]), Refusal::TooLarge);
    assert_eq!(
        refusal(|plan| {
            let input = plan.inputs.pop().unwrap();
            plan.inputs = vec![
                PlanInput {
                    members: input.members.clone(),
                    indices: input.indices.clone(),
                    ..input
                },
                input,
            ];
        }),
        Refusal::BadPlan
    );
    let view = WalletKeys::from_view(world().keys.export_view().unwrap().as_slice()).unwrap();
    view.extend(0, 4).unwrap();
    assert!(matches!(
        build(&view, &plan(&[20], 1, 16), &[4; 64]),
        Err(Refusal::WrongTier)
    ));
}
