//! The user's files that hold credentials for programs which name no profile.
//!
//! In every SDK's chain they come before the container endpoint. The program
//! is given copies without those lines; everything else in them stays: other
//! profiles, regions, settings of services. The copies may hold other profiles'
//! secrets, so they lie in memory that is the program's own and ends with it,
//! however it ends.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use zeroize::Zeroizing;

use crate::aws_files::ini::{self, Line, all_sections, key, lines, profile_of};
use crate::aws_files::{self, CONFIG_ENV, CREDENTIALS_ENV};
use crate::exit::{self, Failure};

/// Names the file of boto 2, whose keys botocore takes as well.
const BOTO_ENV: &str = "BOTO_CONFIG";

/// Where boto 2 looks when the variable is not set.
const BOTO_SYSTEM: &str = "/etc/boto.cfg";

/// A kind of file.
#[derive(Clone, Copy)]
enum Kind {
    Config,
    Credentials,
    Boto,
}

/// Has `command` read copies of those files that would give it credentials of
/// the user's own.
pub(super) fn hide_default_credentials(command: &mut Command) -> Result<(), Failure> {
    let places = [
        (CONFIG_ENV, aws_files::place(CONFIG_ENV), Kind::Config),
        (
            CREDENTIALS_ENV,
            aws_files::place(CREDENTIALS_ENV),
            Kind::Credentials,
        ),
    ];
    for (variable, path, kind) in places {
        if let Some(path) = path {
            hide(command, variable, &path, kind)?;
        }
    }
    for path in boto_files() {
        if hide(command, BOTO_ENV, &path, Kind::Boto)? {
            break;
        }
    }
    Ok(())
}

/// The files boto 2 reads, the user's own first: where both hold keys, the
/// other's settings are worth less.
fn boto_files() -> Vec<PathBuf> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty());
    match set(BOTO_ENV) {
        Some(path) => vec![path.into()],
        None => set("HOME")
            .map(|home| Path::new(&home).join(".boto"))
            .into_iter()
            .chain([BOTO_SYSTEM.into()])
            .collect(),
    }
}

/// Puts a copy in a file's place, where it has something to hide; answers
/// whether it has.
fn hide(command: &mut Command, variable: &str, path: &Path, kind: Kind) -> Result<bool, Failure> {
    // What cannot be read here cannot be read by the program either.
    let Ok(Some(content)) = aws_files::read(path) else {
        return Ok(false);
    };
    let content = Zeroizing::new(content);
    let Some(copy) = without_default_credentials(&content, kind) else {
        return Ok(false);
    };
    let place = in_memory(variable, &copy).map_err(|error| {
        let what = format!(
            "the default profile in {} gets its credentials in another way, which would win, \
             and cannot be hidden from the program: {error}",
            path.display()
        );
        Failure::new(exit::UNEXPECTED, what).hint("quiltctl setup aws")
    })?;
    command.env(variable, place);
    Ok(true)
}

/// The file without the credentials of its default profile; nothing where it
/// has none.
fn without_default_credentials(content: &[u8], kind: Kind) -> Option<Zeroizing<Vec<u8>>> {
    let lines = lines(content);
    let mut copy = Zeroizing::new(Vec::with_capacity(content.len()));
    let mut at = 0;
    for section in all_sections(&lines) {
        if is_default(section[0].text, kind) {
            for hidden in credential_lines(section) {
                copy.extend_from_slice(&content[at..hidden.offset]);
                at = hidden.offset + hidden.text.len();
            }
        }
    }
    copy.extend_from_slice(&content[at..]);
    (copy.len() < content.len()).then_some(copy)
}

fn is_default(header: &[u8], kind: Kind) -> bool {
    match kind {
        Kind::Config => profile_of(header, true).as_deref() == Some("default"),
        Kind::Credentials => profile_of(header, false).as_deref() == Some("default"),
        Kind::Boto => profile_of(header, false).as_deref() == Some("Credentials"),
    }
}

/// The lines of a section that say where credentials come from, with what is
/// indented below them.
fn credential_lines<'a>(section: &[Line<'a>]) -> Vec<Line<'a>> {
    let mut hidden = Vec::new();
    let mut below: Option<usize> = None;
    for line in &section[1..] {
        let indent = ini::leading_space(line.text).len();
        let is_continued = below.is_some_and(|outer| indent > outer);
        let names_credentials = key(line.text).is_some_and(|key| is_credential_key(&key));
        if names_credentials && !is_continued {
            below = Some(indent);
        } else if !is_continued && !line.text.trim_ascii().is_empty() {
            below = None;
        }
        if names_credentials || is_continued {
            hidden.push(*line);
        }
    }
    hidden
}

