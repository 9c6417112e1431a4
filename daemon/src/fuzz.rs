//! What is tried with bytes that somebody made up: by fuzzers (`tests/fuzz/`),
//! and with what they found, or might have, by the test below.
#![allow(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a fuzzer looks for panics"
)]

mod answers;
mod files;
mod requests;

/// Something to be tried.
pub type Target = fn(&[u8]);

/// Everything there is to be tried, by the name of its corpus.
pub const TARGETS: &[(&str, Target)] = &[
    ("http", requests::http),
    ("graphql", requests::graphql),
    ("problem", answers::problem),
    ("stack", answers::stack),
    ("s3", answers::s3),
    ("settings", files::settings),
    ("config_yml", files::config_yml),
    ("auth_json", files::auth_json),
    ("sessions", files::sessions),
    ("grants", files::grants),
    ("catalogs", files::catalogs),
];

/// Tries one of them.
pub fn run(name: &str, data: &[u8]) {
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    found.expect("a target of that name").1(data);
}

/// A text for people is one line without control characters.
fn is_a_line(text: &str) {
    assert!(!text.contains(char::is_control), "{text:?}");
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_corpus_passes_and_every_target_has_one() {
        let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/corpus");
        for (name, target) in TARGETS {
            let mut tried = 0;
            for entry in fs::read_dir(corpora.join(name)).expect(name) {
                target(&fs::read(entry.expect(name).path()).expect(name));
                tried += 1;
            }
            assert!(tried > 0, "{name}");
        }
    }

    /// What is committed, cut off and changed at every byte, is as near to it as
    /// a fuzzer begins.
    #[test]
    fn what_is_cut_off_or_changed_anywhere_passes_as_well() {
        let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/corpus");
        for (name, target) in TARGETS.iter().filter(|(name, _)| QUICK.contains(name)) {
            for entry in fs::read_dir(corpora.join(name)).expect(name) {
                let sound = fs::read(entry.expect(name).path()).expect(name);
                for at in 0..sound.len().min(400) {
                    target(&sound[..at]);
                    for odd in [0, b'"', b'\n', 0x80, 0xff] {
                        let mut changed = sound.clone();
                        changed[at] = odd;
                        target(&changed);
                    }
                }
            }
        }
    }

    /// Those that need no server.
    const QUICK: &[&str] = &["problem", "s3", "settings", "sessions", "grants"];
}
