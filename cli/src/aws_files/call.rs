//! What a profile that runs this program asks it for.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use quilt_proto::{ProfileName, locations};
use quiltctl_creds::Arguments;

use super::{command_line, ini};

/// What a profile calls, beyond the program.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) program: String,
    /// The profile of quiltd.toml.
    pub(crate) recipe: Option<ProfileName>,
    pub(crate) catalog: Option<String>,
    pub(crate) socket: Option<PathBuf>,
}

impl Call {
    /// What a `credential_process` calls, where that can be understood.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let words = command_line::read(line)?;
        let (program, args) = words.split_first()?;
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        let asked = Arguments::parse(&args)?;
        Some(Self {
            program: program.clone(),
            recipe: asked.profile.filter(|profile| !profile.is_default()),
            catalog: asked.catalog.filter(|catalog| !catalog.is_empty()),
            socket: asked.socket,
        })
    }

    /// The catalog it is about. Flags of this program do not reach that one.
    pub(crate) fn asked_catalog(&self) -> Option<String> {
        let named = || env::var(locations::CATALOG_ENV).ok();
        let catalog = self.catalog.clone().or_else(named);
        catalog.filter(|catalog| !catalog.is_empty())
    }

    /// What a profile of ours in a configuration file calls.
    pub(crate) fn of_profile(config: &[u8], name: &str) -> Option<Self> {
        let mut all = ini::profile_lines(config, name, true).into_iter().rev();
        let line = all.find(|line| ini::is_ours(line.text))?;
        Self::parse(&ini::value(line.text))
    }
}
