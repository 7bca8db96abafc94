//! The vectors of FOEC-1, and what a test needs to read them: a small CBOR reader, keys, coins and facts.

use std::collections::HashMap;

use serde_json::Value;
use specie_core::ecash::curve::{Group, Scalar, G1};
use specie_core::ecash::draw::wallet_key;
use specie_core::ecash::hash::atom_message;
use specie_core::ecash::keys::IssuerKey;
use specie_core::ecash::payment::{Fields, Keys};
use specie_core::ecash::spend::{Coin, Fact};
use zeroize::Zeroizing;

/// A CBOR value of the vectors, which are known to be well-formed.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    Int(u64),
    Bytes(Vec<u8>),
    Text(String),
    List(Vec<Item>),
    Map(Vec<(Item, Item)>),
}

impl Item {
    pub fn int(&self) -> u64 {
        let Self::Int(value) = self else {
            panic!("not a number")
        };
        *value
    }

    pub fn bytes(&self) -> &[u8] {
        let Self::Bytes(value) = self else {
            panic!("not bytes")
        };
        value
    }

    pub fn fixed<const N: usize>(&self) -> [u8; N] {
        self.bytes().try_into().unwrap()
    }

    pub fn text(&self) -> String {
        let Self::Text(value) = self else {
            panic!("not text")
        };
        value.clone()
    }

    pub fn list(&self) -> &[Item] {
        let Self::List(value) = self else {
            panic!("not a list")
        };
        value
    }

    /// The value under an integer key.
    pub fn get(&self, key: u64) -> Option<&Item> {
        let Self::Map(pairs) = self else {
            panic!("not a map")
        };
        pairs
            .iter()
            .find(|(name, _)| *name == Item::Int(key))
            .map(|(_, value)| value)
    }

    /// The value under an integer key that must be there.
    pub fn at(&self, key: u64) -> &Item {
        self.get(key).unwrap()
    }
}

fn read(data: &mut &[u8]) -> Option<Item> {
    let (head, rest) = data.split_first()?;
    *data = rest;
    let size = match head & 31 {
        short @ 0..=23 => u64::from(short),
        wide => {
            let (bytes, rest) = data.split_at_checked(1 << (wide - 24))?;
            *data = rest;
            bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
        }
    };
    let mut take = |count: u64| {
        let (bytes, rest) = data.split_at_checked(count as usize)?;
        *data = rest;
        Some(bytes.to_vec())
    };
    Some(match head >> 5 {
        0 => Item::Int(size),
        2 => Item::Bytes(take(size)?),
        3 => Item::Text(String::from_utf8(take(size)?).ok()?),
        4 => Item::List((0..size).map(|_| read(data)).collect::<Option<_>>()?),
        5 => Item::Map(
            (0..size)
                .map(|_| Some((read(data)?, read(data)?)))
                .collect::<Option<_>>()?,
        ),
        6 => read(data)?,
        _ => return None,
    })
}

pub fn cbor(bytes: &[u8]) -> Item {
    read(&mut &bytes[..]).unwrap()
}

/// The payload of a COSE_Sign1.
pub fn payload(bytes: &[u8]) -> Item {
    cbor(cbor(bytes).list()[2].bytes())
}

pub fn vectors() -> Value {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/vectors/ecash/foec1.json"
    );
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

