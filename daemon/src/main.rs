//! quiltd: harden, parse, listen, say so, serve.

mod args;
mod zeroing_allocator;

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context;
use quilt_proto::locations::Places;
use quilt_proto::wire::CARRY_KEYS;
use quilt_proto::{Command, ErrorCode, Problem, exit_code, locations, terminal_safe};
use quiltd::app::{App, Config};
use quiltd::handover::{self, HandoverKey, KeyTaker, Receipt};
use quiltd::hardening::ProtectionAttempt;
use quiltd::keys::StartupKey;
use quiltd::listen::{ControlSocket, ControlSockets};
use quiltd::log::RepeatFilter;
use quiltd::state_dir_lock::{InstanceError, InstanceLock};
use quiltd::token_store::{StoreChoice, StoreError};
use quiltd::{api, blocked_threads, hardening, listen, memory_release, raw, state_dir_lock};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::filter::{LevelFilter, Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use args::Args;

/// Time for blocking work, such as a keyring that hangs, once all is served.
const LINGER: Duration = Duration::from_secs(1);

/// The longest account of a failure, in bytes.
const MAX_LINE: usize = 8 * 1024;
/// Logs whole answers of AWS, which may quote the keys they answer to. Nothing
/// of it is logged at any level.
const QUOTES_ANSWERS: &str = "aws_smithy_runtime::client::orchestrator";

/// The exit code at which a service manager starts the daemon again; that of
/// `quiltd@.service`, and of every unit with `Restart=on-failure`.
const AGAIN: u8 = 75;

fn main() -> ExitCode {
    let given: Vec<_> = std::env::args_os().collect();
    if let [_, first, path] = &given[..]
        && first == CARRY_KEYS
    {
        return carry_keys(Path::new(path));
    }
    let args = args::parse(given.clone());
    let key_fd = args.as_ref().map_or(None, |args| args.as_ref()?.api_key_fd);
    // Else this program runs itself again first, which needs it.
    let key_fd = key_fd.filter(|_| !StartupKey::is_in_environment());
    let key = key_fd.map(raw::inherited);
    let before = predecessor();
    let protections = hardening::harden();
    raw::give_large_blocks_back();
    raw::outlive_file_limits();
    let before = before.and_then(take_keys);
    let scrubbed = StartupKey::scrub_environment(&given).map_err(anyhow::Error::from);
    let args = match args {
        Ok(Some(args)) => args,
        Ok(None) => return ExitCode::SUCCESS,
        Err(line) => {
            report_failure(&line, None);
            return ExitCode::from(exit_code::USAGE);
        }
    };
    match scrubbed.and_then(|()| serve(args, key, protections, before)) {
        Ok(code) => code,
        Err(error) => {
            let (what, hint) = explain(&error);
            report_failure(&what, hint.map(|hint| args::keeping_options(hint, &given)));
            ExitCode::FAILURE
        }
    }
}

/// An error and what is behind it, each said once; and the command to run.
fn explain(error: &anyhow::Error) -> (String, Option<Command>) {
    let mut what = String::new();
    let mut hint = None;
    for cause in error.chain() {
        hint = hint.or_else(|| api::hints::start(cause));
        let cause = cause.to_string();
        if !what.contains(&cause) {
            what += if what.is_empty() { "" } else { ": " };
            what += &cause;
        }
    }
    (what, hint)
}

/// What went wrong and what to run: one line, and no panic where stderr is
/// closed. Whoever asked for it reads the same on stdout.
fn report_failure(what: &str, hint: Option<Command>) {
    let what = terminal_safe::one_line(what, MAX_LINE, MAX_LINE);
    let hint = hint.unwrap_or_else(|| "quiltd --help".into());
    let problem = Problem::new(500, ErrorCode::Internal, what).with_hint(hint);
    let _ = writeln!(io::stderr(), "quiltd: {problem}");
    if std::env::var_os(locations::REPORT_ENV).is_some()
        && let Ok(line) = serde_json::to_string(&problem)
    {
        let _ = writeln!(io::stdout(), "{line}");
    }
}

/// Carries API keys from a daemon that ends to the next, for `quiltctl daemon
/// restart`.
fn carry_keys(path: &Path) -> ExitCode {
    log_to_stderr(Targets::new().with_default(LevelFilter::WARN));
    match handover::relay(path) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report_failure(&error.to_string(), Some("quiltctl status".into()));
            ExitCode::FAILURE
        }
    }
}

