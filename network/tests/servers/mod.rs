//! Servers that do one thing, well or badly, on ports of their own.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

const WELL: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nwell";

/// Authorities made so far.
static MADE: AtomicUsize = AtomicUsize::new(0);

/// When a certificate is valid.
#[derive(Clone, Copy)]
pub enum Days {
    Past,
    Now,
    Future,
}

/// Signs certificates.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        // Two of one name are taken for one whose signatures are wrong.
        let name = format!("authority {}", MADE.fetch_add(1, Ordering::Relaxed));
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }
}

/// Answers `well` over TLS.
pub struct Tls {
    pub port: u16,
}

impl Tls {
    pub async fn start(authority: &Authority, name: &str, days: Days) -> Self {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let (from, to) = match days {
            Days::Past => (2001, 2002),
            Days::Now => (2001, 2199),
            Days::Future => (2198, 2199),
        };
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(to, 1, 1);
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &authority.0).unwrap();
        Self::serve(cert.der().clone(), &key).await
    }

    pub async fn self_signed(name: &str) -> Self {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        Self::serve(made.cert.der().clone(), &made.signing_key).await
    }

    async fn serve(cert: rustls::pki_types::CertificateDer<'static>, key: &KeyPair) -> Self {
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let port = serve(move |stream| {
            let acceptor = acceptor.clone();
            async move {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    head(&mut stream).await;
                    let _ = stream.write_all(WELL).await;
                    let _ = stream.shutdown().await;
                }
            }
        })
        .await;
        Self { port }
    }
}

/// A proxy that leads everybody to one port.
pub struct Proxy {
    pub port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    pub async fn start(to: u16, password: Option<&'static str>) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        let port = serve(move |mut stream| {
            let seen = Arc::clone(&seen);
            async move {
                let head = head(&mut stream).await;
                let wanted = password.map(|password| format!("Basic {}", base64(password)));
                let given = head.lines().find_map(|line| {
                    let (name, value) = line.split_once(':')?;
                    name.eq_ignore_ascii_case("proxy-authorization")
                        .then(|| value.trim().to_owned())
                });
                if wanted.is_some() && wanted != given {
                    let answer = b"HTTP/1.1 407 Proxy Authentication Required\r\n\
                        Proxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n";
                    let _ = stream.write_all(answer).await;
                    return;
                }
                let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
                seen.lock().unwrap().push(target);
                let _ = stream.write_all(b"HTTP/1.1 200 Established\r\n\r\n").await;
                lead(&mut stream, to).await;
            }
        })
        .await;
        Self { port, asked }
    }

    pub async fn refusing() -> Self {
        let port = serve(|mut stream| async move {
            head(&mut stream).await;
            let answer = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
            let _ = stream.write_all(answer).await;
        })
        .await;
        Self {
            port,
            asked: Arc::default(),
        }
    }

    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// A SOCKS5 proxy (RFC 1928, RFC 1929) that leads everybody to one port, or
/// nobody anywhere.
pub struct Socks {
    pub port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Socks {
    pub async fn start(to: Option<u16>, password: Option<(&'static str, &'static str)>) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        let port = serve(move |mut stream| {
            let seen = Arc::clone(&seen);
            async move {
                if let Some(target) = Self::greet(&mut stream, password, to.is_some()).await {
                    seen.lock().unwrap().push(target);
                    lead(&mut stream, to.unwrap_or_default()).await;
                }
            }
        })
        .await;
        Self { port, asked }
    }

    async fn greet(
        stream: &mut TcpStream,
        password: Option<(&str, &str)>,
        lets_through: bool,
    ) -> Option<String> {
        let count = bytes(stream, 2).await?[1];
        let methods = bytes(stream, count.into()).await?;
        let method = if password.is_some() { 2 } else { 0 };
        if !methods.contains(&method) {
            stream.write_all(&[5, 0xFF]).await.ok()?;
            return None;
        }
        stream.write_all(&[5, method]).await.ok()?;
        if let Some((user, secret)) = password {
            let length = bytes(stream, 2).await?[1];
            let given = bytes(stream, length.into()).await?;
            let length = bytes(stream, 1).await?[0];
            let good = given == user.as_bytes()
                && bytes(stream, length.into()).await? == secret.as_bytes();
            stream.write_all(&[1, u8::from(!good)]).await.ok()?;
            if !good {
                return None;
            }
        }
        let kind = bytes(stream, 4).await?[3];
        let host = match kind {
            3 => {
                let length = bytes(stream, 1).await?[0];
                String::from_utf8(bytes(stream, length.into()).await?).ok()?
            }
            1 => {
                let ip: [u8; 4] = bytes(stream, 4).await?.try_into().ok()?;
                Ipv4Addr::from(ip).to_string()
            }
            _ => return None,
        };
        let port = bytes(stream, 2).await?;
        let port = u16::from_be_bytes([port[0], port[1]]);
        let outcome = if lets_through { 0 } else { 2 };
        let answer = [5, outcome, 0, 1, 0, 0, 0, 0, 0, 0];
        stream.write_all(&answer).await.ok()?;
        lets_through.then(|| format!("{host}:{port}"))
    }

    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// Answers `well` without TLS, and complains of what is not HTTP as servers do.
pub async fn plain() -> u16 {
    serve(|mut stream| async move {
        let head = head(&mut stream).await;
        let answer: &[u8] = if head.starts_with("GET ") {
            WELL
        } else {
            b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        };
        let _ = stream.write_all(answer).await;
    })
    .await
}

/// Takes connections and says nothing.
pub async fn silent() -> u16 {
    serve(|mut stream| async move {
        let mut bytes = [0; 1024];
        while stream.read(&mut bytes).await.is_ok_and(|length| length > 0) {}
    })
    .await
}

/// Takes connections, listens, and hangs up.
pub async fn rude() -> u16 {
    serve(|mut stream| async move {
        let _ = stream.read(&mut [0; 1024]).await;
    })
    .await
}

/// A port where nobody listens.
pub async fn closed() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().port()
}

async fn serve<F>(answer: impl Fn(TcpStream) -> F + Send + 'static) -> u16
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream));
        }
    });
    port
}

async fn lead(stream: &mut TcpStream, port: u16) {
    if let Ok(mut other) = TcpStream::connect(("127.0.0.1", port)).await {
        let _ = copy_bidirectional(stream, &mut other).await;
    }
}

/// Reads up to the end of a request's head, or of what is none.
async fn head(stream: &mut (impl AsyncReadExt + Unpin)) -> String {
    let mut text = Vec::new();
    let mut bytes = [0; 4096];
    while let Ok(length) = stream.read(&mut bytes).await {
        text.extend_from_slice(&bytes[..length]);
        let is_http = text.first().is_some_and(u8::is_ascii_uppercase);
        if length == 0 || !is_http || text.windows(4).any(|end| end == b"\r\n\r\n") {
            break;
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

async fn bytes(stream: &mut TcpStream, count: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).await.ok()?;
    Some(bytes)
}

fn base64(text: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let mut group = [0; 3];
        group[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, group[0], group[1], group[2]]);
        for place in 0..4 {
            let sextet = (bits >> (18 - 6 * place)) & 63;
            let letter = ALPHABET[sextet as usize];
            encoded.push(if place > chunk.len() {
                '='
            } else {
                char::from(letter)
            });
        }
    }
    encoded
}