pub fn unhex(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

pub fn fixed<const N: usize>(value: &Value) -> [u8; N] {
    unhex(value).try_into().unwrap()
}

pub fn secret(value: &Value) -> Zeroizing<Scalar> {
    Zeroizing::new(Scalar::decode(&fixed(value)).unwrap())
}

pub fn point(bytes: &[u8]) -> G1 {
    G1::decode_checked(bytes).unwrap()
}

/// ρ of a message, by its name among the transcripts.
pub fn rho(all: &Value, name: &str) -> [u8; 32] {
    fixed(&all["transcripts"][name]["rho"])
}

/// The keys of the records that issue.
pub fn issuers(all: &Value) -> Vec<IssuerKey> {
    let records = all["key_records"].as_object().unwrap();
    let key = |record: &Value| {
        let map = cbor(&unhex(&record["record"]));
        let optional = |key| map.get(key).map_or(Vec::new(), |item| item.bytes().to_vec());
        IssuerKey::decode(
            fixed(&record["kid"]),
            map.at(10).bytes(),
            &optional(15),
            &optional(14),
        )
        .unwrap()
    };
    let issues = records.iter().filter(|(name, _)| name.as_str() != "trustees");
    issues.map(|(_, record)| key(record)).collect()
}

pub fn by_id(keys: &[IssuerKey]) -> Keys<'_> {
    keys.iter().map(|key| (key.kid, key)).collect()
}

/// The fields of a payment.
pub fn payment_fields(bytes: &[u8]) -> Fields {
    let map = cbor(bytes);
    let optional = |key| map.get(key).map_or(Vec::new(), |item| item.bytes().to_vec());
    let coins = map.at(3).list().iter().map(Item::list);
    let atoms = map.at(4).list().iter().map(Item::list);
    let outputs = map.get(7).map_or(&[][..], Item::list).iter().map(Item::list);
    Fields {
        invoice_hash: map.at(2).fixed(),
        coins: coins.map(|coin| (coin[0].fixed(), coin[1].int())).collect(),
        atoms: atoms
            .map(|atom| (atom[0].fixed(), atom[1].text(), atom[2].text()))
            .collect(),
        points: map.at(5).bytes().to_vec(),
        proof: map.at(6).bytes().to_vec(),
        outputs: outputs
            .map(|output| (output[0].int() as u8, output[1].fixed(), output[2].int()))
            .collect(),
        output_points: optional(8),
        pseudonym: optional(9),
    }
}

/// Every coin of the vectors, by its serial: withdrawn, refreshed, change and refund.
pub fn coins(all: &Value) -> HashMap<Vec<u8>, Value> {
    let groups = ["withdraw", "refresh", "claims"]
        .iter()
        .flat_map(|group| all[group].as_object().unwrap().values());
    let lists = groups.flat_map(|one| [&one["coins"], &one["outputs"]]);
    let lists = lists.chain([&all["change"]["outputs"], &all["refund"]["outputs"]]);
    let coins = lists.filter_map(Value::as_array).flatten();
    coins.map(|coin| (unhex(&coin["S"]), coin.clone())).collect()
}

pub fn coin(entry: &Value) -> Coin {
    Coin {
        kid: fixed(&entry["kid"]),
        value: entry["D"].as_u64().unwrap(),
        message: unhex(&entry["M"]),
        serial: secret(&entry["s_prime"]),
        signature: point(&unhex(&entry["sigma"])),
    }
}

/// A user of the vectors: sk, pk and the facts of the licence.
pub struct User {
    pub sk: Zeroizing<Scalar>,
    pub licence: Item,
    pub pk: Vec<u8>,
}

pub fn user(all: &Value, name: &str) -> User {
    let entry = &all["open"][name];
    User {
        sk: wallet_key(&fixed(&entry["seed"])),
        licence: cbor(&unhex(&entry["licence"])),
        pk: unhex(&entry["pk"]),
    }
}

impl User {
    pub fn fact(&self, kind: &str, value: &str) -> Fact {
        let kid: [u8; 16] = self.licence.at(2).fixed();
        let facts = self.licence.at(3).list();
        let wanted = |fact: &&Item| fact.list()[0].text() == kind && fact.list()[1].text() == value;
        let place = facts.iter().position(|fact| wanted(&fact)).unwrap();
        Fact {
            kid,
            kind: kind.to_owned(),
            value: value.to_owned(),
            message: atom_message(&kid, kind, value, &self.pk),
            signature: point(&self.licence.at(4).bytes()[48 * place..48 * place + 48]),
        }
    }
}

pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    specie_core::hash::sha256(&[bytes])
}
