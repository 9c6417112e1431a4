//! `completions`: scripts that make shells complete this program's arguments.

use crate::completion::{self, Shell};
use crate::context::Context;
use crate::exit::Failure;
use crate::{aws_helper, output};

/// Which shell.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    context.refuse_json("completions")?;
    let script = completion::script(args.shell, &aws_helper::program()?);
    output::bytes(script.as_bytes())
}
