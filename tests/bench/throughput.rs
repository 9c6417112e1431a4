//! Cached credentials, and the same bytes from nginx, under the same load.

use std::time::Duration;

use anyhow::Context;
use quilt_client::blocking::Client;
use quilt_proto::api::CreateGrant;
use quilt_proto::wire::GrantRequest;

use crate::load::{self, Load, Server};
use crate::nginx::Nginx;
use crate::row::{Row, Target};
use crate::session::Session;

const CLIENTS: usize = 64;
const EACH: Duration = Duration::from_millis(500);
const FIRST: &str = "64 clients on the socket";
const SOCKET: &[u8] =
    b"GET /v1/aws/credentials?profile=default HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// Asks each server in turn, as often as `rounds`.
pub(crate) fn measure(session: &Session, rounds: usize) -> anyhow::Result<Vec<Row>> {
    let nginx = Nginx::start(session.home()).context("nginx")?;
    let socket = Server::Unix(session.socket());
    let with_catalog = format!(
        "GET /v1/aws/credentials?profile=default&catalog={} HTTP/1.1\r\nHost: localhost\r\n\r\n",
        session.stack().catalog_url()
    );
    let grant = Client::new(session.socket()).send(&CreateGrant(GrantRequest::default()))?;
    let address = grant
        .uri
        .trim_start_matches("http://")
        .split('/')
        .next()
        .unwrap_or_default();
    let container = format!(
        "GET /v1/container/credentials HTTP/1.1\r\nHost: {address}\r\nAuthorization: {}\r\n\r\n",
        grant.token.expose()
    );
    let loopback = Server::Tcp(address.parse()?);
    let pairs: [(&str, &Server, &[u8], Server, bool); 4] = [
        (FIRST, &socket, SOCKET, nginx.unix(), true),
        (
            "the same with ?catalog=",
            &socket,
            with_catalog.as_bytes(),
            nginx.unix(),
            true,
        ),
        (
            "the same, a new connection each",
            &socket,
            SOCKET,
            nginx.unix(),
            false,
        ),
        (
            "64 clients of the container endpoint",
            &loopback,
            container.as_bytes(),
            nginx.tcp(),
            true,
        ),
    ];
    let mut rows = Vec::new();
    for (what, server, request, other, keep_alive) in pairs {
        let load = Load {
            clients: CLIENTS,
            keep_alive,
            time: EACH,
        };
        let (mut throughput, mut late) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            let ours = load::run(server, request, load).context("quiltd")?;
            let theirs = load::run(&other, Nginx::REQUEST, load).context("nginx")?;
            throughput.push(ours.per_second / theirs.per_second);
            late.push(ours.p99_us / theirs.p99_us);
        }
        rows.push(Row::of(
            what,
            "nginx, requests a second",
            throughput,
            Target::AtLeast(0.8),
        ));
        if what == FIRST {
            rows.push(Row::of(what, "nginx, p99", late, Target::AtMost(1.5)));
        }
    }
    Ok(rows)
}
