//! Where an API key comes from that every start of the daemon reads.

use std::fmt;
use std::path::PathBuf;

use quilt_proto::{Command, quoted};

/// A place that a key is read from at each start. A key that is dropped comes
/// back with the next one, and so does a wrong one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyOrigin {
    /// A file that the settings name.
    File(PathBuf),
    /// A credential of systemd's, by its name.
    Credential(String),
}

impl fmt::Display for KeyOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", quoted::path(path)),
            Self::Credential(name) => write!(f, "the credential {}", quoted::name(name)),
        }
    }
}

impl KeyOrigin {
    /// Puts another key there, and has it read; nothing where only whoever wrote
    /// the unit knows how.
    pub fn replace_key(&self) -> Option<Command> {
        match self {
            Self::File(path) => Some(read_anew(Command::edit(path))),
            Self::Credential(_) => None,
        }
    }
}

/// A command that changes where a key comes from, and the start that reads it.
pub fn read_anew(change: Command) -> Command {
    change.words("&& quiltctl daemon restart")
}

/// A key, as it is told from others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyMark {
    /// What the stack shows of it.
    pub fingerprint: String,
    /// Where the daemon read it at its start, if it did.
    pub origin: Option<KeyOrigin>,
}

impl fmt::Display for KeyMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", quoted::name(&self.fingerprint))?;
        match &self.origin {
            Some(origin) => write!(f, ", read from {origin}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_a_file_names_it_and_is_replaced_there() {
        let origin = KeyOrigin::File("/etc/quilt/my key".into());
        assert_eq!(
            origin.replace_key().unwrap(),
            "${EDITOR:-vi} '/etc/quilt/my key' && quiltctl daemon restart"
        );
        let mark = KeyMark {
            fingerprint: "qk_1a2...f9c".to_owned(),
            origin: Some(origin),
        };
        assert_eq!(
            mark.to_string(),
            "qk_1a2...f9c, read from “/etc/quilt/my key”"
        );
    }
}
