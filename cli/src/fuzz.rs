//! What is tried with files that somebody made up: by fuzzers (`tests/fuzz/`),
//! and with what they found, or might have, by the test below.
#![allow(clippy::expect_used, reason = "a fuzzer looks for panics")]

/// A `.env` file.
pub(crate) fn dotenv(data: &[u8]) {
    if let Err(failure) = crate::key_source::dotenv_of(data, "a .env file") {
        let said = failure.to_string();
        assert!(!said.contains(char::is_control), "{said:?}");
    }
}

/// `~/.aws/config`, as `setup aws` changes it and `exec` reads it.
pub(crate) fn aws_config(data: &[u8]) {
    crate::commands::fuzz_aws_config(data);
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    match option_env!("CARGO_BIN_NAME") {
        Some("dotenv") => dotenv(data),
        _ => aws_config(data),
    }
});

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_corpus_passes_cut_off_or_changed_anywhere() {
        let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/corpus");
        for (name, target) in [("dotenv", dotenv as fn(&[u8])), ("aws_config", aws_config)] {
            let mut tried = 0;
            for entry in fs::read_dir(corpora.join(name)).expect(name) {
                let sound = fs::read(entry.expect(name).path()).expect(name);
                target(&sound);
                for at in 0..sound.len().min(400) {
                    target(&sound[..at]);
                    for odd in [0, b'"', b'\n', b'[', 0x80, 0xff] {
                        let mut changed = sound.clone();
                        changed[at] = odd;
                        target(&changed);
                    }
                }
                tried += 1;
            }
            assert!(tried > 0, "{name}");
        }
    }

    /// The fuzzers are built from these sources as another package.
    #[test]
    fn the_fuzzers_have_every_dependency_there_is() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let named = |path: &str| -> Vec<String> {
            let text = fs::read_to_string(root.join(path)).expect(path);
            let lines = text.lines().skip_while(|line| *line != "[dependencies]");
            let lines = lines.skip(1).take_while(|line| !line.starts_with('['));
            let names = lines.filter_map(|line| line.split(['.', ' ']).next());
            let is_name = |name: &&str| !name.is_empty() && *name != "#";
            names.filter(is_name).map(str::to_owned).collect()
        };
        let (own, fuzzers) = (named("Cargo.toml"), named("../tests/fuzz/Cargo.toml"));
        assert!(own.iter().any(|name| name == "clap"), "{own:?}");
        let missing: Vec<_> = own.iter().filter(|name| !fuzzers.contains(name)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
