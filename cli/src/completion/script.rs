//! The scripts that make shells ask.

use std::path::Path;

use quilt_proto::terminal_safe;

/// Shells that can ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Shell {
    /// bash, 3.2 and later
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
    /// PowerShell
    #[value(name = "powershell")]
    Pwsh,
}

impl Shell {
    /// Every shell.
    pub(crate) const ALL: [Self; 4] = [Self::Bash, Self::Zsh, Self::Fish, Self::Pwsh];

    /// The name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Zsh => "zsh",
            Self::Fish => "fish",
            Self::Pwsh => "powershell",
        }
    }

    /// Whether it shows what a candidate is.
    pub(crate) fn shows_help(self) -> bool {
        self != Self::Bash
    }

    /// Whether a candidate becomes one word of the line and nothing else. Those
    /// that put it there as it is get only what means nothing to them.
    pub(crate) fn can_insert(self, value: &str) -> bool {
        // A comma makes two of a word for PowerShell, which separates by it.
        let is_plain = |c: char| {
            c.is_alphanumeric() || "-_./@%+:=".contains(c) || c == ',' && self != Self::Pwsh
        };
        let is_harmless = value
            .chars()
            .all(|c| c != '\t' && terminal_safe::is_harmless(c));
        let inserts_raw = matches!(self, Self::Bash | Self::Pwsh);
        let can_begin = !value.starts_with(['=', '@', '%']);
        // A home directory to fish, quoted or not.
        let is_home = self == Self::Fish && value.starts_with('~');
        !value.is_empty()
            && is_harmless
            && !is_home
            && (!inserts_raw || can_begin && value.chars().all(is_plain))
    }

    /// A text as one word of it.
    pub(crate) fn quoted(self, text: &str) -> String {
        let text = match self {
            Self::Bash | Self::Zsh => text.replace('\'', r"'\''"),
            Self::Fish => text.replace('\\', r"\\").replace('\'', r"\'"),
            Self::Pwsh => text.replace('\'', "''"),
        };
        format!("'{text}'")
    }
}

/// The script for a shell, which asks this program.
pub(crate) fn script(shell: Shell, program: &Path) -> String {
    let template = match shell {
        Shell::Bash => include_str!("quiltctl.bash"),
        Shell::Zsh => include_str!("quiltctl.zsh"),
        Shell::Fish => include_str!("quiltctl.fish"),
        Shell::Pwsh => include_str!("quiltctl.ps1"),
    };
    template.replace("@PROGRAM@", &shell.quoted(&program.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_could_obey_is_not_put_on_its_line() {
        for hostile in [
            "$(id)", "`id`", "a;b", "a b", "'", "*", "a|b", "=ls", "~", "!x", "",
        ] {
            assert!(!Shell::Bash.can_insert(hostile), "{hostile}");
            assert!(!Shell::Pwsh.can_insert(hostile), "{hostile}");
        }
        for shell in Shell::ALL {
            assert!(shell.can_insert("ns/name-1_é.x:y@z"));
            assert!(!shell.can_insert("a\nb"));
            assert!(!shell.can_insert("a\u{202e}b"));
        }
        assert!(Shell::Fish.can_insert("Read Write"));
    }

    #[test]
    fn the_program_is_one_word_whatever_its_path() {
        for shell in Shell::ALL {
            let script = script(shell, Path::new("/opt/it's $(id)/quiltctl"));
            assert!(!script.contains("@PROGRAM@"));
            assert!(script.contains("$(id)/quiltctl'"), "{script}");
        }
    }
}
