//! A login that is advised, by the API key that the environment has.

use std::time::Duration;

use clap::Parser;
use quilt_client::blocking::Client;
use quilt_proto::api::FindApiKey;
use quilt_proto::wire::ApiKeyLookup;
use quilt_proto::{CatalogUrl, Command as Hint, SecretHash};

use super::login::args::Args;
use crate::context::Context;
use crate::exit::{self, Failure};
use crate::global::{Global, NAME};
use crate::key_source;

/// A login as this program reads it.
#[derive(Parser)]
struct Line {
    #[command(flatten)]
    global: Global,

    #[command(subcommand)]
    command: Login,
}

#[derive(clap::Subcommand)]
enum Login {
    Login(Args),
}

/// The login that a line is.
fn read(line: &str) -> Option<Line> {
    let words = shlex::split(line)?;
    let name = words.first().filter(|word| *word == NAME);
    name.and_then(|_| Line::try_parse_from(&words).ok())
}

/// A line without one of its words.
pub(crate) fn without_word(command: &Hint, left_out: &str) -> Option<Hint> {
    let words = shlex::split(&command.to_string())?;
    let mut words = words.iter().filter(|word| *word != left_out);
    words.next().filter(|word| *word == NAME)?;
    Some(words.fold(Hint::of(NAME), |line, word| line.word(word)))
}

/// How long a daemon may take to say where a key has worked: nobody waits for advice.
const TIMEOUT: Duration = Duration::from_secs(1);

/// An API key that the environment has and nobody asked for.
#[derive(Debug)]
pub(crate) struct KeyAtHand {
    /// Where it has worked or is in use, as far as that is known.
    known_at: Vec<CatalogUrl>,
    /// Which catalog is meant by what names none, where the user said it.
    named: Option<String>,
}

impl KeyAtHand {
    /// The one under the guide's name. The daemon says where it has worked, by its
    /// hash alone; where that cannot be asked, no key is at hand.
    pub(crate) fn of(context: &Context) -> Option<Self> {
        if !key_source::is_at_hand() {
            return None;
        }
        let known_at = match key_source::environment(key_source::VARIABLE) {
            Ok(key) => {
                let hash = SecretHash::of(key.secret());
                let client = Client::new(context.socket().ok()?).with_timeout(TIMEOUT);
                client.send(&FindApiKey(ApiKeyLookup { hash })).ok()?
            }
            // It is said what is wrong with it when it is used.
            Err(_) => Vec::new(),
        };
        Some(Self {
            known_at,
            named: context.catalog().ok()?,
        })
    }

    /// Whether a login is of no other catalog than those where the key has worked:
    /// it was not given for that one. One that names none is of the key's own.
    fn may_be_for(&self, line: &Line) -> bool {
        let Login::Login(login) = &line.command;
        let named = login.named.as_ref().or(line.global.catalog.as_ref());
        let Some(named) = named.or(self.named.as_ref()) else {
            return true;
        };
        let is_it = |known: &CatalogUrl| CatalogUrl::from_typed(named).as_ref() == Ok(known);
        self.known_at.is_empty() || self.known_at.iter().any(is_it)
    }

    /// `hint`, where it is a login in the browser: a login with this key.
    pub(crate) fn offered_for(&self, hint: &Hint) -> Option<Hint> {
        let line = read(&hint.to_string())?;
        let Login::Login(login) = &line.command;
        let is_offered = login.asks_for_code() && self.may_be_for(&line);
        is_offered.then(|| hint.clone().option("--api-key-env", key_source::VARIABLE))
    }

    /// The same where nobody was refused, also where `hint` asks for an API key to be
    /// typed: a key that was may be the very one that is at hand.
    pub(crate) fn offered_first_for(&self, hint: &Hint) -> Option<Hint> {
        self.offered_for(hint).or_else(|| {
            let rest = without_word(hint, "--api-key")?;
            let is_typed = *hint != *rest.to_string().as_str();
            is_typed.then(|| self.offered_for(&rest)).flatten()
        })
    }
}

/// The same failure; where it names a login, a key at hand will do.
pub(crate) fn offered(context: &Context, failure: Failure) -> Failure {
    let with_key = failure.advice().and_then(|hint| match failure.code() {
        // A key that was refused has another code.
        exit::LOGIN => KeyAtHand::of(context)?.offered_first_for(hint),
        exit::INPUT => KeyAtHand::of(context)?.offered_for(hint),
        _ => None,
    });
    failure.hint_if(with_key)
}
