//! `setup aws`: a profile in `~/.aws/config`.
//!
//! The file is the user's: it is edited as bytes, and everything but the lines
//! this command owns stays as it is. What was put in, and what stood there
//! before, is recorded in the state directory; `--undo` puts it back, also
//! when the rest of the file has changed since. Setting up again first takes
//! the recorded edit back, so that it happens to the file as the user wrote it.
//!
//! A section that gets credentials in another way is never touched.

mod config_file;
mod conflict;
mod edit;
mod elsewhere;
mod profile_lines;
mod read_only;
mod record;
mod undo;
mod write;

use std::path::Path;

use quilt_proto::{CatalogUrl, Command, ProfileName, locations};
use serde_json::json;

use self::config_file::{alone, place, read, unrecorded};
use self::elsewhere::Purpose;
use self::record::Records;
use self::undo::take_back;
pub(in crate::commands) use self::undo::undo_all;
use self::write::put_in;
use crate::aws_files::{self, CONFIG_ENV, USUAL_PROFILE};
use crate::aws_variables::AWS_PROFILE;
use crate::commands::key_at_hand;
use crate::commands::setup::unit;
use crate::context::Context;
use crate::exit::Failure;
use crate::{files, look, output};

/// Which profile, and what it gives.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The profile of quiltd.toml whose credentials it gives
    #[arg(long, value_name = "PROFILE", add = crate::completion::profiles())]
    profile: Option<ProfileName>,

    /// The name AWS programs know it by: PROFILE where one is named, else quilt
    #[arg(long, value_name = "NAME")]
    name: Option<ProfileName>,

    /// Put the file back as it was
    #[arg(long)]
    undo: bool,

    /// Do not ask before a profile gives the credentials of another catalog
    #[arg(long, conflicts_with = "undo")]
    yes: bool,
}

/// A name for a profile of this catalog that AWS programs know for nothing else.
pub(in crate::commands) fn free_name(
    wanted: &str,
    catalog: &CatalogUrl,
    is_default: bool,
) -> String {
    let purpose = Purpose {
        catalog,
        is_default,
    };
    elsewhere::free_name(wanted, |name| elsewhere::is_taken(name, Some(purpose)))
}

impl Args {
    /// What the section is called. A profile of its own name keeps `quilt`,
    /// which programs use already, from meaning something else of a sudden.
    fn section_name(&self) -> String {
        let profile = self.profile.as_ref().filter(|name| !name.is_default());
        let name = self.name.as_ref().or(profile);
        name.map_or_else(|| USUAL_PROFILE.to_owned(), ToString::to_string)
    }
}

pub(crate) fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let path = place(CONFIG_ENV)?;
    let name = args.section_name();
    if !args.undo {
        conflict::keeps_nothing(&path, &name)?;
    }
    files::may_write([path.as_path()])?;
    // Where the daemon keeps its own files, the record is kept as well.
    files::may_write([locations::state_dir()?.as_path()])?;
    // Asked before the lock is taken: the daemon may have to be started.
    let wanted_lines = if args.undo {
        Vec::new()
    } else {
        let lines = profile_lines::lines(context, args)?;
        elsewhere::leads_elsewhere(context, &path, &name, &lines, args.yes)?;
        lines
    };
    // Whoever else sets up at this moment reads what this run has written.
    let _alone = alone()?;
    if args.undo {
        let mut records = Records::load().map_err(|error| unrecorded(&error))?;
        let changed = take_back(&path, &name, &mut records)?;
        let done = if changed {
            "is as before"
        } else {
            "was not set up"
        };
        return report(context, &path, &name, done, changed);
    }
    let changed = put_in(&path, &name, &wanted_lines)?;
    set_up(context, &path, &name, changed)
}

/// Whether a profile was set up in the file that programs read here, and not taken
/// back.
pub(in crate::commands) fn has_set_up() -> bool {
    let (Some(config), Ok(records)) = (aws_files::place(CONFIG_ENV), Records::load()) else {
        return false;
    };
    records.all().iter().any(|record| record.config == config)
}

fn report(
    context: &Context,
    path: &Path,
    name: &str,
    done: &str,
    changed: bool,
) -> Result<(), Failure> {
    if context.global().json {
        let done = json!({ "file": path, "profile": name, "changed": changed });
        return output::computed(&done);
    }
    output::line(format_args!("{}: profile {name} {done}", look::file(path)))
}

/// The same, and how programs use the profile.
fn set_up(context: &Context, path: &Path, name: &str, changed: bool) -> Result<(), Failure> {
    report(context, path, name, unit::in_place(changed), changed)?;
    let has_region = edit::has_region(&read(path)?.unwrap_or_default(), name);
    if !has_region && note_no_catalog(context, name) {
        return Ok(());
    }
    let region = Command::of("aws configure set region YOUR-REGION").option("--profile", name);
    if !look::is_seen() || context.global().json {
        if !has_region {
            output::advise(&aws_files::no_region(name), &region);
        }
        return Ok(());
    }
    let list = Command::of("aws").option("--profile", name);
    let list = list.words("s3 ls s3://YOUR-BUCKET/");
    let export = Command::of("export").variable(AWS_PROFILE, name);
    let mut steps = vec![(list, ""), (export, "for every AWS program from here")];
    if !has_region {
        output::note(format_args!("But {}.", aws_files::no_region(name)));
        steps.insert(0, (region, ""));
    }
    output::next(&steps);
    Ok(())
}

/// Says that a profile has no region because the catalog that would say it is
/// missing; answers whether it is.
fn note_no_catalog(context: &Context, name: &str) -> bool {
    let Err(failure) = context.session() else {
        return false;
    };
    let (why, hint) = key_at_hand::offered(context, failure).apart();
    let lacks = aws_files::no_region(name);
    let what = format!("{lacks} yet, set it up again after the login: {why}");
    output::advise(&what, &hint.unwrap_or_else(|| "quiltctl status".into()));
    true
}

#[cfg(any(test, fuzzing))]
pub(in crate::commands) use self::edit::fuzz_aws_config;
