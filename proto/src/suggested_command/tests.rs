use std::process;

use proptest::prelude::*;

use super::*;

/// The words a shell makes of a line.
fn words(line: &str) -> Vec<String> {
    let said = process::Command::new("sh")
        .args(["-c", &format!("printf '%s\\0' {line}")])
        .output()
        .unwrap();
    let text = String::from_utf8(said.stdout).unwrap();
    text.split_terminator('\0').map(str::to_owned).collect()
}

#[test]
fn plain_words_need_no_quotes() {
    let command = Command::of("quiltctl packages versions")
        .operand("a/b")
        .option("--registry", "s3://lake");
    assert_eq!(
        command,
        "quiltctl packages versions a/b --registry s3://lake"
    );
    assert_eq!(Command::from("quiltctl login"), "quiltctl login");
    assert_eq!(Command::edit(Path::new("/a b")), "${EDITOR:-vi} '/a b'");
    let export = Command::of("export").variable("AWS_PROFILE", "it's");
    assert_eq!(export, r#"export AWS_PROFILE='it'"'"'s'"#);
}

#[test]
fn a_part_of_a_sentence_has_no_full_stop() {
    for (what, joined) in [
        ("It failed.", "It failed"),
        ("it failed", "it failed"),
        (
            "the stack says “No such key.”",
            "the stack says “No such key”",
        ),
        ("it says “a.” and “b.”. ", "it says “a.” and “b”"),
        ("and so on...", "and so on..."),
        ("it was cut…", "it was cut…"),
        ("“.”", "“.”"),
    ] {
        assert_eq!(clause(what), joined);
    }
    let hint = Command::of("quiltctl status");
    let line = sentence("Invalid package name: x.", Some(&hint));
    assert_eq!(line, "Invalid package name: x.; run: quiltctl status");
}

#[test]
fn no_value_becomes_an_option_or_a_second_command() {
    let command = Command::of("quiltctl api-keys revoke")
        .operand("--yes")
        .option("--catalog", "-x");
    assert_eq!(command, "quiltctl api-keys revoke --catalog=-x -- --yes");
    let path = Command::of("chmod 700").path(Path::new("-x; run: y"));
    assert_eq!(path, "chmod 700 './-x;'' run: y'");
    assert!(!path.to_string().contains("; run: "));
    assert_eq!(words(&path.to_string())[2], "./-x; run: y");
}

#[test]
fn what_cannot_be_shown_still_arrives() {
    for name in [
        "a\nb",
        "--yes\n-",
        "\u{1b}[2J",
        "x\u{202e}y",
        "\u{3164}",
        "%s\\",
    ] {
        let line = Command::of("ls").word(name).to_string();
        assert!(line.chars().all(terminal_safe::is_harmless), "{line}");
        assert_eq!(words(&line)[1], name);
    }
}

#[test]
fn a_command_from_a_daemon_is_one_line() {
    let command: Command = serde_json::from_str("\"a\\nb\\u001b\"").unwrap();
    assert_eq!(command, "a b");
    let ours = Command::of("ls").operand("a  b");
    let text = serde_json::to_string(&ours).unwrap();
    assert_eq!(serde_json::from_str::<Command>(&text).unwrap(), ours);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_shell_reads_every_value_back(value in "[ -~é\u{202e}\n]{0,20}[!-~]", other in "[ -~]{0,12}") {
        let line = Command::of("x").operand(&value).option("--o", &other).to_string();
        prop_assert!(line.chars().all(terminal_safe::is_harmless));
        prop_assert!(!line.contains("; run:"));
        let words = words(&line);
        prop_assert!(words.contains(&value), "{line} {words:?}");
        let joined = format!("--o={other}");
        prop_assert!(words.contains(&other) || words.contains(&joined), "{line}");
    }
}

/// Where quotes end in PowerShell (about_Quoting_Rules): none of these is open at
/// the end, and nothing stands outside but backslashes.
fn outside_in_powershell(line: &str) -> Option<String> {
    let single = |c: char| "'\u{2018}\u{2019}\u{201a}\u{201b}".contains(c);
    let double = |c: char| "\"\u{201c}\u{201d}\u{201e}".contains(c);
    let (mut outside, mut within) = (String::new(), None);
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match within {
            None if single(c) => within = Some('\''),
            None if double(c) => within = Some('"'),
            None => outside.push(c),
            Some('\'') if single(c) => {
                if chars.next_if(|next| single(*next)).is_none() {
                    within = None;
                }
            }
            Some('"') if double(c) => {
                if chars.next_if(|next| double(*next)).is_none() {
                    within = None;
                }
            }
            Some('"') if c == '$' || c == '`' => return None,
            Some(_) => {}
        }
    }
    within.is_none().then_some(outside)
}

proptest! {
    #[test]
    fn no_word_ends_its_quotes_in_powershell(
        word in "[a'\"\\\\;$` \u{2018}\u{2019}\u{201c}&|()]{0,12}",
    ) {
        let line = Command::of("x").operand(&word).to_string();
        let quoted = line.strip_prefix("x ").unwrap();
        let outside = outside_in_powershell(quoted);
        prop_assert!(outside.is_some(), "{quoted}");
        let is_plain = |c: char| c == '\\' || c == 'a';
        prop_assert!(outside.unwrap().chars().all(is_plain), "{quoted}");
    }
}
