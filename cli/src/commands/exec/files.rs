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

use quilt_proto::quoted;
use zeroize::Zeroizing;

use crate::aws_files::ini::{self, Line, all_sections, key, lines};
use crate::aws_files::{self, CONFIG_ENV, CREDENTIALS_ENV};
use crate::exit::{self, Failure};

/// Names the credentials file of the SDK for Java 1, which knows no other name.
const JAVA_ENV: &str = "AWS_CREDENTIAL_PROFILES_FILE";

/// Without it, the SDK for JavaScript 2 reads `~/.aws/credentials`, whatever
/// [`CREDENTIALS_ENV`] names.
const JAVASCRIPT_ENV: &str = "AWS_SDK_LOAD_CONFIG";

/// Names the credentials file of GDAL (rasterio, `QGIS`), which knows no other
/// name for it.
const GDAL_ENV: &str = "CPL_AWS_CREDENTIALS_FILE";

/// What names the file of s3cmd, to itself and to htslib, which takes keys from
/// it as well.
const S3CMD_ENVS: [&str; 2] = ["S3CMD_CONFIG", "HTS_S3_S3CFG"];

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
/// the user's own. `region` is the one it shall have where it names no profile,
/// and is put into the copy where a variable would win over that of another
/// profile; answers whether it was.
pub(super) fn hide_default_credentials(
    command: &mut Command,
    region: Option<&str>,
) -> Result<bool, Failure> {
    let mut holds_region = false;
    if let Some(path) = aws_files::place(CONFIG_ENV) {
        let content = content(&path);
        let regional = region.and_then(|region| with_default_region(&content, region));
        holds_region = regional.is_some();
        let copy = regional.or_else(|| without_default_credentials(&content, Kind::Config));
        put(command, CONFIG_ENV, &path, copy)?;
    }
    if let Some(path) = aws_files::place(CREDENTIALS_ENV) {
        let copy = without_default_credentials(&content(&path), Kind::Credentials);
        put(command, CREDENTIALS_ENV, &path, copy)?;
    }
    if let Some(path) = aws_files::usual_place(CREDENTIALS_ENV)
        && without_default_credentials(&content(&path), Kind::Credentials).is_some()
    {
        command.env(JAVASCRIPT_ENV, "1");
    }
    if let Some(path) = named(GDAL_ENV).or_else(|| aws_files::usual_place(CREDENTIALS_ENV)) {
        let copy = without_default_credentials(&content(&path), Kind::Credentials);
        put(command, GDAL_ENV, &path, copy)?;
    }
    for variable in S3CMD_ENVS {
        let usual = || named("HOME").map(|home| home.join(".s3cfg"));
        if let Some(path) = named(variable).or_else(usual) {
            let copy = without_s3cmd_keys(&content(&path));
            put(command, variable, &path, copy)?;
        }
    }
    for path in java_files() {
        let copy = without_default_credentials(&content(&path), Kind::Config);
        if put(command, JAVA_ENV, &path, copy)? {
            break;
        }
    }
    for path in boto_files() {
        let copy = without_default_credentials(&content(&path), Kind::Boto);
        if put(command, BOTO_ENV, &path, copy)? {
            break;
        }
    }
    Ok(holds_region)
}

/// The files the SDK for Java 1 reads: the one its variable names, else the
/// first there is in the home. That is the account's, whatever `HOME` says,
/// unless the program was told otherwise.
fn java_files() -> Vec<PathBuf> {
    if let Some(path) = named(JAVA_ENV) {
        return vec![path];
    }
    let homes = [named("HOME"), quilt_trust::account_home()];
    let first = |home: PathBuf| {
        let files = ["credentials", "config"].map(|name| home.join(".aws").join(name));
        files.into_iter().find(|file| file.exists())
    };
    homes.into_iter().flatten().filter_map(first).collect()
}

/// The path that a variable holds.
fn named(variable: &str) -> Option<PathBuf> {
    let value = env::var_os(variable).filter(|value| !value.is_empty());
    value.map(PathBuf::from)
}