fn is_credential_key(key: &str) -> bool {
    ini::is_other_way(key) || matches!(key, "credential_process" | "aws_security_token")
}

/// A file in memory with this content; answers the path by which the program
/// and its children reach it. It is there for as long as this process, and the
/// program it becomes, keeps the descriptor: nothing of it ever touches a disk.
#[cfg(target_os = "linux")]
fn in_memory(name: &str, content: &[u8]) -> io::Result<PathBuf> {
    use std::fs::{File, Permissions};
    use std::io::Write;
    use std::os::fd::IntoRawFd;
    use std::os::unix::fs::PermissionsExt;

    use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
    use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};

    /// Scripts use the numbers below for redirections of their own.
    const OUT_OF_THE_WAY: i32 = 200;

    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let mut file = File::from(memfd_create(name, flags)?);
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(content)?;
    // A program that edits its profile is told that it cannot, instead of
    // having its edit vanish.
    let seals = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
    fcntl_add_seals(&file, seals)?;
    let kept =
        fcntl_dupfd_cloexec(&file, OUT_OF_THE_WAY).or_else(|_| fcntl_dupfd_cloexec(&file, 10))?;
    let number = {
        use std::os::fd::AsRawFd;
        kept.as_raw_fd()
    };
    let path = PathBuf::from(format!("/proc/{}/fd/{number}", std::process::id()));
    // Without /proc the program would find no file, and no profile in it.
    File::open(&path)?;
    fcntl_setfd(&kept, FdFlags::empty())?;
    let _ = kept.into_raw_fd();
    Ok(path)
}

#[cfg(not(target_os = "linux"))]
fn in_memory(_name: &str, _content: &[u8]) -> io::Result<PathBuf> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(text: &str, kind: Kind) -> Option<String> {
        let copy = without_default_credentials(text.as_bytes(), kind)?;
        Some(String::from_utf8(copy.to_vec()).unwrap())
    }

    #[test]
    fn only_what_gives_the_default_profile_credentials_goes() {
        let config = "# mine\r\n[default]\r\nregion = eu-west-1\r\nsso_session = s\r\n\
                      SSO_Account_ID = 1\r\ns3 =\r\n  addressing_style = path\r\n\
                      credential_process = a \\\r\n    b\r\noutput = json\r\n\
                      [profile default]\r\nrole_arn = r\r\nsource_profile = p\r\n\
                      [profile p]\r\naws_access_key_id = AKIAP\r\n[sso-session s]\r\nsso_region = x\r\n";
        assert_eq!(
            copy(config, Kind::Config).unwrap(),
            "# mine\r\n[default]\r\nregion = eu-west-1\r\ns3 =\r\n  addressing_style = path\r\n\
             output = json\r\n[profile default]\r\n\
             [profile p]\r\naws_access_key_id = AKIAP\r\n[sso-session s]\r\nsso_region = x\r\n"
        );
        let credentials = "[work]\naws_access_key_id = A\n[default]\naws_access_key_id = B\n\
                           aws_secret_access_key = C\naws_session_token = D";
        assert_eq!(
            copy(credentials, Kind::Credentials).unwrap(),
            "[work]\naws_access_key_id = A\n[default]\n"
        );
        assert_eq!(
            copy(
                "[Credentials]\naws_access_key_id = A\n[Boto]\ndebug = 1\n",
                Kind::Boto
            )
            .unwrap(),
            "[Credentials]\n[Boto]\ndebug = 1\n"
        );
    }

    #[test]
    fn a_file_with_nothing_to_hide_stays_the_users_own() {
        for (text, kind) in [
            ("", Kind::Config),
            (
                "[default]\nregion = x\n[profile a]\nrole_arn = r\n",
                Kind::Config,
            ),
            ("[work]\naws_access_key_id = A\n", Kind::Credentials),
            ("[Boto]\ndebug = 1\n", Kind::Boto),
        ] {
            assert_eq!(copy(text, kind), None, "{text}");
        }
    }

    #[test]
    fn keys_that_some_sdk_takes_for_keys_are_hidden_however_they_are_indented() {
        let text = "[default]\nregion = x\n  aws_access_key_id = A\n  aws_secret_access_key = B\n";
        assert_eq!(
            copy(text, Kind::Credentials).unwrap(),
            "[default]\nregion = x\n"
        );
    }
}
