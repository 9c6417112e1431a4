//! What the end of the program says.

use std::ffi::OsString;
use std::process::ExitCode;

use crate::exit::Failure;
use crate::look::width;
use crate::output;

/// Reports the end of the program: a line for people, or for `--json` the
/// problem document, on one line too.
pub(crate) fn finish(result: Result<(), Failure>, json: bool) -> ExitCode {
    let Err(failure) = result else {
        return ExitCode::SUCCESS;
    };
    if !failure.what().is_empty() {
        let document = json.then(|| serde_json::to_string(&failure.problem()));
        if let Some(Ok(document)) = document {
            // Nobody's terminal is steered by it, wherever it is shown.
            let shown = quilt_proto::terminal_safe::json_for_terminal(&document);
            output::remark(&format!("{shown}\n"));
        } else {
            let what = format!("quiltctl: {}", output::one_line(failure.what()));
            let room = width::of_stderr();
            output::remark(&output::on_screen(&what, failure.advice(), room));
        }
    }
    ExitCode::from(failure.code())
}

/// Whether a command line asks for JSON, also one that is none otherwise.
pub(crate) fn wants_json(args: &[OsString]) -> bool {
    args.iter()
        .take_while(|arg| *arg != "--")
        .any(|arg| arg == "--json")
}
