//! The loopback endpoint: for who holds a grant, and for nobody else.

mod crowd;
mod refusals;

use std::time::Duration;

use quilt_proto::api::{CreateGrant, RevokeGrant};
use quilt_proto::wire::{Grant, GrantRequest};
use quilt_tests::fake_stack::{Endpoint, Fault, FaultKind};
use quilt_tests::harness::{Browser, World, within};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

async fn grant(world: &World, seconds: u32) -> Grant {
    let request = GrantRequest {
        ttl_seconds: Some(seconds),
        ..GrantRequest::default()
    };
    world.client().send(&CreateGrant(request)).await.unwrap()
}

/// `127.0.0.1:<port>` and the path of a grant.
fn place(grant: &Grant) -> (String, String) {
    let rest = grant.uri.strip_prefix("http://").unwrap();
    let (authority, path) = rest.split_once('/').unwrap();
    (authority.to_owned(), format!("/{path}"))
}

/// Status, headers and body of a request with these lines after the first.
async fn raw(grant: &Grant, method: &str, lines: &[&str]) -> (u16, String, String) {
    let (authority, path) = place(grant);
    let mut stream = TcpStream::connect(&authority).await.unwrap();
    let lines: String = lines.iter().map(|line| [*line, "\r\n"].concat()).collect();
    let request = format!("{method} {path} HTTP/1.1\r\n{lines}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_ascii_lowercase(), body.to_owned())
}

async fn ask(grant: &Grant) -> (u16, Value) {
    let (authority, _) = place(grant);
    let (host, token) = (
        format!("Host: {authority}"),
        format!("Authorization: {}", grant.token.expose()),
    );
    let (status, _, body) = raw(grant, "GET", &[&host, &token]).await;
    (status, serde_json::from_str(&body).unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_gives_what_credential_process_gives() {
    let world = World::logged_in().await;
    let grant = grant(&world, 60).await;
    let (status, given) = ask(&grant).await;
    assert_eq!(status, 200);
    let document = world.ctl(&["credential-process"]).await.ok();
    let document: Value = serde_json::from_str(&document).unwrap();
    let mut keys: Vec<_> = given.as_object().unwrap().keys().cloned().collect();
    keys.sort();
    assert_eq!(
        keys,
        ["AccessKeyId", "Expiration", "SecretAccessKey", "Token"]
    );
    assert_eq!(given["Token"], document["SessionToken"]);
    assert_eq!(given["SecretAccessKey"], document["SecretAccessKey"]);
    assert_eq!(given["Expiration"], document["Expiration"]);
    let status = world.ctl(&["status", "--json"]).await.ok();
    assert!(status.contains(&grant.id) && !status.contains(grant.token.expose()));
    assert!(!world.log().contains(grant.token.expose()));
}

/// As AWS's Common Runtime asks.
#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_out_the_port_is_served_and_needs_the_token_all_the_same() {
    let world = World::logged_in().await;
    let grant = grant(&world, 60).await;
    let host = "Host: 127.0.0.1";
    let token = format!("Authorization: {}", grant.token.expose());
    let (status, _, body) = raw(&grant, "GET", &[host, &token]).await;
    assert_eq!((status, body.contains("SecretAccessKey")), (200, true));
    assert_eq!(raw(&grant, "GET", &[host]).await.0, 401);
    let page = [host, &token, "Origin: http://127.0.0.1"];
    assert_eq!(raw(&grant, "GET", &page).await.0, 403);
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn the_audit_names_the_program_that_asked() {
    let world = World::logged_in().await;
    let grant = grant(&world, 60).await;
    assert_eq!(ask(&grant).await.0, 200);
    let entries = world
        .client()
        .send(&quilt_proto::api::ReadAudit(
            quilt_proto::api::AuditQuery::default(),
        ))
        .await
        .unwrap();
    let mut asked = entries.iter().filter(|entry| entry.grant_id.is_some());
    let asked = asked.find(|entry| entry.action == "credentials").unwrap();
    assert_eq!(asked.pid, Some(std::process::id()));
    let own = std::env::current_exe().unwrap().display().to_string();
    assert_eq!(asked.program, Some(own));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_listens_only_while_there_are_grants() {
    let world = World::logged_in().await;
    world.ctl(&["credential-process"]).await.ok();
    #[cfg(target_os = "linux")]
    assert_eq!(listeners(&world), 0);
    let (one, two) = (grant(&world, 60).await, grant(&world, 60).await);
    let (authority, _) = place(&one);
    assert_eq!(authority, place(&two).0, "one listener for all");
    #[cfg(target_os = "linux")]
    assert_eq!(listeners(&world), 1, "the control");
    let revoke = |grant: &Grant| RevokeGrant(grant.id.clone());
    world.client().send(&revoke(&one)).await.unwrap();
    assert_eq!(ask(&one).await.0, 401);
    assert_eq!(ask(&two).await.0, 200);
    world.client().send(&revoke(&two)).await.unwrap();
    closed(&authority).await;
    let error = world.client().send(&revoke(&two)).await.unwrap_err();
    assert!(error.to_string().contains("no such grant"), "{error}");
}

/// How many sockets of TCP the daemon listens at (proc_net(5): state 0A).
#[cfg(target_os = "linux")]
fn listeners(world: &World) -> usize {
    let pid = world.daemon.as_ref().unwrap().pid();
    let tables =
        ["tcp", "tcp6"].map(|table| std::fs::read_to_string(format!("/proc/{pid}/net/{table}")));
    let tables: Vec<String> = tables.into_iter().flatten().collect();
    let lines = tables.iter().flat_map(|table| table.lines().skip(1));
    let fields = lines.map(|line| line.split_whitespace().collect::<Vec<_>>());
    let listening = fields.filter(|fields| fields[3] == "0A");
    let inodes: Vec<String> = listening
        .map(|fields| format!("socket:[{}]", fields[9]))
        .collect();
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let open = open.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    open.filter(|target| inodes.iter().any(|inode| target.to_str() == Some(inode)))
        .count()
}

/// Waits until nobody listens there.
async fn closed(authority: &str) {
    while TcpStream::connect(authority).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_expires() {
    let world = World::logged_in().await;
    let keep = grant(&world, 60).await;
    let short = grant(&world, 1).await;
    while ask(&short).await.0 != 401 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(ask(&keep).await.0, 200);
    for seconds in [0, 8 * 24 * 3600] {
        let request = GrantRequest {
            ttl_seconds: Some(seconds),
            ..GrantRequest::default()
        };
        assert!(world.client().send(&CreateGrant(request)).await.is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_gets_anything() {
    let world = World::logged_in().await;
    let grant = grant(&world, 60).await;
    let (authority, _) = place(&grant);
    let port = authority.rsplit(':').next().unwrap();
    let host = format!("Host: {authority}");
    let token = format!("Authorization: {}", grant.token.expose());
    let (head, last) = grant.token.expose().split_at(63);
    let other = if last == "0" { '1' } else { '0' };
    let near = format!("Authorization: {head}{other}");
    let (other_name, other_port) = (
        format!("Host: localhost:{port}"),
        format!("Host: 127.0.0.1:1{port}"),
    );
    let rebound = format!("Host: rebound.example:{port}");
    let bearer = format!("Authorization: Bearer {}", grant.token.expose());
    let with_token: &[(u16, &[&str])] = &[
        // DNS rebinding: the name is the attacker's, the address is ours.
        (403, &[&rebound, &token]),
        (403, &["Host: rebound.example", &token]),
        (403, &["Host: localhost", &token]),
        (403, &["Host: 127.0.0.1.rebound.example", &token]),
        (403, &[&other_name, &token]),
        (403, &[&other_port, &token]),
        (403, &[&host, &rebound, &token]),
        (403, &[&token]),
        // Browsers.
        (403, &[&host, &token, "Origin: null"]),
        (403, &[&host, &token, "Referer: http://127.0.0.1/"]),
        (403, &[&host, &token, "Sec-Fetch-Mode: no-cors"]),
        (403, &[&host, &token, "Sec-Fetch-Site: none"]),
        // Guesses.
        (401, &[&host]),
        (401, &[&host, "Authorization: "]),
        (401, &[&host, &near]),
        (401, &[&host, &bearer]),
        (401, &[&host, &token, &token]),
    ];
    for (expected, lines) in with_token {
        let (status, head, body) = raw(&grant, "GET", lines).await;
        // Without any Host the server itself refuses to go on.
        assert!(
            status == *expected || status == 400,
            "{status} for {lines:?}"
        );
        assert!(!body.contains("SecretAccessKey"), "{lines:?}");
        assert!(!head.contains("access-control"), "{head}");
        if status != 400 {
            let body: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(body["code"], "denied");
            assert_eq!(body["Code"], body["code"]);
            assert!(body["message"] == body["Message"] && body["message"].is_string());
        }
    }
    let preflight = [
        host.as_str(),
        "Origin: http://evil.example",
        "Access-Control-Request-Method: GET",
    ];
    let (status, head, _) = raw(&grant, "OPTIONS", &preflight).await;
    assert_eq!(status, 403);
    assert!(!head.contains("access-control"), "{head}");
    assert_eq!(
        ask(&grant).await.0,
        200,
        "who has the grant is not disturbed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_needed_login_and_a_hanging_stack_are_told_within_a_second() {
    let world = World::logged_in().await;
    let grant = grant(&world, 60).await;
    ask(&grant).await;
    world.ctl(&["logout"]).await.ok();
    let second = Duration::from_secs(1);
    let (status, body) = within(second, async || ask(&grant).await).await;
    assert_eq!((status, &body["Code"]), (401, &"login_required".into()));
    assert!(
        body["message"]
            .as_str()
            .unwrap()
            .contains("run: quiltctl login"),
        "{body}"
    );
    world
        .stack
        .control()
        .plant(Endpoint::GetCredentials, Fault::always(FaultKind::Hang));
    world.login().await;
    let (status, body) = within(second, async || ask(&grant).await).await;
    assert_eq!((status, &body["Code"]), (504, &"stack_unreachable".into()));
}

/// A page that tries what a page can try, and tells how it went.
const PAGE: &str = r#"<!doctype html><title>page</title><script>
(async () => {
  const found = [];
  for (const [uri, authorization] of TARGETS) {
    for (const [mode, headers] of [
      ["cors", {Authorization: authorization}], ["cors", {}], ["no-cors", {}], ["same-origin", {}],
    ]) {
      try {
        const answer = await fetch(uri, {mode, headers, credentials: "omit"});
        found.push(mode + ":" + answer.type + ":" + (await answer.text()));
      } catch (error) { found.push(mode + ":blocked"); }
    }
    await new Promise(done => {
      const script = document.createElement("script");
      script.src = uri; script.onload = script.onerror = done;
      document.head.append(script);
    });
    const frame = document.createElement("iframe");
    await new Promise(done => { frame.onload = frame.onerror = done; frame.src = uri; document.body.append(frame); });
    try { found.push("frame:" + frame.contentDocument.body.textContent); } catch { found.push("frame:blocked"); }
  }
  await fetch("/told", {method: "POST", body: "DONE " + found.join(" | ")});
})();
</script><body></body>"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_page_in_a_real_browser_gets_nothing() {
    let Some(browser) = Browser::find() else {
        return;
    };
    let world = World::logged_in().await;
    let grant = grant(&world, 60).await;
    world.ctl(&["setup", "quilt3"]).await.ok();
    let (gateway, registry_token) = crate::gateway::grant(&world);
    // The page even knows the tokens, which only the user's programs do.
    let targets = serde_json::json!([
        [grant.uri, grant.token.expose()],
        [
            format!("http://{gateway}/api/auth/get_credentials"),
            format!("Bearer {registry_token}")
        ],
    ]);
    let page = PAGE.replace("TARGETS", &targets.to_string());
    let site = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", site.local_addr().unwrap());
    let mut browser = browser.open(&world.home, &url);
    let told = tokio::time::timeout(Duration::from_mins(1), serve(&site, &page)).await;
    browser.kill().await.unwrap();
    let told = told.expect("the page reports");
    assert_eq!(told.matches("cors:blocked").count(), 2 * 2, "{told}");
    for secret in ["SecretAccessKey", "AccessKeyId", "Token\""] {
        assert!(!told.contains(secret), "{told}");
    }
    assert!(
        world.log().contains("refused a request on loopback"),
        "the browser did ask"
    );
    assert_eq!(ask(&grant).await.0, 200);
}

/// Serves the page until it reports; what it reports.
async fn serve(site: &TcpListener, page: &str) -> String {
    loop {
        let (mut stream, _) = site.accept().await.unwrap();
        let mut request = Vec::new();
        let mut chunk = [0; 4096];
        let text = loop {
            let length = stream.read(&mut chunk).await.unwrap_or(0);
            request.extend_from_slice(&chunk[..length]);
            let text = String::from_utf8_lossy(&request).into_owned();
            let complete = text.contains("\r\n\r\n") && !text.starts_with("POST");
            if length == 0 || complete || text.contains("DONE ") {
                break text;
            }
        };
        let body = if text.starts_with("GET / ") { page } else { "" };
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n";
        let answer = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
        let _ = stream.write_all(answer.as_bytes()).await;
        if let Some((_, told)) = text.split_once("DONE ") {
            return told.to_owned();
        }
    }
}
