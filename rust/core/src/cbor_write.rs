//! The deterministic encoding of the few kinds of item that the core writes itself.

/// Append a head in its shortest form.
pub(crate) fn put_head(out: &mut Vec<u8>, major: u8, argument: u64) {
    let major = major << 5;
    let bytes = argument.to_be_bytes();
    match argument {
        0..=23 => out.push(major | bytes[7]),
        24..=0xff => out.extend_from_slice(&[major | 24, bytes[7]]),
        0x100..=0xffff => {
            out.push(major | 25);
            out.extend_from_slice(&bytes[6..]);
        }
        0x1_0000..=0xffff_ffff => {
            out.push(major | 26);
            out.extend_from_slice(&bytes[4..]);
        }
        _ => {
            out.push(major | 27);
            out.extend_from_slice(&bytes);
        }
    }
}

/// Append an integer.
pub(crate) fn put_int(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        put_head(out, 1, value.unsigned_abs() - 1);
    } else {
        put_head(out, 0, value.unsigned_abs());
    }
}

/// Append a byte string.
pub(crate) fn put_bytes(out: &mut Vec<u8>, value: &[u8]) {
    put_head(out, 2, value.len() as u64);
    out.extend_from_slice(value);
}

/// Append a text.
pub(crate) fn put_text(out: &mut Vec<u8>, value: &str) {
    put_head(out, 3, value.len() as u64);
    out.extend_from_slice(value.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cbor;

    #[test]
    fn what_is_written_is_canonical() {
        for edge in [
            0,
            23,
            24,
            0xff,
            0x100,
            0xffff,
            0x1_0000,
            0xffff_ffff,
            0x1_0000_0000,
            u64::MAX,
        ] {
            let mut out = Vec::new();
            put_head(&mut out, 0, edge);
            assert_eq!(cbor::check(&out, 0), Ok(()), "{edge}");
        }
        for value in [i64::MIN, -70001, -25, -24, -1, 0, 24, i64::MAX] {
            let mut out = Vec::new();
            put_int(&mut out, value);
            assert_eq!(cbor::check(&out, 0), Ok(()), "{value}");
            assert_eq!(cbor::Reader::new(&out).int(), Ok(value));
        }
    }

    #[test]
    fn strings_come_back() {
        let mut out = Vec::new();
        put_bytes(&mut out, &[7; 300]);
        put_text(&mut out, "text");
        let mut reader = cbor::Reader::new(&out);
        assert_eq!(reader.bytes(), Ok(&[7u8; 300][..]));
        assert_eq!(reader.text(), Ok("text"));
        assert_eq!(reader.end(), Ok(()));
    }
}
