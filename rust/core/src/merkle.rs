//! Merkle trees of RFC 9162 section 2.1 over leaf hashes, their frontiers, and the hash chain of a log.
//!
//! A level pairs its nodes from the left and carries an odd last node up unchanged. That is the same tree as the
//! recursive definition, which splits at the largest power of two below the size.

use crate::hash::{sha256, Hash};
use crate::Refusal;

/// The root of the tree without leaves: SHA-256 of nothing.
pub fn empty_root() -> Hash {
    sha256(&[])
}

/// leaf = SHA-256(0x00 || body).
pub fn leaf_hash(body: &[u8]) -> Hash {
    sha256(&[&[0], body])
}

/// node = SHA-256(0x01 || left || right).
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&[1], left, right])
}

fn level_above(level: &[Hash]) -> Vec<Hash> {
    level
        .chunks(2)
        .map(|pair| match pair {
            [left, right] => node_hash(left, right),
            _ => pair[0],
        })
        .collect()
}

/// The root over leaf hashes.
pub fn root(leaves: &[Hash]) -> Hash {
    if leaves.is_empty() {
        return empty_root();
    }
    let mut level = leaves.to_vec();
    while level.len() > 1 {
        level = level_above(&level);
    }
    level[0]
}

/// All levels from the leaves up to the root. No levels for no leaves.
fn levels(leaves: &[Hash]) -> Vec<Vec<Hash>> {
    let mut all = Vec::new();
    let mut level = leaves.to_vec();
    while level.len() > 1 {
        let above = level_above(&level);
        all.push(level);
        level = above;
    }
    all.push(level);
    all
}

fn path_in(levels: &[Vec<Hash>], index: usize) -> Vec<Hash> {
    let mut path = Vec::new();
    let mut at = index;
    for level in levels {
        if let Some(sibling) = level.get(at ^ 1) {
            path.push(*sibling);
        }
        at >>= 1;
    }
    path
}

/// The inclusion path of a leaf, from the leaf up. Refuses: OutOfTree.
pub fn inclusion_path(leaves: &[Hash], index: usize) -> Result<Vec<Hash>, Refusal> {
    if index >= leaves.len() {
        return Err(Refusal::OutOfTree);
    }
    Ok(path_in(&levels(leaves), index))
}

/// The inclusion path of every leaf.
pub fn inclusion_paths(leaves: &[Hash]) -> Vec<Vec<Hash>> {
    let levels = levels(leaves);
    (0..leaves.len()).map(|i| path_in(&levels, i)).collect()
}

/// The proof that the tree over the first `size` leaves is a beginning of the tree over all. Refuses: OutOfTree.
pub fn consistency_path(leaves: &[Hash], size: usize) -> Result<Vec<Hash>, Refusal> {
    if size == 0 || size > leaves.len() {
        return Err(Refusal::OutOfTree);
    }
    // SUBPROOF of RFC 9162 section 2.1.4.1, from the root down, so the path comes out reversed.
    let mut path = Vec::new();
    let (mut part, mut old, mut is_whole) = (leaves, size, true);
    while old < part.len() {
        let split = part.len().next_power_of_two() / 2;
        let (left, right) = part.split_at(split);
        if old <= split {
            path.push(root(right));
            part = left;
        } else {
            path.push(root(left));
            part = right;
            old -= split;
            is_whole = false;
        }
    }
    if !is_whole {
        path.push(root(part));
    }
    path.reverse();
    Ok(path)
}

/// The roots of the full subtrees of a tree, the largest first: all that appending needs.
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// From its bytes, 32 for every bit set in `size`. Refuses: WrongLength.
    pub fn decode(bytes: &[u8], size: u64) -> Result<Self, Refusal> {
        if bytes.len() != 32 * size.count_ones() as usize {
            return Err(Refusal::WrongLength);
        }
        let peaks = to_hashes(bytes)?;
        Ok(Self { size, peaks })
    }

    /// The bytes of its peaks.
    pub fn encode(&self) -> Vec<u8> {
        self.peaks.concat()
    }

    /// Append a leaf hash. Refuses: OutOfTree, once 2^64 - 1 leaves are in.
    pub fn append(&mut self, leaf: Hash) -> Result<(), Refusal> {
        let mut node = leaf;
        let mut bits = self.size;
        self.size = self.size.checked_add(1).ok_or(Refusal::OutOfTree)?;
        while bits & 1 == 1 {
            // One peak stands for each bit that is set.
            let left = self.peaks.pop().ok_or(Refusal::WrongLength)?;
            node = node_hash(&left, &node);
            bits >>= 1;
        }
        self.peaks.push(node);
        Ok(())
    }

    /// The root of the tree so far.
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else {
            return empty_root();
        };
        peaks.fold(*last, |right, left| node_hash(left, &right))
    }
}

/// chain_i = SHA-256(0x02 || chain_(i-1) || leaf_i), for each leaf (ISSUANCE-15.1.1).
pub fn chain_many(previous: &Hash, leaves: &[Hash]) -> Vec<Hash> {
    let mut link = *previous;
    let mut chain = Vec::with_capacity(leaves.len());
    for leaf in leaves {
        link = sha256(&[&[2], &link, leaf]);
        chain.push(link);
    }
    chain
}

/// Cut bytes into hashes. Refuses: WrongLength.
pub fn to_hashes(bytes: &[u8]) -> Result<Vec<Hash>, Refusal> {
    if !bytes.len().is_multiple_of(32) {
        return Err(Refusal::WrongLength);
    }
    let mut hashes = Vec::with_capacity(bytes.len() / 32);
    for chunk in bytes.chunks(32) {
        hashes.push(chunk.try_into().map_err(|_| Refusal::WrongLength)?);
    }
    Ok(hashes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(count: usize) -> Vec<Hash> {
        (0..count).map(|i| leaf_hash(&i.to_be_bytes())).collect()
    }

    /// MTH as RFC 9162 section 2.1.1 writes it.
    fn recursive_root(part: &[Hash]) -> Hash {
        match part.len() {
            0 => empty_root(),
            1 => part[0],
            n => {
                let (left, right) = part.split_at(n.next_power_of_two() / 2);
                node_hash(&recursive_root(left), &recursive_root(right))
            }
        }
    }

    #[test]
    fn levels_are_the_recursive_tree() {
        for count in 0..70 {
            assert_eq!(root(&leaves(count)), recursive_root(&leaves(count)));
        }
    }

    #[test]
    fn the_frontier_follows_the_tree() {
        let mut frontier = Frontier::decode(&[], 0).unwrap();
        assert_eq!(frontier.root(), empty_root());
        for count in 1..70u64 {
            frontier.append(leaves(70)[count as usize - 1]).unwrap();
            assert_eq!(frontier.root(), root(&leaves(count as usize)));
            frontier = Frontier::decode(&frontier.encode(), count).unwrap();
        }
        assert!(Frontier::decode(&[0; 32], 3).is_err());
    }

    #[test]
    fn paths_lie_inside() {
        assert!(inclusion_path(&leaves(3), 3).is_err());
        assert!(consistency_path(&leaves(3), 4).is_err());
        assert!(consistency_path(&leaves(3), 0).is_err());
        assert!(consistency_path(&leaves(3), 3).unwrap().is_empty());
        assert_eq!(
            inclusion_paths(&leaves(3))[2],
            vec![node_hash(&leaves(3)[0], &leaves(3)[1])]
        );
    }
}
