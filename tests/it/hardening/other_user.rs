//! Another user of the machine, who has got hold of everything but the user
//! id.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use quilt_proto::api::CreateGrant;
use quilt_proto::wire::{Gateway, GrantRequest};
use quilt_tests::fake_stack::StackConfig;
use quilt_tests::harness::{Home, Run, Users, World, binaries};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};

/// Sends a request over loopback in one of several ways; what came back.
const ASK: &str = "
import socket, sys
how, port, request = sys.argv[1], int(sys.argv[2]), sys.argv[3].encode()
if how == 'mapped':
    connection = socket.socket(socket.AF_INET6)
    connection.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    address = '::ffff:127.0.0.1'
else:
    connection = socket.socket()
    address = '127.0.0.1'
connection.settimeout(60)
connection.connect((address, port))
answer = b''
try:
    if how == 'bytewise':
        for byte in request:
            connection.sendall(bytes([byte]))
    else:
        connection.sendall(request)
    if how == 'half closed':
        connection.shutdown(socket.SHUT_WR)
    while part := connection.recv(65536):
        answer += part
except OSError:
    # Hung up on, in the middle of it perhaps.
    pass
print(answer.decode())
";

const WAYS: [&str; 4] = ["plain", "mapped", "half closed", "bytewise"];

async fn ask(home: &Home, way: &str, authority: &str, request: &str) -> String {
    let (_, port) = authority.rsplit_once(':').unwrap();
    home.python(ASK, &[way, port, request]).await.ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_token_is_of_no_use_to_another_user() {
    let Some(users) = Users::find("another user with the right token").await else {
        return;
    };
    let world = World::of(&users.a, StackConfig::default()).await;
    world.login().await;
    let request = GrantRequest {
        ttl_seconds: Some(600),
        ..GrantRequest::default()
    };
    let granted = granted(&world, request).await;
    world.ctl(&["setup", "quilt3"]).await.ok();
    let (gateway, bearer) = crate::gateway::grant(&world);
    let gateway = (
        gateway.clone(),
        format!(
            "GET /api/auth/get_credentials HTTP/1.1\r\nHost: {gateway}\r\n\
             Authorization: Bearer {bearer}\r\nConnection: close\r\n\r\n"
        ),
    );
    let (mine, theirs) = (&world.home, Home::of(&users.b));
    for (authority, request) in [granted, gateway] {
        for way in WAYS {
            let answer = ask(mine, way, &authority, &request).await;
            assert!(answer.contains("SecretAccessKey"), "{way}: {answer}");
            let answer = ask(&theirs, way, &authority, &request).await;
            assert_eq!(answer.trim(), "", "{way}: another user is hung up on");
        }
    }
}

/// Where a grant is good, and the request that uses it.
async fn granted(world: &World, request: GrantRequest) -> (String, String) {
    // The tests may be another user's than the daemon.
    let body = serde_json::to_string(&request).unwrap();
    let script = "
import http.client, socket, sys
connection = http.client.HTTPConnection('localhost')
connection.sock = socket.socket(socket.AF_UNIX)
connection.sock.connect(sys.argv[1])
connection.request('POST', sys.argv[2], sys.argv[3], {'Content-Type': 'application/json'})
print(connection.getresponse().read().decode())
";
    let target = format!("/v1/aws/grants?catalog={}", world.stack.catalog_url());
    let socket = world.home.socket();
    let args = [socket.to_str().unwrap(), &target, &body];
    let answer = world.home.python(script, &args).await.ok();
    let answer: <CreateGrant as quilt_proto::api::Endpoint>::Answer =
        serde_json::from_str(&answer).unwrap();
    let rest = answer.uri.strip_prefix("http://").unwrap();
    let (authority, path) = rest.split_once('/').unwrap();
    let request = format!(
        "GET /{path} HTTP/1.1\r\nHost: {authority}\r\nAuthorization: {}\r\n\
         Connection: close\r\n\r\n",
        answer.token.expose()
    );
    (authority.to_owned(), request)
}

/// Asks the daemon for a token; what came back, if the way there is open.
const ASK_SOCKET: &str = "
import socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.settimeout(60)
connection.connect(sys.argv[1])
answer = b''
try:
    connection.sendall(sys.argv[2].encode())
    while part := connection.recv(65536):
        answer += part
except (ConnectionResetError, BrokenPipeError):
    pass
print('connected', answer.decode())
";

async fn ask_socket(home: &Home, world: &World) -> Run {
    let request = format!(
        "GET /v1/token?catalog={} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        world.stack.catalog_url()
    );
    let socket = world.home.socket();
    home.python(ASK_SOCKET, &[socket.to_str().unwrap(), &request])
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_socket_serves_nobody_else_even_when_the_way_there_is_open() {
    let Some(users) = Users::find("another user at the socket").await else {
        return;
    };
    let world = World::of(&users.a, StackConfig::default()).await;
    world.login().await;
    let theirs = Home::of(&users.b);
    let socket = world.home.socket();
    let dir = socket.parent().unwrap();
    let modes = [&socket, dir].map(|path| fs::metadata(path).unwrap().permissions().mode() & 0o777);
    assert_eq!(modes, [0o600, 0o700]);
    let refused = ask_socket(&theirs, &world).await;
    assert!(refused.stderr.contains("PermissionError"), "{refused:?}");
    assert!(!refused.stdout.contains("connected"), "{refused:?}");

    // The second line: whom the kernel says it is.
    as_owner(&world.home, &["chmod", "0666", socket.to_str().unwrap()]).await;
    for path in dir
        .ancestors()
        .take_while(|path| path.starts_with(world.home.path()))
    {
        as_owner(&world.home, &["chmod", "0711", path.to_str().unwrap()]).await;
    }
    let answer = ask_socket(&world.home, &world).await.ok();
    assert!(answer.contains("\"token\""), "{answer}");
    let answer = ask_socket(&theirs, &world).await.ok();
    assert_eq!(answer.trim(), "connected", "hung up on");
    if rustix::process::geteuid().is_root() {
        let root = Home::new();
        let answer = ask_socket(&root, &world).await.ok();
        assert_eq!(answer.trim(), "connected", "not even root is served");
    }
}

async fn as_owner(home: &Home, command: &[&str]) {
    let status = home.command(command[0]).args(&command[1..]).status().await;
    assert!(status.unwrap().success(), "{command:?}");
}

/// Listens where everybody may connect; says what arrived.
const IMPOSTOR: &str = "
import os, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o666)
listener.listen()
print('ready', flush=True)
arrived = b''
connection, _ = listener.accept()
try:
    while part := connection.recv(65536):
        arrived += part
        if b'\\r\\n\\r\\n' in arrived:
            break
except ConnectionResetError:
    pass
print('arrived', len(arrived), flush=True)
";

#[tokio::test(flavor = "multi_thread")]
async fn quiltctl_says_nothing_to_another_users_daemon() {
    let Some(users) = Users::find("another user's daemon").await else {
        return;
    };
    let mine = Home::of(&users.a);
    for (user, says_something) in [(&users.a, true), (&users.b, false)] {
        let theirs = Home::of(user);
        as_owner(&theirs, &["chmod", "0711", theirs.path().to_str().unwrap()]).await;
        let socket = theirs.path().join("s");
        let mut impostor = theirs
            .command("python3")
            .args(["-I", "-c", IMPOSTOR])
            .arg(&socket)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(impostor.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).await.unwrap();
        assert_eq!(line, "ready\n");
        let mut quiltctl = mine.command(binaries::quiltctl());
        quiltctl
            .args(["--no-autostart", "--catalog", "http://127.0.0.1:1"])
            .arg("--socket")
            .arg(&socket)
            .args(["login", "--code-stdin"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = quiltctl.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let _ = stdin.write_all(b"a-code").await;
        drop(stdin);
        let output = child.wait_with_output().await.unwrap();
        assert!(!output.status.success());
        let mut said = String::new();
        stdout.read_to_string(&mut said).await.unwrap();
        assert_eq!(said.trim() != "arrived 0", says_something, "{said}");
        assert!(said.starts_with("arrived "), "{said}");
    }
}

/// Listens at a port in every way there is; how each went.
const TAKE: &str = "
import socket, sys
port = int(sys.argv[1])
def listen(family, address, *options):
    taken = socket.socket(family)
    for option in options:
        taken.setsockopt(socket.SOL_SOCKET, option, 1)
    if family == socket.AF_INET6:
        taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    try:
        taken.bind((address, port))
        taken.listen()
        print('listens')
    except OSError as error:
        print(error.strerror)
    finally:
        taken.close()
for options in [], [socket.SO_REUSEADDR], [socket.SO_REUSEPORT], [socket.SO_REUSEADDR, socket.SO_REUSEPORT]:
    listen(socket.AF_INET, '127.0.0.1', *options)
    listen(socket.AF_INET, '0.0.0.0', *options)
    if socket.has_ipv6:
        listen(socket.AF_INET6, '::', *options)
        listen(socket.AF_INET6, '::ffff:127.0.0.1', *options)
";

/// Programs under `exec` ask at a port of the daemon's, for as long as they run.
/// Another user who took it when the daemon had ended would have them work with
/// credentials of theirs.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_answers_programs_under_exec_when_the_daemon_has_ended() {
    let Some(users) = Users::find("another user at the port of exec").await else {
        return;
    };
    let mut world = World::of(&users.a, StackConfig::default()).await;
    world.login().await;
    // It closes the descriptors that scripts use, and waits to be told to ask.
    let script = "exec 3>&- 4>&- 9>&-; echo $AWS_CONTAINER_CREDENTIALS_FULL_URI; read go; \
                  curl --silent --show-error --max-time 20 $AWS_CONTAINER_CREDENTIALS_FULL_URI \
                  -H \"Authorization: $AWS_CONTAINER_AUTHORIZATION_TOKEN\"; read go";
    let mut command = world.ctl_command(&["exec", "--", "sh", "-c", script]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut program = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = program.stdin.take().unwrap();
    let mut said = BufReader::new(program.stdout.take().unwrap()).lines();
    let uri = said.next_line().await.unwrap().unwrap();
    let authority = uri.strip_prefix("http://").unwrap().split('/').next();
    let (_, port) = authority.unwrap().rsplit_once(':').unwrap();
    let theirs = Home::of(&users.b);
    world.daemon.take().unwrap().stop().await;
    let taken = theirs.python(TAKE, &[port]).await.ok();
    assert!(!taken.is_empty() && !taken.contains("listens"), "{taken}");
    // Whoever asks is told that nobody is there.
    stdin.write_all(b"go\n").await.unwrap();
    let mut stderr = BufReader::new(program.stderr.take().unwrap()).lines();
    let refused = stderr.next_line().await.unwrap().unwrap();
    assert!(refused.starts_with("curl: (7)"), "{refused}");
    drop(stdin);
    program.wait().await.unwrap();
    // The control: with the program goes what kept them away.
    let taken = theirs.python(TAKE, &[port]).await.ok();
    assert!(taken.lines().next() == Some("listens"), "{taken}");
}

/// Tries to listen at a port until it is told to end; says what came of it.
const WAIT_FOR_PORT: &str = "
import select, socket, sys
print('waits', flush=True)
taken = 0
while not select.select([sys.stdin], [], [], 0)[0]:
    for options in [], [socket.SO_REUSEADDR], [socket.SO_REUSEADDR, socket.SO_REUSEPORT]:
        with socket.socket() as waiting:
            for option in options:
                waiting.setsockopt(socket.SOL_SOCKET, option, 1)
            try:
                waiting.bind(('127.0.0.1', int(sys.argv[1])))
                waiting.listen()
                taken += 1
            except OSError:
                pass
print(taken, flush=True)
";

/// quilt3 looks for the daemon at one port, which a restart leaves to nobody.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_gets_the_gateways_port_while_the_daemon_is_restarted() {
    let Some(users) = Users::find("another user at the gateway's port").await else {
        return;
    };
    let mut world = World::of(&users.a, StackConfig::default()).await;
    world.login().await;
    let set_up = async || {
        let said = world.ctl(&["setup", "quilt3", "--json"]).await.ok();
        serde_json::from_str::<Gateway>(&said).unwrap()
    };
    let port = set_up().await.gateway_url.unwrap().loopback_port().unwrap();
    let theirs = Home::of(&users.b);
    let waits = async || {
        let mut command = theirs.command("python3");
        command.args(["-I", "-c", WAIT_FOR_PORT, &port.to_string()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut waiting = command.spawn().unwrap();
        let mut said = BufReader::new(waiting.stdout.take().unwrap()).lines();
        assert_eq!(said.next_line().await.unwrap().as_deref(), Some("waits"));
        (waiting, said)
    };
    let taken = async |(mut waiting, mut said): (Child, Lines<BufReader<ChildStdout>>)| {
        waiting
            .stdin
            .take()
            .unwrap()
            .write_all(b"\n")
            .await
            .unwrap();
        let taken: usize = said.next_line().await.unwrap().unwrap().parse().unwrap();
        waiting.wait().await.unwrap();
        taken
    };
    let waiting = waits().await;
    for _ in 0..3 {
        world.ctl(&["daemon", "restart"]).await.ok();
    }
    assert_eq!(taken(waiting).await, 0);
    assert!(set_up().await.listening);
    // The control: with no daemon, and none to come, it is anybody's.
    let waiting = waits().await;
    world.ctl(&["daemon", "stop"]).await.ok();
    assert_ne!(taken(waiting).await, 0);
    world.daemon = None;
}

/// Binds a port as usual, and does not listen there, until it is told to end.
const BIND: &str = "
import socket, sys
held = socket.socket()
held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
held.bind(('127.0.0.1', int(sys.argv[1])))
print('bound', flush=True)
sys.stdin.readline()
";

/// Who has bound it before could listen there as soon as the daemon does not.
#[tokio::test(flavor = "multi_thread")]
async fn the_gateways_port_is_shared_with_nobody_who_bound_it_before() {
    let Some(users) = Users::find("another user who has bound a port").await else {
        return;
    };
    let mut world = World::of(&users.a, StackConfig::default()).await;
    world.login().await;
    let said = world.ctl(&["setup", "quilt3", "--json"]).await.ok();
    let gateway: Gateway = serde_json::from_str(&said).unwrap();
    let port = gateway.gateway_url.unwrap().loopback_port().unwrap();
    let is_told = async |world: &World| {
        let found = world.ctl(&["doctor"]).await.stdout;
        found.contains("another program has the port")
    };
    assert!(!is_told(&world).await, "the control");
    world.ctl(&["daemon", "stop"]).await.ok();
    let theirs = Home::of(&users.b);
    let mut command = theirs.command("python3");
    command.args(["-I", "-c", BIND, &port.to_string()]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut holder = command.spawn().unwrap();
    let mut said = BufReader::new(holder.stdout.take().unwrap()).lines();
    assert_eq!(said.next_line().await.unwrap().as_deref(), Some("bound"));
    world.ctl(&["daemon", "start"]).await.ok();
    assert!(is_told(&world).await);
    drop(holder.stdin.take());
    holder.wait().await.unwrap();
    // It is taken back without anybody's doing.
    while is_told(&world).await {
        tokio::task::yield_now().await;
    }
    world.ctl(&["daemon", "stop"]).await.ok();
    world.daemon = None;
}

/// Connects as often as it is told, waits for a line, does so again, and stays.
const FLOOD: &str = "
import resource, socket, sys
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
connected = []
for count in sys.argv[2:]:
    for _ in range(int(count)):
        connected.append(socket.create_connection(('127.0.0.1', int(sys.argv[1]))))
    print('connected', flush=True)
    sys.stdin.readline()
";

/// Connects, asks, and waits for the answer.
const ASK_EARLY: &str = "
import socket, sys
connection = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
connection.sendall(sys.argv[2].encode())
print('asked', flush=True)
answer = b''
while part := connection.recv(65536):
    answer += part
print(answer.decode().splitlines()[0])
";

/// How many of them stand before whoever asks, and behind.
const BEFORE: usize = 100;
const BEHIND: usize = 1500;

/// However many of another user's connections wait to be accepted, whoever is
/// let in among them is served before all of them have been hung up on: who
/// connects without an end would else keep everybody waiting.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_another_user_is_not_hung_up_on_first() {
    let Some(users) = Users::find("a flood of another user").await else {
        return;
    };
    let world = World::of(&users.a, StackConfig::default()).await;
    world.login().await;
    let (authority, request) = granted(&world, GrantRequest::default()).await;
    let (_, port) = authority.rsplit_once(':').unwrap();
    let request = request.replace("Authorization: ", "Authorization: not-");
    let daemon = Pid::from_raw(world.daemon.as_ref().unwrap().pid()).unwrap();
    // Accepts nobody: as it is while a crowd keeps it busy.
    kill_process(daemon, Signal::STOP).unwrap();
    let (before, behind) = (BEFORE.to_string(), BEHIND.to_string());
    let mut flood = Home::of(&users.b)
        .command("python3")
        .args(["-I", "-c", FLOOD, port, &before, &behind])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut go_on = flood.stdin.take().unwrap();
    let mut flooded = BufReader::new(flood.stdout.take().unwrap()).lines();
    assert_eq!(flooded.next_line().await.unwrap().unwrap(), "connected");
    let mut asking = world
        .home
        .command("python3")
        .args(["-I", "-c", ASK_EARLY, port, &request])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(asking.stdout.take().unwrap()).lines();
    assert_eq!(said.next_line().await.unwrap().unwrap(), "asked");
    go_on.write_all(b"\n").await.unwrap();
    assert_eq!(flooded.next_line().await.unwrap().unwrap(), "connected");
    kill_process(daemon, Signal::CONT).unwrap();
    let answer = said.next_line().await.unwrap().unwrap();
    assert!(answer.contains(" 401 "), "{answer}");
    let hung_up = |log: &str| log.matches("hung up on another user").count();
    crate::gateway::until(|| hung_up(&world.log()) == BEFORE + BEHIND).await;
    let log = world.log();
    let (earlier, later) = log.split_once("refused a request on loopback").unwrap();
    let (earlier, later) = (hung_up(earlier), hung_up(later));
    assert!(earlier >= BEFORE, "{earlier}");
    assert!(later > BEHIND / 2, "{earlier} before, {later} after");
}
