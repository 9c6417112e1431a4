//! `completions`: scripts that make shells complete this program's arguments.

use std::path::PathBuf;

use crate::completion::{self, Shell};
use crate::context::Context;
use crate::exit::Failure;
use crate::{output, program_path};

/// Which shell.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,

    /// What the script runs to ask: for packages, which are read elsewhere
    #[arg(long, value_name = "PROGRAM", hide = true)]
    program: Option<PathBuf>,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    context.refuse_json("completions")?;
    let program = match &args.program {
        Some(program) => program.clone(),
        None => program_path::of_this()?,
    };
    let script = completion::script(args.shell, &program);
    output::bytes(script.as_bytes())
}
