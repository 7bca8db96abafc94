//! Reading and writing of the fields of a transaction; numbers are little-endian.

use crate::Refusal;

/// A cursor over bytes that are taken from the front.
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    /// The next bytes.
    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], Refusal> {
        let (head, rest) = self.0.split_at_checked(count).ok_or(Refusal::Malformed)?;
        self.0 = rest;
        Ok(head)
    }

    /// The next `N` bytes.
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Refusal> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(Refusal::Malformed)?;
        self.0 = rest;
        Ok(*head)
    }

    /// A byte.
    pub(super) fn u8(&mut self) -> Result<u8, Refusal> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    /// Two bytes, little-endian.
    pub(super) fn u16(&mut self) -> Result<u16, Refusal> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    /// Eight bytes, little-endian.
    pub(super) fn u64(&mut self) -> Result<u64, Refusal> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A run of equal items.
    pub(super) fn arrays<const N: usize>(&mut self, count: usize) -> Result<Vec<[u8; N]>, Refusal> {
        (0..count).map(|_| self.array()).collect()
    }

    /// LEB128 of 64 bits in its shortest form.
    pub(super) fn leb128(&mut self) -> Result<u64, Refusal> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let part = u64::from(byte & 0x7f);
            // The tenth byte has room for one bit.
            if shift == 63 && byte > 1 {
                return Err(Refusal::NonCanonical);
            }
            value |= part << shift;
            if byte & 0x80 == 0 {
                // A last byte of zero adds nothing, so a shorter form exists.
                return if byte == 0 && shift > 0 {
                    Err(Refusal::NonCanonical)
                } else {
                    Ok(value)
                };
            }
        }
        Err(Refusal::NonCanonical)
    }

    /// Refuses what trails. Refuses: Malformed.
    pub(super) fn end(&self) -> Result<(), Refusal> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Refusal::Malformed)
        }
    }
}

/// Write LEB128 in its shortest form.
pub(super) fn put_leb128(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 & 0x7f | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    // SPEC LEDGER-15.20
    #[test]
    fn numbers_have_one_form() {
        let leb = |bytes: &[u8]| {
            let mut at = Cursor(bytes);
            at.leb128().and_then(|value| at.end().map(|()| value)).ok()
        };
        assert_eq!(
            (leb(&[0]), leb(&[0x7f]), leb(&[0x80, 1])),
            (Some(0), Some(127), Some(128))
        );
        let most = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
        assert_eq!(leb(&most), Some(u64::MAX));
        for bad in [&[0x80][..], &[0x80, 0], &[0xff, 0], &[], &[0xff; 10], &[0xff; 11]] {
            assert_eq!(leb(bad), None);
        }
        let mut wide = most;
        wide[9] = 2;
        assert_eq!(leb(&wide), None);
        for value in [0, 1, 127, 128, 16383, 16384, u64::MAX] {
            let mut out = Vec::new();
            put_leb128(&mut out, value);
            assert_eq!(leb(&out), Some(value));
        }
    }
}
