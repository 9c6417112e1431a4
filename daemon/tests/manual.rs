//! The manual page knows what the daemon can be told.

use std::collections::BTreeSet;
use std::process::Command;

#[test]
fn every_option_is_in_the_manual_page() {
    let help = Command::new(env!("CARGO_BIN_EXE_quiltd"))
        .arg("--help")
        .output()
        .expect("quiltd can be started");
    let help = String::from_utf8(help.stdout).expect("help is text");
    let options: BTreeSet<&str> = help
        .split(|c: char| !(c.is_ascii_lowercase() || c == '-'))
        .filter(|word| word.len() > 3 && word.starts_with("--"))
        .collect();
    assert!(options.contains("--token-store"), "{help}");

    let page = include_str!("../../packaging/man/quiltd.1").replace("\\-", "-");
    let missing = options.iter().filter(|option| !page.contains(**option));
    assert_eq!(missing.collect::<Vec<_>>(), Vec::<&&str>::new());
}
