//! Where a key is not: memory after it was dropped, `/proc`, system calls,
//! core files, the state directory.
//!
//! Looking into a process that forbids it takes root.

use std::fs::{self, File};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use quilt_proto::wire::TokenKind;
use quilt_tests::fake_stack::{FakeStack, StackConfig};
use quilt_tests::harness::{
    Canaries, Daemon, Home, Sighting, World, binaries, can_look, shown_of_start,
};

use crate::api_keys::{planted, with_key};

/// How long freed connections may take to be gone.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Places in the memory of a process where a part of `secret` is.
fn hits(pid: i32, secret: &str) -> Vec<Sighting> {
    Canaries::of([secret]).in_memory(pid)
}

/// The hits once there are none, or after a while.
async fn hits_at_last(pid: i32, secret: &str) -> Vec<Sighting> {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let left = hits(pid, secret);
        if left.is_empty() || Instant::now() > deadline {
            return left;
        }
        // Connections end in tasks of their own.
        tokio::task::yield_now().await;
    }
}

/// Checks that nothing is left after everything had time to end.
async fn none_left(pid: i32, secret: &str, when: &str) {
    let left = hits_at_last(pid, secret).await;
    assert_eq!(left, [], "{when}");
}

/// Uses a key in every way there is.
async fn use_it(world: &World) {
    for args in [
        &["whoami"][..],
        &["token"],
        &["credential-process"],
        &["api-keys", "list"],
        &["status"],
        &["role", "list"],
    ] {
        world.ctl(args).await.ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_dropped_key_is_left_in_memory() {
    if !can_look("a look for API keys in the daemon's memory") {
        return;
    }
    for drop_it in ["clear-api-key", "logout"] {
        let (world, _, secret) = with_key().await;
        let pid = world.daemon.as_ref().unwrap().pid();
        use_it(&world).await;
        assert!(
            !hits(pid, &secret).is_empty(),
            "the control: a key in use is found"
        );
        world.ctl(&[drop_it]).await.ok();
        none_left(pid, &secret, drop_it).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_replaced_or_revoked_key_is_left_in_memory() {
    if !can_look("a look for API keys in the daemon's memory") {
        return;
    }
    let (world, _, secret) = with_key().await;
    let pid = world.daemon.as_ref().unwrap().pid();
    use_it(&world).await;
    world.ctl(&["api-keys", "rotate", "--current"]).await.ok();
    none_left(pid, &secret, "the old key after a rotation").await;
    let new = world.ctl(&["token"]).await.ok().trim().to_owned();
    use_it(&world).await;
    assert!(!hits(pid, &new).is_empty());
    world
        .ctl_with_input(&["api-keys", "revoke", "--secret-stdin"], &new)
        .await
        .ok();
    none_left(pid, &new, "a key revoked by its secret").await;
    world.login().await;
    let (_, refused) = planted(&world, "refused");
    let other = if refused.ends_with('x') { 'y' } else { 'x' };
    let refused = format!("{}{other}", &refused[..refused.len() - 1]);
    world
        .ctl_with_input(&["login", "--api-key"], &refused)
        .await
        .failed(6);
    none_left(pid, &refused, "a key that was refused").await;
    let created = world.ctl(&["api-keys", "create", "made"]).await.ok();
    let made = created
        .lines()
        .find_map(|line| line.strip_prefix("Secret: "))
        .unwrap();
    none_left(pid, made, "a key that was made for the user").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_reaches_no_file_no_log_and_no_environment() {
    let (world, _, secret) = with_key().await;
    use_it(&world).await;
    let pid = world.daemon.as_ref().unwrap().pid();
    let mut seen = Vec::new();
    let mut files = 0;
    read_all(world.home.path(), &mut seen, &mut files);
    assert!(files > 0);
    for (_, bytes) in shown_of_start(pid) {
        seen.extend(bytes);
    }
    assert!(find(&seen, b"listening"), "the log is among them");
    assert!(!find(&seen, secret.as_bytes()));
}

fn read_all(dir: &Path, into: &mut Vec<u8>, files: &mut u32) {
    for entry in fs::read_dir(dir).unwrap().flatten() {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            read_all(&entry.path(), into, files);
        } else if kind.is_file() {
            *files += 1;
            into.extend(fs::read(entry.path()).unwrap());
        }
    }
}

fn find(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|part| part == what)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_session_writes_a_key_into_connections_only() {
    if !can_look("a look at what the daemon writes") {
        return;
    }
    let world = World::start().await;
    let (_, secret) = planted(&world, "ci");
    let pid = world.daemon.as_ref().unwrap().pid().to_string();
    let daemon_trace = world.home.path().join("daemon.strace");
    let options = [
        "-f",
        "-yy",
        "-s",
        "65536",
        "-e",
        "trace=write,writev,pwrite64,pwritev,pwritev2,\
                    sendto,sendmsg,sendmmsg,splice,execve,ptrace,process_vm_writev",
    ];
    let mut tracer = tokio::process::Command::new("strace")
        .args(options)
        .arg("-o")
        .arg(&daemon_trace)
        .args(["-p", &pid])
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("strace is installed");
    attached(&mut tracer).await;
    let mut written = Vec::new();
    for (n, (args, input)) in [
        (&["login", "--api-key"][..], secret.as_str()),
        (&["whoami"], ""),
        (&["credential-process"], ""),
        (&["status"], ""),
        (&["api-keys", "list"], ""),
        (&["api-keys", "revoke", "--secret-stdin"], secret.as_str()),
        (&["clear-api-key"], ""),
        (&["logout"], ""),
    ]
    .into_iter()
    .enumerate()
    {
        let trace = world.home.path().join(format!("cli-{n}.strace"));
        let mut command = world.home.command("strace");
        command
            .args(options)
            .arg("-o")
            .arg(&trace)
            .arg(binaries::quiltctl())
            .arg("--no-autostart")
            .args(args)
            .env("QUILT_CATALOG", world.stack.catalog_url())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stdin, input.as_bytes())
            .await
            .unwrap();
        drop(stdin);
        let output = child.wait_with_output().await.unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
        written.push(trace);
    }
    tracer.start_kill().unwrap();
    tracer.wait().await.unwrap();
    written.push(daemon_trace);
    let mut into_connections = 0;
    for trace in &written {
        let text = fs::read_to_string(trace).unwrap();
        for line in text.lines().filter(|line| line.contains(&secret)) {
            // `-yy` shows what a descriptor is: `write(7<TCP:[…]>, "…"`.
            let (_, target) = line.split_once('(').unwrap();
            let target = target.split_once('>').unwrap().0;
            let is_connection = ["<UNIX", "<TCP"].iter().any(|kind| target.contains(kind));
            assert!(is_connection, "{}: {target}", trace.display());
            into_connections += 1;
        }
    }
    assert!(
        into_connections >= 5,
        "the traces show what passes: {into_connections}"
    );
}

/// Returns once a tracer says that it follows its process.
pub(crate) async fn attached(tracer: &mut tokio::process::Child) {
    use tokio::io::AsyncReadExt;
    let mut stderr = tracer.stderr.take().unwrap();
    let mut said = String::new();
    let mut bytes = [0; 256];
    while !said.contains("attached") {
        let length = stderr.read(&mut bytes).await.unwrap();
        assert!(length > 0, "strace did not attach: {said}");
        said += &String::from_utf8_lossy(&bytes[..length]);
    }
    // It goes on talking when it ends.
    tokio::spawn(async move { while stderr.read(&mut bytes).await.is_ok_and(|n| n > 0) {} });
}

/// The environment of a service: a key, and a fake stack's catalog.
async fn service(home: &Home, stack: &FakeStack, args: &[&str], more: &[(&str, &str)]) -> Daemon {
    let mut variables = vec![("QUILT_CATALOG", stack.catalog_url())];
    variables.extend_from_slice(more);
    let args = [&["--token-store", "memory"], args].concat();
    Daemon::start_with(home, &args, &variables).await
}

async fn serves_with_a_key(home: &Home, stack: &FakeStack) {
    let catalog = stack.catalog_url().parse().unwrap();
    let client = quilt_client::Client::new(home.socket()).with_catalog(&catalog);
    let token = client.token().await.unwrap();
    assert_eq!(token.kind, TokenKind::ApiKey);
    assert_eq!(client.me().await.unwrap().email, "alice@example.com");
}

fn planted_at(stack: &FakeStack) -> String {
    let seed = quilt_tests::fake_stack::KeySeed::new("alice", "service");
    stack.control().add_key(&seed).unwrap().secret
}

/// By whatever name the key is in the environment of who starts the daemon.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_in_a_variable_of_any_name_reaches_no_daemon_and_nothing_that_it_runs() {
    if !can_look("a look at the daemon's environment") {
        return;
    }
    for starts_itself in [true, false] {
        let stack = FakeStack::bind(StackConfig::default()).await.unwrap();
        // Told of at once: it ends in three days.
        let seed = quilt_tests::fake_stack::KeySeed {
            created_seconds_ago: 87 * 86_400,
            expires_in_seconds: 3 * 86_400,
            ..quilt_tests::fake_stack::KeySeed::new("alice", "ci")
        };
        let secret = stack.control().add_key(&seed).unwrap().secret;
        let home = Home::new();
        let told = home.path().join("told");
        let script = home.path().join("tell.sh");
        fs::write(
            &script,
            "env > \"$HOME/told.new\"; mv \"$HOME/told.new\" \"$HOME/told\"",
        )
        .unwrap();
        let settings = format!("[notify]\ncommand = ['sh', '{}']\n", script.display());
        crate::roles::set(&home, &settings);
        let header = format!("Authorization: Bearer '{secret}'");
        let variables = [
            ("MY_KEY", &*secret),
            ("MY_HEADER", &header),
            ("MARKER", "seen"),
        ];
        let daemon = if starts_itself {
            Some(Daemon::start_with(&home, &["--token-store", "memory"], &variables).await)
        } else {
            None
        };
        let login = ["login", stack.catalog_url(), "--api-key-env", "MY_KEY"];
        let mut ctl = home.command(binaries::quiltctl());
        let run = ctl.args(login).envs(variables).output().await.unwrap();
        assert!(run.status.success(), "{run:?}");
        let deadline = Instant::now() + TIMEOUT;
        while !told.exists() {
            assert!(Instant::now() < deadline, "nothing was told");
            tokio::task::yield_now().await;
        }
        let mut places = vec![fs::read(&told).unwrap()];
        if daemon.is_none() {
            let client = quilt_client::Client::new(home.socket());
            let pid = client.status().await.unwrap().pid;
            places.push(fs::read(format!("/proc/{pid}/environ")).unwrap());
        }
        for place in &places {
            assert!(find(place, b"MARKER"), "there is something to see");
            assert!(!find(place, secret.as_bytes()) && !find(place, b"MY_KEY"));
        }
        let mut stop = home.command(binaries::quiltctl());
        stop.args(["daemon", "stop"]).output().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_takes_a_key_from_its_environment_and_scrubs_it() {
    if !can_look("a look at the daemon's environment") {
        return;
    }
    let stack = FakeStack::bind(StackConfig::default()).await.unwrap();
    let (home, secret) = (Home::new(), planted_at(&stack));
    let padded = format!(" {secret}\n");
    let daemon = service(&home, &stack, &[], &[("QUILT_API_KEY", &padded)]).await;
    serves_with_a_key(&home, &stack).await;
    let pid = daemon.pid();
    for file in ["environ", "cmdline"] {
        let bytes = fs::read(format!("/proc/{pid}/{file}")).unwrap();
        assert!(
            find(&bytes, b"QUILT_CATALOG") || file == "cmdline",
            "there is something to see"
        );
        assert!(
            !find(&bytes, secret.as_bytes()) && !find(&bytes, b"QUILT_API_KEY"),
            "{file}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_takes_a_key_from_systemds_credentials_or_a_descriptor() {
    let stack = FakeStack::bind(StackConfig::default()).await.unwrap();
    let secret = planted_at(&stack);
    let home = Home::new();
    fs::write(home.path().join("quilt-api-key"), format!("{secret}\n")).unwrap();
    let dir = home.path().to_str().unwrap().to_owned();
    let daemon = service(&home, &stack, &[], &[("CREDENTIALS_DIRECTORY", &dir)]).await;
    serves_with_a_key(&home, &stack).await;
    daemon.stop().await;
    // Standard input is a descriptor as good as any.
    for number in ["0", "7"] {
        let home = Home::new();
        let file = home.path().join("key");
        fs::write(&file, &secret).unwrap();
        let start = format!(
            r#"exec {number}<"$0"; flock {number}
            exec "$@" --token-store memory --api-key-fd {number}"#
        );
        let mut child = home
            .command("sh")
            .args(["-c", &start])
            .arg(&file)
            .arg(binaries::quiltd())
            .args(["--catalog", stack.catalog_url()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = [0; 1];
        let mut stdout = child.stdout.take().unwrap();
        tokio::io::AsyncReadExt::read_exact(&mut stdout, &mut line)
            .await
            .unwrap();
        serves_with_a_key(&home, &stack).await;
        // What the daemon still had open would be locked.
        File::open(&file).unwrap().try_lock().expect("it is closed");
        child.kill().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_with_a_bad_key_or_no_catalog_does_not_start() {
    let home = Home::new();
    let run = async |name: &str, value: &str, more: &str| {
        let mut command = home.command(binaries::quiltd());
        let output = command
            .env(name, value)
            .args(more.split_whitespace())
            .output()
            .await
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let said = run("QUILT_API_KEY", "canary", "").await;
    assert!(
        said.contains("API key must start with 'qk_' prefix"),
        "{said}"
    );
    assert!(!said.contains("canary"));
    let said = run("QUILT_API_KEY", "qk_abcdefghijkl", "").await;
    assert!(
        said.contains("--catalog or QUILT_CATALOG") && !said.contains("qk_abc"),
        "{said}"
    );
    let said = run("UNUSED", "", "--api-key-fd 99").await;
    assert!(said.contains("or --api-key-fd: "), "{said}");
}
