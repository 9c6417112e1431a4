//! The command that a failure names is run as it stands, by a shell: it mends
//! what failed, or shows why it cannot.

use std::process::Stdio;

use quilt_tests::fake_stack::{Endpoint, Fault, FaultKind, Host, StackConfig};
use quilt_tests::harness::{Daemon, Run, World, binaries};
use tokio::io::AsyncWriteExt;

use crate::roles::{arn, set, world};

/// What becomes of a failure once the command that it named was run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// It is gone.
    Mended,
    /// The command went well, and showed what there is.
    Shown,
    /// The command failed as well, and said more of the same.
    ShownByFailing,
}

use Then::{Mended, Shown, ShownByFailing};

/// A line that fails in a world, after `plant`; and the command it names begins
/// with `hint`.
struct Case {
    plant: fn(&World),
    line: &'static str,
    hint: &'static str,
    then: Then,
}

const NOTHING: fn(&World) = |_| {};

const CASES: &[Case] = &[
    case(
        "quiltctl credential-process --profile nope",
        "quiltctl profiles",
        Shown,
    ),
    case("quiltctl env --profile nope", "quiltctl profiles", Shown),
    case(
        "quiltctl exec --profile nope -- true",
        "quiltctl profiles",
        Shown,
    ),
    case(
        "quiltctl setup aws --profile nope",
        "quiltctl profiles",
        Shown,
    ),
    case(
        "quiltctl credential-process --profile vault",
        "quiltctl profiles",
        Shown,
    ),
    case("quiltctl role switch nope", "quiltctl role list", Shown),
    case(
        "quiltctl api-keys get nope",
        "quiltctl api-keys list",
        Shown,
    ),
    case(
        "quiltctl api-keys revoke nope --yes",
        "quiltctl api-keys list",
        Shown,
    ),
    case("quiltctl grants revoke nope", "quiltctl grants list", Shown),
    case(
        "quiltctl packages versions no/package --registry s3://demo-bucket",
        "quiltctl packages list ",
        Shown,
    ),
    case(
        "quiltctl packages delete no/package --registry s3://demo-bucket --yes",
        "quiltctl packages list ",
        Shown,
    ),
    case(
        "quiltctl packages list s3://not-there",
        "quiltctl buckets",
        Shown,
    ),
    case(
        "quiltctl exec -- no-such-program",
        "quiltctl exec --help",
        Shown,
    ),
    case("quiltctl config --set nonsense=1", "quiltctl config", Shown),
    case(
        "quiltctl search --dsl no-such-file",
        "quiltctl search --help",
        Shown,
    ),
    case("quiltctl rolls", "quiltctl --help", Shown),
    case("quiltctl status --jsn", "quiltctl status --help", Shown),
    case(
        "quiltctl --catalog nonsense status",
        "quiltctl status",
        Shown,
    ),
    case(
        "quiltctl --socket \"$HOME/elsewhere/s\" --no-autostart status",
        "quiltctl --socket ",
        ShownByFailing,
    ),
    Case {
        plant: |world| {
            let gone = Fault::always(FaultKind::status(503));
            world.stack.control().plant(Endpoint::Graphql, gone);
        },
        ..case("quiltctl whoami", "curl ", Shown)
    },
    Case {
        plant: |world| world.stack.control().refuse(Host::Registry, true),
        ..case("quiltctl whoami", "curl ", ShownByFailing)
    },
    Case {
        plant: |world| set(&world.home, "nonsense = 1\n"),
        ..case("quiltctl doctor", "", Mended)
    },
    Case {
        plant: |world| {
            world.stack.control().revoke_sessions(None);
            world.stack.control().outdate_access_tokens();
        },
        ..case("quiltctl whoami", "quiltctl login http://", Mended)
    },
];

const fn case(line: &'static str, hint: &'static str, then: Then) -> Case {
    Case {
        plant: NOTHING,
        line,
        hint,
        then,
    }
}

