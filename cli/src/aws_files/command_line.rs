//! A command line that every AWS SDK reads the same way.
//!
//! Some SDKs hand the value to `sh -c`, others split it as Python's `shlex`
//! does, and all of them first read it from an INI-like file that cuts
//! comments off. Quotes that mean the same to all of these are used.

use std::path::Path;

/// The line, or nothing where no way of writing it is safe.
pub(crate) fn write(program: &Path, args: &[String]) -> Option<String> {
    // Quotes only where they are needed: the SDK for Go 1 and what is built on
    // it (s5cmd, rclone), and awsume, take them for part of the program's name.
    let mut line = quote(program.to_str()?)?;
    for arg in args {
        line.push(' ');
        line.push_str(&quote(arg)?);
    }
    Some(line)
}

/// The words of a line, as `sh` and `shlex` split it; nothing where a quote
/// does not end.
pub(crate) fn read(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars();
    while let Some(char) = chars.next() {
        match char {
            ' ' | '\t' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '\'' => break,
                        char => word.push(char),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '"' => break,
                        '\\' => match chars.next()? {
                            char @ ('"' | '\\') => word.push(char),
                            char => word.extend(['\\', char]),
                        },
                        char => word.push(char),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(chars.next()?),
            char => word.get_or_insert_default().push(char),
        }
    }
    words.extend(word);
    Some(words)
}

/// A word in quotes, where it needs some.
pub(crate) fn quote(word: &str) -> Option<String> {
    // White space before these starts a comment, quotes or not.
    let comment = word.contains(" #") || word.contains(" ;");
    if word.is_empty() || comment || word.chars().any(char::is_control) {
        return None;
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+,=".contains(c);
    Some(if word.chars().all(plain) {
        word.to_owned()
    } else if word.contains(['"', '\\', '$', '`', '!']) {
        // Backslashes in double quotes mean different things to sh and shlex.
        format!("'{}'", word.replace('\'', r"'\''"))
    } else {
        format!("\"{word}\"")
    })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_program_is_quoted_only_where_it_must_be() {
        let args = ["credential-process".into(), "https://x/a b".into()];
        let line = |program| write(Path::new(program), &args);
        assert_eq!(
            line("/home/me/my tools/quiltctl").as_deref(),
            Some(r#""/home/me/my tools/quiltctl" credential-process "https://x/a b""#)
        );
        assert_eq!(
            line("/usr/bin/quiltctl").as_deref(),
            Some(r#"/usr/bin/quiltctl credential-process "https://x/a b""#)
        );
    }

    #[test]
    fn what_no_file_can_hold_is_refused() {
        for word in ["", "a #b", "a ;b", "a\nb", "a\u{7f}"] {
            assert_eq!(quote(word), None, "{word:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_written_is_read(words in prop::collection::vec("[ -~]{1,8}", 1..4)) {
            if let Some(line) = write(Path::new("/x y"), &words) {
                let expected: Vec<_> = ["/x y".to_owned()].into_iter().chain(words).collect();
                prop_assert_eq!(read(&line), Some(expected));
            }
        }

        #[test]
        fn a_shell_gives_the_words_back(word in "[ -~]{1,12}") {
            if let Some(quoted) = quote(&word) {
                let output = Command::new("sh")
                    .args(["-c", &format!("printf %s {quoted}")])
                    .output()
                    .unwrap();
                prop_assert_eq!(String::from_utf8(output.stdout).unwrap(), word);
            }
        }
    }
}
