//! A key stream as a source of randomness, for what is drawn inside one call from one seed.

use chacha20::cipher::{KeyIvInit, StreamCipher};
use chacha20::ChaCha20;
use rand_core::{CryptoRng, Error, RngCore};

/// ChaCha20 under a seed. 256 GiB can be drawn, far more than any call here takes.
pub struct Stream(ChaCha20);

impl Stream {
    /// The stream of a seed that is secret, or fresh.
    pub fn new(seed: &[u8; 32]) -> Self {
        Self(ChaCha20::new(seed.into(), &[0; 12].into()))
    }

    /// The next bytes.
    pub fn take<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        self.fill_bytes(&mut out);
        out
    }
}

impl RngCore for Stream {
    fn next_u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    fn next_u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        out.fill(0);
        self.0.apply_keystream(out);
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Error> {
        self.fill_bytes(out);
        Ok(())
    }
}

impl CryptoRng for Stream {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_moves_on_and_follows_its_seed() {
        let (mut one, mut two) = (Stream::new(&[1; 32]), Stream::new(&[1; 32]));
        let first: [u8; 32] = one.take();
        assert_eq!(first, two.take());
        assert_ne!(first, one.take());
        assert_ne!(one.next_u64(), Stream::new(&[2; 32]).next_u64());
    }
}
