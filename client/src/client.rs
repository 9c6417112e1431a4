//! The asynchronous client.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST};
use quilt_proto::api::{
    self, Endpoint, Login, Logout, LogoutQuery, ProfileQuery, ReadCredentials, ReadHealth, ReadMe,
    ReadSession, ReadStatus, ReadToken, SessionQuery,
};
use quilt_proto::locations::{self, NoHome};
use quilt_proto::wire::{CredentialProcess, Health, LoginCode, Me, Session, Status, Token};
use quilt_proto::{CatalogUrl, ProfileName, Secret};
use zeroize::Zeroizing;

use crate::error::Fault;
use crate::{Error, answer, connector, stopped};

/// A client of one daemon and, optionally, one catalog. Cheap to clone.
///
/// One connection per call: on a local socket that costs microseconds, and
/// nothing has to survive a restart of the daemon.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use quilt_client::{Client, Error};
/// use quilt_proto::ErrorCode;
///
/// let quilt = Client::from_env()?.with_catalog(&"https://demo.quilt.example".parse()?);
/// match quilt.token().await {
///     Ok(token) => println!("good until {:?}", token.expires_at),
///     Err(Error::Problem(problem)) if problem.code == ErrorCode::LoginRequired => {
///         println!("run: quiltctl login");
///     }
///     Err(error) => return Err(error.into()),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    socket: Arc<Path>,
    catalog: Option<Arc<str>>,
    timeout: Duration,
}

impl Client {
    /// A client of the daemon on `socket`. Connects per call, not now.
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self {
            socket: socket.into().into(),
            catalog: None,
            timeout: answer::DEFAULT_TIMEOUT,
        }
    }

    /// A client of the user's daemon (`QUILTD_SOCKET`, else the usual place)
    /// and of `QUILT_CATALOG`, where set.
    pub fn from_env() -> Result<Self, NoHome> {
        let catalog = std::env::var(locations::CATALOG_ENV)
            .ok()
            .filter(|catalog| !catalog.is_empty());
        Ok(Self {
            catalog: catalog.map(Arc::from),
            ..Self::new(locations::socket()?)
        })
    }

    /// The same client asking about this catalog instead of the default one.
    #[must_use]
    pub fn with_catalog(self, catalog: &CatalogUrl) -> Self {
        let catalog = Some(Arc::from(catalog.as_str()));
        Self { catalog, ..self }
    }

    /// The same client giving every call this long, connecting included.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// The socket this client talks to.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Whether the daemon is alive.
    pub async fn health(&self) -> Result<Health, Error> {
        self.send(&ReadHealth).await
    }

    /// What the daemon holds.
    pub async fn status(&self) -> Result<Status, Error> {
        self.send(&ReadStatus).await
    }

    /// Where the login stands.
    pub async fn session(&self) -> Result<Session, Error> {
        self.send(&ReadSession(SessionQuery::default())).await
    }

    /// Logs in with the code from the stack's login page.
    pub async fn login(&self, code: Secret) -> Result<Session, Error> {
        self.send(&Login(LoginCode {
            code,
            accept_registry: None,
            page_registry: None,
        }))
        .await
    }

    /// Forgets the session, and revokes it where the stack can.
    pub async fn logout(&self) -> Result<(), Error> {
        self.send(&Logout(LogoutQuery::default())).await.map(drop)
    }

    /// A bearer token for the stack, good for at least a minute.
    pub async fn token(&self) -> Result<Token, Error> {
        self.send(&ReadToken).await
    }

    /// Who the stack says the user is.
    pub async fn me(&self) -> Result<Me, Error> {
        self.send(&ReadMe).await
    }

    /// AWS credentials of a profile.
    pub async fn credentials(&self, profile: &ProfileName) -> Result<CredentialProcess, Error> {
        let profile = ProfileQuery::from(profile.clone());
        self.send(&ReadCredentials(profile)).await
    }

    /// Sends a request of any endpoint and waits for its answer.
    pub async fn send<E: Endpoint>(&self, request: &E) -> Result<E::Answer, Error> {
        let exchange = async {
            let exchange = self.begin(request, "application/json").await?;
            Ok((exchange.status, collect(exchange).await?))
        };
        let (status, body) = self.limited(exchange).await?;
        answer::check(status, &body)?;
        answer::decode::<E>(&body)
    }

    /// Gives something as long as this client gives a call.
    pub(crate) async fn limited<T>(
        &self,
        exchange: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Error> {
        tokio::time::timeout(self.timeout, exchange)
            .await
            .unwrap_or(Err(Fault::Late))
            .map_err(|fault| fault.into_error(&self.socket, self.timeout))
    }

    /// Sends a request and waits for the head of its answer.
    pub(crate) async fn begin<E: Endpoint>(
        &self,
        request: &E,
        accept: &'static str,
    ) -> Result<Exchange, Fault> {
        let body = api::body(request).map(|body| Bytes::copy_from_slice(body.expose().as_bytes()));
        let request = hyper::Request::builder()
            .method(E::METHOD.as_str())
            .uri(api::target(request, self.catalog.as_deref()))
            // Said here: the daemon refuses any other, hyperlocal's included.
            .header(HOST, "localhost")
            .header(ACCEPT, accept)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body.unwrap_or_default()))
            .map_err(|_| Fault::Invalid("a call that is no request"))?;

        let (stream, pid) = connector::open(&self.socket).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(stream)
            .await
            .map_err(fault)?;
        let mut connection: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(connection);
        let answer = sender.send_request(request);
        tokio::pin!(answer);
        // The connection does the work while the exchange waits for it; it
        // ends with this call, whoever finishes first.
        let (answer, connection) = tokio::select! {
            biased;
            answer = &mut answer => (answer, Some(connection)),
            result = &mut connection => match result {
                Ok(()) => (answer.await, None),
                Err(error) => return Err(fault(error)),
            },
            pid = until_stopped(pid) => return Err(Fault::Stopped(pid)),
        };
        let (head, body) = answer.map_err(fault)?.into_parts();
        Ok(Exchange {
            status: head.status.as_u16(),
            body,
            connection,
            _sender: sender,
        })
    }
}

