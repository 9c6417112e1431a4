//! quiltd: harden, parse, listen, say so, serve.

mod args;

use std::alloc::System;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use quilt_proto::locations;
use quiltd::app::{App, Config};
use quiltd::keys::HandedKey;
use quiltd::process::Unprotected;
use quiltd::store::StoreError;
use quiltd::{Listeners, api, listen, process};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;
use zeroizing_alloc::ZeroAlloc;

use args::Args;

/// Zeroes what it frees: copies of secrets made inside libraries go too.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

/// Time for blocking work, such as a keyring that hangs, once all is served.
const LINGER: Duration = Duration::from_secs(1);

/// The exit code for a wrong command line, as of `quiltctl`.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let open = process::harden();
    let given: Vec<_> = std::env::args_os().collect();
    let scrubbed = HandedKey::scrub_environment(&given).map_err(anyhow::Error::from);
    let args = match args::parse(given) {
        Ok(Some(args)) => args,
        Ok(None) => return ExitCode::SUCCESS,
        Err(line) => {
            last_words(&line);
            return ExitCode::from(USAGE);
        }
    };
    match scrubbed.and_then(|()| serve(args, &open)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            last_words(&line(&error));
            ExitCode::FAILURE
        }
    }
}

/// An error and what is behind it, each said once; then the command to run.
fn line(error: &anyhow::Error) -> String {
    let mut what = String::new();
    let mut run = None;
    for cause in error.chain() {
        if let Some(error) = cause.downcast_ref::<StoreError>() {
            run = run.or_else(|| Some(api::mend::store(error)));
        }
        let (cause, command) = api::mend::apart(&cause.to_string());
        run = run.or(command);
        if !what.contains(&cause) {
            what += if what.is_empty() { "" } else { ": " };
            what += &cause;
        }
    }
    match run {
        Some(run) => format!("{what}; run: {run}"),
        None => what,
    }
}

/// What went wrong and what to run: one line, and no panic where stderr is
/// closed.
fn last_words(line: &str) {
    let line = line.replace('\n', " ");
    let line = line.trim_end();
    let hint = if line.contains("run: ") {
        ""
    } else {
        "; run: quiltd --help"
    };
    let _ = writeln!(io::stderr(), "quiltd: {line}{hint}");
}

fn serve(args: Args, open: &[Unprotected]) -> anyhow::Result<()> {
    log_to_stderr(&args.log);
    for protection in open {
        tracing::warn!("{protection}");
    }
    if let Err(error) = process::raise_open_files() {
        tracing::warn!(%error, "cannot raise the limit on open files");
    }
    let key = HandedKey::read(args.api_key_fd)?;
    let path = args.socket.map_or_else(locations::socket, Ok)?;
    let config = Config::resolve(args.config, args.token_store.into())?;
    // The lock outlives the runtime: the next daemon starts when this one's
    // last write is done.
    let (control, _lock) = listen::acquire(&path)?;
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        // What newly arrives goes ahead of what goes on and on: else each
        // newcomer waits for rounds of whoever sends request upon request.
        .global_queue_interval(3)
        .event_interval(17)
        .enable_all()
        .build()
        .context("cannot start the async runtime")?;
    let result = runtime.block_on(async {
        let shutdown = stop_on_signal().context("cannot watch for signals")?;
        let app = App::build(config, control.path().to_owned(), shutdown).await?;
        if let Some(key) = key {
            let catalog = args
                .catalog
                .or_else(|| std::env::var(locations::CATALOG_ENV).ok());
            app.take_key(catalog.as_deref(), &key).context(
                "an API key was given, but its catalog is not known; give --catalog URL",
            )?;
        }
        announce(&control);
        quiltd::run(app, Listeners { control }).await?;
        anyhow::Ok(())
    });
    stop(runtime);
    result
}

fn stop(runtime: Runtime) {
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
    runtime.shutdown_timeout(LINGER);
    tracing::info!("stopped");
}

fn log_to_stderr(filter: &str) {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        // Its own complaint about a closed stderr would go to stderr and panic.
        .log_internal_errors(false)
        .init();
}

/// A token cancelled by the first SIGTERM or SIGINT. Needs the runtime.
fn stop_on_signal() -> io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let shutdown = CancellationToken::new();
    let token = shutdown.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("stopping on SIGTERM"),
            _ = interrupt.recv() => tracing::info!("stopping on SIGINT"),
        }
        token.cancel();
    });
    Ok(shutdown)
}

/// Tells whoever started us that connections are taken from now on: one JSON
/// line on stdout, and systemd. Then lets go of stdout, so that a starter that
/// reads to the end of the pipe is not kept waiting.
fn announce(control: &listen::ControlSocket) {
    let line = serde_json::json!({
        "socket": control.path().to_string_lossy(),
        "pid": std::process::id(),
        "version": quiltd::VERSION,
    });
    let mut stdout = io::stdout();
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
    let released = File::options()
        .write(true)
        .open("/dev/null")
        .and_then(|null| Ok(rustix::stdio::dup2_stdout(null)?));
    if let Err(error) = released {
        tracing::debug!(%error, "cannot let go of stdout");
    }
    if let Err(error) = sd_notify::notify(&[sd_notify::NotifyState::Ready]) {
        tracing::warn!(%error, "cannot tell systemd that quiltd is ready");
    }
    tracing::info!(socket = ?control.path(), handed_over = !control.owns_file(), "listening");
}
