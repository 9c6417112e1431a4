//! The flags of every command.

use std::path::PathBuf;

use crate::look::paint::ColorWhen;

/// What the program is called.
pub(crate) const NAME: &str = "quiltctl";

/// Under which heading the flags of every command stand, after its own.
const EVERYWHERE: &str = "Options of every command";

/// Flags of every command.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub(crate) struct Global {
    /// Print the API's JSON body
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub(crate) json: bool,

    /// Show exact times, in UTC
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub(crate) utc: bool,

    /// When to use colour
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        value_enum,
        default_value = "auto",
        help_heading = EVERYWHERE
    )]
    pub(crate) color: ColorWhen,

    /// The catalog, instead of QUILT_CATALOG or the default one
    #[arg(long, global = true, value_name = "CATALOG", help_heading = EVERYWHERE)]
    pub(crate) catalog: Option<String>,

    /// The daemon's socket
    #[arg(long, global = true, value_name = "PATH", help_heading = EVERYWHERE)]
    pub(crate) socket: Option<PathBuf>,

    /// Never start the daemon
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub(crate) no_autostart: bool,
}
