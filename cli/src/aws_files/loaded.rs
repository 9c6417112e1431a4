//! What AWS programs load beside their configuration: whoever wrote it chooses what
//! they run, and where they send what.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use super::set;
use crate::files;

/// How deep models lie below their directory: `s3/2006-03-01/service-2.json`.
const DEPTH: usize = 3;

/// How deep in packages of Python.
const PACKAGES: usize = 3;

/// The most files looked at, of each kind.
const MOST: usize = 20_000;

/// Models of botocore's (`AWS_DATA_PATH`, "botocore.loaders"), and the modules that
/// Python has from its user's own directory (Python, "site", PEP 370) or from
/// `PYTHONPATH`. What is relative is another file elsewhere.
pub(crate) fn loaded() -> Vec<PathBuf> {
    let home = set("HOME").map(PathBuf::from);
    let named = |variable| {
        set(variable)
            .into_iter()
            .flat_map(|all| env::split_paths(&all).collect::<Vec<_>>())
    };
    let models = home
        .iter()
        .map(|home| home.join(".aws/models"))
        .chain(named("AWS_DATA_PATH"));
    let own = home.iter().map(|home| home.join(".local"));
    let bases = own.chain(set("PYTHONUSERBASE").map(PathBuf::from));
    let modules: Vec<_> = bases.flat_map(|base| own_modules(&base)).collect();
    let added: Vec<_> = modules.iter().flat_map(|dir| added_by(dir)).collect();
    let modules = modules.into_iter().chain(added).chain(named("PYTHONPATH"));
    let models = models.flat_map(|dir| below(&dir, DEPTH));
    let modules = modules.flat_map(|dir| below(&dir, PACKAGES));
    models
        .chain(modules)
        .filter(|path| path.is_absolute())
        .collect()
}

/// Where each Python of a user finds modules of theirs.
fn own_modules(base: &Path) -> Vec<PathBuf> {
    let versions = entries(&base.join("lib"));
    let of_python = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with("python"))
    };
    let versions = versions.into_iter().filter(of_python);
    versions
        .map(|version| version.join("site-packages"))
        .collect()
}

/// The directories that the `.pth` files of another one add to it (Python, "site").
fn added_by(dir: &Path) -> Vec<PathBuf> {
    let files = entries(dir)
        .into_iter()
        .filter(|path| path.extension().is_some_and(|it| it == "pth"));
    let lines = files.filter_map(|file| files::text(&file));
    let dirs = lines.flat_map(|text| {
        text.lines()
            .map(|line| dir.join(line.trim()))
            .collect::<Vec<_>>()
    });
    dirs.filter(|dir| dir.is_dir()).collect()
}

/// A directory and what is in it, so many levels down.
fn below(dir: &Path, levels: usize) -> Vec<PathBuf> {
    let mut found = vec![dir.to_owned()];
    let mut level = found.clone();
    for _ in 0..levels {
        level = level.iter().flat_map(|dir| entries(dir)).collect();
        found.extend(level.iter().cloned());
        if found.len() > MOST {
            found.truncate(MOST);
            break;
        }
    }
    found
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.take(MOST).map(|entry| entry.path()).collect()
}
