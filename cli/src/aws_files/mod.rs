//! The configuration and the credentials file that AWS programs share.

pub(crate) mod botocore_refusals;
mod call;
pub(crate) mod command_line;
pub(crate) mod ini;
mod loaded;

use quilt_proto::quoted;
use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub(crate) use quilt_proto::aws::{
    CONFIG_FILE_ENV as CONFIG_ENV, CREDENTIALS_FILE_ENV as CREDENTIALS_ENV,
};

pub(crate) use self::call::Call;
pub(crate) use self::loaded::loaded;
use crate::files;

/// What `setup aws` calls the profile, where nothing else is said.
pub(crate) const USUAL_PROFILE: &str = "quilt";

/// The file a variable names, else the one in `~/.aws`; nothing without a home.
pub(crate) fn place(variable: &str) -> Option<PathBuf> {
    let named = set(variable).map(|path| expand(PathBuf::from(path)));
    let path = named.or_else(|| usual_place(variable))?;
    std::path::absolute(path).ok()
}

/// The file that a variable names from the current directory on: it is another
/// one elsewhere.
pub(crate) fn named_from_here(variable: &str) -> Option<PathBuf> {
    let named = expand(PathBuf::from(set(variable)?));
    named
        .is_relative()
        .then(|| std::path::absolute(named).ok())?
}

/// A leading `~` as botocore and with it the AWS CLI takes it
/// (`os.path.expanduser`): quotes keep shells from it.
fn expand(path: PathBuf) -> PathBuf {
    match (path.strip_prefix("~"), set("HOME")) {
        (Ok(rest), Some(home)) if rest.as_os_str().is_empty() => PathBuf::from(home),
        (Ok(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => path,
    }
}

/// Whether a variable is set to nothing. Programs differ in that: to botocore
/// it names a file that is not there.
pub(crate) fn names_nothing(variable: &str) -> bool {
    env::var_os(variable).is_some_and(|value| value.is_empty())
}

/// Where the AWS CLI reads what its commands are called, and are (AWS CLI User
/// Guide, "Creating and using aliases"): any of them may be a program.
pub(crate) fn cli_alias() -> Option<PathBuf> {
    Some(PathBuf::from(set("HOME")?).join(".aws/cli/alias"))
}

/// The file where the variable is not set.
pub(crate) fn usual_place(variable: &str) -> Option<PathBuf> {
    let name = match variable {
        CONFIG_ENV => "config",
        _ => "credentials",
    };
    Some(PathBuf::from(set("HOME")?).join(".aws").join(name))
}

/// What is in a file; nothing where there is none.
pub(crate) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::metadata(path) {
        Ok(_) if is_nothing(path) => Ok(None),
        Ok(_) => files::read(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether it is the file that people name where there shall be none.
pub(crate) fn is_nothing(path: &Path) -> bool {
    fs::canonicalize(path).is_ok_and(|real| real == Path::new(quilt_trust::NOTHING))
}

fn set(variable: &str) -> Option<std::ffi::OsString> {
    env::var_os(variable).filter(|value| !value.is_empty())
}

/// What is said of a profile without a region: programs ask for none of its
/// credentials.
pub(crate) fn no_region(name: &str) -> String {
    format!("profile {} has no region", quoted::name(name))
}
