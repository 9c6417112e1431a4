//! What every command needs: the flags, and the daemon behind them.

use quilt_proto::suggested_command::EXAMPLE_CATALOG;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use quilt_client::Error;
use quilt_client::blocking::{Client, Reply};
use quilt_proto::api::{Endpoint, Method, ReadProfiles, ReadSession, ReadStatus, SessionQuery};
use quilt_proto::wire::{ProfileStatus, Session};
use quilt_proto::{Command, ErrorCode, ProfileName, locations};
use quiltctl_creds::named_catalog;

use crate::exit::{self, Failure};
use crate::global::Global;
use crate::look::{Look, Screen};
use crate::progress::Progress;
use crate::start::Place;
use crate::{output, start, version};

/// How long the daemon may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// How long to wait before asking anew somebody who hung up.
const HANG_UP_PAUSES: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_millis(50),
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_secs(1),
];

/// One run of the program.
#[derive(Clone, Debug)]
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

    /// Fails where JSON is asked for: what the command prints is none.
    pub(crate) fn refuse_json(&self, command: &str) -> Result<(), Failure> {
        if !self.global.json {
            return Ok(());
        }
        let what = format!("{command} prints no JSON");
        Err(Failure::new(exit::USAGE, what))
    }

    /// How this run shows things.
    pub(crate) fn look(&self) -> Look {
        Look::of_stdout(self.global.color, self.global.utc)
    }

    /// The daemon's socket.
    pub(crate) fn socket(&self) -> Result<PathBuf, Failure> {
        match &self.global.socket {
            Some(path) => std::path::absolute(path)
                .map_err(|error| Failure::new(exit::USAGE, format!("--socket: {error}"))),
            None => Ok(locations::socket()?),
        }
    }

    /// The daemon's place.
    pub(crate) fn place(&self) -> Result<Place, Failure> {
        Ok(Place {
            socket: self.socket()?,
            is_named: self.global.socket.is_some() || locations::is_socket_named(),
        })
    }

    /// A client of the chosen socket and catalog.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        Ok(quiltctl_creds::client(self.socket()?, self.catalog()?))
    }

    /// The catalog the user named, by flag or environment.
    pub(crate) fn catalog(&self) -> Result<Option<String>, Failure> {
        let flag = self.global.catalog.clone();
        let (by, hint) = if flag.is_some() {
            (
                "--catalog",
                Command::of("quiltctl")
                    .option("--catalog", EXAMPLE_CATALOG)
                    .words("status"),
            )
        } else {
            (locations::CATALOG_ENV, "unset QUILT_CATALOG".into())
        };
        let wrong = |why| Failure::new(exit::INPUT, format!("{by} {why}")).hint(hint);
        named_catalog(flag).map_err(wrong)
    }

    /// The session of the catalog that is meant.
    pub(crate) fn session(&self) -> Result<Session, Failure> {
        self.send(&ReadSession(SessionQuery::default()))
    }

    /// A profile of quiltd.toml, where there is one of this name.
    pub(crate) fn profile(&self, name: &ProfileName) -> Result<Option<ProfileStatus>, Failure> {
        let profiles = self.send(&ReadProfiles)?;
        Ok(profiles.into_iter().find(|known| known.name == *name))
    }

    /// Sends a request, starting the daemon when nobody answers.
    pub(crate) fn send<E: Endpoint>(&self, request: &E) -> Result<E::Answer, Failure> {
        Ok(self.reply(request)?.answer()?)
    }

    /// Like [`Self::send`], with the body as the daemon wrote it.
    pub(crate) fn reply<E: Endpoint>(&self, request: &E) -> Result<Reply<E>, Failure> {
        let client = self.client()?;
        let progress = Progress::waiting(E::SUMMARY);
        let reply = self.ask(&client, None, request);
        drop(progress);
        reply.map_err(|failure| version::explain(&client, failure))
    }

    /// Like [`Self::reply`], for what may take this long.
    pub(crate) fn patient_reply<E: Endpoint>(
        &self,
        request: &E,
        timeout: Duration,
    ) -> Result<Reply<E>, Failure> {
        self.ask(&self.client()?.with_timeout(timeout), None, request)
    }

    /// Like [`Self::reply`], all over by the deadline.
    pub(crate) fn reply_by<E: Endpoint>(
        &self,
        request: &E,
        deadline: Instant,
    ) -> Result<Reply<E>, Failure> {
        let client = self.client()?.with_deadline(deadline);
        self.ask(&client, Some(deadline), request)
    }

    fn ask<E: Endpoint>(
        &self,
        client: &Client,
        deadline: Option<Instant>,
        request: &E,
    ) -> Result<Reply<E>, Failure> {
        let only_reads = E::METHOD == Method::Get;
        let ask = |client: &Client| client.reply(request);
        self.asked(client, deadline, ask, |error| {
            only_reads && error.is_hang_up() || E::CHANGES_KEYS && is_for_the_next(error)
        })
    }

    /// Asks the daemon with `ask`, which changes nothing.
    pub(crate) fn started<T>(
        &self,
        client: &Client,
        ask: impl Fn(&Client) -> Result<T, Error>,
    ) -> Result<T, Failure> {
        self.asked(client, None, ask, Error::is_hang_up)
    }

    /// Asks the daemon with `ask`, once more after starting it when nobody
    /// answers. A question that found nobody was not sent, so asking again
    /// repeats nothing; one that a daemon heard and did nothing about, as one that
    /// is ending or has no slot left, is asked again a few times, where
    /// `is_undone` says so.
    fn asked<T>(
        &self,
        client: &Client,
        deadline: Option<Instant>,
        ask: impl Fn(&Client) -> Result<T, Error>,
        is_undone: impl Fn(&Error) -> bool,
    ) -> Result<T, Failure> {
        let is_autostarted = !self.global.no_autostart;
        match ask(client) {
            Err(error) if is_undone(&error) || is_autostarted && error.is_absent() => {}
            result => return Ok(result?),
        }
        let deadline = deadline.unwrap_or_else(|| Instant::now() + START_TIMEOUT);
        let mut client = client.clone();
        if is_autostarted {
            client = client.at(start::ensure(&self.place()?, deadline)?);
        }
        for pause in HANG_UP_PAUSES {
            match ask(&client) {
                Err(error) if is_undone(&error) => {}
                // The next one may be on its way.
                Err(error) if !is_autostarted && error.is_absent() => {}
                // The one that was found has ended since, for another.
                Err(error) if is_autostarted && error.is_absent() => {
                    client = client.at(start::ensure(&self.place()?, deadline)?);
                }
                result => return Ok(result?),
            }
            let left = deadline.saturating_duration_since(Instant::now());
            std::thread::sleep(pause.min(left));
        }
        Ok(ask(&client)?)
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

    /// This run for the catalog that is meant now, where something is shown,
    /// asked or read before it is done: another default since, or another
    /// address of a name, does not count.
    pub(crate) fn pinned(&self) -> Result<Self, Failure> {
        Ok(self.of_catalog(self.session()?.catalog_url.as_str()))
    }

    /// Sends a request and shows its answer: the body with `--json`, else the
    /// screen that `draw` makes of it.
    pub(crate) fn show<E: Endpoint>(
        &self,
        request: &E,
        draw: impl FnOnce(&Look, &E::Answer) -> Screen,
    ) -> Result<(), Failure> {
        self.print(request, |answer| {
            let look = self.look();
            draw(&look, &answer).print(&look)
        })
    }

    /// Like [`Self::show`], with catalogs called as quiltd.toml does.
    pub(crate) fn show_naming<E: Endpoint>(
        &self,
        request: &E,
        draw: impl FnOnce(&Look, &E::Answer) -> Screen,
    ) -> Result<(), Failure> {
        self.print(request, |answer| {
            // Without them, catalogs are called by their hosts.
            let status = self.of_all_catalogs().send(&ReadStatus);
            let known = status.map(|status| status.catalogs).unwrap_or_default();
            let look = self.look().naming(&known);
            draw(&look, &answer).print(&look)
        })
    }

    /// Sends a request and prints its answer: the body with `--json`, else as
    /// `show` does.
    pub(crate) fn print<E: Endpoint>(
        &self,
        request: &E,
        show: impl FnOnce(E::Answer) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let reply = self.reply(request)?;
        if self.global.json {
            output::json(reply.body())
        } else {
            show(reply.answer()?)
        }
    }
}

/// Whether a daemon that ends leaves it to the next one.
fn is_for_the_next(error: &Error) -> bool {
    matches!(error, Error::Problem(problem) if problem.code == ErrorCode::Busy && problem.status == 503)
}
