//! FOEC-1 against its vectors, byte for byte, and what must be refused (ECASH §23).

mod ceremony;
mod foec1;
mod protocols;

use std::collections::HashMap;

use foec1::*;
use serde_json::Value;
use specie_core::ecash::clauses::NewCoin;
use specie_core::ecash::curve::{Group, G1};
use specie_core::ecash::draw::{coin_secrets, wallet_key, Draws};
use specie_core::ecash::keys::SecretShare;
use specie_core::ecash::open::{self, Offer, Opening};
use specie_core::ecash::payment::Payment;
use specie_core::ecash::sign::{combine, culprits_vartime, sign_many, Token};
use specie_core::ecash::spend::Plan;
use specie_core::ecash::verify::verify_payments_vartime;
use specie_core::ecash::withdraw::{self, Withdrawal};
use specie_core::ecash::{hash, Code, Fault};

const RANDOM: [u8; 32] = [7; 32];

#[test]
fn basics() {
    let all = vectors();
    let basics = &all["basics"];
    assert_eq!(G1::generator().encode(), unhex(&basics["g"]));
    assert_eq!(
        specie_core::ecash::curve::G2::generator().encode(),
        unhex(&basics["g_tilde"])
    );
    assert_eq!(hash::delta().encode(), unhex(&basics["delta"]));
    assert_eq!(
        hash::lp(&[b"ab", b"", &7u16.to_be_bytes()]),
        unhex(&basics["LP_ab_empty"])
    );
    let tag = &basics["Hs_coin"];
    let tau = hash::coin_tag(&fixed(&tag["kid"]), tag["D"].as_u64().unwrap());
    assert_eq!(tau.encode().to_vec(), unhex(&tag["tau"]));
    assert_eq!(hash::token_base(b"").encode(), unhex(&basics["HG_h_empty"]));
    let draw = &basics["draw"];
    let made = Draws::new(&fixed(&draw["rho"]), &secret(&draw["secret"])).draw(b"", "r", 3);
    assert_eq!(made.encode().to_vec(), unhex(&draw["value"]));
    let wallet = &basics["wallet"];
    let seed = fixed(&wallet["seed"]);
    assert_eq!(wallet_key(&seed).encode().to_vec(), unhex(&wallet["sk"]));
    let (serial, escrow) = coin_secrets(&seed, &fixed(&wallet["kid"]), 8, 0, false);
    assert_eq!(serial.encode().to_vec(), unhex(&wallet["s_prime"]));
    assert_eq!(escrow.encode().to_vec(), unhex(&wallet["q"]));
}

/// The signers' shares of a ceremony, by index.
fn shares(all: &Value, key: &str) -> Vec<(u16, SecretShare)> {
    let shares = all["dkg"][key]["secret_shares"].as_object().unwrap();
    let share = |(index, parts): (&String, &Value)| {
        let bytes: Vec<u8> = parts.as_array().unwrap().iter().flat_map(unhex).collect();
        (index.parse().unwrap(), SecretShare::decode(&bytes).unwrap())
    };
    shares.iter().map(share).collect()
}

/// Each signer's partials are the given ones, and every t of them combine to the same signatures.
fn check_signatures(
    shares: &[(u16, SecretShare)],
    threshold: usize,
    tokens: &[Token],
    partials: &[HashMap<u16, Vec<u8>>],
) -> Vec<G1> {
    let made: Vec<(u16, Vec<G1>)> = shares
        .iter()
        .map(|(index, share)| (*index, sign_many(share, tokens).unwrap()))
        .collect();
    for (index, own) in &made {
        for (place, partial) in own.iter().enumerate() {
            assert_eq!(partial.encode(), partials[place][index]);
        }
    }
    let combined = |chosen: &[&(u16, Vec<G1>)]| -> Vec<G1> {
        let places: Vec<u16> = chosen.iter().map(|(index, _)| *index).collect();
        let each = 0..tokens.len();
        each.map(|token| {
            let own: Vec<G1> = chosen.iter().map(|(_, own)| own[token]).collect();
            combine(&places, &own).unwrap()
        })
        .collect()
    };
    let first: Vec<_> = made.iter().take(threshold).collect();
    let last: Vec<_> = made.iter().rev().take(threshold).collect();
    let signatures = combined(&first);
    assert!(signatures == combined(&last));
    signatures
}