/// Who has API keys for this daemon, if anybody does. They look at this process
/// before it protects itself.
fn predecessor() -> Option<KeyTaker> {
    // Else this program runs itself again first.
    if StartupKey::is_in_environment() {
        return None;
    }
    KeyTaker::announce(&handover::socket(&locations::state_dir().ok()?))
}

fn take_keys(visit: KeyTaker) -> Option<(Vec<HandoverKey>, Receipt)> {
    match visit.take() {
        Ok((_, keys, kept)) => Some((keys, kept)),
        Err(error) => {
            error.tell_not_taken();
            None
        }
    }
}

fn serve(
    args: Args,
    key: Option<io::Result<File>>,
    protections: Vec<ProtectionAttempt>,
    before: Option<(Vec<HandoverKey>, Receipt)>,
) -> anyhow::Result<ExitCode> {
    log_to_stderr(args.log);
    for warning in protections.iter().filter_map(ProtectionAttempt::warning) {
        tracing::warn!("{warning}");
    }
    if let Err(error) = hardening::raise_open_files() {
        tracing::warn!(%error, "cannot raise the limit on open files");
    }
    let key = StartupKey::read(key)?;
    let places = match args.socket {
        Some(path) => Places::only(path),
        None => Places::own()?,
    };
    let config = Config::resolve(args.config, args.token_store)?;
    quilt_trust::settings_at(&config.settings);
    // Nothing is made or believed in a directory that others own or may change.
    check_state_dir(&config.state_dir)?;
    // The lock outlives the runtime: the next daemon starts when this one's
    // last write is done.
    let has_key = key.is_some();
    let mut control = listen::acquire(&places).map_err(|error| for_key(has_key, error))?;
    let _locks = control.take_locks();
    let instance = only_instance(&config, &control);
    let _instance = instance.map_err(|error| for_key(has_key, error))?;
    let mut builder = Builder::new_multi_thread();
    builder
        .worker_threads(2)
        // What newly arrives goes ahead of what goes on and on: else each
        // newcomer waits for rounds of whoever sends request upon request.
        .global_queue_interval(3)
        .event_interval(17)
        .enable_all();
    if cfg!(debug_assertions) {
        blocked_threads::watch(&mut builder);
    }
    let runtime = builder.build().context("cannot start the async runtime")?;
    let result = runtime.block_on(async {
        let shutdown = stop_on_signal().context("cannot watch for signals")?;
        let socket = control.first.path().to_owned();
        let stopped = shutdown.clone();
        let mut app = tokio::select! {
            app = App::build(config, protections, socket, shutdown) => app?,
            // Nothing is under way yet that would have to end first.
            () = stopped.cancelled() => return Ok(ExitCode::SUCCESS),
        };
        app.is_socket_activated = !control.first.owns_file();
        let again = Arc::clone(&app.again);
        if let Some(key) = key {
            let catalog = args
                .catalog
                .or_else(|| std::env::var(locations::CATALOG_ENV).ok());
            app.take_key(catalog.as_deref(), &key).context(
                "an API key was given, but not of which catalog it is: name that by --catalog \
                 or QUILT_CATALOG",
            )?;
        }
        app.take_startup_keys();
        let (keys, kept) = before.unzip();
        if let (Some(keys), Some(kept)) = (keys, &kept) {
            app.take_over(keys, kept.giver()).await;
        }
        let (stopping, activity) = (app.shutdown.clone(), app.metrics.connections.activity());
        let activity = Arc::clone(activity);
        tokio::spawn(async move {
            let give_back = memory_release::give_back(&activity);
            stopping.run_until_cancelled(give_back).await
        });
        raw::give_code_back();
        announce(&control.first);
        if let Some(kept) = kept {
            kept.say();
        }
        quiltd::run(app, control).await?;
        anyhow::Ok(if again.load(Ordering::Relaxed) {
            ExitCode::from(AGAIN)
        } else {
            ExitCode::SUCCESS
        })
    });
    stop(runtime);
    result
}

