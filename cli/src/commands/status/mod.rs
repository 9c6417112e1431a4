//! `status`: what the daemon holds, and what will go wrong next.

mod prompt;
pub(super) mod view;

use std::thread;
use std::time::{Duration, Instant};

use quilt_proto::CatalogUrl;
use quilt_proto::api::{ReadMe, ReadProfiles, ReadStatus};
use quilt_proto::wire::{
    CatalogStatus, Finding, FindingCode, ProfileStatus, SessionState, SessionUser, Status,
};

use super::key_at_hand::KeyAtHand;
use crate::context::Context;
use crate::exit::Failure;
use crate::{catalog_variable, look, output, version};

/// How long the stacks may take to say who is logged in.
const TIMEOUT: Duration = Duration::from_millis(1500);
/// How old an answer of theirs may be, in seconds.
const MAX_AGE: i64 = 300;

/// For whom.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// One word for a shell's prompt, or nothing; starts no daemon, asks no stack
    #[arg(long, conflicts_with_all = ["json", "utc"])]
    prompt: bool,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    if args.prompt {
        return prompt::run(context);
    }
    let here = context;
    let context = &context.of_all_catalogs();
    context.print(&ReadStatus, |mut status| {
        let profiles = profiles(context, &status);
        // Among what is to be mended, wherever that is shown.
        status.findings.extend(version_finding(&status));
        let look = context.look();
        if look::is_seen() {
            ask_who(context, &mut status);
        } else {
            // A script that looks causes no requests, and reads only the
            // result: what is to be mended goes beside it.
            let findings = std::mem::take(&mut status.findings);
            warn(view::not_at_a_session(&findings, &status.catalogs));
        }
        let key = KeyAtHand::of(context);
        view::screen(&look, &status, &profiles, key.as_ref()).print(&look)?;
        let default = status.default_catalog.as_ref();
        catalog_variable::tell_of_another_than(here, default.map(CatalogUrl::as_str));
        Ok(())
    })
}

/// What the profiles are of each catalog that has credentials: the region and
/// roles of one that names no catalog are of the one that it is used with.
fn profiles(context: &Context, status: &Status) -> Vec<ProfileStatus> {
    let with = status
        .catalogs
        .iter()
        .filter(|it| !it.credentials.is_empty());
    let asked = with.map(|catalog| {
        let there = context.of_catalog(catalog.catalog_url.as_str());
        there.send(&ReadProfiles).unwrap_or_default()
    });
    asked.flatten().collect()
}

/// Asks the stacks that have not said for a while who is logged in. One that
/// does not answer is left out: the rest is known.
fn ask_who(context: &Context, status: &mut Status) {
    let now = quilt_proto::Timestamp::now();
    let deadline = Instant::now() + TIMEOUT;
    let is_stale = |catalog: &&mut CatalogStatus| {
        let age = catalog
            .user
            .as_ref()
            .map(|user| now.seconds_since(user.seen_at));
        catalog.session.state == SessionState::Active && age.is_none_or(|age| age > MAX_AGE)
    };
    thread::scope(|scope| {
        for catalog in status.catalogs.iter_mut().filter(is_stale) {
            scope.spawn(move || {
                let asked = context.of_catalog(catalog.catalog_url.as_str());
                let me = asked.reply_by(&ReadMe, deadline);
                if let Ok(me) = me.and_then(|reply| Ok(reply.answer()?)) {
                    catalog.user = Some(SessionUser {
                        name: me.name,
                        role: me.role,
                        is_admin: me.is_admin,
                        seen_at: now,
                    });
                }
            });
        }
    });
}

/// Says what of quiltd.toml is not in force, as `status` does.
pub(super) fn warn_of_settings(context: &Context) {
    warn(settings_finding(context).as_ref());
}

/// What of quiltd.toml is not in force. Without an answer there is nothing to
/// say of it.
pub(super) fn settings_finding(context: &Context) -> Option<Finding> {
    let status = context.of_all_catalogs().send(&ReadStatus).ok()?;
    let mut findings = status.findings.into_iter();
    findings.find(|finding| finding.is(FindingCode::SettingsBroken))
}

/// That the daemon is of another version.
fn version_finding(status: &Status) -> Option<Finding> {
    let difference = version::difference(&status.version)?;
    let hint = "quiltctl daemon restart";
    Some(Finding::warning(
        FindingCode::DaemonVersion,
        difference,
        hint,
    ))
}

/// Says that the daemon is of another version.
pub(super) fn warn_of_version(status: &Status) {
    warn(version_finding(status).as_ref());
}

/// One line each, on stderr.
pub(super) fn warn<'a>(findings: impl IntoIterator<Item = &'a Finding>) {
    for finding in findings {
        output::advise(&format!("warning: {}", finding.summary), &finding.hint);
    }
}