/// The files boto 2 reads, the user's own first: where both hold keys, the
/// other's settings are worth less.
fn boto_files() -> Vec<PathBuf> {
    match named(BOTO_ENV) {
        Some(path) => vec![path],
        None => named("HOME")
            .map(|home| home.join(".boto"))
            .into_iter()
            .chain([BOTO_SYSTEM.into()])
            .collect(),
    }
}

/// What is in a file. What cannot be read here cannot be read by the program
/// either.
fn content(path: &Path) -> Zeroizing<Vec<u8>> {
    let content = aws_files::read(path).ok().flatten();
    let mut content = Zeroizing::new(content.unwrap_or_default());
    // Python ends a line at a carriage return alone, too.
    for at in 0..content.len() {
        if content[at] == b'\r' && content.get(at + 1) != Some(&b'\n') {
            content[at] = b'\n';
        }
    }
    content
}

/// Puts a copy in a file's place, where there is one; answers whether there is.
fn put(
    command: &mut Command,
    variable: &str,
    path: &Path,
    copy: Option<Zeroizing<Vec<u8>>>,
) -> Result<bool, Failure> {
    let Some(copy) = copy else {
        return Ok(false);
    };
    let place = in_memory(variable, &copy).map_err(|error| {
        let what = format!(
            "what {} says of the default profile would win, and cannot be hidden from the \
             program: {error}",
            quoted::path(path)
        );
        Failure::new(exit::UNEXPECTED, what).hint("quiltctl setup aws")
    })?;
    command.env(variable, place);
    Ok(true)
}

/// The configuration with this region for whoever names no profile, and
/// without credentials for them; nothing where a variable does as well, because
/// no other profile has a region of its own that it would win over.
fn with_default_region(content: &[u8], region: &str) -> Option<Zeroizing<Vec<u8>>> {
    let is_default = |section: &[Line<'_>]| is_default(section[0].text, Kind::Config);
    let is_region = |line: &Line<'_>| key(line.text).as_deref() == Some("region");
    let all = lines(content);
    let is_other = all_sections(&all).into_iter().any(|section| {
        let mut regions = section[1..].iter().filter(|line| is_region(line));
        !is_default(section) && regions.any(|line| ini::value(line.text) != region)
    });
    if !is_other {
        return None;
    }
    let bare = without_default_credentials(content, Kind::Config);
    let bare = bare.unwrap_or_else(|| Zeroizing::new(content.to_vec()));
    let wanted = format!("\nregion = {region}\n");
    let mut copy = Zeroizing::new(Vec::with_capacity(content.len() + 64));
    let mut at = 0;
    for section in all_sections(&lines(&bare)) {
        if !is_default(section) {
            continue;
        }
        let below = end(&section[0]);
        copy.extend_from_slice(&bare[at..below]);
        copy.extend_from_slice(wanted.as_bytes());
        at = below;
        for line in section[1..].iter().filter(|line| is_region(line)) {
            copy.extend_from_slice(&bare[at..line.offset]);
            at = end(line);
        }
    }
    copy.extend_from_slice(&bare[at..]);
    if at == 0 {
        copy.extend_from_slice(b"\n[default]");
        copy.extend_from_slice(wanted.as_bytes());
    }
    Some(copy)
}

/// Where the line after one begins.
fn end(line: &Line<'_>) -> usize {
    line.offset + line.text.len()
}

/// The file without the credentials of its default profile; nothing where it
/// has none.
fn without_default_credentials(content: &[u8], kind: Kind) -> Option<Zeroizing<Vec<u8>>> {
    let lines = lines(content);
    let sections = all_sections(&lines).into_iter();
    let default = sections.filter(|section| is_default(section[0].text, kind));
    without(content, default.flat_map(credential_lines))
}

/// The file without these lines; nothing where there are none.
fn without<'a>(
    content: &[u8],
    hidden: impl Iterator<Item = Line<'a>>,
) -> Option<Zeroizing<Vec<u8>>> {
    let mut copy = Zeroizing::new(Vec::with_capacity(content.len()));
    let mut at = 0;
    for line in hidden {
        copy.extend_from_slice(&content[at..line.offset]);
        at = end(&line);
    }
    copy.extend_from_slice(&content[at..]);
    (copy.len() < content.len()).then_some(copy)
}

