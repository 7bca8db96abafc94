//! The parts of one Monero transaction that its ring signatures are about.

use specie_core::ledger::clsag::{Member, Signature};

use super::backend::{keccak, MoneroEdwards};
use crate::{published, unhex};

/// Reads bytes from the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (head, tail) = self.0.split_at(count);
        self.0 = tail;
        head
    }

    fn item(&mut self) -> [u8; 32] {
        self.bytes(32).try_into().unwrap()
    }

    fn items(&mut self, count: usize) -> Vec<[u8; 32]> {
        (0..count).map(|_| self.item()).collect()
    }

    fn number(&mut self) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = self.bytes(1)[0];
            value |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                return value;
            }
        }
    }

    fn count(&mut self) -> usize {
        usize::try_from(self.number()).unwrap()
    }
}

pub struct Input {
    pub key_image: [u8; 32],
    pub pseudo: [u8; 32],
    pub indices: Vec<u64>,
    pub ring: Vec<Member<MoneroEdwards>>,
    /// c_1, D and s; L and R are empty.
    pub short: Signature,
}

pub struct Transaction {
    /// The 32 bytes that Monero signs, and zeros.
    pub message: [u8; 64],
    pub inputs: Vec<Input>,
    pub commitments: Vec<[u8; 32]>,
    pub fee: u64,
}

/// The one real transaction of the vectors, if they are here.
pub fn load() -> Option<Transaction> {
    let document: serde_json::Value =
        serde_json::from_str(&published("ledger/monero-oxide/clsag_tx.json")?).unwrap();
    let rings: serde_json::Value =
        serde_json::from_str(&published("ledger/monero-oxide/ring_data.json")?).unwrap();
    let bytes = hex::decode(document["hex"].as_str().unwrap()).unwrap();
    Some(parse(&bytes, &rings))
}

fn parse(bytes: &[u8], rings: &serde_json::Value) -> Transaction {
    let mut reader = Reader(bytes);
    let (images, outputs) = read_prefix(&mut reader);
    let prefix = &bytes[..bytes.len() - reader.0.len()];
    let rest = reader.0;
    assert_eq!(reader.bytes(1), [6]);
    let fee = reader.number();
    reader.bytes(8 * outputs);
    let commitments = reader.items(outputs);
    let base = &rest[..rest.len() - reader.0.len()];
    assert_eq!(reader.number(), 1);
    let mut proof = reader.items(6);
    for _ in 0..2 {
        let count = reader.count();
        proof.extend(reader.items(count));
    }
    let hash = keccak(&[&keccak(&[prefix]), &keccak(&[base]), &keccak(&[&proof.concat()])]);
    let mut message = [0; 64];
    message[..32].copy_from_slice(&hash);
    let shorts: Vec<Signature> = images.iter().map(|_| read_short(&mut reader)).collect();
    let pseudos = reader.items(images.len());
    assert!(reader.0.is_empty());
    let parts = images
        .into_iter()
        .zip(shorts)
        .zip(pseudos)
        .zip(rings.as_array().unwrap());
    let inputs = parts.map(|(((key_image, short), pseudo), ring)| Input {
        key_image,
        pseudo,
        indices: (0..16).collect(),
        ring: read_ring(ring),
        short,
    });
    Transaction {
        message,
        inputs: inputs.collect(),
        commitments,
        fee,
    }
}

/// The key images, and the number of outputs.
fn read_prefix(reader: &mut Reader<'_>) -> (Vec<[u8; 32]>, usize) {
    assert_eq!((reader.number(), reader.number()), (2, 0));
    let mut images = Vec::new();
    for _ in 0..reader.number() {
        assert_eq!((reader.bytes(1), reader.number()), (&[2u8][..], 0));
        for _ in 0..reader.number() {
            reader.number();
        }
        images.push(reader.item());
    }
    let outputs = reader.count();
    for _ in 0..outputs {
        assert_eq!((reader.number(), reader.bytes(1)), (0, &[3u8][..]));
        reader.bytes(33);
    }
    let extra = reader.count();
    reader.bytes(extra);
    (images, outputs)
}

fn read_short(reader: &mut Reader<'_>) -> Signature {
    let s = reader.items(16);
    Signature {
        c1: reader.item(),
        d: reader.item(),
        s,
        l: Vec::new(),
        r: Vec::new(),
    }
}

fn read_ring(ring: &serde_json::Value) -> Vec<Member<MoneroEdwards>> {
    let item = |member: &serde_json::Value, name: &str| unhex::<32>(member[name].as_str().unwrap());
    let decode = |member: &serde_json::Value| Member::decode(&item(member, "key"), &item(member, "mask"));
    ring.as_array()
        .unwrap()
        .iter()
        .map(|member| decode(member).unwrap())
        .collect()
}
