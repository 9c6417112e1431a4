//! `logout`: forgets sessions.

use std::fs;
use std::path::PathBuf;

use quilt_proto::api::{Logout, LogoutQuery};
use quilt_proto::state_files::SESSIONS;
use quilt_proto::wire::{LoggedOut, SessionState};
use quilt_proto::{Command, is_state_file, locations};

use super::key_at_hand::KeyAtHand;
use crate::context::Context;
use crate::exit::Failure;
use crate::{look, output};

/// Which sessions.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The sessions of every catalog
    #[arg(long)]
    pub(super) all: bool,
}

/// Files of logins that could not be read, or that a later version wrote.
fn set_aside() -> Vec<PathBuf> {
    let entries = locations::state_dir()
        .ok()
        .and_then(|dir| fs::read_dir(dir).ok());
    let is_one = |name: &str| name != SESSIONS && name.starts_with(SESSIONS) && is_state_file(name);
    let entries = entries.into_iter().flatten().flatten();
    let ours = entries.filter(|entry| entry.file_name().to_str().is_some_and(is_one));
    ours.map(|entry| entry.path()).collect()
}

/// Says where a login lives on for whoever has its tokens.
fn tell_of_unrevoked(left: &LoggedOut) {
    for catalog in &left.unrevoked {
        output::note(format_args!(
            "warning: {} could not be told that the login has ended: whoever has its tokens \
             can use them until they end",
            look::host(catalog)
        ));
    }
}

pub(super) fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    // Whose it is and whether there is one can be asked only before.
    let ask = || context.session().ok();
    let is_asked = !args.all && !context.global().json;
    let session = is_asked.then(ask).flatten();
    // Of whom it was asked who they are.
    let of = session.as_ref().map(|session| session.catalog_url.as_str());
    let meant = of.map(|catalog| context.of_catalog(catalog));
    let meant = meant.as_ref().unwrap_or(context);
    meant.print(&Logout(LogoutQuery { all: args.all }), |left| {
        tell_of_unrevoked(&left);
        if args.all {
            output::note("Logged out of every catalog: programs get no more credentials.");
            for file in set_aside() {
                let file = Command::of("rm").path(&file);
                output::advise("What was set aside may hold a login", &file);
            }
            output::next(&[("quiltctl login --all".into(), "")]);
            return Ok(());
        }
        let (what, again) = if let Some(session) = session {
            let host = look::host(&session.catalog_url);
            let was_in = session.status.state != SessionState::LoggedOut;
            let what = if was_in {
                format!("Logged out of {host}: programs get no more credentials from it.")
            } else {
                format!("Nobody was logged in to {host}.")
            };
            (what, Command::of("quiltctl login").operand(host))
        } else {
            // It could not be asked who was.
            let named = context.global().catalog.as_ref();
            let what = named.map_or_else(
                || "Logged out: programs get no more credentials.".to_owned(),
                |catalog| format!("Nobody is logged in to {}.", look::name(catalog)),
            );
            let again = Command::of("quiltctl login");
            (
                what,
                named.map_or(again.clone(), |catalog| again.operand(catalog)),
            )
        };
        output::note(what);
        let by_key = KeyAtHand::of(context).and_then(|key| key.offered_for(&again));
        output::next(&[(by_key.unwrap_or(again), "")]);
        Ok(())
    })
}
