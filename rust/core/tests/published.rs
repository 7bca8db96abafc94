//! Published vectors that are kept beside the project: $SPECIE_VECTORS, else ../shared/vectors.
//!
//! Where they are absent one line says what was skipped.

mod monero;
mod ristretto;

use std::path::PathBuf;

/// The text of a published file, or None after a line that says so.
fn published(name: &str) -> Option<String> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/vectors");
    let folder = std::env::var("SPECIE_VECTORS").unwrap_or_else(|_| beside.to_owned());
    let text = std::fs::read_to_string(PathBuf::from(folder).join(name));
    if text.is_err() {
        println!("skipped: published vectors {name} are not on this machine (set SPECIE_VECTORS)");
    }
    text.ok()
}

fn unhex<const N: usize>(text: &str) -> [u8; N] {
    hex::decode(text).unwrap().try_into().unwrap()
}
