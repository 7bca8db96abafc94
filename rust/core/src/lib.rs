//! The schemes of specie, one file each: no Python, no state between calls, bytes in and bytes out.
//!
//! Functions that name `many` work on all cores and answer for each item exactly what the single form answers.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod bip340;
pub mod cbor;
mod cbor_write;
pub mod cose;
pub mod ed25519;
pub mod error;
pub mod hash;
pub mod ledger;
pub mod lockable;
pub mod merkle;
pub mod seal;
pub mod units;
pub mod x25519;

pub use error::Refusal;