/// A line typed into a shell, with something on its standard input.
async fn sh(world: &World, line: &str, input: &str) -> Run {
    let folder = binaries::quiltctl().parent().unwrap().display().to_string();
    let mut command = world.home.command("sh");
    let mut child = command
        .args(["-c", line])
        .env("PATH", format!("{folder}:/usr/bin:/bin"))
        .env("QUILT_CATALOG", world.stack.catalog_url())
        .env("EDITOR", "sed -i /nonsense/d")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // It may end without reading all of it.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    child.wait_with_output().await.unwrap().into()
}

/// The first command that a failure names.
fn named(run: &Run) -> String {
    let said = [run.stderr.as_str(), run.stdout.as_str()].join("\n");
    let mut lines = said.lines();
    let named = lines.find_map(|line| Some(line.split_once("run: ")?.1.to_owned()));
    named.unwrap_or_else(|| panic!("no command: {run:?}"))
}

/// A world whose daemon finds the fake stack's S3, too.
async fn s3_world(settings: &str) -> World {
    let config = StackConfig::default();
    let world = world(config, settings).await;
    let World {
        stack,
        home,
        daemon,
    } = world;
    assert!(daemon.unwrap().stop().await.success());
    let places = [
        ("AWS_ENDPOINT_URL_STS", stack.sts_url()),
        ("AWS_ENDPOINT_URL_S3", stack.s3_url()),
    ];
    let daemon = Daemon::start_with(&home, &["--token-store", "file"], &places).await;
    let daemon = Some(daemon);
    World {
        stack,
        home,
        daemon,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_that_a_failure_names_mends_it_or_shows_why() {
    let roles =
        ["lake", "vault"].map(|name| format!("[profiles.{name}]\nrole_arn = '{}'\n", arn(name)));
    let settings = roles.concat();
    let world = s3_world(&settings).await;
    let control = world.stack.control();
    let mut wrong = Vec::new();
    for case in CASES {
        (case.plant)(&world);
        let failed = sh(&world, case.line, "").await;
        assert_ne!(failed.code, 0, "{}: {failed:?}", case.line);
        let hint = named(&failed);
        let code = control.login_code("alice").unwrap();
        let run = sh(&world, &hint, &code).await;
        let again = sh(&world, case.line, "").await;
        let usage = run.code == 2 || run.code == 127;
        let is_right = hint.starts_with(case.hint)
            && match case.then {
                Mended => run.code == 0 && again.code == 0,
                Shown => run.code == 0,
                ShownByFailing => run.code != 0 && !usage && !run.stderr.trim().is_empty(),
            };
        if !is_right {
            wrong.push(format!(
                "{}: {failed:?}\n  {hint}: {} {}",
                case.line, run.code, again.stderr
            ));
        }
        control.clear_faults();
        control.refuse(Host::Registry, false);
        set(&world.home, &settings);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What others have named means nothing more to any shell that people have.
#[tokio::test(flavor = "multi_thread")]
async fn a_word_of_others_is_one_word_to_every_shell() {
    let words = [
        "it's",
        r"\'; touch mark; #",
        r"'\''; touch mark; #",
        r"\\'; touch mark; '",
        r"a\",
        r"\\a\\",
        "'; touch mark; '",
        "$(touch mark)`touch mark`",
        "\"; touch mark; \"",
        "\u{2019}; touch mark; \u{2018}",
        "a; run: touch mark",
        "!! ~ =ls %1 {a,b} *",
    ];
    let home = quilt_tests::harness::Home::new();
    for shell in ["sh", "bash", "dash", "zsh", "fish"] {
        for word in words {
            let line = quilt_proto::Command::of("printf '%s'").word(word);
            let output = home.command(shell).args(["-c", &line.to_string()]).output();
            let run = Run::from(output.await.expect(shell));
            assert_eq!(run.ok(), word, "{shell}: {line}");
        }
    }
    assert!(!home.path().join("mark").exists());
}
