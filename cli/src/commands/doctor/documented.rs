//! Every finding is in the document about trouble.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The codes given to findings anywhere in the sources.
fn codes() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut left: Vec<PathBuf> = ["cli/src", "daemon/src", "proto/src"]
        .map(|folder| root.join(folder))
        .to_vec();
    let mut codes = BTreeSet::new();
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(
                fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
            for call in ["Finding::error(", "Finding::warning("] {
                for after in text.split(call).skip(1) {
                    let code = after.trim_start().strip_prefix('"');
                    let code = code.and_then(|code| code.split('"').next());
                    let is_code = |code: &&str| {
                        code.bytes()
                            .all(|b| b.is_ascii_lowercase() || b == b'_' || b.is_ascii_digit())
                    };
                    codes.extend(code.filter(is_code).map(str::to_owned));
                }
            }
        }
    }
    codes
}

#[test]
fn every_finding_is_in_the_document_about_trouble() {
    let document = include_str!("../../../../docs/troubleshooting.md");
    let codes = codes();
    assert!(codes.len() > 30, "findings are found: {codes:?}");
    let missing: Vec<&String> = codes
        .iter()
        .filter(|code| !document.contains(&format!("\n| `{code}` |")))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
