//! The main job in one command: a fake stack, a daemon in a throw-away home, a
//! login, and S3 objects read by an unmodified AWS program; what the recording
//! in the README shows.
#![expect(clippy::print_stdout, reason = "this is what it is for")]

use std::io::IsTerminal;
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context, ensure};
use clap::Parser;
use quilt_tests::fake_stack::{DEMO_BUCKET, FakeStack, StackConfig};
use quilt_tests::harness::binaries;
use quilt_tests::showcase::{self, Showcase, Step};
use tokio::io::AsyncWriteExt;

/// Shows what quiltd does, on a Quilt stack that runs on this machine only.
#[derive(Debug, Parser)]
struct Args {
    /// Keep everything running afterwards, and print how to use it
    #[arg(long)]
    stay: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let ink = Ink::of_stdout();
    ink.stage(1, "building quiltd and quiltctl");
    let started = Instant::now();
    // Cargo says what it compiles, where it has anything to.
    binaries::quiltd();
    binaries::quiltctl();
    ink.done(started);
    ink.stage(
        2,
        "installing the AWS CLI from PyPI, once, and starting a Quilt stack",
    );
    let started = Instant::now();
    let showcase = Showcase::prepare().await?;
    ink.done(started);
    ink.stage(3, "what a person types, in a throw-away home");
    let outcome = show(&showcase, &ink).await;
    if outcome.is_ok() && args.stay {
        stay(&showcase).await?;
    }
    showcase.end().await?;
    outcome?;
    if !args.stay {
        println!("\nThat home is gone now. To keep everything running and try more:");
        println!("  {}", ink.strong("cargo demo --stay"));
        println!("To use quiltd with your own catalog, go on in README.md at \"Install\".");
    }
    Ok(())
}

/// Colour, where the terminal has it.
struct Ink(bool);

impl Ink {
    fn of_stdout() -> Self {
        let plain = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        Self(std::io::stdout().is_terminal() && !plain("NO_COLOR") && !is_dumb)
    }

    fn painted(&self, code: &str, text: &str) -> String {
        if self.0 {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    fn strong(&self, text: &str) -> String {
        self.painted("1", text)
    }

    fn stage(&self, number: u8, what: &str) {
        println!(
            "{} {}",
            self.painted("32", &format!("[{number}/3]")),
            self.strong(what)
        );
    }

    fn done(&self, started: Instant) {
        let seconds = format!("      {:.1} s", started.elapsed().as_secs_f64());
        println!("{}", self.painted("2", &seconds));
    }
}

async fn show(showcase: &Showcase, ink: &Ink) -> anyhow::Result<()> {
    for step in showcase.steps() {
        println!("\n{} {}", ink.painted("2", "$"), ink.strong(&step.line));
        run(showcase, &step, ink).await?;
    }
    Ok(())
}

/// Runs a step on this very terminal. Where it asks for a code, it is given
/// one, as the login page shows it.
async fn run(showcase: &Showcase, step: &Step, ink: &Ink) -> anyhow::Result<()> {
    let line = if step.wants_code {
        format!("{} --code-stdin", step.line)
    } else {
        step.line.clone()
    };
    let mut shell = showcase.command("sh");
    shell.args(["-c", &line]).stdin(Stdio::piped());
    if ink.0 {
        shell.env("TERM", "xterm-256color");
    }
    for name in ["LC_ALL", "LC_CTYPE", "NO_COLOR"] {
        if let Some(value) = std::env::var_os(name) {
            shell.env(name, value);
        }
    }
    let mut child = shell.spawn().context("cannot start a shell")?;
    if let Some(mut stdin) = child.stdin.take() {
        let code = if step.wants_code {
            showcase.code()?
        } else {
            String::new()
        };
        stdin.write_all(code.as_bytes()).await?;
    }
    let status = child.wait().await?;
    ensure!(status.success(), "`{}` failed", step.line);
    Ok(())
}

/// Says how to use it, with a second catalog, and waits for Ctrl-C.
async fn stay(showcase: &Showcase) -> anyhow::Result<()> {
    let other = FakeStack::bind(StackConfig::default())
        .await
        .context("cannot listen on loopback")?;
    let file = showcase.home.path().join("env");
    std::fs::write(&file, variables(showcase)).context("cannot write what to source")?;
    println!("\nStill running, until Ctrl-C. In another terminal:\n");
    println!("  . {}", file.display());
    println!("  quiltctl watch");
    println!("  aws --profile quilt s3 ls s3://{DEMO_BUCKET}/");
    println!("\nThere, `quiltctl login demo` leads to the stack's own login page. Without a");
    println!("browser, here and for a second catalog:\n");
    for (stack, typed) in [(&showcase.stack, "demo"), (&other, other.catalog_url())] {
        println!("{}", showcase::login_without_browser(stack, typed));
    }
    tokio::signal::ctrl_c()
        .await
        .context("cannot wait for Ctrl-C")
}

/// What makes a shell one of the throw-away home.
fn variables(showcase: &Showcase) -> String {
    let own = showcase.home.environment().into_iter();
    let own = own.filter(|(name, _)| name.starts_with("XDG_") || *name == "HOME");
    let own = own.map(|(name, value)| (name, value.to_string_lossy().into_owned()));
    let endpoints = showcase.endpoints();
    let endpoints = endpoints.map(|(name, value)| (name, value.to_owned()));
    let path = format!("{}:$PATH", showcase.programs());
    let all = own.chain(endpoints).chain([("PATH", path)]);
    let lines = all.map(|(name, value)| format!("export {name}=\"{value}\""));
    lines.collect::<Vec<_>>().join("\n") + "\n"
}
