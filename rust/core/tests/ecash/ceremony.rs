//! Key ceremonies, key records and share refreshes of the vectors, and lying dealers.

use serde_json::Value;
use specie_core::ecash::curve::{Group, G1, G2};
use specie_core::ecash::dkg::{self, Ceremony, Constants, Dealer, Dealing};
use specie_core::ecash::keys::{check_share_keys, lagrange, SecretShare};
use specie_core::ecash::points::decode_checked;
use specie_core::ecash::sign::{combine, sign_partial, Token};
use specie_core::ecash::{hash, Code};

use crate::foec1::*;

/// The record's name of each ceremony.
const CEREMONIES: [(&str, &str); 5] = [
    ("trustees", "trustees"),
    ("ra-2026q3", "ra"),
    ("bank-2026-09", "bank_2026_09"),
    ("bank-2026-10", "bank_2026_10"),
    ("bank-2026-11", "bank_2026_11"),
];

struct Agreed {
    record: Item,
    operator: String,
    currency: String,
    epoch: String,
    participants: Vec<u16>,
    threshold: u16,
    secrets: usize,
}

impl Agreed {
    fn new(all: &Value, record: &str) -> Self {
        let record = cbor(&unhex(&all["key_records"][record]["record"]));
        let participants = record
            .at(11)
            .list()
            .iter()
            .map(|share| share.list()[0].int() as u16);
        Self {
            operator: record.at(3).text(),
            currency: record.get(4).map_or(String::new(), Item::text),
            epoch: record.at(5).text(),
            participants: participants.collect(),
            threshold: record.at(6).int() as u16,
            secrets: [4, 3, 1][record.at(2).int() as usize - 1],
            record,
        }
    }

    fn ceremony(&self) -> Ceremony<'_> {
        Ceremony {
            session: self.record.at(13).fixed(),
            role: self.record.at(2).int() as u8,
            operator: &self.operator,
            currency: &self.currency,
            epoch: &self.epoch,
            threshold: self.threshold,
            participants: &self.participants,
        }
    }
}

fn check_ceremony<G: Group>(all: &Value, name: &str, record: &str) {
    let agreed = Agreed::new(all, record);
    let (ceremony, entry) = (agreed.ceremony(), &all["dkg"][name]);
    let mut dealings: Vec<Dealing<G>> = Vec::new();
    for dealer in entry["dealers"].as_array().unwrap() {
        let index = dealer["i"].as_u64().unwrap() as u16;
        let context = ceremony.context(index);
        let made = Dealer::new(
            &fixed(&dealer["rho"]),
            agreed.secrets,
            agreed.threshold,
            &Constants::Drawn,
        )
        .unwrap();
        let opened = cbor(&unhex(&dealer["round2_open"]));
        let (commitments, proof) = (made.commitments::<G>(), made.prove::<G>(&context));
        assert_eq!(commitments, opened.at(3).bytes());
        assert_eq!(proof, opened.at(4).bytes());
        let hash = dkg::opening_hash(&ceremony.session, index, &commitments, &proof);
        assert_eq!(cbor(&unhex(&dealer["round1_commit"])).at(3).bytes(), hash);
        let dealing = Dealing::<G>::decode(&commitments, agreed.secrets, agreed.threshold, false).unwrap();
        dealing.check_proof(&context, &proof).unwrap();
        assert_eq!(
            dealing.check_proof(&ceremony.context(index + 1), &proof),
            Err(Code::ProofInvalid.into())
        );
        for (to, share) in dealer["round3_shares"].as_object().unwrap() {
            let to: u16 = to.parse().unwrap();
            assert_eq!(cbor(&unhex(share)).at(4).bytes(), made.share(to).as_slice());
            dealing.check_share(to, &made.share(to)).unwrap();
            assert_eq!(
                dealing.check_share(to + 1, &made.share(to)).is_ok(),
                agreed.threshold == 1
            );
            let mut spoiled = made.share(to).to_vec();
            *spoiled.last_mut().unwrap() ^= 1;
            assert_eq!(dealing.check_share(to, &spoiled), Err(Code::ShareInvalid.into()));
        }
        assert_eq!(
            Dealing::<G>::decode(&commitments[1..], agreed.secrets, agreed.threshold, false).err(),
            Some(Code::Length.into())
        );
        dealings.push(dealing);
    }
    check_result(entry, &agreed, &dealings);
}

fn check_result<G: Group>(entry: &Value, agreed: &Agreed, dealings: &[Dealing<G>]) {
    let constants: Vec<Vec<G>> = dealings.iter().map(Dealing::constants).collect();
    let public = dkg::sum_keys(&constants).unwrap();
    assert_eq!(G::encode_many(&public), agreed.record.at(10).bytes());
    let mut keys = Vec::new();
    for (place, index) in agreed.participants.iter().enumerate() {
        let parts: Vec<Vec<G>> = dealings.iter().map(|dealing| dealing.share_key(*index)).collect();
        let own = dkg::sum_keys(&parts).unwrap();
        assert_eq!(
            G::encode_many(&own),
            agreed.record.at(11).list()[place].list()[1].bytes()
        );
        let shares: Vec<Vec<u8>> = entry["dealers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|dealer| {
                cbor(&unhex(&dealer["round3_shares"][index.to_string()]))
                    .at(4)
                    .bytes()
                    .to_vec()
            })
            .collect();
        let shares: Vec<&[u8]> = shares.iter().map(Vec::as_slice).collect();
        let secret: Vec<u8> = entry["secret_shares"][index.to_string()]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(unhex)
            .collect();
        assert_eq!(dkg::sum_shares(&shares, None).unwrap().as_slice(), secret);
        keys.push(own);
    }
    for dealer in agreed.record.at(12).list() {
        let (index, own) = (dealer.list()[0].int() as u16, dealer.list());
        let context = agreed.ceremony().context(index);
        dkg::check_possession::<G>(&context, own[1].bytes(), own[2].bytes()).unwrap();
    }
    let threshold = usize::from(agreed.threshold);
    check_share_keys(threshold, &agreed.participants, &keys, &public).unwrap();
    let last = keys.len() - 1;
    keys[last][0] = keys[last][0].add(&G::generator());
    let fault = check_share_keys(threshold, &agreed.participants, &keys, &public).unwrap_err();
    assert_eq!(fault.code, Code::ShareInvalid);
}

