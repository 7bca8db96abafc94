//! The schemes of specie, one file each: no Python, no state between calls, bytes in and bytes out.
//!
//! Functions that name `many` work on all cores and answer for each item exactly what the single form answers.
//! `unsafe` stands in `ecash/curve.rs` alone, which wraps blst; everything else forbids it.
#![deny(missing_docs)]
#![deny(unsafe_code)]

#[forbid(unsafe_code)]
pub mod bip340;
#[forbid(unsafe_code)]
pub mod cbor;
#[forbid(unsafe_code)]
mod cbor_write;
#[forbid(unsafe_code)]
pub mod cose;
pub mod ecash;
#[forbid(unsafe_code)]
pub mod ed25519;
#[forbid(unsafe_code)]
pub mod error;
#[forbid(unsafe_code)]
pub mod hash;
#[forbid(unsafe_code)]
pub mod ledger;
#[forbid(unsafe_code)]
pub mod lockable;
#[forbid(unsafe_code)]
pub mod merkle;
#[forbid(unsafe_code)]
pub mod seal;
#[forbid(unsafe_code)]
pub mod units;
#[forbid(unsafe_code)]
pub mod x25519;

pub use error::Refusal;