/// A start that failed, with what that means for the key it was for: the daemon
/// that runs is told of none.
fn for_key(has_key: bool, error: impl Into<anyhow::Error>) -> anyhow::Error {
    let error = error.into();
    if has_key && api::hints::is_second(&*error) {
        let what = "the API key is not used, as quiltd takes one only when it starts";
        return error.context(what);
    }
    error
}

/// The right to be the only daemon of this state directory. One that keeps
/// nothing may do without, where nothing can be written at all.
fn only_instance(
    config: &Config,
    control: &ControlSockets,
) -> Result<Option<InstanceLock>, InstanceError> {
    let also = control.also.as_ref().map(ControlSocket::path);
    match state_dir_lock::claim(&config.state_dir, control.first.path(), also) {
        Err(InstanceError::Distrusted(distrust))
            if config.token_store == StoreChoice::Memory && !distrust.is_about_others() =>
        {
            tracing::warn!("another quiltd would not be noticed: {distrust}");
            Ok(None)
        }
        claimed => claimed.map(Some),
    }
}

/// Passes if the state directory is this user's alone, or can be made.
fn check_state_dir(dir: &Path) -> Result<(), StoreError> {
    if quilt_trust::locate(dir)?.exists() {
        quilt_trust::check_dir(dir)?;
    }
    Ok(())
}

fn stop(runtime: Runtime) {
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
    runtime.shutdown_timeout(LINGER);
    tracing::info!("stopped");
}

fn log_to_stderr(filter: Targets) {
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_writer(RepeatFilter::new(io::stderr))
        .with_ansi(io::stderr().is_terminal())
        // Its own complaint about a closed stderr would go to stderr and panic.
        .log_internal_errors(false)
        .finish()
        .with(filter)
        .with(filter_fn(|about| about.target() != QUOTES_ANSWERS))
        .init();
}

/// A token cancelled by the first signal that ends programs. Needs the runtime.
fn stop_on_signal() -> io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut quit = signal(SignalKind::quit())?;
    let hang_up = hang_up()?;
    let shutdown = CancellationToken::new();
    let token = shutdown.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("stopping on SIGTERM"),
            _ = interrupt.recv() => tracing::info!("stopping on SIGINT"),
            _ = quit.recv() => tracing::info!("stopping on SIGQUIT"),
            () = hang_up => tracing::info!("stopping: the terminal is gone"),
        }
        token.cancel();
    });
    Ok(shutdown)
}

/// Comes to an end with the terminal that the daemon runs at. Without one a
/// hangup is what asks daemons to read their settings again, which this one does
/// by itself; and whoever has it ignored has that.
fn hang_up() -> io::Result<impl Future<Output = ()> + Send> {
    let is_heard = !raw::ignores_hangups();
    let at_terminal = File::open("/dev/tty").is_ok();
    let hang_up = is_heard.then(|| signal(SignalKind::hangup()));
    let mut hang_up = hang_up.transpose()?;
    Ok(async move {
        while let Some(signals) = &mut hang_up {
            match signals.recv().await {
                Some(()) if at_terminal => return,
                Some(()) => tracing::info!("SIGHUP: settings are taken up without it"),
                None => break,
            }
        }
        std::future::pending::<()>().await;
    })
}

/// Tells whoever started us that connections are taken from now on: one JSON
/// line on stdout, and systemd. Then lets go of stdout, so that a starter that
/// reads to the end of the pipe is not kept waiting.
fn announce(control: &ControlSocket) {
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
    tracing::info!(socket = ?control.path(), activated = !control.owns_file(), "listening");
}
