//! `login`: the interactive login, with a pasted code or through the browser
//! alone, or an API key.

mod api_key;
pub(super) mod args;
mod browser;
mod welcome;

use quilt_proto::api::{Login, ReadSession, ReadStatus, SessionQuery};
use quilt_proto::suggested_command::first_login;
use quilt_proto::wire::{CatalogStatus, LoginCode, Session, SessionState};
use quilt_proto::{CatalogUrl, Command, RegistryHost, RegistryUrl};

pub(super) use self::api_key::{MeantByKey, set_key};
use self::api_key::{by_key, with_exported_key};
pub(crate) use self::args::Args;
use self::browser::through_browser;
use self::welcome::welcome;
use super::key_at_hand::KeyAtHand;
use crate::context::Context;
use crate::exit::{self, Failure};
use crate::look::{self, host};
use crate::{catalog_variable, key_source, output, registry_consent, secret_prompt};

pub(super) fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    if args.all {
        return every(context, args);
    }
    match &args.named {
        Some(_) if context.global().catalog.is_some() => {
            let what = "the catalog is given twice";
            Err(Failure::new(exit::USAGE, what))
        }
        Some(catalog) => {
            let there = context.of_catalog(catalog);
            one(&there, args)?;
            // The next command of this shell may be about another one.
            if !context.global().json
                && let Some(Ok(_)) = catalog_variable::named(context)
                && let Ok(there) = there.pinned()
            {
                catalog_variable::tell_of_another_than(context, there.global().catalog.as_deref());
            }
            Ok(())
        }
        None => one(context, args),
    }
}

/// The login of somebody at a terminal, with a code.
pub(super) fn interactively(context: &Context) -> Result<(), Failure> {
    one(context, &Args::default())
}

/// Every catalog where nobody is logged in any more, or that quiltd.toml names
/// and nobody ever was.
fn every(context: &Context, args: &Args) -> Result<(), Failure> {
    let everywhere = context.of_all_catalogs();
    let status = everywhere.send(&ReadStatus)?;
    let needs = |catalog: &&CatalogStatus| catalog.session.state != SessionState::Active;
    let needing: Vec<&CatalogStatus> = status.catalogs.iter().filter(needs).collect();
    if needing.is_empty() {
        match status.catalogs[..] {
            [] => output::advise("No catalog is known here", &first_login()),
            _ => output::note("Every catalog is logged in."),
        }
        if context.global().json {
            return output::json(b"[]");
        }
        return Ok(());
    }
    let count = needing.len();
    let mut outcome = Ok(());
    for (at, catalog) in needing.into_iter().enumerate() {
        let url = &catalog.catalog_url;
        output::note(format_args!("{} of {count}: {}", at + 1, host(url)));
        // One that fails does not keep the user from the others.
        if let Err(failure) = one(&context.of_catalog(url.as_str()), args) {
            if failure.code() == exit::INTERRUPTED {
                return Err(failure);
            }
            output::note(format_args!("{}: {failure}", host(url)));
            outcome = Err(
                Failure::new(failure.code(), "not every catalog is logged in")
                    .hint("quiltctl login --all"),
            );
        }
    }
    outcome
}

fn one(context: &Context, args: &Args) -> Result<(), Failure> {
    let catalog = context.global().catalog.as_deref();
    // The stack says how long it takes.
    let _unread = secret_prompt::UnreadKeys;
    by(context, args).map_err(|failure| failure.about(catalog))
}

fn by(context: &Context, args: &Args) -> Result<(), Failure> {
    if !args.key.is_asked_for() && !args.all {
        note_key_at_hand(context);
    }
    if args.web {
        return through_browser(context, args);
    }
    if args.key.is_asked_for() {
        return by_key(context, args);
    }
    // The code is of the page that was shown.
    let (meant, accept, page) = if args.code_stdin {
        (context.pinned()?, args.accept_registry.clone(), None)
    } else {
        let Page {
            catalog,
            accept,
            registry,
        } = show_page(context, args)?;
        (context.of_catalog(catalog.as_str()), accept, registry)
    };
    let code = secret_prompt::secret("Code: ").map_err(|failure| {
        // Where nobody can paste one, the same would fail again.
        failure.hint(if secret_prompt::is_somebody_there() {
            by_code(context, args)
        } else {
            with_exported_key(context, key_source::VARIABLE)
        })
    })?;
    let reply = registry_consent::to_registry(accept, |accept_registry| {
        meant.reply(&Login(LoginCode {
            code: code.clone(),
            accept_registry,
            page_registry: page.clone(),
        }))
    })?;
    let session = reply.answer()?;
    note_findings(&session);
    welcome(context, reply.body(), &session)
}

/// This login, without its options.
fn again(context: &Context) -> Command {
    of_catalog(context, "quiltctl login".into())
}

/// The same with a code, where browsers stay closed if they were to.
fn by_code(context: &Context, args: &Args) -> Command {
    again(context).words_if("--no-browser", args.no_browser)
}

/// A login of the catalog that is named.
fn of_catalog(context: &Context, login: Command) -> Command {
    match &context.global().catalog {
        Some(catalog) => login.operand(catalog),
        None => login,
    }
}

/// Says that this login is not by the API key that the environment has: it
/// counts where it is asked for.
fn note_key_at_hand(context: &Context) {
    let key = KeyAtHand::of(context);
    if let Some(with_key) = key.and_then(|key| key.offered_for(&again(context))) {
        let what = format!(
            "{} is set, and not used by this login",
            key_source::VARIABLE
        );
        output::advise(&what, &with_key);
    }
}

/// What keeps the login from being what counts.
fn note_findings(session: &Session) {
    for finding in &session.findings {
        output::advise(&finding.summary, &finding.hint);
    }
}

/// The page that shows a code.
struct Page {
    /// Whose it is.
    catalog: CatalogUrl,
    /// The registry that the user agreed to, if they were asked.
    accept: Option<RegistryHost>,
    /// The registry whose page it is.
    registry: Option<RegistryHost>,
}

/// Brings the user to the page that shows the code.
fn show_page(context: &Context, args: &Args) -> Result<Page, Failure> {
    let accept = args.accept_registry.clone();
    let (session, accept) = registry_consent::to_registry(accept, |accept_registry| {
        let call = ReadSession(SessionQuery::login_page(accept_registry.clone()));
        Ok((context.send(&call)?, accept_registry))
    })?;
    let Some(page) = session.login_url else {
        let what = format!("the login page of {} is not known", session.catalog_url);
        let command = Command::of("quiltctl config").operand(session.catalog_url);
        return Err(Failure::new(exit::UNEXPECTED, what).hint(command));
    };
    offer(&page, args.no_browser);
    output::note("Paste the code it shows; it stays hidden. Ctrl-C gives up.");
    Ok(Page {
        catalog: session.catalog_url,
        accept,
        registry: page
            .parse::<RegistryUrl>()
            .ok()
            .and_then(|page| page.host()),
    })
}

/// Opens a page, or says where it is.
fn offer(page: &str, no_browser: bool) {
    let shown = look::page(page);
    if !no_browser && crate::browser::open(page) {
        output::note(format_args!("Opening {shown}"));
    } else {
        output::note("Open this page and log in:");
        output::whole(format_args!("  {shown}"));
    }
}
