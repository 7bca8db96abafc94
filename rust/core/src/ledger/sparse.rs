//! The sparse Merkle tree of LEDGER 8.1: SHA-256, 256 levels, compact, and persistent: clones share their nodes.
//!
//! ```text
//! leaf = SHA-256(0x00 || key || value hash)        node = SHA-256(0x01 || left || right)
//! root of nothing = 32 zero bytes; of one leaf = the leaf; else the node over the halves by the next bit of the key
//! proof = kind u8 | depth u16 | bitmap | siblings from the root down | kind 2: key 32, value hash 32
//! ```
//!
//! The bits of a key and of the bitmap are taken from the most significant one.

use std::sync::Arc;

use crate::hash::{sha256, Hash};
use crate::merkle::node_hash;
use crate::Refusal;

/// The hash of an empty half.
pub const EMPTY: Hash = [0; 32];
const DEPTH_MAX: usize = 256;
const KIND_PRESENT: u8 = 1;
const KIND_EMPTY: u8 = 0;
const KIND_OTHER: u8 = 2;

type Link = Option<Arc<Node>>;

enum Node {
    Leaf {
        key: Hash,
        value: Hash,
        hash: Hash,
    },
    Branch {
        halves: [Link; 2],
        hash: Hash,
        size: u64,
    },
}

impl Node {
    fn hash(&self) -> &Hash {
        match self {
            Node::Leaf { hash, .. } | Node::Branch { hash, .. } => hash,
        }
    }

    fn size(&self) -> u64 {
        match self {
            Node::Leaf { .. } => 1,
            Node::Branch { size, .. } => *size,
        }
    }
}

fn hash_of(link: &Link) -> Hash {
    link.as_ref().map_or(EMPTY, |node| *node.hash())
}

/// The hash of a leaf.
pub fn leaf_hash(key: &Hash, value: &Hash) -> Hash {
    sha256(&[&[0], key, value])
}

fn bit(key: &[u8], depth: usize) -> usize {
    usize::from(key[depth / 8] >> (7 - depth % 8) & 1)
}

/// A set of keys with the hashes of their values. A clone costs nothing and stays as it is.
#[derive(Clone, Default)]
pub struct SparseTree {
    top: Link,
}

impl SparseTree {
    /// The tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// Its root: 32 zero bytes for the empty tree.
    pub fn root(&self) -> Hash {
        hash_of(&self.top)
    }

    /// The number of its keys.
    pub fn size(&self) -> u64 {
        self.top.as_ref().map_or(0, |node| node.size())
    }

    /// Set many keys; of a key that comes twice the last value counts. Each node above is hashed once.
    pub fn update(&mut self, items: &[(Hash, Hash)]) {
        let mut sorted = items.to_vec();
        // Stable, so among equal keys the last one stays last; it is the one that is kept.
        sorted.sort_by_key(|item| item.0);
        sorted.reverse();
        sorted.dedup_by(|later, kept| later.0 == kept.0);
        sorted.reverse();
        self.top = grown(self.top.take(), &sorted, 0);
    }

    /// The hash of the value of a key.
    pub fn get(&self, key: &Hash) -> Option<Hash> {
        match self.walk(key).1 {
            Some((found, value)) if found == key => Some(*value),
            _ => None,
        }
    }

    /// The siblings on the way to a key, from the root down, and the leaf at its end.
    fn walk(&self, key: &Hash) -> (Vec<Hash>, Option<(&Hash, &Hash)>) {
        let mut siblings = Vec::new();
        let mut at = self.top.as_deref();
        while let Some(Node::Branch { halves, .. }) = at {
            let side = bit(key, siblings.len());
            siblings.push(hash_of(&halves[1 - side]));
            at = halves[side].as_deref();
        }
        let leaf = match at {
            Some(Node::Leaf { key, value, .. }) => Some((key, value)),
            _ => None,
        };
        (siblings, leaf)
    }

    /// The proof that a key is present with its value, or absent.
    pub fn prove(&self, key: &Hash) -> Vec<u8> {
        let (siblings, leaf) = self.walk(key);
        let kind = match leaf {
            None => KIND_EMPTY,
            Some((found, _)) if found == key => KIND_PRESENT,
            Some(_) => KIND_OTHER,
        };
        let mut bitmap = vec![0u8; siblings.len().div_ceil(8)];
        for (depth, sibling) in siblings.iter().enumerate() {
            if *sibling != EMPTY {
                bitmap[depth / 8] |= 0x80 >> (depth % 8);
            }
        }
        let mut proof = vec![kind];
        proof.extend_from_slice(&(siblings.len() as u16).to_le_bytes());
        proof.extend_from_slice(&bitmap);
        for sibling in siblings.iter().filter(|sibling| **sibling != EMPTY) {
            proof.extend_from_slice(sibling);
        }
        if let (KIND_OTHER, Some((found, value))) = (kind, leaf) {
            proof.extend_from_slice(found);
            proof.extend_from_slice(value);
        }
        proof
    }
}

