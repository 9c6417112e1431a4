//! Whom a listener on loopback serves: its own user and root. Others are hung up
//! on, and those of whom the system does not tell are told why not, or have a
//! token in their way.

use std::net::SocketAddr;

use tokio::net::TcpStream;

use super::owner::{Owner, Owners};
use super::turn_away::TurnAway;

/// What becomes of connections of which the system does not tell whose they are.
#[derive(Debug)]
pub enum UnknownOwner {
    /// They are served where the system tells of none: a token stands in the way.
    Serve,
    /// They are told why not.
    TurnAway(TurnAway),
}

/// A connection that is to be served, and the number of the socket at its other
/// end. `looks` are two, since the system may pass over a line in a crowd.
pub(super) fn admit(
    unknown: &UnknownOwner,
    stream: std::net::TcpStream,
    from: SocketAddr,
    looks: &[Owners<'_>; 2],
) -> Option<(TcpStream, Option<u64>)> {
    let us = rustix::process::geteuid().as_raw();
    let mut found = looks[0].look(from);
    if found.is_listed && matches!(found.owner, Owner::Elsewhere | Owner::Gone) {
        found = looks[1].look(from);
    }
    let turn_away = match (found.owner, unknown) {
        (Owner::User(user), _) if user == us || user == 0 => None,
        (Owner::User(user), _) => {
            tracing::debug!(user, "hung up on another user");
            return None;
        }
        (Owner::Gone, _) => return None,
        (Owner::Unknown, UnknownOwner::Serve) if from.ip().is_loopback() => None,
        (Owner::Elsewhere | Owner::Unknown, UnknownOwner::Serve) => {
            tracing::debug!("hung up on a connection from elsewhere");
            return None;
        }
        (Owner::Elsewhere | Owner::Unknown, UnknownOwner::TurnAway(turn_away)) => Some(turn_away),
    };
    stream.set_nonblocking(true).ok()?;
    let stream = TcpStream::from_std(stream).ok()?;
    if let Some(turn_away) = turn_away {
        tracing::debug!("turned away a connection of nobody the system tells");
        turn_away.tell(stream);
        return None;
    }
    Some((stream, found.inode))
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn bound() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    /// What becomes of one of whom nothing is told.
    async fn told(unknown: UnknownOwner) -> (bool, String) {
        let (listener, address) = bound();
        let mut visitor = TcpStream::connect(address).await.unwrap();
        let (stream, from) = listener.accept().unwrap();
        let looks = [Owners::none(address), Owners::none(address)];
        let admitted = admit(&unknown, stream, from, &looks);
        visitor.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        let is_served = admitted.is_some();
        drop(admitted);
        let mut answer = String::new();
        // Whoever is served and dropped here may see a reset.
        let _ = visitor.read_to_string(&mut answer).await;
        (is_served, answer)
    }

    #[tokio::test]
    async fn whose_owner_is_not_told_is_served_or_told_why_not() {
        let turn_away =
            || UnknownOwner::TurnAway(TurnAway::with(b"HTTP/1.1 403 No\r\n\r\nwhy".to_vec()));
        let (is_served, answer) = told(turn_away()).await;
        assert!(!is_served);
        assert!(answer.ends_with("why"), "{answer}");
        assert_eq!(told(UnknownOwner::Serve).await, (true, String::new()));
    }

    #[tokio::test]
    async fn those_who_are_turned_away_and_say_nothing_are_few() {
        let turn_away = TurnAway::with(b"HTTP/1.1 403 No\r\n\r\n".to_vec());
        let unknown = UnknownOwner::TurnAway(turn_away.clone());
        let (listener, address) = bound();
        let looks = [Owners::none(address), Owners::none(address)];
        let mut silent = Vec::new();
        for _ in 0..50 {
            silent.push(TcpStream::connect(address).await.unwrap());
            let (stream, from) = listener.accept().unwrap();
            assert!(admit(&unknown, stream, from, &looks).is_none());
        }
        assert_eq!(turn_away.free(), 0, "no more than a few are held");
    }
}
