//! `console`: signs in to the AWS console.

mod one_time_page;

use quilt_proto::api::{ConsoleQuery, ReadConsoleUrl};
use quilt_proto::{Command, ProfileName};
use zeroize::Zeroizing;

use crate::context::Context;
use crate::exit::{self, Failure};
use crate::output;
use crate::progress::Progress;

use one_time_page::Handed;

/// With whose credentials, and to where.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A profile of quiltd.toml, instead of the stack's own credentials
    #[arg(long, value_name = "PROFILE", add = crate::completion::profiles())]
    profile: Option<ProfileName>,

    /// Print the URL, which signs in whoever opens it, instead of opening it
    #[arg(long)]
    print: bool,

    /// The page to open, instead of the console's first
    #[arg(long, value_name = "URL")]
    destination: Option<String>,
}

impl Args {
    /// The same, with the URL shown.
    fn printing(&self) -> Command {
        Command::of("quiltctl console --print")
            .option_if("--profile", self.profile.as_ref())
            .option_if("--destination", self.destination.as_ref())
    }
}

pub(super) fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let call = ReadConsoleUrl(ConsoleQuery {
        profile: args.profile.clone(),
        destination: args.destination.clone(),
    });
    let reply = context.reply(&call)?;
    if context.global().json {
        return output::json(reply.body());
    }
    let answer = reply.answer()?;
    let url = answer.url.expose();
    if !url.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(quilt_client::Error::InvalidAnswer("a URL that is none").into());
    }
    let handed = if args.print {
        Handed::NoBrowser
    } else {
        let _progress = Progress::working("Waiting for the browser; Ctrl-C gives up");
        one_time_page::to_browser(url)
    };
    match handed {
        Handed::Over => output::note(format_args!(
            "Signed in to the AWS console, {}",
            context.look().left(answer.expires_at)
        )),
        Handed::NoBrowser => return output::bytes(Zeroizing::new(format!("{url}\n")).as_bytes()),
        // It is not shown unasked: where it appears is not always the user's alone.
        Handed::NobodyCame => {
            let what = "the browser did not come for the address to sign in with";
            return Err(Failure::new(exit::UNEXPECTED, what).hint(args.printing()));
        }
    }
    Ok(())
}
