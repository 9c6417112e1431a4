//! One command a file.

mod admin;
mod api_keys;
mod audit;
mod aws_profiles_follow;
mod buckets;
mod clear_api_key;
mod completions;
mod config;
mod console;
pub(crate) mod credential_process;
mod daemon;
mod daemon_stop;
mod doctor;
mod env;
mod exec;
mod grants;
pub(crate) mod key_at_hand;
mod logged_in;
mod login;
mod logout;
mod logs;
mod man;
mod packages;
mod profile_named;
mod profiles;
mod role;
mod search;
mod setup;
mod status;
mod token;
mod uninstall;
mod use_catalog;
mod watch;
mod whoami;

use crate::context::Context;
use crate::exit::Failure;

/// What the program is asked to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Read, take over or set the configuration
    Config(config::Args),
    /// Make another catalog the default one
    Use(use_catalog::Args),
    /// Log in with the browser, or with an API key
    Login(login::Args),
    /// Drop the API key, fall back to the interactive session
    ClearApiKey,
    /// Print the catalog's URL when logged in, else exit 3
    LoggedIn,
    /// Forget session and API key, and end the session at the stack where it can
    Logout(logout::Args),
    /// Show who is logged in, and what lasts how long
    Status(status::Args),
    /// Show who the stack says you are
    Whoami,
    /// Show or switch the active role
    #[command(subcommand)]
    Role(role::Command),
    /// Print a fresh bearer token
    Token,
    /// Print AWS credentials for the SDKs' credential_process
    CredentialProcess(credential_process::Args),
    /// Manage your API keys
    #[command(subcommand)]
    ApiKeys(api_keys::Command),
    /// What only admins may do
    #[command(subcommand)]
    Admin(admin::Command),
    /// List the buckets of the catalog that you may see
    Buckets,
    /// List packages and their versions, or delete them
    #[command(subcommand)]
    Packages(packages::Command),
    /// Search the catalog
    Search(search::Args),
    /// Run a program that keeps getting fresh AWS credentials
    Exec(exec::Args),
    /// Print AWS credentials as variables
    Env(env::Args),
    /// List and take back what running programs may use
    #[command(subcommand)]
    Grants(grants::Command),
    /// Sign in to the AWS console
    Console(console::Args),
    /// Show the profiles of quiltd.toml and what each last gave
    Profiles,
    /// Wire other programs up
    #[command(subcommand)]
    Setup(setup::Command),
    /// Find what keeps programs from credentials, and what mends it
    #[command(after_long_help = doctor::HELP)]
    Doctor(doctor::Args),
    /// Show which local process got what, when
    Audit(audit::Args),
    /// The same, alive, with what programs ask for
    ///
    /// Where standard output is no terminal: a line a change, until the daemon
    /// ends or nobody reads any more.
    Watch,
    /// Start, stop or restart the daemon, or read its log
    #[command(subcommand)]
    Daemon(daemon::Command),
    /// Undo every setup, and on request remove what is kept
    Uninstall(uninstall::Args),
    /// Print a completion script for a shell
    Completions(completions::Args),
    /// Print the manual page of a command
    Man(man::Args),
}

impl Command {
    /// Whether it asks the daemon about one catalog, and was not told which: of
    /// those the global `--catalog` decides.
    pub(crate) fn is_about_one_catalog(&self) -> bool {
        match self {
            Self::Login(args) => args.is_about_default_catalog(),
            Self::Logout(args) => !args.all,
            Self::Admin(_)
            | Self::ApiKeys(_)
            | Self::Buckets
            | Self::ClearApiKey
            | Self::Console(_)
            | Self::Role(_)
            | Self::Search(_)
            | Self::Setup(setup::Command::Aws(_))
            | Self::Token
            | Self::Whoami => true,
            Self::Audit(_)
            | Self::Completions(_)
            | Self::Config(_)
            | Self::CredentialProcess(_)
            | Self::Daemon(_)
            | Self::Doctor(_)
            | Self::Env(_)
            | Self::Exec(_)
            | Self::Grants(_)
            | Self::LoggedIn
            | Self::Man(_)
            | Self::Packages(_)
            | Self::Profiles
            | Self::Setup(_)
            | Self::Status(_)
            | Self::Uninstall(_)
            | Self::Use(_)
            | Self::Watch => false,
        }
    }

    /// Whether a daemon has part in it, and so has its place.
    pub(crate) fn asks_a_daemon(&self) -> bool {
        !matches!(
            self,
            Self::Completions(_) | Self::Man(_) | Self::Admin(admin::Command::AuditTrail(_))
        )
    }

    /// Whether it is named as what was run before, with something changed: then
    /// the rest of it stays as it was.
    pub(crate) fn repeats(&self) -> bool {
        match self {
            Self::Login(args) => args.repeats(),
            Self::Setup(setup::Command::Aws(_)) => true,
            _ => false,
        }
    }
}

/// Does it. `program` is the whole command line.
pub(crate) fn run(
    context: &Context,
    command: &Command,
    program: fn() -> clap::Command,
) -> Result<(), Failure> {
    match command {
        Command::Config(args) => config::run(context, args),
        Command::Use(args) => use_catalog::run(context, args),
        Command::Uninstall(args) => uninstall::run(context, args),
        Command::Login(args) => login::run(context, args),
        Command::ClearApiKey => clear_api_key::run(context),
        Command::ApiKeys(command) => api_keys::run(context, command),
        Command::Admin(command) => admin::run(context, command),
        Command::LoggedIn => logged_in::run(context),
        Command::Logout(args) => logout::run(context, args),
        Command::Status(args) => status::run(context, args),
        Command::Whoami => whoami::run(context),
        Command::Role(command) => role::run(context, command),
        Command::Token => token::run(context),
        Command::CredentialProcess(args) => credential_process::run(context, args, None),
        Command::Buckets => buckets::run(context),
        Command::Packages(command) => packages::run(context, command),
        Command::Search(args) => search::run(context, args),
        Command::Exec(args) => exec::run(context, args),
        Command::Env(args) => env::run(context, args),
        Command::Grants(command) => grants::run(context, command),
        Command::Console(args) => console::run(context, args),
        Command::Profiles => profiles::run(context),
        Command::Setup(command) => setup::run(context, command),
        Command::Doctor(args) => doctor::run(context, args),
        Command::Audit(args) => audit::run(context, args),
        Command::Watch => watch::run(context),
        Command::Daemon(command) => daemon::run(context, *command),
        Command::Completions(args) => completions::run(context, args),
        Command::Man(args) => man::run(context, args, program()),
    }
}

/// `~/.aws/config`, made up.
#[cfg(any(test, fuzzing))]
pub(crate) fn fuzz_aws_config(data: &[u8]) {
    setup::fuzz_aws_config(data);
    exec::fuzz_aws_config(data);
}
