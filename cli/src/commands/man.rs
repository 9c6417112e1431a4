//! `man`: manual pages; at a terminal shown by `man`, else in the format that
//! `man -l -` reads.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::context::Context;
use crate::exit::{self, Failure};
use crate::help::man;
use crate::{files, look, output, programs};

/// Which page.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A command, such as `login` or `role switch`; none is the overview
    command: Vec<String>,

    /// Write the pages of all commands into this directory
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    all: Option<PathBuf>,
}

pub(super) fn run(context: &Context, args: &Args, program: clap::Command) -> Result<(), Failure> {
    context.refuse_json("man")?;
    let mut all = without_help(program);
    // Gives nested commands their full names.
    all.build();
    if let Some(dir) = &args.all {
        // Links that others plant would be followed.
        match quilt_trust::check_dir(dir) {
            Err(distrust) if distrust.is_about_others() => {
                return Err(files::distrusted(&distrust));
            }
            _ => {}
        }
        return generate(all, dir)
            .map_err(|error| Failure::new(exit::INPUT, error).hint("quiltctl man --help"));
    }
    let mut command = &all;
    for name in &args.command {
        let here = command;
        command = here.find_subcommand(name).ok_or_else(|| {
            let names = here.get_subcommands().map(clap::Command::get_name);
            let known: Vec<&str> = names.collect();
            let what = if known.is_empty() {
                "there is no such command".to_owned()
            } else {
                format!("there is no such command; there are {}", known.join(", "))
            };
            Failure::new(exit::USAGE, what).hint("quiltctl --help")
        })?;
    }
    let mut page = Vec::new();
    man::write(command, &args.command.join(" "), &mut page)
        .map_err(|error| Failure::new(exit::UNEXPECTED, error))?;
    if look::is_seen() && read_by_man(&page) {
        return Ok(());
    }
    output::bytes(&page)
}

/// Writes all pages. Each takes the place of what was there, which may be a link that
/// others left there before the directory was closed to them.
fn generate(all: clap::Command, dir: &Path) -> io::Result<()> {
    // Made anew, so that nothing is in it.
    let made = dir.join(format!(".quiltctl-{}", std::process::id()));
    fs::create_dir(&made)?;
    let written = clap_mangen::generate_to(all, &made).and_then(|()| {
        for page in fs::read_dir(&made)? {
            let page = page?;
            fs::rename(page.path(), dir.join(page.file_name()))?;
        }
        Ok(())
    });
    written.and(fs::remove_dir_all(&made))
}

/// Has the system's own program show a page; whether it did.
fn read_by_man(page: &[u8]) -> bool {
    let Some(man) = programs::tool("man") else {
        return false;
    };
    let man = Command::new(man)
        .args(["-l", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut man) = man else {
        return false;
    };
    // Whoever leaves its pager early has seen enough.
    drop(man.stdin.take().map(|mut stdin| stdin.write_all(page)));
    man.wait().is_ok_and(|status| status.success())
}

/// Without the commands that print help: their pages would be many and empty.
fn without_help(command: clap::Command) -> clap::Command {
    command
        .disable_help_subcommand(true)
        .mut_subcommands(without_help)
}
