//! What every command needs: the flags, and the daemon behind them.

use std::env;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use quilt_client::Error;
use quilt_client::blocking::{Client, Reply};
use quilt_proto::call::{Call, Method};
use quilt_proto::locations;

use crate::args::Global;
use crate::exit::{self, Failure};
use crate::{output, start, version};

/// How long the daemon may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// One run of the program.
#[derive(Debug)]
pub(crate) struct Context {
    global: Global,
}

impl Context {
    pub(crate) fn new(global: Global) -> Self {
        Self { global }
    }

    /// The flags as given.
    pub(crate) fn global(&self) -> &Global {
        &self.global
    }

    /// The daemon's socket.
    pub(crate) fn socket(&self) -> Result<PathBuf, Failure> {
        match &self.global.socket {
            Some(path) => std::path::absolute(path)
                .map_err(|error| Failure::new(exit::USAGE, format!("--socket: {error}"))),
            None => locations::socket().map_err(|error| Failure::new(exit::UNEXPECTED, error)),
        }
    }

    /// A client of the chosen socket and catalog.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        let client = Client::new(self.socket()?);
        Ok(match self.catalog()? {
            Some(catalog) => client.with_catalog(catalog),
            None => client,
        })
    }

    /// The catalog the user named, by flag or environment.
    pub(crate) fn catalog(&self) -> Result<Option<String>, Failure> {
        let (by, hint, named) = match &self.global.catalog {
            Some(catalog) => (
                "--catalog",
                "quiltctl --catalog https://YOUR-CATALOG status",
                Ok(catalog.clone()),
            ),
            None => match env::var_os(locations::CATALOG_ENV) {
                Some(catalog) => (
                    locations::CATALOG_ENV,
                    "unset QUILT_CATALOG",
                    catalog.into_string(),
                ),
                None => return Ok(None),
            },
        };
        let wrong = |what| Failure::new(exit::INPUT, format!("{by} {what}")).hint(hint);
        let named = named.map_err(|_| wrong("is not text"))?;
        if !named.is_empty() && named.trim().is_empty() {
            return Err(wrong("is nothing but white space"));
        }
        Ok(Some(named).filter(|catalog| !catalog.is_empty()))
    }

    /// Sends a call, starting the daemon when nobody answers.
    pub(crate) fn send<C: Call>(&self, call: &C) -> Result<C::Answer, Failure> {
        Ok(self.reply(call)?.answer()?)
    }

    /// Like [`Self::send`], with the body as the daemon wrote it.
    pub(crate) fn reply<C: Call>(&self, call: &C) -> Result<Reply<C>, Failure> {
        let client = self.client()?;
        self.started(&client, None, C::METHOD == Method::Get, |client| {
            client.reply(call)
        })
        .map_err(|failure| version::explain(&client, failure))
    }

    /// Like [`Self::reply`], for what may take this long.
    pub(crate) fn patient_reply<C: Call>(
        &self,
        call: &C,
        patience: Duration,
    ) -> Result<Reply<C>, Failure> {
        let client = self.client()?.with_timeout(patience);
        self.started(&client, None, C::METHOD == Method::Get, |client| {
            client.reply(call)
        })
    }

    /// Like [`Self::reply`], all over by the deadline.
    pub(crate) fn reply_by<C: Call>(
        &self,
        call: &C,
        deadline: Instant,
    ) -> Result<Reply<C>, Failure> {
        let client = self.client()?.with_deadline(deadline);
        let deadline = Some(deadline);
        self.started(&client, deadline, C::METHOD == Method::Get, |client| {
            client.reply(call)
        })
    }

    /// Asks the daemon with `ask`, once more after starting it when nobody
    /// answers. A question that found nobody was not sent, so asking again
    /// repeats nothing; one that a daemon heard and hung up on, as one that is
    /// ending does, is asked again only where it `only_reads`.
    pub(crate) fn started<T>(
        &self,
        client: &Client,
        deadline: Option<Instant>,
        only_reads: bool,
        ask: impl Fn(&Client) -> Result<T, Error>,
    ) -> Result<T, Failure> {
        match ask(client) {
            Err(error)
                if !self.global.no_autostart
                    && (error.is_absent() || only_reads && error.is_hang_up()) =>
            {
                let deadline = deadline.unwrap_or_else(|| Instant::now() + START_TIMEOUT);
                start::ensure(client.socket(), deadline)?;
                Ok(ask(client)?)
            }
            result => Ok(result?),
        }
    }

    /// This run without a catalog from the environment, for what is about all
    /// of them unless a flag names one.
    pub(crate) fn of_all_catalogs(&self) -> Self {
        let mut global = self.global.clone();
        global.catalog.get_or_insert_default();
        Self::new(global)
    }

    /// This run for a catalog.
    pub(crate) fn of_catalog(&self, catalog: &str) -> Self {
        let mut global = self.global.clone();
        global.catalog = Some(catalog.to_owned());
        Self::new(global)
    }

    /// Sends a call and prints its answer: the body with `--json`, else as
    /// `show` does.
    pub(crate) fn print<C: Call>(
        &self,
        call: &C,
        show: impl FnOnce(C::Answer) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let reply = self.reply(call)?;
        if self.global.json {
            output::json(reply.body())
        } else {
            show(reply.answer()?)
        }
    }
}
