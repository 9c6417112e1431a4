//! `login`: the interactive login, with a pasted code or through the browser
//! alone, or an API key.

use std::path::PathBuf;

use quilt_proto::ApiKeySecret;
use quilt_proto::call::{AwaitWebLogin, Login, ReadSession, StartWebLogin, UseApiKey};
use quilt_proto::wire::{ApiKeyHandover, LoginCode, Session, WebLoginProgress};

use crate::context::Context;
use crate::exit::{self, Failure};
use crate::helper::Helper;
use crate::{browser, key_source, output, prompt};

/// How to log in.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Read the code from stdin; ask for nothing, open nothing
    #[arg(long)]
    code_stdin: bool,

    /// Complete in the browser, without a code to paste
    #[arg(long, conflicts_with_all = ["code_stdin", "api_key", "api_key_env", "api_key_dotenv", "api_key_secret"])]
    web: bool,

    /// The stack's OAuth server, if not in its usual place
    #[arg(long, requires = "web", value_name = "URL")]
    connect_url: Option<String>,

    /// Print the login page's address instead of opening it
    #[arg(long)]
    no_browser: bool,

    #[command(flatten)]
    key: KeySource,
}

/// An API key, and where it comes from.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_field_names, reason = "the names of the flags")]
#[group(multiple = false, conflicts_with_all = ["code_stdin", "no_browser"])]
struct KeySource {
    /// Use an API key: typed at a hidden prompt, or from stdin
    #[arg(long)]
    api_key: bool,

    /// Use the API key in an environment variable [default: QUILT_API_KEY]
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = key_source::VARIABLE)]
    api_key_env: Option<String>,

    /// Use the QUILT_API_KEY of a .env file
    #[arg(long, value_name = "FILE")]
    api_key_dotenv: Option<PathBuf>,

    /// Use the API key in AWS Secrets Manager, read with your own AWS credentials
    #[arg(long, value_name = "ID")]
    api_key_secret: Option<String>,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    if args.web {
        return through_browser(context, args);
    }
    if let Some(id) = &args.key.api_key_secret {
        return Err(Helper::new(context, "use-secret")?
            .option("--id", id)
            .exec());
    }
    if let Some(key) = args.key.read()? {
        return use_key(context, &key);
    }
    if !args.code_stdin {
        show_page(context, args)?;
    }
    let code = prompt::secret("Code: ")?;
    let call = Login(LoginCode { code });
    context.print(&call, |session| output::line(session.catalog_url))
}

/// The daemon waits for the browser, and we for the daemon.
fn through_browser(context: &Context, args: &Args) -> Result<(), Failure> {
    let login = context.send(&StartWebLogin {
        connect_url: args.connect_url.clone(),
    })?;
    offer(&login.authorize_url, args.no_browser);
    let call = AwaitWebLogin { id: login.id };
    loop {
        let reply = context.reply(&call)?;
        let state = reply.answer()?;
        match state.session {
            Some(session) if state.progress == WebLoginProgress::Done => {
                return if context.global().json {
                    output::json(reply.body())
                } else {
                    output::line(session.catalog_url)
                };
            }
            _ => {}
        }
    }
}

/// Uses a key instead of the login.
fn use_key(context: &Context, key: &ApiKeySecret) -> Result<(), Failure> {
    let reply = context.reply(&handover(key))?;
    let session = reply.answer()?;
    note_doubts(&session);
    if context.global().json {
        output::json(reply.body())
    } else {
        output::line(session.catalog_url)
    }
}

/// The same for a key that was just made: says nothing on stdout.
pub(super) fn hand_over(context: &Context, key: &ApiKeySecret) -> Result<(), Failure> {
    note_doubts(&context.send(&handover(key))?);
    Ok(())
}

fn handover(key: &ApiKeySecret) -> UseApiKey {
    let key = key.secret().clone();
    UseApiKey(ApiKeyHandover { key })
}

/// A key that could not be checked is used all the same.
fn note_doubts(session: &Session) {
    if let Some(problem) = &session.status.last_error {
        output::note(format_args!("warning: {problem}"));
    }
}

impl KeySource {
    fn read(&self) -> Result<Option<ApiKeySecret>, Failure> {
        if self.api_key {
            return key_source::prompted().map(Some);
        }
        if let Some(name) = &self.api_key_env {
            return key_source::environment(name).map(Some);
        }
        match &self.api_key_dotenv {
            Some(path) => key_source::dotenv(path).map(Some),
            None => Ok(None),
        }
    }
}

/// Brings the user to the page that shows the code.
fn show_page(context: &Context, args: &Args) -> Result<(), Failure> {
    let session = context.send(&ReadSession)?;
    let Some(page) = session.login_url else {
        let what = format!("the login page of {} is not known", session.catalog_url);
        let command = quilt_proto::Command::of("quiltctl config").operand(session.catalog_url);
        return Err(Failure::new(exit::UNEXPECTED, what).hint(command));
    };
    offer(&page, args.no_browser);
    output::note("Then paste the code it shows. It will not be displayed.");
    Ok(())
}

/// Opens a page, or says where it is.
fn offer(page: &str, no_browser: bool) {
    if !no_browser && browser::open(page) {
        output::note(format_args!("Opening {page}"));
    } else {
        output::note(format_args!("Open this page and log in: {page}"));
    }
}
