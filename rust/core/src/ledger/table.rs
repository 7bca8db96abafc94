//! The output log in memory: every output decoded for rings, and the RFC 6962 tree over the leaves (LEDGER 8.1).
//!
//! The leaf data is class u8 || height u64 || output(267).

use std::collections::{HashMap, HashSet};

use rayon::prelude::*;

use super::clsag::Member;
use crate::hash::{sha256, Hash};
use crate::merkle::{empty_root, node_hash};
use crate::Refusal;

/// Bytes of an output.
pub const OUTPUT_BYTES: usize = 267;
/// Below this number of entries one thread is faster than the hand-over to several.
const PARALLEL_MIN: usize = 16;

/// One output as it enters the log.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    /// 0 for hidden openings, 1 for public ones.
    pub class: u8,
    /// The height of its block.
    pub height: u64,
    /// The 267 bytes.
    pub output: &'a [u8; OUTPUT_BYTES],
}

impl Entry<'_> {
    /// The hash of its leaf.
    pub fn leaf(&self) -> Hash {
        sha256(&[&[0, self.class], &self.height.to_le_bytes(), self.output])
    }
}

/// Where the fields of an output are that a verifier reads.
pub fn field(output: &[u8; OUTPUT_BYTES], number: usize) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(&output[32 * number..32 * number + 32]);
    out
}

/// The hashes of all full subtrees of a growing RFC 6962 tree: level k holds those of 2^k leaves.
#[derive(Default, Clone)]
pub struct Log {
    levels: Vec<Vec<Hash>>,
}

impl Log {
    /// The number of leaves.
    pub fn size(&self) -> usize {
        self.levels.first().map_or(0, Vec::len)
    }

    /// Append leaf hashes; every node is hashed once.
    pub fn append(&mut self, leaves: &[Hash]) {
        let mut fresh = leaves.to_vec();
        let mut level = 0;
        while !fresh.is_empty() {
            if level == self.levels.len() {
                self.levels.push(Vec::new());
            }
            let nodes = &mut self.levels[level];
            // The last node of an odd level had no partner yet; every earlier pair has its node above.
            let start = nodes.len() & !1;
            nodes.append(&mut fresh);
            let pairs = nodes[start..].chunks_exact(2);
            fresh = pairs.map(|pair| node_hash(&pair[0], &pair[1])).collect();
            level += 1;
        }
    }

    /// The root over the leaves from `start` to before `end`; start is a multiple of the power of two that holds them.
    fn subtree(&self, start: usize, end: usize) -> Option<Hash> {
        let count = end.checked_sub(start).filter(|count| *count > 0)?;
        if count.is_power_of_two() {
            let level = count.trailing_zeros() as usize;
            return self.levels.get(level)?.get(start >> level).copied();
        }
        let split = start + count.next_power_of_two() / 2;
        Some(node_hash(
            &self.subtree(start, split)?,
            &self.subtree(split, end)?,
        ))
    }

    /// The root of the first `size` leaves. Refuses: OutOfTree.
    pub fn root_at(&self, size: usize) -> Result<Hash, Refusal> {
        match size {
            0 => Ok(empty_root()),
            _ => self.subtree(0, size).ok_or(Refusal::OutOfTree),
        }
    }

    /// The inclusion path of a leaf in the tree of the first `size`, from the leaf up. Refuses: OutOfTree.
    pub fn inclusion(&self, index: usize, size: usize) -> Result<Vec<Hash>, Refusal> {
        if index >= size || size > self.size() {
            return Err(Refusal::OutOfTree);
        }
        let mut path = Vec::new();
        let (mut start, mut end) = (0, size);
        while end - start > 1 {
            let split = start + (end - start).next_power_of_two() / 2;
            let other = if index < split {
                (split, end)
            } else {
                (start, split)
            };
            path.push(self.subtree(other.0, other.1).ok_or(Refusal::OutOfTree)?);
            (start, end) = if index < split {
                (start, split)
            } else {
                (split, end)
            };
        }
        path.reverse();
        Ok(path)
    }

    /// The proof that the tree of `old` leaves is a beginning of the one of `new`. Refuses: OutOfTree.
    pub fn consistency(&self, old: usize, new: usize) -> Result<Vec<Hash>, Refusal> {
        if old == 0 || old > new || new > self.size() {
            return Err(Refusal::OutOfTree);
        }
        // SUBPROOF of RFC 9162 section 2.1.4.1, from the root down, so the path comes out reversed.
        let mut path = Vec::new();
        let (mut start, mut end, mut is_whole) = (0, new, true);
        while old < end {
            let split = start + (end - start).next_power_of_two() / 2;
            if old <= split {
                path.push(self.subtree(split, end).ok_or(Refusal::OutOfTree)?);
                end = split;
            } else {
                path.push(self.subtree(start, split).ok_or(Refusal::OutOfTree)?);
                start = split;
                is_whole = false;
            }
        }
        if !is_whole {
            path.push(self.subtree(start, end).ok_or(Refusal::OutOfTree)?);
        }
        path.reverse();
        Ok(path)
    }
}

