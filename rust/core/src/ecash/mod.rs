//! Fair off-line electronic cash, suite FOEC-1 (ECASH): the mathematics on byte strings, one file per part.
//!
//! | part | file |
//! |---|---|
//! | curve, hashes, randomness | `curve`, `hash`, `draw`, `points` |
//! | the sigma protocol | `proof`, `clauses` |
//! | keys and their ceremony | `keys`, `dkg` |
//! | tokens | `sign` |
//! | protocols | `open`, `withdraw`, `payment`, `spend`, `verify`, `claim`, `trace` |

pub mod claim;
pub mod clauses;
pub mod curve;
pub mod dkg;
pub mod draw;
pub mod fault;
pub mod hash;
pub mod keys;
pub mod open;
pub mod payment;
pub mod points;
pub mod proof;
pub mod sign;
pub mod spend;
pub mod trace;
pub mod verify;
pub mod withdraw;

pub use fault::{Code, Fault};