/// A subtree with these items, sorted by key and without repetition, put in.
fn grown(old: Link, items: &[(Hash, Hash)], depth: usize) -> Link {
    let Some(first) = items.first() else {
        return old;
    };
    match old.as_deref() {
        None if items.len() == 1 => Some(leaf(first)),
        None => Some(branch([None, None], items, depth)),
        Some(Node::Branch { halves, .. }) => Some(branch(halves.clone(), items, depth)),
        Some(Node::Leaf { key, .. }) => {
            if items.len() == 1 && first.0 == *key {
                return Some(leaf(first));
            }
            // The leaf moves down to where its key parts from the others; an item with its key replaces it.
            let mut halves = [None, None];
            halves[bit(key, depth)] = old.clone();
            Some(branch(halves, items, depth))
        }
    }
}

fn leaf(item: &(Hash, Hash)) -> Arc<Node> {
    let (key, value) = *item;
    let hash = leaf_hash(&key, &value);
    Arc::new(Node::Leaf { key, value, hash })
}

fn branch(halves: [Link; 2], items: &[(Hash, Hash)], depth: usize) -> Arc<Node> {
    // Two different keys part at the last bit at the latest, so depth stays below 256.
    let split = items.partition_point(|(key, _)| bit(key, depth) == 0);
    let [left, right] = halves;
    let halves = [
        grown(left, &items[..split], depth + 1),
        grown(right, &items[split..], depth + 1),
    ];
    let hash = node_hash(&hash_of(&halves[0]), &hash_of(&halves[1]));
    let size = halves.iter().flatten().map(|half| half.size()).sum();
    Arc::new(Node::Branch { halves, hash, size })
}

/// Whether a proof shows this value hash under this key, or with None that the key is absent.
pub fn verify(root: &Hash, key: &Hash, value: Option<&Hash>, proof: &[u8]) -> bool {
    computed(key, value, proof).is_ok_and(|hash| hash == *root)
}

/// The root that a proof leads to. Refuses: Malformed.
// SPEC LEDGER-13.4
fn computed(key: &Hash, value: Option<&Hash>, proof: &[u8]) -> Result<Hash, Refusal> {
    let (head, rest) = proof.split_first_chunk::<3>().ok_or(Refusal::Malformed)?;
    let (kind, depth) = (head[0], usize::from(u16::from_le_bytes([head[1], head[2]])));
    if depth > DEPTH_MAX {
        return Err(Refusal::Malformed);
    }
    let (bitmap, rest) = rest
        .split_at_checked(depth.div_ceil(8))
        .ok_or(Refusal::Malformed)?;
    if (depth..bitmap.len() * 8).any(|at| bit(bitmap, at) == 1) {
        return Err(Refusal::Malformed);
    }
    let count: usize = bitmap.iter().map(|byte| byte.count_ones() as usize).sum();
    let (siblings, rest) = rest.split_at_checked(32 * count).ok_or(Refusal::Malformed)?;
    let siblings = crate::merkle::to_hashes(siblings)?;
    if siblings.contains(&EMPTY) {
        return Err(Refusal::Malformed);
    }
    let mut node = end_of_path(kind, key, value, rest, depth)?;
    let mut above = siblings.iter().rev();
    for at in (0..depth).rev() {
        let sibling = match bit(bitmap, at) {
            1 => *above.next().ok_or(Refusal::Malformed)?,
            _ => EMPTY,
        };
        node = match bit(key, at) {
            0 => node_hash(&node, &sibling),
            _ => node_hash(&sibling, &node),
        };
    }
    Ok(node)
}

