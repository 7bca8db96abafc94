//! The mathematics of the private ledger, protocol PL1 (LEDGER §2 to §6, §13): one file per scheme.

pub mod builder;
pub mod clsag;
pub mod dleq;
pub mod envelope;
pub mod group;
pub mod hash;
pub mod hpke;
pub mod kem;
pub mod keys;
pub mod mint;
pub mod opened;
pub mod outputs;
pub mod plan;
pub mod random;
pub mod range;
pub mod scan;
pub mod sparse;
pub mod table;
pub mod transaction;
pub mod verify;

#[cfg(test)]
mod transaction_tests;
