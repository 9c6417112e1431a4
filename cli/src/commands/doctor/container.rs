//! The variables of container credentials, which `exec` sets for its program:
//! two of a kind contradict each other, and one that outlived its grant leads
//! nowhere.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::Duration;

use quilt_proto::wire::{Finding, FindingCode};
use zeroize::Zeroizing;

use super::remedy;
use super::variables::Variables;
use crate::aws_variables::{
    CONTAINER_RELATIVE_URI, CONTAINER_TOKEN, CONTAINER_TOKEN_FILE as TOKEN_FILE, CONTAINER_URI,
};
use crate::files;

/// How long an endpoint on this machine may take. SDKs wait no longer.
const TIMEOUT: Duration = Duration::from_secs(2);

pub(super) fn check(variables: &Variables) -> Vec<Finding> {
    let mut found = Vec::new();
    let both = |a, b| variables.set(&[a, b]).len() == 2;
    if both(CONTAINER_URI, CONTAINER_RELATIVE_URI) {
        let what = format!(
            "{CONTAINER_URI} and {CONTAINER_RELATIVE_URI} are both set: programs differ in which one they ask"
        );
        let hint = remedy::unset(&[CONTAINER_RELATIVE_URI]);
        found.push(Finding::error(FindingCode::ContainerTwoUris, what, hint));
    }
    if both(CONTAINER_TOKEN, TOKEN_FILE) && !is_one_token(variables) {
        let what = format!(
            "{CONTAINER_TOKEN} and {TOKEN_FILE} say different things: programs differ in which \
             one they send"
        );
        let hint = remedy::unset(&[TOKEN_FILE]);
        found.push(Finding::error(FindingCode::ContainerTwoTokens, what, hint));
    }
    if let Some(why) = variables
        .get(CONTAINER_URI)
        .and_then(|uri| stale(uri, variables))
    {
        let what = format!("{CONTAINER_URI} names an endpoint of this machine that {why}");
        let hint = remedy::unset(&variables.set(&[CONTAINER_URI, CONTAINER_TOKEN, TOKEN_FILE]));
        found.push(Finding::error(FindingCode::ContainerStale, what, hint));
    }
    found
}

/// Whether the file holds the very token, as `exec` sets both.
fn is_one_token(variables: &Variables) -> bool {
    let (token, file) = (variables.get(CONTAINER_TOKEN), variables.get(TOKEN_FILE));
    let held = file.and_then(|file| files::read(Path::new(file)).ok()?.map(Zeroizing::new));
    held.is_some_and(|held| token.is_some_and(|token| held.as_slice() == token.as_bytes()))
}

/// Why an endpoint on this machine gives nothing. Others are not asked: their
/// token is not ours to send.
fn stale(uri: &str, variables: &Variables) -> Option<&'static str> {
    let (authority, path) = uri.strip_prefix("http://")?.split_once('/')?;
    let address = loopback(authority)?;
    let token = variables.get(CONTAINER_TOKEN).unwrap_or_default();
    match status(address, authority, path, token) {
        Ok(200) => None,
        Ok(_) => Some("gives no credentials any more"),
        Err(_) => Some("does not answer any more"),
    }
}

fn loopback(authority: &str) -> Option<SocketAddr> {
    let (host, _) = authority.rsplit_once(':').unwrap_or((authority, ""));
    let local = host == "localhost" || host == "[::1]" || host.starts_with("127.");
    let authority = if authority == host {
        format!("{host}:80")
    } else {
        authority.to_owned()
    };
    let address = authority.to_socket_addrs().ok()?.next()?;
    (local && address.ip().is_loopback()).then_some(address)
}

/// The status of an answer; the rest of it, credentials, is not read.
fn status(address: SocketAddr, host: &str, path: &str, token: &str) -> io::Result<u16> {
    let invalid = || io::Error::from(io::ErrorKind::InvalidData);
    if [path, token]
        .iter()
        .any(|text| text.contains(char::is_control))
    {
        return Err(invalid());
    }
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let request = Zeroizing::new(format!(
        "GET /{path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {token}\r\nConnection: close\r\n\r\n"
    ));
    stream.write_all(request.as_bytes())?;
    let mut head = [0; 12];
    stream.read_exact(&mut head)?;
    let code = head.strip_prefix(b"HTTP/1.1 ").ok_or_else(invalid)?;
    str::from_utf8(code)
        .ok()
        .and_then(|code| code.parse().ok())
        .ok_or_else(invalid)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn codes(variables: &Variables) -> Vec<String> {
        check(variables)
            .into_iter()
            .map(|found| found.code)
            .collect()
    }

    #[test]
    fn two_of_a_kind_contradict_each_other() {
        let far = "http://169.254.170.23/v1/credentials";
        let found = codes(&[(CONTAINER_URI, far), (CONTAINER_RELATIVE_URI, "/v2")].into());
        assert_eq!(found, ["container_two_uris"]);
        let found = codes(&[(CONTAINER_TOKEN, "t"), (TOKEN_FILE, "/t")].into());
        assert_eq!(found, ["container_two_tokens"]);
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        std::fs::write(&file, "t").unwrap();
        let file = file.to_str().unwrap();
        assert!(codes(&[(CONTAINER_TOKEN, "t"), (TOKEN_FILE, file)].into()).is_empty());
        let found = codes(&[(CONTAINER_TOKEN, "other"), (TOKEN_FILE, file)].into());
        assert_eq!(found, ["container_two_tokens"]);
        assert!(codes(&[(CONTAINER_URI, far), (CONTAINER_TOKEN, "t")].into()).is_empty());
    }

    #[test]
    fn an_endpoint_that_is_gone_or_says_no_is_stale() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let uri = format!("http://{}/c", listener.local_addr().unwrap());
        let answers = std::thread::spawn(move || {
            for answer in ["200 OK", "403 Forbidden"] {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = [0; 1024];
                let length = stream.read(&mut request).unwrap();
                let request = String::from_utf8_lossy(&request[..length]).into_owned();
                assert!(request.contains("Authorization: t\r\n"), "{request}");
                let answer = format!("HTTP/1.1 {answer}\r\n\r\n");
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        let variables = [(CONTAINER_URI, uri.as_str()), (CONTAINER_TOKEN, "t")].into();
        assert!(codes(&variables).is_empty());
        assert_eq!(codes(&variables), ["container_stale"]);
        answers.join().unwrap();
        assert_eq!(codes(&variables), ["container_stale"], "nobody listens now");
    }
}
