//! Puts a digest of the Rust sources into the extension, so that a stale one is noticed at import.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// The sources, relative to the root of the checkout. `specie.crypto.core` reads the same list.
const FOLDERS: [&str; 2] = ["rust/core/src", "rust/py/src"];
const FILES: [&str; 4] = [
    "Cargo.toml",
    "rust/core/Cargo.toml",
    "rust/py/Cargo.toml",
    "rust/py/build.rs",
];

/// The names of all Rust sources under a folder, those in its folders included.
fn collect(root: &Path, folder: &str, names: &mut Vec<String>) -> std::io::Result<()> {
    println!("cargo:rerun-if-changed={}", root.join(folder).display());
    for entry in std::fs::read_dir(root.join(folder))? {
        let path: PathBuf = entry?.path();
        let Some(name) = path.file_name().and_then(|n| n.to_str()) else {
            continue;
        };
        let inner = format!("{folder}/{name}");
        if path.is_dir() {
            collect(root, &inner, names)?;
        } else if path.extension().is_some_and(|e| e == "rs") {
            names.push(inner);
        }
    }
    Ok(())
}

fn main() -> std::io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut names: Vec<String> = FILES.iter().map(|name| (*name).to_owned()).collect();
    for folder in FOLDERS {
        collect(&root, folder, &mut names)?;
    }
    names.sort();
    let mut hasher = Sha256::new();
    for name in names {
        let content = std::fs::read(root.join(&name))?;
        println!("cargo:rerun-if-changed={}", root.join(&name).display());
        hasher.update(name.as_bytes());
        hasher.update([0]);
        hasher.update((content.len() as u64).to_be_bytes());
        hasher.update(&content);
    }
    let digest: String = hasher
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    println!("cargo:rustc-env=SPECIE_SOURCE_DIGEST={digest}");
    Ok(())
}
