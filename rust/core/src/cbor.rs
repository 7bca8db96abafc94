//! Deterministic CBOR (RFC 8949 section 4.2.1) as ISSUANCE-3.3.5 narrows it: a strict check and a reader.
//!
//! The check looks at every byte and builds nothing. It names faults as `specie.kernel.codec` does: `Malformed` is
//! what is not CBOR, or cannot be ours in any spelling (a float, null, a foreign tag, a repeated key, too deep);
//! `NonCanonical` is another spelling of a value. An object with both is `Malformed`.

use core::cmp::Ordering;

use unicode_normalization::{is_nfc_quick, IsNormalized, UnicodeNormalization};

use crate::Refusal;

/// Containers may be nested this deep in an object of the profile.
pub const DEPTH_MAX: usize = 8;

const BREAK: u8 = 0xff;
const INDEFINITE: u8 = 31;

/// Check that `data` is one item in the strict form, without a tag anywhere.
///
/// Refuses: Malformed, NonCanonical.
pub fn check(data: &[u8], depth_max: usize) -> Result<(), Refusal> {
    let mut scan = Scan::new(data, depth_max, None);
    scan.item(0)?;
    scan.finish()
}

/// Check that `data` is one item in the strict form under one tag, and give the item without the tag.
///
/// Refuses: Malformed, NonCanonical, WrongHeader (no tag).
pub fn check_tagged(data: &[u8], depth_max: usize, tag: u64) -> Result<&[u8], Refusal> {
    let mut scan = Scan::new(data, depth_max, Some(tag));
    scan.item(0)?;
    scan.finish()?;
    let mut reader = Reader::new(data);
    reader.expect_exactly(6, tag)?;
    Ok(&data[reader.scan.at..])
}

struct Head {
    major: u8,
    info: u8,
    argument: u64,
}

struct Scan<'a> {
    data: &'a [u8],
    at: usize,
    canonical: bool,
    depth_max: usize,
    tag: Option<u64>,
}

impl<'a> Scan<'a> {
    fn new(data: &'a [u8], depth_max: usize, tag: Option<u64>) -> Self {
        Self {
            data,
            at: 0,
            canonical: true,
            depth_max,
            tag,
        }
    }

    fn finish(&self) -> Result<(), Refusal> {
        if self.at != self.data.len() {
            return Err(Refusal::Malformed);
        }
        if self.canonical {
            Ok(())
        } else {
            Err(Refusal::NonCanonical)
        }
    }