/// Whether some SDK takes a section for what counts where no profile is named.
/// Readers differ: botocore takes any header that begins with `profile` and
/// reads it as a shell would, and `[DEFAULT]` lends its keys to every section
/// (Python's `configparser`). One too many is hidden rather than one too few.
fn is_default(header: &[u8], kind: Kind) -> bool {
    let header = ini::stripped(header);
    let name = header.trim_start_matches('[');
    let name = name.rsplit_once(']').map_or(name, |(name, _)| name);
    let bare: String = name.chars().filter(|c| !"\"'\\".contains(*c)).collect();
    let last = bare.split_whitespace().next_back().unwrap_or_default();
    last.eq_ignore_ascii_case("default")
        || matches!(kind, Kind::Boto) && last.eq_ignore_ascii_case("credentials")
}

/// The lines of a section that say where credentials come from, with what is
/// indented below them.
fn credential_lines<'a>(section: &[Line<'a>]) -> Vec<Line<'a>> {
    let mut hidden = Vec::new();
    let mut below: Option<usize> = None;
    for line in &section[1..] {
        let indent = ini::indent(line.text);
        let is_continued = below.is_some_and(|outer| indent > outer);
        let names_credentials = key(line.text).is_some_and(|key| is_credential_key(&key));
        if names_credentials && !is_continued {
            below = Some(indent);
        } else if !is_continued && !ini::stripped(line.text).is_empty() {
            below = None;
        }
        if names_credentials || is_continued {
            hidden.push(*line);
        }
    }
    hidden
}

fn is_credential_key(key: &str) -> bool {
    ini::other_way(key).is_some() || matches!(key, "credential_process" | "aws_security_token")
}

/// The file of s3cmd without its keys, which it takes from any section.
fn without_s3cmd_keys(content: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    const KEYS: [&str; 3] = ["access_key", "secret_key", "access_token"];
    let is_key = |line: &Line<'_>| key(line.text).is_some_and(|key| KEYS.contains(&key.as_str()));
    without(content, lines(content).into_iter().filter(is_key))
}

/// A file in memory with this content; answers the path by which the program
/// and its children reach it. It is there for as long as this process, and the
/// program it becomes, keeps the descriptor: nothing of it ever touches a disk.
#[cfg(target_os = "linux")]
fn in_memory(name: &str, content: &[u8]) -> io::Result<PathBuf> {
    use std::fs::{File, Permissions};
    use std::io::Write;
    use std::os::fd::{AsRawFd, IntoRawFd};
    use std::os::unix::fs::PermissionsExt;

    use rustix::fs::{MemfdFlags, Mode, OFlags, SealFlags, fcntl_add_seals, memfd_create, open};
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
    // The descriptor that every program below inherits keeps the file, and reads
    // nothing: whoever opens it by its path needs the right to, which programs of
    // other users that the program starts do not have.
    let lasting = open(
        format!("/proc/self/fd/{}", file.as_raw_fd()),
        OFlags::PATH | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    let kept = fcntl_dupfd_cloexec(&lasting, OUT_OF_THE_WAY)
        .or_else(|_| fcntl_dupfd_cloexec(&lasting, 10))?;
    let number = kept.as_raw_fd();
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

/// A file, made up: what is hidden once leaves nothing to hide.
#[cfg(any(test, fuzzing))]
pub(in crate::commands) fn fuzz_aws_config(file: &[u8]) {
    for kind in [Kind::Config, Kind::Credentials, Kind::Boto] {
        if let Some(copy) = without_default_credentials(file, kind) {
            assert!(copy.len() < file.len());
            let again = without_default_credentials(&copy, kind);
            assert!(again.is_none(), "nothing is left to hide");
        }
    }
    let _ = with_default_region(file, "eu-west-1");
    let bare = without_s3cmd_keys(file);
    assert!(bare.is_none_or(|bare| without_s3cmd_keys(&bare).is_none()));
}

#[cfg(test)]
mod tests;
