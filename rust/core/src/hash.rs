//! SHA-256 over many messages.

use rayon::prelude::*;
use sha2::{Digest, Sha256};

/// A SHA-256 digest.
pub type Hash = [u8; 32];

/// Below this many bytes in all, one core is quicker than the hand-over to several.
const PARALLEL_BYTES_MIN: usize = 64 * 1024;

/// SHA-256 of one message given in parts.
pub fn sha256(parts: &[&[u8]]) -> Hash {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// SHA-256 of each message.
pub fn sha256_many<B: AsRef<[u8]> + Sync>(messages: &[B]) -> Vec<Hash> {
    let total: usize = messages.iter().map(|m| m.as_ref().len() + 64).sum();
    if total < PARALLEL_BYTES_MIN {
        return messages.iter().map(|m| sha256(&[m.as_ref()])).collect();
    }
    messages
        .par_iter()
        .with_min_len(64)
        .map(|m| sha256(&[m.as_ref()]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_message() {
        let expected = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(hex::encode(sha256(&[])), expected);
    }

    #[test]
    fn many_is_single() {
        let messages: Vec<Vec<u8>> = (0..3000u32).map(|i| i.to_be_bytes().to_vec()).collect();
        let many = sha256_many(&messages);
        for (message, digest) in messages.iter().zip(many) {
            assert_eq!(digest, sha256(&[message]));
        }
    }
}