    fn take(&mut self, count: u64) -> Result<&'a [u8], Refusal> {
        let count = usize::try_from(count).map_err(|_| Refusal::Malformed)?;
        let end = self.at.checked_add(count).ok_or(Refusal::Malformed)?;
        let bytes = self.data.get(self.at..end).ok_or(Refusal::Malformed)?;
        self.at = end;
        Ok(bytes)
    }

    fn head(&mut self) -> Result<Head, Refusal> {
        let first = self.take(1)?[0];
        let (major, info) = (first >> 5, first & 0x1f);
        let argument = match info {
            0..=23 => u64::from(info),
            24..=27 => {
                let bytes = self.take(1 << (info - 24))?;
                let value = bytes.iter().fold(0u64, |all, b| (all << 8) | u64::from(*b));
                // Major 7 has its own rules: its argument is a simple value or the bits of a float.
                let shortest_min = [24, 1 << 8, 1 << 16, 1 << 32][usize::from(info - 24)];
                if major != 7 && value < shortest_min {
                    self.canonical = false;
                }
                value
            }
            INDEFINITE if (2..=5).contains(&major) => {
                self.canonical = false;
                0
            }
            _ => return Err(Refusal::Malformed),
        };
        Ok(Head {
            major,
            info,
            argument,
        })
    }

    fn item(&mut self, depth: usize) -> Result<(), Refusal> {
        let head = self.head()?;
        match head.major {
            0 | 1 => Ok(()),
            2 | 3 => self.string(&head),
            4 | 5 => self.container(&head, depth + 1),
            6 => {
                self.deeper(depth + 1)?;
                if self.tag != Some(head.argument) {
                    return Err(Refusal::Malformed);
                }
                self.item(depth + 1)
            }
            // Of the simple values and floats only false and true are ours.
            _ if head.info == 20 || head.info == 21 => Ok(()),
            _ => Err(Refusal::Malformed),
        }
    }

    fn deeper(&self, depth: usize) -> Result<(), Refusal> {
        // The stack must not depend on the input.
        if depth > self.depth_max {
            return Err(Refusal::Malformed);
        }
        Ok(())
    }

    fn string(&mut self, head: &Head) -> Result<(), Refusal> {
        if head.info != INDEFINITE {
            return self.chunk(head);
        }
        while self.data.get(self.at) != Some(&BREAK) {
            let chunk = self.head()?;
            if chunk.major != head.major || chunk.info == INDEFINITE {
                return Err(Refusal::Malformed);
            }
            self.chunk(&chunk)?;
        }
        self.at += 1;
        Ok(())
    }

    fn chunk(&mut self, head: &Head) -> Result<(), Refusal> {
        let bytes = self.take(head.argument)?;
        if head.major == 3 && !bytes.is_ascii() {
            let text = core::str::from_utf8(bytes).map_err(|_| Refusal::Malformed)?;
            self.canonical &= is_nfc(text);
        }
        Ok(())
    }

    /// A key as it is written: an integer or a string.
    fn key(&mut self, depth: usize) -> Result<&'a [u8], Refusal> {
        let start = self.at;
        if self.data.get(start).is_none_or(|first| *first >= 0x80) {
            return Err(Refusal::Malformed);
        }
        self.item(depth)?;
        Ok(&self.data[start..self.at])
    }

    fn container(&mut self, head: &Head, depth: usize) -> Result<(), Refusal> {
        self.deeper(depth)?;
        let is_map = head.major == 5;
        let mut previous: Option<&[u8]> = None;
        let mut count = 0u64;
        loop {
            if head.info == INDEFINITE {
                if self.data.get(self.at) == Some(&BREAK) {
                    self.at += 1;
                    return Ok(());
                }
            } else if count == head.argument {
                return Ok(());
            }
            if is_map {
                let key = self.key(depth)?;
                match previous.map(|last| last.cmp(key)) {
                    Some(Ordering::Equal) => return Err(Refusal::Malformed),
                    Some(Ordering::Greater) => self.canonical = false,
                    _ => {}
                }
                previous = Some(key);
            }
            self.item(depth)?;
            count += 1;
        }
    }
}

fn is_nfc(text: &str) -> bool {
    match is_nfc_quick(text.chars()) {
        IsNormalized::Yes => true,
        IsNormalized::No => false,
        IsNormalized::Maybe => text.nfc().eq(text.chars()),
    }
}

