//! Monero's own test data, run through this crate: `vectors/ledger` with origin and licence in its README.

mod algebra;
mod backend;
mod field;
mod transaction;
mod transaction_parts;
