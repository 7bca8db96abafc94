//! Claims, identification, tracing and self-tracing of the vectors.

use serde_json::Value;
use specie_core::ecash::claim::{self, Claim, Entry};
use specie_core::ecash::curve::{Group, G1};
use specie_core::ecash::payment::Payment;
use specie_core::ecash::sign::{culprits_vartime, Token};
use specie_core::ecash::trace::{identify_vartime, open_vartime, serial_of, OwnCoin, SelfTrace, Subject};
use specie_core::ecash::{hash, Code};

use crate::foec1::*;

fn claim_fields(request: &Item) -> claim::Fields {
    let coins = request.at(7).list().iter().map(Item::list);
    let outputs = request.get(10).map_or(&[][..], Item::list).iter().map(Item::list);
    claim::Fields {
        bank: request.at(1).text(),
        kind: request.at(2).int() as u8,
        mode: request.at(3).int() as u8,
        account: request.at(4).text(),
        nonce: request.at(5).fixed(),
        time: request.at(6).int(),
        coins: coins
            .map(|coin| (coin[0].fixed(), coin[1].int(), coin[2].fixed()))
            .collect(),
        serials: request.at(8).bytes().to_vec(),
        proof: request.at(9).bytes().to_vec(),
        outputs: outputs
            .map(|output| (output[0].fixed(), output[1].int()))
            .collect(),
        output_points: request.get(11).map_or(Vec::new(), |item| item.bytes().to_vec()),
    }
}

#[test]
fn claims() {
    let all = vectors();
    let issuers = issuers(&all);
    let keys = by_id(&issuers);
    let by_serial = coins(&all);
    for (name, entry) in all["claims"].as_object().unwrap() {
        let fields = claim_fields(&cbor(&unhex(&entry["request"])));
        let claimed: Vec<&Value> = fields
            .serials
            .chunks(48)
            .map(|serial| &by_serial[serial])
            .collect();
        let log = |coin: &&Value| {
            Entry::decode(&unhex(&coin["M"]), &unhex(&coin["A"]), &unhex(&coin["B"])).unwrap()
        };
        let entries: Vec<Entry> = claimed.iter().map(log).collect();
        let owner = if fields.account.contains("bob") {
            "bob"
        } else {
            "alice"
        };
        let user = user(&all, owner);
        let outputs = entry["outputs"]
            .as_array()
            .map_or(Vec::new(), |list| list.iter().map(crate::new_coin).collect());
        let plan = claim::Plan {
            sk: user.sk,
            serials: claimed.iter().map(|coin| secret(&coin["s_prime"])).collect(),
            outputs,
        };
        let made = claim::build(
            fields.clone(),
            &entries,
            &plan,
            &keys,
            &rho(&all, &format!("claim/{name}")),
        )
        .unwrap();
        assert_eq!(made.fields.serials, fields.serials, "{name}");
        assert_eq!(made.fields.output_points, fields.output_points, "{name}");
        assert_eq!(made.fields.proof, fields.proof, "{name}");
        let pk = (fields.mode == 1).then_some(user.pk.as_slice());
        let mut spoiled = fields.clone();
        let read = Claim::decode(fields).unwrap();
        read.verify_proof_vartime(&entries, pk, &keys).unwrap();
        spoiled.time += 1;
        let spoiled = Claim::decode(spoiled).unwrap();
        assert_eq!(
            spoiled.verify_proof_vartime(&entries, pk, &keys),
            Err(Code::ProofInvalid.into())
        );
    }
}

#[test]
fn double_spenders_are_identified() {
    let all = vectors();
    let guilt = &all["guilt"];
    let read = |name: &str| Payment::decode(payment_fields(&unhex(&all["payments"][name]["P"]))).unwrap();
    let (one, two) = (read("p1-two-coins-two-atoms"), read("p2-double-spend"));
    let serial = unhex(&guilt["S"]);
    let tag = |payment: &Payment| {
        let place = payment.serials().iter().position(|own| *own == serial).unwrap();
        point(payment.double_spend_tags()[place])
    };
    let pk = identify_vartime((&tag(&one), one.r()), (&tag(&two), two.r())).unwrap();
    assert_eq!(pk.encode(), unhex(&guilt["pk"]));
    let same = identify_vartime((&tag(&one), one.r()), (&tag(&one), one.r()));
    assert_eq!(same.err(), Some(Code::ZeroR));
}