/// The hash at the end of the way. Refuses: Malformed, also for a kind that does not prove what is asked.
fn end_of_path(
    kind: u8,
    key: &Hash,
    value: Option<&Hash>,
    rest: &[u8],
    depth: usize,
) -> Result<Hash, Refusal> {
    match (kind, value, rest) {
        (KIND_PRESENT, Some(value), []) => Ok(leaf_hash(key, value)),
        (KIND_EMPTY, None, []) => Ok(EMPTY),
        (KIND_OTHER, None, rest) => {
            let (other, value) = rest.split_first_chunk::<32>().ok_or(Refusal::Malformed)?;
            let value: &Hash = value.try_into().map_err(|_| Refusal::Malformed)?;
            if other == key || (0..depth).any(|at| bit(other, at) != bit(key, at)) {
                return Err(Refusal::Malformed);
            }
            Ok(leaf_hash(other, value))
        }
        _ => Err(Refusal::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(i: u64) -> Hash {
        sha256(&[b"key", &i.to_le_bytes()])
    }

    fn value(i: u64) -> Hash {
        sha256(&[b"value", &i.to_le_bytes()])
    }

    /// The definition of LEDGER 8.1 as it is written.
    fn textbook(items: &[(Hash, Hash)], depth: usize) -> Hash {
        match items {
            [] => EMPTY,
            [(key, value)] => leaf_hash(key, value),
            _ => {
                let (left, right): (Vec<_>, Vec<_>) = items.iter().partition(|(key, _)| bit(key, depth) == 0);
                node_hash(&textbook(&left, depth + 1), &textbook(&right, depth + 1))
            }
        }
    }

    #[test]
    fn roots_follow_the_definition_in_any_order_and_batching() {
        let items: Vec<_> = (0..200).map(|i| (key(i), value(i))).collect();
        let mut whole = SparseTree::new();
        whole.update(&items);
        let mut single = SparseTree::new();
        for (i, item) in items.iter().enumerate() {
            single.update(&[*item]);
            assert_eq!(single.root(), textbook(&items[..=i], 0));
        }
        assert_eq!(whole.root(), single.root());
        assert_eq!(whole.size(), 200);
        let before = whole.clone();
        whole.update(&[(key(3), value(9)), (key(3), value(7))]);
        assert_eq!(whole.get(&key(3)), Some(value(7)));
        assert_eq!(
            (before.get(&key(3)), before.root()),
            (Some(value(3)), single.root())
        );
    }

    #[test]
    fn keys_that_part_at_the_last_bit() {
        let (one, mut two) = ([7u8; 32], [7u8; 32]);
        two[31] ^= 1;
        let mut tree = SparseTree::new();
        tree.update(&[(one, value(1)), (two, value(2))]);
        assert_eq!(tree.root(), textbook(&[(one, value(1)), (two, value(2))], 0));
        let proof = tree.prove(&one);
        assert!(verify(&tree.root(), &one, Some(&value(1)), &proof));
        assert_eq!(proof.len(), 3 + 32 + 32);
    }

    #[test]
    fn proofs_prove_and_every_flip_is_refused() {
        let mut tree = SparseTree::new();
        tree.update(&(0..40).map(|i| (key(i), value(i))).collect::<Vec<_>>());
        for i in 0..80 {
            let known = (i < 40).then(|| value(i));
            let proof = tree.prove(&key(i));
            assert!(verify(&tree.root(), &key(i), known.as_ref(), &proof));
            assert!(!verify(&tree.root(), &key(i), Some(&value(99)), &proof));
            assert!(!verify(&EMPTY, &key(i), known.as_ref(), &proof));
            for at in 0..proof.len() * 8 {
                let mut bad = proof.clone();
                bad[at / 8] ^= 1 << (at % 8);
                assert!(!verify(&tree.root(), &key(i), known.as_ref(), &bad));
            }
            assert!(!verify(
                &tree.root(),
                &key(i),
                known.as_ref(),
                &[proof.as_slice(), &[0]].concat()
            ));
        }
        let empty = SparseTree::new();
        assert_eq!(empty.prove(&key(0)), [0, 0, 0]);
        assert!(verify(&EMPTY, &key(0), None, &[0, 0, 0]));
    }

    // SPEC LEDGER-13.4
    #[test]
    fn loose_encodings_are_refused() {
        let (one, mut two) = ([7u8; 32], [7u8; 32]);
        two[31] ^= 1;
        let mut tree = SparseTree::new();
        tree.update(&[(one, value(1)), (two, value(2))]);
        let good = tree.prove(&one);
        // A sibling of zero bytes that is sent instead of left out.
        let mut zero = good.clone();
        zero[3] |= 0x80;
        zero.splice(35..35, [0u8; 32]);
        assert!(!verify(&tree.root(), &one, Some(&value(1)), &zero));
        let mut deep = good.clone();
        deep[1..3].copy_from_slice(&257u16.to_le_bytes());
        deep.insert(35, 0);
        assert!(!verify(&tree.root(), &one, Some(&value(1)), &deep));
        // The key asked for itself as "another leaf", which would prove its absence.
        let lone = [&[KIND_OTHER, 0, 0][..], &one, &value(1)].concat();
        assert!(!verify(&leaf_hash(&one, &value(1)), &one, None, &lone));
        let other = [&[KIND_OTHER, 0, 0][..], &two, &value(1)].concat();
        assert!(verify(&leaf_hash(&two, &value(1)), &one, None, &other));
    }
}
