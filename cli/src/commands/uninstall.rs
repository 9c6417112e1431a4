//! `uninstall`: every `setup … --undo`, and on request what is kept.

use std::fs;
use std::io;
use std::path::Path;

use quilt_proto::api::{Logout, LogoutQuery, UndoGateway};
use quilt_proto::state_files::DAEMON_LOCK;
use quilt_proto::{Command, instance, is_state_file, locations, python_sdk, quoted};

use super::{daemon_stop, setup};
use crate::context::Context;
use crate::exit::{self, Failure};
use crate::{confirm, look, output};

/// How much.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Do not ask; needed where nobody is at a terminal
    #[arg(long)]
    yes: bool,

    /// Also log out of every catalog and remove what is kept: logins, keys, the audit log
    #[arg(long)]
    state: bool,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let question = if args.state {
        "Undo every setup, log out of every catalog and remove what is kept? API keys that you made \
         stay: revoke them before."
    } else {
        "Undo every setup and stop the daemon? Logins stay."
    };
    let again = Command::of("quiltctl uninstall").words_if("--state", args.state);
    let question = || Ok(question.to_owned());
    confirm::agreed(args.yes, question, again, "quiltctl uninstall --help")?;
    // What fails does not keep the rest from being undone.
    let mut done: Vec<(&str, Result<bool, Failure>)> = Vec::new();
    let all = context.of_all_catalogs();
    // Nothing is started for what was never there.
    let is_kept = is_kept(context)?;
    if is_kept {
        let undone = all.send(&UndoGateway).map(|gateway| gateway.changed);
        done.push(("quilt3", undone));
    }
    done.push(("AWS programs", setup::aws::undo_all()));
    done.push(("shell completion", setup::completions::undo_all()));
    if args.state && is_kept {
        let ended = all.send(&Logout(LogoutQuery { all: true })).map(|_| true);
        done.push(("logins and the keys in use", ended));
    }
    done.push(("the service", setup::service::undo_service()));
    let client = context.client()?;
    done.push(("the daemon", daemon_stop::stop(&client)));
    // A daemon that lives on would write it again.
    let failed = done.iter().any(|(_, outcome)| outcome.is_err());
    if args.state && !failed {
        done.push(("what was kept", remove_state()));
    }
    report(context, args, done)
}

fn report(
    context: &Context,
    args: &Args,
    done: Vec<(&str, Result<bool, Failure>)>,
) -> Result<(), Failure> {
    let mut undone = Vec::new();
    let mut failed = None;
    for (what, outcome) in done {
        match outcome {
            Ok(true) => undone.push(what),
            Ok(false) => {}
            Err(failure) => {
                if !context.global().json {
                    output::note(format_args!("{what}: {failure}"));
                }
                failed = Some(failure);
            }
        }
    }
    if let Some(failure) = failed {
        let what = "not everything could be undone; the rest was";
        let again = Command::of("quiltctl uninstall").words_if("--state", args.state);
        let hint = failure.advice().cloned();
        let hint = hint.unwrap_or_else(|| again.words("--yes"));
        return Err(Failure::new(failure.code(), what).hint(hint));
    }
    if context.global().json {
        return output::computed(&serde_json::json!({ "undone": undone }));
    }
    if undone.is_empty() {
        output::line("Nothing was set up.")?;
    } else {
        output::sentence_to_stdout(format_args!("Undone: {}.", undone.join(", ")))?;
    }
    if args.state {
        output::note("API keys that you made work until they end, or are revoked.");
    } else if has_state() {
        let remove = Command::of("quiltctl uninstall --state");
        output::advise("Logins are kept, and this removes them, too", &remove);
    }
    let of_sdk = locations::python_sdk_dir().map(|dir| dir.join(python_sdk::CONFIG_FILE));
    for (file, whose) in [
        (locations::settings(), "yours"),
        (of_sdk, "quilt3's as well"),
    ] {
        if let Some(path) = file.ok().filter(|file| file.exists()) {
            let file = look::file(&path);
            output::note(match copies(&path) {
                0 => format!("{file} is {whose}, and stays."),
                _ => format!("{file} is {whose}, and stays, with its copies {file}.backup.*"),
            });
        }
    }
    output::note("Remove the programs as they were installed: cargo uninstall, pip, apt, dnf.");
    Ok(())
}

/// Whether a daemon runs, or has left what only one can undo.
fn is_kept(context: &Context) -> Result<bool, Failure> {
    use quilt_proto::state_files::{GRANTS, SDK_IMPORT, SDK_RECORD, SESSIONS, SESSIONS_GENERATION};
    let dir = locations::state_dir()?;
    let left = [
        GRANTS,
        SDK_IMPORT,
        SDK_RECORD,
        SESSIONS,
        SESSIONS_GENERATION,
    ];
    let is_left = left.iter().any(|name| dir.join(name).exists());
    Ok(is_left || context.client()?.probe().is_ok())
}

/// Whether anything is kept.
fn has_state() -> bool {
    let dir = locations::state_dir().ok();
    dir.is_some_and(|dir| fs::read_dir(dir).is_ok_and(|mut left| left.next().is_some()))
}

/// How many copies of a file were kept beside it, as quilt3 names them.
fn copies(file: &Path) -> usize {
    let (Some(dir), Some(name)) = (file.parent(), file.file_name()) else {
        return 0;
    };
    let start = format!("{}.backup.", name.display());
    let names = fs::read_dir(dir).into_iter().flatten().flatten();
    let names = names.map(|entry| entry.file_name());
    names
        .filter(|name| name.to_str().is_some_and(|name| name.starts_with(&start)))
        .count()
}

/// Removes the files that are ours, and no others: the directory may be any. It
/// goes where nothing else is in it.
fn remove_state() -> Result<bool, Failure> {
    let dir = locations::state_dir()?;
    let failed = |error: io::Error| {
        let what = format!("cannot remove {}: {error}", quoted::path(&dir));
        let hint = Command::of("ls -la").path(&dir);
        Failure::new(exit::UNEXPECTED, what).hint(hint)
    };
    quilt_trust::check(&dir).map_err(|distrust| crate::files::distrusted(&distrust))?;
    let entries = match fs::read_dir(&dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(failed(error)),
    };
    let mut removed = false;
    for entry in entries.flatten() {
        let name = entry.file_name();
        let is_ours = name.to_str().is_some_and(is_state_file);
        // A daemon of another machine that shares the home.
        let is_lock = name.to_str().is_some_and(|name| DAEMON_LOCK.fits(name));
        if is_lock && instance::held(&entry.path()).is_some() {
            continue;
        }
        if is_ours && entry.file_type().is_ok_and(|kind| !kind.is_dir()) {
            fs::remove_file(entry.path()).map_err(failed)?;
            removed = true;
        }
    }
    if let Err(error) = fs::remove_dir(&dir)
        && error.kind() == io::ErrorKind::DirectoryNotEmpty
    {
        let dir = look::file(&dir);
        output::note(format_args!("What else is in {dir} is yours, and stays."));
    }
    Ok(removed)
}