fn partials_of(entry: &Value) -> HashMap<u16, Vec<u8>> {
    let partials = entry.as_object().unwrap().iter();
    partials
        .map(|(index, point)| (index.parse().unwrap(), unhex(point)))
        .collect()
}

#[test]
fn account_opening() {
    let all = vectors();
    let issuers = issuers(&all);
    let keys = by_id(&issuers);
    let shares = shares(&all, "ra-2026q3");
    for (name, entry) in all["open"].as_object().unwrap() {
        let request = cbor(&unhex(&entry["request"]));
        let facts = request
            .at(4)
            .list()
            .iter()
            .map(|fact| (fact.list()[0].text(), fact.list()[1].text()));
        let offer = Offer {
            kid: request.at(1).fixed(),
            nonce: request.at(2).fixed(),
            account: request.at(3).text(),
            facts: facts.collect(),
        };
        let sk = wallet_key(&fixed(&entry["seed"]));
        let made = open::build(offer.clone(), &sk, &rho(&all, &format!("open/{name}"))).unwrap();
        assert_eq!(made.pk, request.at(5).bytes());
        assert_eq!(made.points, request.at(6).bytes());
        assert_eq!(made.proof, request.at(7).bytes());
        made.verify_proof_vartime().unwrap();
        let partials: Vec<_> = entry["partials"]
            .as_array()
            .unwrap()
            .iter()
            .map(partials_of)
            .collect();
        let tokens = made.tokens();
        let signatures = check_signatures(&shares, 2, &tokens, &partials);
        assert_eq!(
            G1::encode_many(&signatures),
            cbor(&unhex(&entry["licence"])).at(4).bytes()
        );
        let key = &keys[&offer.kid].public;
        let shown = tokens
            .iter()
            .zip(signatures)
            .map(|(token, signature)| token.signed(key, signature));
        assert!(culprits_vartime(&[shown.collect()], &RANDOM).is_empty());
        let mut other = offer.clone();
        other.account.push('x');
        let spoiled = Opening::decode(other, &made.pk, &made.points, &made.proof).unwrap();
        assert_eq!(spoiled.verify_proof_vartime(), Err(Code::ProofInvalid.into()));
    }
}

fn withdraw_fields(request: &Item) -> withdraw::Fields {
    withdraw::Fields {
        account: request.at(2).text(),
        pk: request.at(3).bytes().to_vec(),
        nonce: request.at(4).fixed(),
        time: request.at(5).int(),
        values: request.at(6).list().iter().map(Item::int).collect(),
        points: request.at(7).bytes().to_vec(),
        proof: request.at(8).bytes().to_vec(),
    }
}

pub fn new_coin(entry: &Value) -> NewCoin {
    NewCoin {
        kid: fixed(&entry["kid"]),
        value: entry["D"].as_u64().unwrap(),
        serial: secret(&entry["s_prime"]),
        escrow: secret(&entry["q"]),
    }
}

