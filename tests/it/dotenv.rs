//! `.env` files nobody thought of, given to the real quiltctl.

use std::fs;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use quilt_tests::harness::{Home, Run, binaries};

/// `login --api-key-dotenv` with no daemon to give the key to: exit code 4
/// when a key was found, 8 when the file is refused.
fn login(home: &Home, text: &[u8]) -> Run {
    let file = home.path().join(".env");
    fs::write(&file, text).unwrap();
    Command::new(binaries::quiltctl())
        .env_clear()
        .envs(home.environment())
        .env("QUILT_CATALOG", "https://demo.quilt.example")
        .args(["login", "--no-autostart", "--api-key-dotenv"])
        .arg(file)
        .stdin(Stdio::null())
        .output()
        .unwrap()
        .into()
}

/// A line about something else.
fn other() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ \t]{0,3}",
        "#[ -~]{0,30}",
        "(export )?[A-Z][A-Z0-9_]{0,10} ?= ?[A-Za-z0-9_./:@+-]{0,20}",
        "[A-Z]{1,8}='[A-Za-z0-9 #=_./:@-]{0,20}'",
        "[A-Z]{1,8}=\"[A-Za-z0-9 #=_./:@-]{0,20}\"",
        "[a-z]{1,8} [a-z ]{0,20}",
    ]
    .prop_filter("another setting", |line| !line.contains("QUILT_API_KEY"))
}

/// The key's line, with this key.
fn setting() -> impl Strategy<Value = String> {
    let quote = prop_oneof![Just(""), Just("'"), Just("\"")];
    let export = prop_oneof![Just(""), Just("export ")];
    let after = prop_oneof![Just(""), Just(" # mine"), Just("  ")];
    (export, quote, "qk_[A-Za-z0-9_-]{8,40}", after).prop_map(|(export, quote, key, after)| {
        format!("{export}QUILT_API_KEY={quote}{key}{quote}{after}")
    })
}

proptest! {
    // Each runs a program.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    #[test]
    fn the_key_is_found_between_any_other_settings(
        before in prop::collection::vec(other(), 0..6),
        setting in setting(),
        after in prop::collection::vec(other(), 0..6),
        end in prop_oneof![Just("\n"), Just("\r\n")],
    ) {
        let lines = [before, vec![setting], after].concat();
        let home = Home::new();
        login(&home, (lines.join(end) + end).as_bytes()).failed(4);
        // Without its line there is no key.
        let others: Vec<_> = lines.into_iter().filter(|line| !line.contains("QUILT_")).collect();
        let line = login(&home, others.join(end).as_bytes()).failed(8);
        prop_assert!(line.contains("not set"), "{}", line);
    }

    #[test]
    fn no_file_crashes_it_or_is_quoted(
        noise in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..80),
            "[A-Z_=\"'$\\\\{} #\n\r\u{0}é-]{0,80}".prop_map(String::into_bytes),
        ],
        at in any::<prop::sample::Index>(),
        canary in prop_oneof![Just("zzcanary"), Just("QUILT_API_KEY=zzcanary"), Just("QUILT_API_KEY=\"zzcanary")],
    ) {
        let mut text = noise;
        let at = at.index(text.len() + 1);
        drop(text.splice(at..at, canary.bytes()));
        let run = login(&Home::new(), &text);
        prop_assert!([4, 8].contains(&run.code), "{:?}", run);
        let code = run.code;
        let line = run.failed(code);
        prop_assert!(!line.contains("zzcanary"), "{}", line);
    }
}
