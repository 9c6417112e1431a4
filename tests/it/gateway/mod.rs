//! The registry gateway: the real quilt3, untouched, on the daemon's session.

mod admin;
#[cfg(target_os = "linux")]
mod burst;
pub(crate) mod files;
mod graphql;
mod headers;
mod itself;
mod kills;
mod led_back;
mod mcp;
pub(crate) mod own_keys;
mod registries;
mod requests;
mod run;

pub(crate) use self::files::until;

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use quilt_tests::fake_stack::StackConfig;
use quilt_tests::harness::toolchain::{Python, Venv};
use quilt_tests::harness::{Run, World};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/quilt3/wired.py");

async fn quilt3(world: &World, args: &[&str]) -> Command {
    let python = tokio::task::spawn_blocking(|| Python::prepare(Venv::Sdk));
    let python = python.await.unwrap().expect("Python 3 is there");
    let mut command = world.home.command(python.program("python"));
    command
        .arg(SCRIPT)
        .args(["--catalog", world.stack.catalog_url()])
        .args(args)
        .env("AWS_ENDPOINT_URL_S3", world.stack.s3_url())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

async fn once(world: &World) -> Run {
    let mut command = quilt3(world, &[]).await;
    command.output().await.unwrap().into()
}

/// Logs quilt3 in by itself, as people do today.
async fn own_login(world: &World, user: &str) {
    let code = world.stack.control().login_code(user).unwrap();
    let mut command = quilt3(world, &["--login"]).await;
    with_input(&mut command, &code).await.ok();
}

async fn with_input(command: &mut Command, input: &str) -> Run {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).await.unwrap();
    drop(stdin);
    child.wait_with_output().await.unwrap().into()
}

async fn set_up(config: StackConfig) -> World {
    let world = World::with(config).await;
    world.login().await;
    world.ctl(&["setup", "quilt3"]).await.ok();
    world
}

fn sdk_file(world: &World, name: &str) -> PathBuf {
    world.home.config_yml().with_file_name(name)
}

/// Every file of the SDK, backups of its configuration aside.
fn sdk_files(world: &World) -> Vec<(String, String)> {
    let folder = world.home.config_yml();
    let mut files: Vec<_> = fs::read_dir(folder.parent().unwrap())
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let text = fs::read(path).unwrap();
            (name, String::from_utf8_lossy(&text).into_owned())
        })
        .filter(|(name, _)| !name.contains(".backup."))
        .collect();
    files.sort();
    files
}

/// How every grant of a registry begins.
const GRANT: &str = "eyJhbGciOiJIUzI1NiIsImtpZCI6InF1aWx0ZCIsInR5cCI6IkpXVCJ9.";

/// Whether a text holds a JWT that is no grant: each grant has two parts that
/// begin like one.
fn holds_a_stacks_token(text: &str) -> bool {
    text.matches("eyJ").count() != 2 * text.matches(GRANT).count()
}

/// The grant in the SDK's files, and where it is good.
pub(crate) fn grant(world: &World) -> (String, String) {
    let text = fs::read_to_string(sdk_file(world, "auth.json")).unwrap();
    let auth: Value = serde_json::from_str(&text).unwrap();
    let (url, login) = auth.as_object().unwrap().iter().next().unwrap();
    let authority = url.strip_prefix("http://").unwrap().to_owned();
    (
        authority,
        login["access_token"].as_str().unwrap().to_owned(),
    )
}

/// The lines of a request with the grant.
fn with_grant(authority: &str, token: &str) -> [String; 3] {
    [
        format!("Host: {authority}"),
        format!("Authorization: Bearer {token}"),
        "Content-Type: application/json".to_owned(),
    ]
}

/// Status and body of a raw request to the gateway.
pub(crate) async fn raw(
    authority: &str,
    request: &str,
    headers: &[&str],
    body: &str,
) -> (u16, String) {
    let (head, body) = exchange(authority, request, headers, body).await;
    assert!(
        !head.to_ascii_lowercase().contains("access-control"),
        "{head}"
    );
    (status(&head), body)
}

fn status(head: &str) -> u16 {
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

/// Head and body of the answer to a raw request to anybody.
async fn exchange(
    authority: &str,
    request: &str,
    headers: &[&str],
    body: &str,
) -> (String, String) {
    let mut stream = TcpStream::connect(authority).await.unwrap();
    let headers: String = headers
        .iter()
        .map(|line| [*line, "\r\n"].concat())
        .collect();
    let request = format!(
        "{request} HTTP/1.1\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}
