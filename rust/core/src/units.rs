//! Serials, leaves and root of the units of one issue (ISSUANCE section 4.7).

use rayon::prelude::*;

use crate::cbor_write::{put_bytes, put_head, put_text};
use crate::hash::{sha256, Hash};
use crate::merkle;
use crate::Refusal;

/// An issue has at most this many units (annex A, `bit`).
pub const UNITS_MAX: usize = 1000;
/// The largest value of a unit, in minor units (ISSUANCE-3.7.1).
pub const VALUE_MAX: u64 = (1 << 62) - 1;

/// What determines the units of an issue.
pub struct Issue<'a> {
    /// Credential cti, 16 bytes.
    pub cti: &'a [u8],
    /// 3 to 12 characters of A-Z and 0-9.
    pub currency: &'a str,
    /// 1 to 129 bytes.
    pub owner: &'a [u8],
    /// (value in minor units, count), in the order of the request.
    pub denominations: &'a [(u64, u64)],
}

/// One unit before it is signed.
pub struct Leaf {
    /// The unit's serial.
    pub serial: [u8; 16],
    /// In minor units.
    pub value: u64,
    /// Its leaf in the tree.
    pub hash: Hash,
}

/// serial_i = SHA-256("dc/1/serial" || cti || u32be(i))[0:16].
fn serial(cti: &[u8], index: u32) -> [u8; 16] {
    let digest = sha256(&[b"dc/1/serial", cti, &index.to_be_bytes()]);
    let mut serial = [0; 16];
    serial.copy_from_slice(&digest[..16]);
    serial
}

/// Every unit of an issue, in order. Refuses: WrongLength (cti), UnitsOutOfRange.
pub fn leaves(issue: &Issue<'_>) -> Result<Vec<Leaf>, Refusal> {
    check_issue(issue)?;
    let mut all = Vec::new();
    let mut body = Vec::with_capacity(64 + issue.owner.len());
    for (value, count) in issue.denominations {
        for _ in 0..*count {
            let index = u32::try_from(all.len()).map_err(|_| Refusal::UnitsOutOfRange)?;
            let serial = serial(issue.cti, index);
            body.clear();
            put_head(&mut body, 4, 5);
            put_bytes(&mut body, &serial);
            put_text(&mut body, issue.currency);
            put_head(&mut body, 0, *value);
            put_bytes(&mut body, issue.owner);
            put_head(&mut body, 0, u64::from(index));
            let hash = merkle::leaf_hash(&body);
            all.push(Leaf {
                serial,
                value: *value,
                hash,
            });
        }
    }
    Ok(all)
}

fn check_issue(issue: &Issue<'_>) -> Result<(), Refusal> {
    if issue.cti.len() != 16 {
        return Err(Refusal::WrongLength);
    }
    let is_code = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    let count = issue
        .denominations
        .iter()
        .try_fold(0u64, |all, (_, count)| all.checked_add(*count));
    let inside = (3..=12).contains(&issue.currency.len())
        && issue.currency.bytes().all(is_code)
        && (1..=129).contains(&issue.owner.len())
        && issue
            .denominations
            .iter()
            .all(|(value, count)| (1..=VALUE_MAX).contains(value) && *count > 0)
        && count.is_some_and(|n| (1..=UNITS_MAX as u64).contains(&n));
    if inside {
        Ok(())
    } else {
        Err(Refusal::UnitsOutOfRange)
    }
}

/// The unit root and the number of units. Refuses: WrongLength (cti), UnitsOutOfRange.
pub fn root(issue: &Issue<'_>) -> Result<(Hash, usize), Refusal> {
    let hashes: Vec<Hash> = leaves(issue)?.iter().map(|leaf| leaf.hash).collect();
    Ok((merkle::root(&hashes), hashes.len()))
}

/// The root of each issue, judged on its own.
pub fn root_many(issues: &[Issue<'_>]) -> Vec<Result<(Hash, usize), Refusal>> {
    if issues.len() < 8 {
        return issues.iter().map(root).collect();
    }
    issues.par_iter().map(root).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The issue of annex B.
    const DENOMINATIONS: [(u64, u64); 3] = [(10000, 1), (2000, 2), (1000, 1)];

    fn unhex(text: &str) -> Vec<u8> {
        hex::decode(text).unwrap()
    }

    #[test]
    fn annex_b() {
        let (cti, owner) = (
            unhex("0190c0de000070008000000000000002"),
            unhex("bb80a0fd6b0a48241182e6923c443a85"),
        );
        let issue = Issue {
            cti: &cti,
            currency: "XDC",
            owner: &owner,
            denominations: &DENOMINATIONS,
        };
        let (root, count) = root(&issue).unwrap();
        assert_eq!(count, 4);
        assert_eq!(
            hex::encode(root),
            "0f8a992741516ea8417b9f14a2e8a30760f59eb51655e0db6763b54431c87539"
        );
    }

    #[test]
    fn refuses_what_is_out_of_range() {
        let refusal = |denominations: &[(u64, u64)]| {
            let issue = Issue {
                cti: &[0; 16],
                currency: "XTS",
                owner: b"o",
                denominations,
            };
            root(&issue).err()
        };
        assert_eq!(refusal(&[(1, 1000)]), None);
        for bad in [
            &[][..],
            &[(1, 0)],
            &[(0, 1)],
            &[(1, 1001)],
            &[(VALUE_MAX + 1, 1)],
            &[(1, u64::MAX), (1, 2)],
        ] {
            assert_eq!(refusal(bad), Some(Refusal::UnitsOutOfRange));
        }
    }
}