struct Row {
    member: Member,
    class: u8,
    height: u64,
}

/// Outputs that were decoded and wait for their place in a table.
pub struct Decoded {
    rows: Vec<Row>,
    leaves: Vec<Hash>,
    keys: Vec<[u8; 32]>,
}

/// Where the members of a ring are looked up by their index.
pub trait Members: Sync {
    /// The output at an index, if it is there.
    fn member(&self, index: u64) -> Option<&Member>;
}

/// Copies of some outputs of a table.
pub struct Picked(HashMap<u64, Member>);

impl Members for Picked {
    fn member(&self, index: u64) -> Option<&Member> {
        self.0.get(&index)
    }
}

impl Members for OutputTable {
    fn member(&self, index: u64) -> Option<&Member> {
        OutputTable::member(self, index)
    }
}

/// All outputs of the ledger, ready to be ring members.
#[derive(Default)]
pub struct OutputTable {
    rows: Vec<Row>,
    log: Log,
    used: HashSet<[u8; 32]>,
}

impl OutputTable {
    /// The table without outputs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Append outputs in ledger order; all of them or, with a refusal, none. Refuses: BadPoint.
    pub fn append(&mut self, entries: &[Entry<'_>]) -> Result<(), Refusal> {
        self.push(Self::decode(entries)?);
        Ok(())
    }

    /// The costly half of `append`, which needs no table: whoever shares one does this before locking it.
    pub fn decode(entries: &[Entry<'_>]) -> Result<Decoded, Refusal> {
        let row = |entry: &Entry<'_>| {
            let member = Member::decode(&field(entry.output, 0), &field(entry.output, 1));
            let row = Row {
                member: member.ok_or(Refusal::BadPoint)?,
                class: entry.class,
                height: entry.height,
            };
            Ok((row, entry.leaf()))
        };
        let made: Result<Vec<(Row, Hash)>, Refusal> = match entries.len() {
            0..PARALLEL_MIN => entries.iter().map(row).collect(),
            _ => entries.par_iter().map(row).collect(),
        };
        let (rows, leaves): (Vec<Row>, Vec<Hash>) = made?.into_iter().unzip();
        let keys = entries
            .iter()
            .flat_map(|entry| [field(entry.output, 0), field(entry.output, 2)]);
        Ok(Decoded {
            rows,
            leaves,
            keys: keys.collect(),
        })
    }

    /// The cheap half of `append`.
    pub fn push(&mut self, decoded: Decoded) {
        self.used.extend(decoded.keys);
        self.rows.extend(decoded.rows);
        self.log.append(&decoded.leaves);
    }

    /// Copies of the outputs at these indices, so that rings are judged without the table; unknown ones are left out.
    pub fn pick(&self, indices: impl Iterator<Item = u64>) -> Picked {
        Picked(
            indices
                .filter_map(|index| Some((index, self.member(index)?.clone())))
                .collect(),
        )
    }

    /// The number of outputs.
    pub fn size(&self) -> usize {
        self.rows.len()
    }

    /// The tree over the leaves.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The root as it would be after these outputs.
    pub fn root_with(&self, entries: &[Entry<'_>]) -> Hash {
        let mut peaks: Vec<(usize, Hash)> = Vec::new();
        let mut start = 0;
        for level in (0..usize::BITS as usize)
            .rev()
            .filter(|level| self.size() >> level & 1 == 1)
        {
            // A full subtree stands for each bit of the size; all of them are in the levels.
            if let Some(hash) = self.log.subtree(start, start + (1 << level)) {
                peaks.push((level, hash));
            }
            start += 1 << level;
        }
        for entry in entries {
            let (mut level, mut node) = (0, entry.leaf());
            while peaks.last().is_some_and(|(at, _)| *at == level) {
                if let Some((_, left)) = peaks.pop() {
                    node = node_hash(&left, &node);
                }
                level += 1;
            }
            peaks.push((level, node));
        }
        let hashes = peaks.iter().rev().map(|(_, hash)| *hash);
        hashes
            .reduce(|right, left| node_hash(&left, &right))
            .unwrap_or_else(empty_root)
    }

    /// The output at an index as a ring member.
    pub fn member(&self, index: u64) -> Option<&Member> {
        Some(&self.rows.get(usize::try_from(index).ok()?)?.member)
    }

    /// (class, height, P | C | H_p(P)) of the outputs at these indices. Refuses: OutOfTree.
    pub fn describe(&self, indices: &[u64]) -> Result<Vec<(u8, u64, [u8; 96])>, Refusal> {
        let one = |index: &u64| {
            let at = usize::try_from(*index).map_err(|_| Refusal::OutOfTree)?;
            let row = self.rows.get(at).ok_or(Refusal::OutOfTree)?;
            let mut points = [0; 96];
            points[..32].copy_from_slice(&row.member.key_bytes);
            points[32..64].copy_from_slice(&row.member.commitment_bytes);
            points[64..].copy_from_slice(row.member.image_base.compress().as_bytes());
            Ok((row.class, row.height, points))
        };
        indices.iter().map(one).collect()
    }

    /// Whether a point is an R or a P of the log or of a refund stub.
    // SPEC LEDGER-4.4.1
    pub fn is_used(&self, point: &[u8; 32]) -> bool {
        self.used.contains(point)
    }

    /// Keep points of refund stubs from being used.
    // SPEC LEDGER-9.3.6
    pub fn reserve(&mut self, points: &[[u8; 32]]) {
        self.used.extend(points);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle;
    use curve25519_dalek::{RistrettoPoint, Scalar};

    fn leaves(count: usize) -> Vec<Hash> {
        (0..count).map(|i| merkle::leaf_hash(&i.to_be_bytes())).collect()
    }

    #[test]
    fn the_log_is_the_tree_of_the_rfc_at_every_size() {
        let all = leaves(70);
        for step in [1, 3, 16, 70] {
            let mut log = Log::default();
            all.chunks(step).for_each(|part| log.append(part));
            for size in 0..=70 {
                assert_eq!(log.root_at(size).unwrap(), merkle::root(&all[..size]));
                for index in 0..size {
                    let path = merkle::inclusion_path(&all[..size], index).unwrap();
                    assert_eq!(log.inclusion(index, size).unwrap(), path);
                }
                for old in 1..=size {
                    let path = merkle::consistency_path(&all[..size], old).unwrap();
                    assert_eq!(log.consistency(old, size).unwrap(), path);
                }
            }
            assert!(log.root_at(71).is_err() && log.inclusion(70, 71).is_err());
            assert!(log.consistency(0, 3).is_err() && log.consistency(4, 3).is_err());
        }
    }

    fn output(seed: u64) -> [u8; OUTPUT_BYTES] {
        let mut output = [seed as u8; OUTPUT_BYTES];
        for at in 0..3u64 {
            let point = RistrettoPoint::mul_base(&Scalar::from(3 * seed + at + 1));
            output[32 * at as usize..][..32].copy_from_slice(point.compress().as_bytes());
        }
        output
    }

    #[test]
    fn the_table_knows_its_outputs() {
        let outputs: Vec<_> = (0..40).map(output).collect();
        let entry = |i: usize| Entry {
            class: (i % 2) as u8,
            height: i as u64,
            output: &outputs[i],
        };
        let entries: Vec<_> = (0..40).map(entry).collect();
        let mut table = OutputTable::new();
        assert_eq!(table.root_with(&[]), empty_root());
        for i in 0..40 {
            let preview = table.root_with(&entries[i..]);
            table.append(&entries[i..=i]).unwrap();
            let mut whole = OutputTable::new();
            whole.append(&entries).unwrap();
            assert_eq!(preview, whole.log().root_at(40).unwrap());
        }
        let (class, height, points) = table.describe(&[7]).unwrap()[0];
        assert_eq!((class, height, &points[..64]), (1, 7, &outputs[7][..64]));
        assert!(table.describe(&[40]).is_err() && table.member(40).is_none());
        assert!(table.is_used(&field(&outputs[3], 0)) && table.is_used(&field(&outputs[3], 2)));
        assert!(!table.is_used(&field(&outputs[3], 1)));
        table.reserve(&[[9; 32]]);
        assert!(table.is_used(&[9; 32]));
    }

    #[test]
    fn a_bad_point_appends_nothing() {
        let (good, mut bad) = (output(1), output(2));
        bad[..32].fill(0xff);
        let mut table = OutputTable::new();
        let entries = [&good, &bad].map(|output| Entry {
            class: 0,
            height: 1,
            output,
        });
        assert_eq!(table.append(&entries), Err(Refusal::BadPoint));
        assert_eq!((table.size(), table.log().size()), (0, 0));
        assert!(!table.is_used(&field(&good, 0)));
    }
}