#[test]
fn withdrawals() {
    let all = vectors();
    let issuers = issuers(&all);
    let keys = by_id(&issuers);
    for (name, entry) in all["withdraw"].as_object().unwrap() {
        let request = cbor(&unhex(&entry["request"]));
        let fields = withdraw_fields(&request);
        let key = keys[&request.at(1).fixed::<16>()];
        let user = user(&all, if name.starts_with("bob") { "bob" } else { "alice" });
        let entries = entry["coins"].as_array().unwrap();
        let coins: Vec<NewCoin> = entries.iter().map(new_coin).collect();
        let wanted = withdraw::Request {
            account: &fields.account,
            nonce: fields.nonce,
            time: fields.time,
            coins: &coins,
        };
        let made = withdraw::build(&wanted, key, &user.sk, &rho(&all, &format!("withdraw/{name}"))).unwrap();
        assert_eq!(
            (&made.fields.pk, &made.fields.points),
            (&fields.pk, &fields.points)
        );
        assert_eq!(made.fields.proof, fields.proof);
        let read = Withdrawal::decode(fields).unwrap();
        read.verify_proof_vartime(key).unwrap();
        let ids: Vec<Vec<u8>> = read.coin_ids().iter().map(|id| id.to_vec()).collect();
        assert_eq!(
            ids,
            entries.iter().map(|coin| unhex(&coin["cid"])).collect::<Vec<_>>()
        );
        let (ceremony, threshold) = match name.ends_with("1-of-1") {
            true => ("bank-2026-10", 1),
            false => ("bank-2026-09", 3),
        };
        let partials: Vec<_> = entries
            .iter()
            .map(|coin| partials_of(&coin["partials"]))
            .collect();
        let tokens = read.tokens(key);
        let signatures = check_signatures(&shares(&all, ceremony), threshold, &tokens, &partials);
        let expected: Vec<u8> = entries.iter().flat_map(|coin| unhex(&coin["sigma"])).collect();
        assert_eq!(G1::encode_many(&signatures), expected);
        let shown = tokens
            .iter()
            .zip(&signatures)
            .map(|(token, one)| vec![token.signed(&key.public, *one)]);
        let mut groups: Vec<_> = shown.collect();
        assert!(culprits_vartime(&groups, &RANDOM).is_empty());
        let last = groups.len() - 1;
        groups[last][0].signature = G1::generator();
        assert_eq!(culprits_vartime(&groups, &RANDOM), [last]);
    }
}

// SPEC ECASH-23.1
#[test]
fn negative_withdrawals() {
    let all = vectors();
    let issuers = issuers(&all);
    let keys = by_id(&issuers);
    let mut judged = 0;
    for case in all["negative_withdrawals"].as_array().unwrap() {
        let code = case["code"].as_str().unwrap();
        let request = cbor(&unhex(&case["request"]));
        let answer = Withdrawal::decode(withdraw_fields(&request)).and_then(|read| {
            let kid: [u8; 16] = request.at(1).fixed();
            read.verify_proof_vartime(keys.get(&kid).ok_or(Code::KeyUnknown)?)
        });
        if code == "VALUE_ILLEGAL" {
            continue; // the record's values are the room's to judge
        }
        judged += 1;
        assert_eq!(answer.unwrap_err().code.name(), code, "{}", case["name"]);
    }
    assert_eq!(judged, 13);
}

/// What a payment of the vectors was made from; outputs are found by the seed's counters.
fn plan_of(all: &Value, name: &str, payment: &Payment) -> Plan {
    let user = user(all, if name.contains("bob") { "bob" } else { "alice" });
    let coins_by_serial = coins(all);
    let outputs = match name {
        "p3-change-refund-pseudonym" => [&all["change"]["outputs"], &all["refund"]["outputs"]]
            .iter()
            .filter_map(|list| list.as_array())
            .flatten()
            .collect(),
        "r1-32-into-16-8-8" => all["refresh"][name]["outputs"]
            .as_array()
            .unwrap()
            .iter()
            .collect(),
        _ => Vec::new(),
    };
    let fields = &payment.fields;
    assert_eq!(outputs.len(), fields.outputs.len());
    let used = outputs.into_iter().zip(&fields.outputs);
    Plan {
        coins: payment
            .serials()
            .iter()
            .map(|serial| coin(&coins_by_serial[*serial]))
            .collect(),
        facts: fields
            .atoms
            .iter()
            .map(|(_, kind, value)| user.fact(kind, value))
            .collect(),
        outputs: used
            .map(|(entry, (class, ..))| (*class, new_coin(entry)))
            .collect(),
        pseudonym: (!fields.pseudonym.is_empty()).then(|| {
            let invoice = cbor(&unhex(&all["invoices"][name]["payload"]));
            invoice.at(3).fixed()
        }),
        sk: user.sk,
    }
}