/// A reader over bytes that `check` has accepted: it names shapes and never judges encodings.
pub(crate) struct Reader<'a> {
    scan: Scan<'a>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self {
            scan: Scan::new(data, DEPTH_MAX, None),
        }
    }

    /// The argument of the next head, which must be of this major type, else WrongHeader.
    pub(crate) fn expect(&mut self, major: u8) -> Result<u64, Refusal> {
        let head = self.scan.head().map_err(|_| Refusal::WrongHeader)?;
        if head.major != major {
            return Err(Refusal::WrongHeader);
        }
        Ok(head.argument)
    }

    /// The next head must be of this major type and have this argument, else WrongHeader.
    pub(crate) fn expect_exactly(&mut self, major: u8, argument: u64) -> Result<(), Refusal> {
        if self.expect(major)? != argument {
            return Err(Refusal::WrongHeader);
        }
        Ok(())
    }

    /// The next item must be a byte string, else WrongHeader.
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Refusal> {
        let length = self.expect(2)?;
        self.scan.take(length).map_err(|_| Refusal::WrongHeader)
    }

    /// The next item must be a byte string of N bytes, else WrongHeader.
    pub(crate) fn bytes_of<const N: usize>(&mut self) -> Result<&'a [u8; N], Refusal> {
        self.bytes()?.try_into().map_err(|_| Refusal::WrongHeader)
    }

    /// The next item must be a text, else WrongHeader.
    pub(crate) fn text(&mut self) -> Result<&'a str, Refusal> {
        let length = self.expect(3)?;
        let bytes = self.scan.take(length).map_err(|_| Refusal::WrongHeader)?;
        core::str::from_utf8(bytes).map_err(|_| Refusal::WrongHeader)
    }

    /// The next item must be an integer that fits 64 bits with sign, else WrongHeader.
    pub(crate) fn int(&mut self) -> Result<i64, Refusal> {
        let head = self.scan.head().map_err(|_| Refusal::WrongHeader)?;
        let magnitude = i64::try_from(head.argument).map_err(|_| Refusal::WrongHeader)?;
        match head.major {
            0 => Ok(magnitude),
            1 => Ok(-1 - magnitude),
            _ => Err(Refusal::WrongHeader),
        }
    }

    /// Nothing may follow, else WrongHeader.
    pub(crate) fn end(&self) -> Result<(), Refusal> {
        if self.scan.at != self.scan.data.len() {
            return Err(Refusal::WrongHeader);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(text: &str) -> Result<(), Refusal> {
        check(&hex::decode(text).unwrap(), DEPTH_MAX)
    }

    #[test]
    fn accepts_the_strict_form() {
        for text in [
            "00",
            "1818",
            "20",
            "40",
            "6161",
            "80",
            "a0",
            "f5",
            "a201020304",
            "82a0a0",
        ] {
            assert_eq!(verdict(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn names_what_is_malformed() {
        let texts = [
            "",
            "18",
            "1c",
            "ff",
            "61ff",
            "8201",
            "a101",
            "0000",
            "5f01ff",
            "f81f",
            "bf01ff",
            "f90000",
            "f6",
            "c000",
            "a201010102",
            "a1f500",
            "a18000",
            "d200",
        ];
        for text in texts {
            assert_eq!(verdict(text), Err(Refusal::Malformed), "{text}");
        }
    }

    #[test]
    fn names_what_is_not_canonical() {
        for text in [
            "1800",
            "190001",
            "5f40ff",
            "9fff",
            "bfff",
            "a202010101",
            "6365cc81",
        ] {
            assert_eq!(verdict(text), Err(Refusal::NonCanonical), "{text}");
        }
    }

    #[test]
    fn depth_counts_arrays_maps_and_tags() {
        assert_eq!(verdict("818181818181818100"), Ok(()));
        assert_eq!(verdict("81818181818181818100"), Err(Refusal::Malformed));
        assert_eq!(verdict(&"81".repeat(100_000)), Err(Refusal::Malformed));
        assert_eq!(check_tagged(&[0xd2, 0x81, 0x80], 2, 18), Err(Refusal::Malformed));
        assert!(check_tagged(&[0xd2, 0x81, 0x80], 3, 18).is_ok());
    }

    #[test]
    fn the_expected_tag_and_no_other() {
        assert_eq!(check_tagged(&[0xd2, 0x80], 8, 18), Ok(&[0x80u8][..]));
        assert_eq!(check_tagged(&[0xd1, 0x80], 8, 18), Err(Refusal::Malformed));
        assert_eq!(check_tagged(&[0x80], 8, 18), Err(Refusal::WrongHeader));
        assert_eq!(
            check_tagged(&[0xd8, 0x12, 0x80], 8, 18),
            Err(Refusal::NonCanonical)
        );
    }
}
