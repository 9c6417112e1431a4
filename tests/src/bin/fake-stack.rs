//! A whole Quilt deployment on this machine, to try everything against.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line program"
)]

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, ValueEnum};
use jiff::SignedDuration;
use quilt_tests::fake_stack::{
    AwsRoleConfig, BucketConfig, EndpointSet, FakeStack, Fault, Host, Ports, Rotation, StackConfig,
};
use serde_json::{Value, json};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// A fake Quilt deployment on loopback: catalog, registry, OAuth, S3 and STS.
///
/// Durations read `1h`, `90s`, `5m`; a negative one makes things expired on arrival.
#[derive(Debug, Parser)]
#[command(name = "fake-stack", version, after_help = roles())]
struct Options {
    /// First of five consecutive ports: catalog, registry, S3, STS, control [default, and for 0: free ones]
    #[arg(long)]
    port: Option<u16>,
    /// Port of the catalog
    #[arg(long)]
    catalog_port: Option<u16>,
    /// Port of the registry
    #[arg(long)]
    registry_port: Option<u16>,
    /// Port of S3
    #[arg(long)]
    s3_port: Option<u16>,
    /// Port of STS
    #[arg(long)]
    sts_port: Option<u16>,
    /// Port of the control endpoint
    #[arg(long)]
    control_port: Option<u16>,
    /// AWS region in config.json
    #[arg(long, default_value = "us-east-1")]
    region: String,
    /// Life of access tokens
    #[arg(
        long,
        default_value = "1h",
        allow_negative_numbers = true,
        allow_hyphen_values = true
    )]
    token_lifetime: SignedDuration,
    /// Life of AWS credentials
    #[arg(long, default_value = "1h", allow_hyphen_values = true)]
    credential_lifetime: SignedDuration,
    /// Life of assumed-role credentials, whatever is asked for
    #[arg(long, allow_hyphen_values = true)]
    assume_role_lifetime: Option<SignedDuration>,
    /// What becomes of a used refresh token
    #[arg(long, value_enum, default_value = "strict")]
    rotation: RotationMode,
    /// Delay before every answer
    #[arg(long)]
    latency: Option<SignedDuration>,
    /// Misbehave: ENDPOINT=KIND[,OPTION=VALUE]…, such as token=status,status=503,times=2
    #[arg(long, value_name = "FAULT")]
    fault: Vec<PlantedFault>,
    /// Refuse connections to a host from the start
    #[arg(long, value_name = "HOST", value_parser = host)]
    refuse: Vec<Host>,
    /// Authorize OAuth requests as this user without a page
    #[arg(long, value_name = "USER")]
    auto_approve: Option<String>,
    /// Have no OAuth server
    #[arg(long)]
    no_connect: bool,
    /// One more bucket, filled from a directory if one is given
    #[arg(long, value_name = "NAME[=DIR]")]
    bucket: Vec<String>,
    /// Print one line of JSON instead of text
    #[arg(long, conflicts_with = "print_env")]
    json: bool,
    /// Print shell variables instead of text
    #[arg(long)]
    print_env: bool,
    /// Log requests and more (such as debug or quilt_tests=debug)
    #[arg(long, value_name = "FILTER")]
    log: Option<Targets>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RotationMode {
    /// The old token dies at once; its reuse ends the session
    Strict,
    /// The old token lives until the new one was used
    Grace,
}

#[derive(Debug, Clone)]
struct PlantedFault {
    endpoints: EndpointSet,
    fault: Fault,
}

impl std::str::FromStr for PlantedFault {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (endpoint, rest) = text.split_once('=').context("expected ENDPOINT=KIND")?;
        let mut parts = rest.split(',');
        let mut fault = json!({"kind": parts.next().unwrap_or_default()});
        for part in parts {
            let (name, value) = part.split_once('=').context("expected OPTION=VALUE")?;
            let number = value.parse::<u64>().map(Value::from);
            fault[name] = number.unwrap_or_else(|_| Value::from(value));
        }
        Ok(Self {
            endpoints: endpoint.parse()?,
            fault: serde_json::from_value(fault)?,
        })
    }
}

