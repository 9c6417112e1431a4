//! Crowds at the loopback endpoint.

use quilt_proto::api::CreateGrant;
use quilt_proto::wire::{Grant, GrantRequest};
use quilt_tests::harness::World;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Crowd, counted, vends};

/// Connections of one program that all stay.
const CLIENTS: usize = 300;

async fn grant(world: &World) -> Grant {
    let request = CreateGrant(GrantRequest::default());
    world.client().send(&request).await.unwrap()
}

/// Host and path of a grant.
fn place(grant: &Grant) -> (&str, &str) {
    let rest = grant.uri.strip_prefix("http://").unwrap();
    rest.split_at(rest.find('/').unwrap())
}

/// Asks for credentials and leaves the connection as it is.
async fn ask(stream: &mut TcpStream, grant: &Grant) -> std::io::Result<()> {
    let (host, path) = place(grant);
    let token = grant.token.expose();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {token}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    while !answer.ends_with('}') {
        answer.push(char::from(stream.read_u8().await?));
    }
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("SecretAccessKey"), "{answer}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_client_of_a_program_is_reset_for_another_or_for_strangers() {
    let world = World::logged_in().await;
    let grant = grant(&world).await;
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        let mut client = TcpStream::connect(place(&grant).0).await.unwrap();
        let asked = ask(&mut client, &grant).await;
        assert!(asked.is_ok(), "{number}: {asked:?}");
        clients.push(client);
    }
    let (host, _) = place(&grant);
    for kind in ["silent", "half-header"] {
        let crowd = Crowd::gather(&world, host, kind, 1000, "one").await;
        assert!(crowd.made >= 900, "{}", crowd.made);
        for (number, client) in clients.iter_mut().enumerate() {
            let asked = ask(client, &grant).await;
            assert!(
                asked.is_ok(),
                "{number} among those that are {kind}: {asked:?}"
            );
        }
        let mut late = TcpStream::connect(place(&grant).0).await.unwrap();
        ask(&mut late, &grant).await.unwrap();
    }
    let evicted = r#"quiltd_connections_evicted_total{listener="exec""#;
    assert!(counted(&world, evicted).await > 500, "there was a crowd");
    let open = r#"quiltd_connections_open{listener="exec""#;
    assert!(counted(&world, open).await >= CLIENTS);
    vends(&world, "a crowd elsewhere").await;
}

/// All at once, as a program with that many threads does.
#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_clients_at_once_are_all_answered() {
    let world = World::logged_in().await;
    let grant = std::sync::Arc::new(grant(&world).await);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let grant = std::sync::Arc::clone(&grant);
            tokio::spawn(async move {
                let mut client = TcpStream::connect(place(&grant).0).await?;
                for _ in 0..5 {
                    ask(&mut client, &grant).await?;
                }
                std::io::Result::Ok(client)
            })
        })
        .collect();
    let mut kept = Vec::new();
    for client in clients {
        kept.push(client.await.unwrap().unwrap());
    }
    for client in &mut kept {
        ask(client, &grant).await.unwrap();
    }
}