#[test]
fn ceremonies_and_records() {
    let all = vectors();
    for (name, record) in CEREMONIES {
        match name {
            "trustees" => check_ceremony::<G1>(&all, name, record),
            _ => check_ceremony::<G2>(&all, name, record),
        }
    }
}

#[test]
fn a_refresh_changes_shares_and_no_signature() {
    let all = vectors();
    let (refresh, agreed) = (&all["share_refresh"], Agreed::new(&all, "bank_2026_09"));
    let mut dealers = Vec::new();
    for (place, expected) in refresh["commitments"].as_array().unwrap().iter().enumerate() {
        let name = format!("share-refresh/bank-2026-09/{}", place + 1);
        let random = sha256(&hash::lp(&[b"foec1-vector/rho", name.as_bytes()]));
        let dealer = Dealer::new(&random, 4, agreed.threshold, &Constants::Zero).unwrap();
        assert_eq!(dealer.commitments::<G2>(), unhex(expected));
        dealers.push((
            Dealing::<G2>::decode(&unhex(expected), 4, agreed.threshold, true).unwrap(),
            dealer,
        ));
    }
    let coin = &all["withdraw"]["alice-1"]["coins"][0];
    let points = ["A", "B"].map(|name| point(&unhex(&coin[name])));
    let token = Token::new(
        &unhex(&coin["M"]),
        *secret(&coin["tau"]),
        points[0],
        Some(points[1]),
    );
    let set = payload(&unhex(&refresh["share_set"]));
    let mut partials = Vec::new();
    for (place, index) in agreed.participants.iter().enumerate() {
        let old: Vec<u8> = all["dkg"]["bank-2026-09"]["secret_shares"][index.to_string()]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(unhex)
            .collect();
        let dealt: Vec<_> = dealers.iter().map(|(_, dealer)| dealer.share(*index)).collect();
        let mut shares: Vec<&[u8]> = dealt.iter().map(|share| share.as_slice()).collect();
        shares.push(&old);
        let new = dkg::sum_shares(&shares, None).unwrap();
        let old_key = decode_checked::<G2>(agreed.record.at(11).list()[place].list()[1].bytes(), 4).unwrap();
        let mut keys: Vec<Vec<G2>> = dealers
            .iter()
            .map(|(dealing, _)| dealing.share_key(*index))
            .collect();
        keys.push(old_key);
        let new_key = dkg::sum_keys(&keys).unwrap();
        assert_eq!(
            G2::encode_many(&new_key),
            set.at(4).list()[place].list()[1].bytes()
        );
        let partial = sign_partial(&SecretShare::decode(&new).unwrap(), &token).unwrap();
        assert_eq!(
            partial.encode(),
            unhex(&refresh["partials_of_alice_coin_0"][index.to_string()])
        );
        partials.push(partial);
    }
    let signature = combine(&agreed.participants[1..4], &partials[1..4]).unwrap();
    assert_eq!(signature.encode(), unhex(&coin["sigma"]));
}

/// Three old holders reshare to other places and another threshold; the sum key stays.
#[test]
fn resharing_keeps_the_key() {
    let all = vectors();
    let agreed = Agreed::new(&all, "bank_2026_09");
    let old = [1u16, 2, 4];
    let weights = lagrange(&old, 0).unwrap();
    let dealers: Vec<Dealer> = old
        .iter()
        .map(|index| {
            let parts = all["dkg"]["bank-2026-09"]["secret_shares"][index.to_string()]
                .as_array()
                .unwrap();
            let constants = Constants::Given(parts.iter().map(secret).collect());
            Dealer::new(&[*index as u8; 32], 4, 2, &constants).unwrap()
        })
        .collect();
    let new_key = |to: u16| {
        let dealt: Vec<_> = dealers.iter().map(|dealer| dealer.share(to)).collect();
        let dealt: Vec<&[u8]> = dealt.iter().map(|share| share.as_slice()).collect();
        let share = dkg::sum_shares(&dealt, Some(&weights)).unwrap();
        let scalars = share
            .chunks(32)
            .map(|bytes| specie_core::ecash::points::decode_scalar(bytes).unwrap());
        scalars
            .map(|scalar| G2::generator().mul(&scalar))
            .collect::<Vec<G2>>()
    };
    let places = [3, 7, 9];
    let keys: Vec<Vec<G2>> = places.iter().map(|place| new_key(*place)).collect();
    let public = decode_checked::<G2>(agreed.record.at(10).bytes(), 4).unwrap();
    check_share_keys(2, &places, &keys, &public).unwrap();
}

#[test]
fn counts_of_a_dealer_are_bounded() {
    for (secrets, threshold) in [(0, 1), (1, 0), (5, 1), (1, 101)] {
        assert_eq!(
            Dealer::new(&[1; 32], secrets, threshold, &Constants::Drawn).err(),
            Some(Code::Count)
        );
    }
    assert_eq!(lagrange(&[1, 1], 0).err(), Some(Code::Order));
    assert_eq!(lagrange(&[0, 1], 0).err(), Some(Code::Count));
}