/// Returns once whoever is to answer is stopped.
async fn until_stopped(listener: Option<u32>) -> u32 {
    loop {
        tokio::time::sleep(stopped::LOOK).await;
        if let Some(pid) = stopped::who_is(listener) {
            return pid;
        }
    }
}

/// An answer whose body is still on its way.
pub(crate) struct Exchange {
    pub(crate) status: u16,
    pub(crate) body: hyper::body::Incoming,
    /// Until it has ended.
    pub(crate) connection: Option<Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>>,
    /// Its end would be taken for the end of the conversation.
    _sender: hyper::client::conn::http1::SendRequest<Full<Bytes>>,
}

/// Reads the body to its end.
pub(crate) async fn collect(mut exchange: Exchange) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let mut bytes = Zeroizing::new(Vec::new());
    while let Some(data) = exchange.data().await {
        let data = data.map_err(fault)?;
        if bytes.len() + data.len() > answer::MAX_BODY {
            return Err(Fault::Invalid("a body without measure"));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

#[expect(clippy::needless_pass_by_value, reason = "a function for map_err")]
pub(crate) fn fault(error: hyper::Error) -> Fault {
    if error.is_parse() {
        Fault::Invalid("no HTTP")
    } else if error.is_incomplete_message() {
        Fault::Io(io::ErrorKind::UnexpectedEof.into())
    } else {
        let cause = std::error::Error::source(&error);
        let kind = cause
            .and_then(|cause| cause.downcast_ref::<io::Error>())
            .map_or(io::ErrorKind::Other, io::Error::kind);
        Fault::Io(io::Error::new(kind, error.to_string()))
    }
}
