//! Logins through the browser that are under way: each listens on a loopback
//! port of its own for the one redirect it waits for.

mod page_text;
mod pending_logins;
mod redirect;

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use quilt_proto::api::Action;
use quilt_proto::wire::{Session as Answer, WebLogin as Started};
use quilt_proto::{CatalogUrl, RegistryHost, Secret, Timestamp};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub(super) use self::pending_logins::WebLogins;
use self::redirect::RedirectListener;
use super::audit;
use super::error::{ApiError, LoginMethod};
use super::login_answer::welcome;
use crate::app::App;
use crate::files;
use crate::listen::{ErrorResponders, Peer, owners_are_told, serve};
use crate::metrics::ConnectionMeter;
use crate::session::{self, Session, SessionError, WebLogin};

/// How long the user has in the browser.
const TIMEOUT: Duration = Duration::from_mins(5);

/// How long a poll waits for news; less than any client's timeout.
const POLL: Duration = Duration::from_secs(20);

/// How an attempt ended; `None` while it has not.
type Outcome = Option<Result<Answer, SessionError>>;

pub(super) struct Attempt {
    login: Arc<WebLogin>,
    begun: Instant,
    app: Arc<App>,
    /// Who started it.
    peer: Option<Peer>,
    /// The one redirect that is accepted has been.
    answered: Mutex<bool>,
    outcome: watch::Sender<Outcome>,
    stop: CancellationToken,
}

impl WebLogins {
    /// Starts a login and listens for its end.
    pub(super) async fn start(
        &self,
        app: &Arc<App>,
        session: &Arc<Session>,
        connect: Option<CatalogUrl>,
        accept: Option<&RegistryHost>,
        peer: Option<Peer>,
    ) -> Result<Started, ApiError> {
        if !owners_are_told() {
            return Err(SessionError::NoOwners(session.catalog().clone()).into());
        }
        let connect = session::web_login::find_connect(session, connect).await?;
        let listener = RedirectListener::bind(connect.unused_ports())
            .map_err(|error| ApiError::NoLoopback(files::words(&error)))?;
        let login = session::web_login::begin(session, connect, listener.redirect(), accept).await;
        let login = login.map_err(|error| ApiError::Login(error, LoginMethod::Browser))?;
        let attempt = Arc::new(Attempt {
            login: Arc::new(login),
            begun: Instant::now(),
            app: Arc::clone(app),
            peer,
            answered: Mutex::new(false),
            outcome: watch::channel(None).0,
            stop: app.shutdown.child_token(),
        });
        let id = session::login::new_login_id();
        self.add(&id, &attempt);
        let start_url = listener.start_url(&id);
        let router = redirect::router(Arc::clone(&attempt), listener.host, &id);
        let stop = attempt.stop.clone();
        tokio::spawn(serve(
            listener.listener,
            ConnectionMeter::default(),
            router,
            redirect::LIMITS,
            ErrorResponders::problems(),
            stop,
        ));
        tokio::spawn(watch_over(self.clone(), Arc::clone(&attempt), id.clone()));
        let seconds = i64::try_from(TIMEOUT.as_secs()).unwrap_or(i64::MAX);
        Ok(Started {
            start_url,
            id,
            expires_at: Timestamp::now().plus_seconds(seconds),
        })
    }

    /// Waits for the end of a login, not for ever: the session once it is
    /// there, `None` while it may still come.
    pub(super) async fn wait(&self, id: &str) -> Result<Option<Answer>, ApiError> {
        let attempt = self.find(id).ok_or(ApiError::NoSuchLogin)?;
        Ok(attempt.outcome_within(POLL).await.transpose()?)
    }
}

/// Gives an attempt up when its time is over, and forgets it a while after
/// its end.
async fn watch_over(logins: WebLogins, attempt: Arc<Attempt>, id: String) {
    let ended = tokio::select! {
        ended = attempt.login.ended() => Some(ended),
        outcome = attempt.outcome_within(TIMEOUT) => {
            let late = outcome.is_none();
            late.then_some(SessionError::WebLoginLate)
        }
    };
    if attempt.is_claimed() {
        // The stack's answer is there: what becomes of it is the outcome.
        let _ = attempt.outcome_within(TIMEOUT).await;
        attempt.end(Err(SessionError::WebLoginLate));
    } else if let Some(SessionError::Superseded(catalog)) = ended {
        attempt.end(Err(SessionError::Superseded(catalog)));
    } else if ended.is_some() {
        attempt.end(Err(SessionError::WebLoginLate));
        // Perhaps the stack no longer knows our client and said so in the browser.
        attempt.login.forget_client().await;
    }
    attempt.stop.cancel();
    tokio::select! {
        () = tokio::time::sleep(TIMEOUT) => {}
        () = attempt.app.shutdown.cancelled() => {}
    }
    logins.forget(&id);
}

impl Attempt {
    /// How it ended, if it does in time.
    async fn outcome_within(&self, timeout: Duration) -> Outcome {
        let mut outcome = self.outcome.subscribe();
        let ended = async {
            let ended = outcome.wait_for(Option::is_some).await;
            ended.ok().and_then(|ended| ended.clone())
        };
        tokio::time::timeout(timeout, ended).await.ok().flatten()
    }

    fn is_over(&self) -> bool {
        self.outcome.borrow().is_some()
    }

    /// Whether no browser has come back yet.
    fn is_waiting(&self) -> bool {
        !self.is_over() && !self.is_claimed()
    }

    fn is_claimed(&self) -> bool {
        *self.answered.lock()
    }

    fn end(&self, outcome: Result<Answer, SessionError>) {
        self.outcome.send_if_modified(|current| {
            let first = current.is_none();
            if first {
                *current = Some(outcome);
            }
            first
        });
    }

    /// Takes the right to answer; only the first caller gets it.
    fn claim(&self) -> bool {
        let mut answered = self.answered.lock();
        !std::mem::replace(&mut *answered, true) && !self.is_over()
    }

    /// The stack's answer, brought by the browser.
    async fn answer(&self, code: Result<Secret, SessionError>) -> Result<Answer, ApiError> {
        let session = self.login.session();
        let outcome = async {
            let outcome = self.login.redeem(code?).await?;
            Ok(welcome(&self.app, session, outcome).await)
        };
        let outcome: Result<Answer, SessionError> = outcome.await;
        let told = outcome.clone().map_err(ApiError::from);
        let result = told.as_ref().map(drop);
        let peer = self.peer.as_ref();
        audit::record(&self.app, Action::LOGIN, result, session.catalog(), peer);
        self.end(outcome);
        told
    }
}