/// The roles that credentials of the stack can be exchanged for.
fn roles() -> String {
    let roles = StackConfig::default().aws_roles;
    let lines: Vec<String> = roles.iter().map(role_line).collect();
    format!(
        "Roles to assume, for `role_arn` in quiltd.toml:\n  {}",
        lines.join("\n  ")
    )
}

/// `ARN, opens BUCKET` and what it asks for.
fn role_line(role: &AwsRoleConfig) -> String {
    let buckets: Vec<&str> = role.buckets.iter().map(|it| it.bucket.as_str()).collect();
    let mut facts = vec![format!("opens {}", buckets.join(", "))];
    let from: Vec<&str> = role
        .trusted
        .iter()
        .filter(|arn| *arn != "*")
        .filter_map(|arn| arn.rsplit('/').next())
        .collect();
    if !from.is_empty() {
        facts.push(format!("from {}", from.join(" or ")));
    }
    if let Some(id) = &role.external_id {
        facts.push(format!("external_id \"{id}\""));
    }
    format!("{}  {}", role.arn, facts.join(", "))
}

fn host(name: &str) -> Result<Host, serde_json::Error> {
    serde_json::from_value(Value::from(name))
}

fn main() -> ExitCode {
    let options = Options::parse();
    if let Some(filter) = options.log.clone() {
        tracing_subscriber::fmt()
            .with_max_level(LevelFilter::TRACE)
            .with_writer(std::io::stderr)
            .finish()
            .with(filter)
            .init();
    }
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fake-stack: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> anyhow::Result<()> {
    let config = config(options)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let stopped = stop_signal()?;
        let stack = FakeStack::bind(config).await.context("cannot listen")?;
        for planted in &options.fault {
            stack
                .control()
                .plant(planted.endpoints.clone(), planted.fault.clone());
        }
        for host in &options.refuse {
            stack.control().refuse(*host, true);
        }
        announce(&stack, options)?;
        stopped.await;
        stack.shutdown().await;
        Ok(())
    })
}

fn config(options: &Options) -> anyhow::Result<StackConfig> {
    let mut config = StackConfig {
        region: options.region.clone(),
        ..StackConfig::default()
    };
    let at = |own: Option<u16>, offset: u16| {
        own.or_else(|| {
            options
                .port
                .filter(|port| *port != 0)
                .and_then(|port| port.checked_add(offset))
        })
        .unwrap_or(0)
    };
    config.ports = Ports {
        catalog: at(options.catalog_port, 0),
        registry: at(options.registry_port, 1),
        s3: at(options.s3_port, 2),
        sts: at(options.sts_port, 3),
        control: at(options.control_port, 4),
    };
    let settings = &mut config.settings;
    settings.access_token_seconds = options.token_lifetime.as_secs();
    settings.credential_seconds = options.credential_lifetime.as_secs();
    settings.assume_role_seconds = options.assume_role_lifetime.map(|life| life.as_secs());
    settings.rotation = match options.rotation {
        RotationMode::Strict => Rotation::Strict,
        RotationMode::Grace => Rotation::Grace,
    };
    let latency = options.latency.map_or(0, |latency| latency.as_millis());
    settings.latency_ms = u64::try_from(latency).context("a latency cannot be negative")?;
    settings.connect.enabled = !options.no_connect;
    settings
        .connect
        .auto_approve
        .clone_from(&options.auto_approve);
    for bucket in &options.bucket {
        config.buckets.push(self::bucket(bucket)?);
    }
    let named: Vec<_> = options
        .bucket
        .iter()
        .map(|b| b.split('=').next().unwrap_or(b))
        .collect();
    for role in &mut config.roles {
        // Like the demo's own: the first role may write, the others read.
        let write = role.name.contains("Write");
        let access = named
            .iter()
            .map(|name| quilt_tests::fake_stack::BucketAccess {
                bucket: (*name).to_owned(),
                write,
            });
        role.buckets.extend(access);
    }
    Ok(config)
}

