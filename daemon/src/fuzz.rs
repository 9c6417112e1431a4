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
    ("packages", files::packages),
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
    use std::time::{Duration, Instant};

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

    /// Numbers that a seed decides (splitmix64).
    struct Random(u64);

    impl Random {
        fn below(&mut self, end: usize) -> usize {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = self.0;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            usize::try_from((mixed ^ (mixed >> 31)) % (end.max(1) as u64)).expect("below a usize")
        }

        fn mutated(&mut self, sound: &[Vec<u8>]) -> Vec<u8> {
            let mut bytes = sound[self.below(sound.len())].clone();
            for _ in 0..=self.below(4) {
                let (at, other) = (self.below(bytes.len()), &sound[self.below(sound.len())]);
                let end = (at + self.below(30)).min(bytes.len());
                match self.below(6) {
                    0 => drop(bytes.drain(at..end)),
                    1 if !bytes.is_empty() => bytes[at] = self.below(256).to_le_bytes()[0],
                    2 => {
                        let copy = bytes[at..end].to_vec();
                        drop(bytes.splice(at..at, copy));
                    }
                    3 if !other.is_empty() => {
                        let from = self.below(other.len());
                        let part = &other[from..(from + self.below(60)).min(other.len())];
                        drop(bytes.splice(at..end, part.iter().copied()));
                    }
                    4 => bytes.truncate(at),
                    _ => {
                        let odd = [
                            "\\u0000", "\"", "{", "[[", "\u{feff}", "1e999", "\r\n", "-1",
                        ];
                        let odd = odd[self.below(odd.len())].bytes();
                        drop(bytes.splice(at..at, odd));
                    }
                }
            }
            bytes
        }
    }

    /// Without coverage to go by, and so only the first few steps of a fuzzer:
    /// for `QUILT_FUZZ_SECONDS` each, or a tenth of one.
    #[test]
    fn what_a_seed_makes_of_the_corpora_passes() {
        let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
        let seed = number("QUILT_SEED").unwrap_or_else(|| getrandom::u64().expect("a seed"));
        let seconds = number("QUILT_FUZZ_SECONDS");
        let time = seconds.map_or(Duration::from_millis(100), Duration::from_secs);
        println!("QUILT_SEED={seed}");
        let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/corpus");
        for (name, target) in TARGETS {
            let mut paths: Vec<_> = fs::read_dir(corpora.join(name)).expect(name).collect();
            paths.sort_by_key(|entry| entry.as_ref().map(fs::DirEntry::path).ok());
            let read = |entry: std::io::Result<fs::DirEntry>| fs::read(entry?.path());
            let sound: Result<Vec<_>, _> = paths.into_iter().map(read).collect();
            let sound = sound.expect(name);
            let mut random = Random(seed);
            let (begun, mut runs) = (Instant::now(), 0_u64);
            while begun.elapsed() < time {
                let data = random.mutated(&sound);
                if let Err(panic) = std::panic::catch_unwind(|| target(&data)) {
                    println!("{name}, run {runs}: {}", data.escape_ascii());
                    std::panic::resume_unwind(panic);
                }
                runs += 1;
            }
            println!("{name}: {runs} runs");
        }
    }

    /// Those that need no server.
    const QUICK: &[&str] = &["problem", "s3", "settings", "sessions", "grants"];
}