#[test]
fn tracing_with_every_pair_of_trustees() {
    let all = vectors();
    let record = cbor(&unhex(&all["key_records"]["trustees"]["record"]));
    let share_key = |index: u16| {
        record.at(11).list()[usize::from(index) - 1].list()[1]
            .bytes()
            .to_vec()
    };
    for (group, entry) in all["tracing"].as_object().unwrap() {
        let (ciphertext, second) = (unhex(&entry["C1"]), point(&unhex(&entry["C2"])));
        let mut answers = Vec::new();
        for index in 1..=3u16 {
            let share = cbor(&unhex(&entry["shares"][index.to_string()]));
            let subject = Subject {
                kid: share.at(1).fixed(),
                warrant: share.at(3).fixed(),
                kind: share.at(4).int() as u8,
                index,
                subject: share.at(5).fixed(),
                ciphertext: &ciphertext,
            };
            let own = secret(&all["dkg"]["trustees"]["secret_shares"][index.to_string()][0]);
            let name = match group.as_str() {
                "owner" => format!("tdec/owner-p1/{index}"),
                _ => format!("tdec/{}/{index}", group.replace('_', "-")),
            };
            let (answer, proof) = subject.decrypt(&own, &rho(&all, &name)).unwrap();
            assert_eq!(
                (answer.as_slice(), proof.as_slice()),
                (share.at(6).bytes(), share.at(7).bytes())
            );
            subject
                .verify_vartime(&share_key(index), &answer, &proof)
                .unwrap();
            let other = subject.verify_vartime(&share_key(index % 3 + 1), &answer, &proof);
            assert_eq!(other, Err(Code::ShareInvalid.into()));
            answers.push(point(&answer));
        }
        for pair in [[1u16, 2], [1, 3], [3, 2]] {
            let own = pair.map(|index| answers[usize::from(index) - 1]);
            let opened = open_vartime(&second, &pair, &own).unwrap();
            if group == "owner" {
                assert_eq!(opened.encode(), unhex(&entry["pk"]));
                continue;
            }
            assert_eq!(opened.encode(), unhex(&entry["decrypted"]));
            let serial = unhex(&entry["S"]);
            let message = unhex(&coins(&all)[&serial]["M"]);
            assert_eq!(serial_of(&opened, &message).encode(), serial);
        }
    }
}

// SPEC ECASH-23.1
#[test]
fn negative_shares() {
    let all = vectors();
    let cases = all["negative_shares"].as_array().unwrap();
    let record = cbor(&unhex(&all["key_records"]["trustees"]["record"]));
    let share = cbor(&unhex(&cases[0]["share"]));
    let ciphertext = unhex(&all["tracing"]["owner"]["C1"]);
    let subject = Subject {
        kid: share.at(1).fixed(),
        warrant: share.at(3).fixed(),
        kind: share.at(4).int() as u8,
        index: share.at(2).int() as u16,
        subject: share.at(5).fixed(),
        ciphertext: &ciphertext,
    };
    let key = record.at(11).list()[usize::from(subject.index) - 1].list()[1].bytes();
    let answer = subject.verify_vartime(key, share.at(6).bytes(), share.at(7).bytes());
    assert_eq!(
        answer.unwrap_err().code.name(),
        cases[0]["code"].as_str().unwrap()
    );
    let bank = cbor(&unhex(&all["key_records"]["bank_2026_09"]["record"]));
    let key = bank.at(11).list()[1].list()[1].bytes();
    let key = specie_core::ecash::keys::PublicKey::decode(key).unwrap();
    let coin = &all["withdraw"]["alice-1"]["coins"][0];
    let points = ["A", "B"].map(|name| point(&unhex(&coin[name])));
    let token = Token::new(
        &unhex(&coin["M"]),
        *secret(&coin["tau"]),
        points[0],
        Some(points[1]),
    );
    for (partial, culprits) in [(&coin["partials"]["2"], vec![]), (&cases[1]["partial"], vec![0])] {
        let group = vec![token.signed(&key, point(&unhex(partial)))];
        assert_eq!(culprits_vartime(&[group], &[3; 32]), culprits);
    }
}

#[test]
fn self_trace() {
    let all = vectors();
    let request = cbor(&unhex(&all["self_trace"]["request"]));
    let by_serial = coins(&all);
    let issuers = issuers(&all);
    let entries: Vec<&Value> = request
        .at(6)
        .bytes()
        .chunks(48)
        .map(|serial| &by_serial[serial])
        .collect();
    let read: Vec<(Vec<u8>, Vec<u8>)> = entries
        .iter()
        .map(|coin| {
            (
                unhex(&coin["M"]),
                [unhex(&coin["Q1"]), unhex(&coin["Q2"])].concat(),
            )
        })
        .collect();
    let own: Vec<OwnCoin<'_>> = entries
        .iter()
        .zip(&read)
        .map(|(coin, (message, escrow))| OwnCoin {
            kid: fixed(&coin["kid"]),
            trustee: by_id(&issuers)[&fixed::<16>(&coin["kid"])].trustee.unwrap(),
            message,
            escrow,
            cid: hash::coin_id(&escrow[..48], &escrow[48..]),
        })
        .collect();
    let (bank, account) = (request.at(1).text(), request.at(2).text());
    let trace = SelfTrace {
        bank: &bank,
        account: &account,
        nonce: request.at(3).fixed(),
        time: request.at(4).int(),
        coins: &own,
    };
    let owner = user(&all, if account.contains("bob") { "bob" } else { "alice" });
    let secrets: Vec<_> = entries
        .iter()
        .map(|coin| (secret(&coin["s_prime"]), secret(&coin["q"])))
        .collect();
    let (serials, proof) = trace.build(&owner.sk, &secrets, &rho(&all, "self/st1")).unwrap();
    assert_eq!(
        (serials.as_slice(), proof.as_slice()),
        (request.at(6).bytes(), request.at(7).bytes())
    );
    trace.statement(&serials).unwrap().verify_vartime(&proof).unwrap();
    let other = G1::generator().encode();
    assert!(trace.statement(&other).unwrap().verify_vartime(&proof).is_err());
}