fn bucket(text: &str) -> anyhow::Result<BucketConfig> {
    let (name, directory) = match text.split_once('=') {
        Some((name, directory)) => (name, Some(PathBuf::from(directory))),
        None => (text, None),
    };
    let mut objects = Vec::new();
    let mut folders: Vec<_> = directory.iter().cloned().collect();
    while let Some(folder) = folders.pop() {
        let entries = folder
            .read_dir()
            .with_context(|| folder.display().to_string())?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let root = directory.as_deref().unwrap_or(&folder);
            let key = path.strip_prefix(root)?.to_string_lossy().into_owned();
            let content = std::fs::read(&path).with_context(|| path.display().to_string())?;
            objects.push((key, content.into()));
        }
    }
    Ok(BucketConfig {
        name: name.to_owned(),
        objects,
        versioned: true,
    })
}

/// Installs the handlers at once; completes with the first SIGINT or SIGTERM.
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

fn announce(stack: &FakeStack, options: &Options) -> std::io::Result<()> {
    let mut overview = stack.control().overview();
    let mut out = std::io::stdout().lock();
    if options.json {
        overview["pid"] = json!(std::process::id());
        writeln!(out, "{overview}")?;
    } else if options.print_env {
        let (s3, sts) = (stack.s3_url(), stack.sts_url());
        writeln!(out, "export QUILT_CATALOG={}", stack.catalog_url())?;
        writeln!(out, "export AWS_ENDPOINT_URL_S3={s3}")?;
        writeln!(out, "export AWS_ENDPOINT_URL_STS={sts}")?;
        writeln!(out, "export FAKE_STACK_CONTROL={}", stack.control_url())?;
        writeln!(out, "export FAKE_STACK_PID={}", std::process::id())?;
    } else {
        friendly(stack, &overview);
    }
    out.flush()
}

/// What leads programs out of a home of its own, or to a daemon elsewhere.
const ELSEWHERE: &[&str] = &[
    "XDG_RUNTIME_DIR",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
    "QUILTD_SOCKET",
    "QUILTD_CONFIG",
    "QUILTD_STATE_DIR",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_PROFILE",
];

/// Where `quiltctl` was built, beside this program.
fn programs() -> Option<PathBuf> {
    let dir = std::env::current_exe().ok()?.parent()?.to_owned();
    dir.join("quiltctl").is_file().then_some(dir)
}

fn friendly(stack: &FakeStack, overview: &Value) {
    let (catalog, registry, control) = (
        stack.catalog_url(),
        stack.registry_url(),
        stack.control_url(),
    );
    println!("A Quilt deployment is running on this machine. Ctrl-C stops it.\n");
    println!("  catalog   {catalog}");
    println!("  registry  {registry}");
    println!("  S3        {}", stack.s3_url());
    println!("  STS       {}", stack.sts_url());
    println!("  control   {control}/_control\n");
    println!("Users:");
    for user in overview["users"].as_array().into_iter().flatten() {
        let text = |name: &str| user[name].as_str().unwrap_or_default().to_owned();
        let admin = if user["admin"] == true {
            " (admin)"
        } else {
            ""
        };
        println!(
            "  {}{admin}, {}, role {}",
            text("name"),
            text("email"),
            text("role")
        );
    }
    println!("\nRoles to assume:");
    for role in &StackConfig::default().aws_roles {
        println!("  {}", role_line(role));
    }
    println!("\nTo try it, in another terminal, in a home of its own:\n");
    println!("  export HOME=$(mktemp -d)");
    println!("  unset {}", ELSEWHERE.join(" "));
    if let Some(dir) = programs() {
        println!("  export PATH={}:$PATH", dir.display());
    }
    println!("  export QUILT_CATALOG={catalog}");
    println!("  export AWS_ENDPOINT_URL_S3={}", stack.s3_url());
    println!("  export AWS_ENDPOINT_URL_STS={}", stack.sts_url());
    println!("  quiltctl login          # or without a browser:");
    println!("  curl -s '{control}/_control/code?user=alice' | quiltctl login --code-stdin");
    println!("  quiltctl setup aws");
    println!("  aws --profile quilt s3 cp s3://demo-bucket/hello.txt -");
    println!("\nTo make it misbehave:\n");
    println!(
        "  curl -X POST {control}/_control/faults -H 'content-type: application/json' \\\n       \
         -d '{{\"endpoint\": \"token\", \"kind\": \"status\", \"status\": 503, \"times\": 2}}'"
    );
}
