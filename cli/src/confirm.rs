//! Asks before something is destroyed.

use quilt_proto::Command;

use crate::exit::{self, Failure};
use crate::secret_prompt;

/// Goes on where the user said `--yes` or agrees at a terminal. Where nobody
/// is there to be asked, nothing is done, whatever stdin holds.
///
/// `question` is asked only of somebody who is there. `command` is the one that
/// was run, without `--yes`; `look` shows what there still is.
pub(crate) fn agreed(
    yes: bool,
    question: impl FnOnce() -> Result<String, Failure>,
    command: Command,
    look: impl Into<Command>,
) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !secret_prompt::is_somebody_there() {
        let what = "nobody is there to be asked; nothing was changed";
        return Err(Failure::new(exit::USAGE, what).hint(command.words("--yes")));
    }
    if secret_prompt::agreed(&format!("{} [y/N] ", question()?))? {
        return Ok(());
    }
    Err(Failure::new(exit::UNEXPECTED, "nothing was changed").hint(look))
}