#[test]
fn payments_are_reproduced_and_verify() {
    let all = vectors();
    let issuers = issuers(&all);
    let keys = by_id(&issuers);
    let mut good = Vec::new();
    for (name, entry) in all["payments"].as_object().unwrap() {
        let read = Payment::decode(payment_fields(&unhex(&entry["P"]))).unwrap();
        assert_eq!(read.info(), unhex(&entry["info"]));
        assert_eq!(read.r().encode().to_vec(), unhex(&entry["R"]));
        let plan = plan_of(&all, name, &read);
        let (random, hash) = (fixed(&entry["rho"]), read.fields.invoice_hash);
        let made = match entry["nonce_mode"].as_str() {
            Some("prepared") => plan.prepare(&keys, &random).unwrap().pay(hash),
            _ => plan.pay(&keys, hash, &random),
        };
        let made = made.unwrap();
        assert_eq!(made.fields.points, read.fields.points, "{name}");
        assert_eq!(made.fields.output_points, read.fields.output_points, "{name}");
        assert_eq!(made.fields.pseudonym, read.fields.pseudonym, "{name}");
        assert_eq!(made.fields.proof, read.fields.proof, "{name}");
        good.push(read);
    }
    let all_at_once: Vec<&Payment> = good.iter().collect();
    let answers = verify_payments_vartime(&all_at_once, &keys, &RANDOM);
    assert!(answers.iter().all(Result::is_ok));
    for payment in all_at_once {
        assert_eq!(verify_payments_vartime(&[payment], &keys, &RANDOM), [Ok(())]);
    }
}

/// Steps that belong to the till: their codes are not the core's.
const OF_THE_TILL: [&str; 14] = [
    "MALFORMED",
    "VERSION",
    "INVOICE_UNKNOWN",
    "INVOICE_CLOSED",
    "INVOICE_EXPIRED",
    "VALUE_ILLEGAL",
    "AMOUNT_MISMATCH",
    "POLICY_UNMET",
    "SERIAL_REPEATED",
    "SERIAL_SEEN",
    "SERIAL_BLACKLISTED",
    "OUTPUT_KEY",
    "PSEUDONYM_BASE",
    "SPEND_WINDOW",
];

// SPEC ECASH-23.1
#[test]
fn negative_payments_one_by_one_and_among_good_ones() {
    let all = vectors();
    let issuers = issuers(&all);
    let keys = by_id(&issuers);
    let good: Vec<Payment> = all["payments"]
        .as_object()
        .unwrap()
        .values()
        .map(|entry| Payment::decode(payment_fields(&unhex(&entry["P"]))).unwrap())
        .collect();
    let (mut batch, mut expected): (Vec<Payment>, Vec<Result<(), Fault>>) = Default::default();
    let mut judged = 0;
    for (place, case) in all["negative_payments"].as_array().unwrap().iter().enumerate() {
        let code = case["code"].as_str().unwrap();
        if OF_THE_TILL.contains(&code) {
            continue;
        }
        judged += 1;
        match Payment::decode(payment_fields(&unhex(&case["P"]))) {
            Err(fault) => assert_eq!(fault.code.name(), code, "{}", case["name"]),
            Ok(payment) => {
                let alone = verify_payments_vartime(&[&payment], &keys, &RANDOM)[0];
                assert_eq!(alone.unwrap_err().code.name(), code, "{}", case["name"]);
                batch.push(payment);
                expected.push(alone);
            }
        }
        let fresh = &all["payments"].as_object().unwrap();
        let next = fresh.values().nth(place % good.len()).unwrap();
        batch.push(Payment::decode(payment_fields(&unhex(&next["P"]))).unwrap());
        expected.push(Ok(()));
    }
    assert!(judged >= 44, "{judged}");
    let batch: Vec<&Payment> = batch.iter().collect();
    assert_eq!(verify_payments_vartime(&batch, &keys, &RANDOM), expected);
}

/// Every transcript's challenge is over the six items of ECASH §13.
#[test]
fn transcripts() {
    let all = vectors();
    for (name, entry) in all["transcripts"].as_object().unwrap() {
        let items = ["ctx", "kids", "pub", "Y", "C"].map(|item| unhex(&entry[item]));
        let items: Vec<&[u8]> = items.iter().map(Vec::as_slice).collect();
        let c = hash::challenge(entry["tag"].as_str().unwrap(), &items);
        assert_eq!(c.to_vec(), unhex(&entry["c"]), "{name}");
        assert_eq!(unhex(&entry["proof"])[..16], c, "{name}");
    }
}
