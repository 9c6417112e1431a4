//! What can be found wrong, by name.

use crate::ErrorCode;

macro_rules! codes {
    ($(#[doc = $meaning:literal] $variant:ident = $name:literal,)+) => {
        /// What kind of thing is wrong, stable across versions.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum FindingCode {
            $(#[doc = $meaning] $variant,)+
            /// What a request would fail with.
            Problem(ErrorCode),
        }

        impl FindingCode {
            /// Those that no request fails with.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The name on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)+
                    Self::Problem(code) => code.as_str(),
                }
            }

            /// What it means, in a sentence; nothing for what a request would
            /// fail with.
            pub fn meaning(&self) -> Option<&'static str> {
                match self {
                    $(Self::$variant => Some($meaning.trim_ascii()),)+
                    Self::Problem(_) => None,
                }
            }
        }
    };
}

codes! {
    /// The API key ends soon, was refused, is unchecked, or two are left of a rotation.
    ApiKey = "api_key",
    /// The API key in use goes before the login.
    KeyOverLogin = "key_over_login",
    /// Where tokens are, and what to know of it.
    StoreNote = "store_note",
    /// `quiltd.toml` has a mistake; the settings before it stay.
    SettingsBroken = "settings_broken",
    /// `quiltd.toml` says something that will not be as written.
    SettingsOdd = "settings_odd",
    /// A file of certificates cannot be used, or others could have put it there.
    CaBundle = "ca_bundle",
    /// A proxy stands between programs and loopback.
    Proxy = "proxy",
    /// Your shell goes another way to the network than the daemon.
    NetworkDiffers = "network_differs",
    /// `QUILT_CATALOG` of your shell is another catalog.
    CatalogDiffers = "catalog_differs",
    /// `QUILT_CATALOG` is no catalog.
    CatalogInvalid = "catalog_invalid",
    /// Your shell leads to another socket.
    SocketDiffers = "socket_differs",
    /// Two daemons run, and which is which.
    TwoDaemons = "two_daemons",
    /// No daemon runs.
    NoDaemon = "no_daemon",
    /// A daemon runs, and does not answer.
    DaemonDeaf = "daemon_deaf",
    /// Daemon and command line are of different versions.
    DaemonVersion = "daemon_version",
    /// The daemon's program was upgraded since it started.
    ProgramReplaced = "program_replaced",
    /// The systemd unit failed.
    UnitFailed = "unit_failed",
    /// The units are of another version.
    UnitsOutdated = "units_outdated",
    /// A daemon runs beside its unit.
    BesideUnit = "beside_unit",
    /// The system refused the daemon a protection.
    Unprotected = "unprotected",
    /// `HOME` is another user's, or no directory of yours, as `sudo -E`, `su -m` and containers leave it.
    HomeOfOthers = "home_of_others",
    /// Others could have written a file; it is left alone.
    FileNotTrusted = "file_not_trusted",
    /// Others can read a file that holds a login or keys.
    SecretReadable = "secret_readable",
    /// No AWS profile leads here.
    NoAwsProfile = "no_aws_profile",
    /// `AWS_PROFILE` names a profile that is not there.
    ProfileMissing = "profile_missing",
    /// The AWS profile has no region.
    ProfileNoRegion = "profile_no_region",
    /// The AWS profile has the region of another catalog than it is of.
    ProfileOtherRegion = "profile_other_region",
    /// The AWS profile is not quiltd's.
    ProfileOfOthers = "profile_of_others",
    /// A section is there twice, of a profile or of anything else.
    ProfileTwice = "profile_twice",
    /// A key is there twice in a section.
    KeyTwice = "key_twice",
    /// Keys in the environment win over the profile.
    EnvironmentKeys = "environment_keys",
    /// Variables that only older SDKs read hold keys, and win there.
    EnvironmentOlderKeys = "environment_older_keys",
    /// AWS programs cannot read a file of yours.
    AwsFileUnreadable = "aws_file_unreadable",
    /// A variable leads AWS programs to other files.
    AwsFilesElsewhere = "aws_files_elsewhere",
    /// The line of `credential_process` is not read as meant.
    ProcessGarbled = "process_garbled",
    /// It quotes a path that needs none, which some programs cannot read.
    ProcessQuoted = "process_quoted",
    /// It names a profile that `quiltd.toml` does not have.
    ProcessUnknownProfile = "process_unknown_profile",
    /// It runs another `quiltctl`.
    ProgramElsewhere = "program_elsewhere",
    /// An AWS program does not get credentials by it.
    ProgramFails = "program_fails",
    /// It takes long.
    ProgramSlow = "program_slow",
    /// The container endpoint of your shell is gone.
    ContainerStale = "container_stale",
    /// Two tokens are set; SDKs differ in which they take.
    ContainerTwoTokens = "container_two_tokens",
    /// Two endpoints are set; SDKs differ in which they take.
    ContainerTwoUris = "container_two_uris",
    /// `QUILT_REGISTRY_URL` leads to no gateway that there is, or to a catalog that quilt3 left.
    GatewayElsewhere = "gateway_elsewhere",
    /// Quilt3 was led away from the gateway.
    Quilt3Astray = "quilt3_astray",
    /// Quilt3's configuration names another registry.
    Quilt3Registry = "quilt3_registry",
    /// The environment holds keys of quiltd's, which nobody renews there.
    EnvironmentOwnKeys = "environment_own_keys",
    /// A web identity in the environment wins over the profile.
    EnvironmentWebIdentity = "environment_web_identity",
    /// A file of AWS's begins with a byte order mark, which boto3 refuses.
    AwsFileMark = "aws_file_mark",
    /// A line of such a file is none, or not in UTF-8, and boto3 refuses the whole file.
    AwsFileLine = "aws_file_line",
    /// A line is indented, and taken for a part of the one before.
    ProcessContinued = "process_continued",
    /// `credential_process` names a program by a path that depends on where one is.
    ProcessRelative = "process_relative",
    /// Its program is not there.
    ProcessMissing = "process_missing",
    /// Its program cannot be run.
    ProcessNotExecutable = "process_not_executable",
    /// Its program is another `quiltctl` than this one.
    ProcessOtherQuiltctl = "process_other_quiltctl",
    /// A section's name has spaces inside its brackets, and boto3 does not see the profile.
    ProfileSpaced = "profile_spaced",
    /// The profile has another `credential_process` that wins.
    ProfileOtherProcess = "profile_other_process",
    /// The profile has a web identity that wins.
    ProfileWebIdentity = "profile_web_identity",
    /// The profile has a login of AWS's own that wins.
    ProfileLogin = "profile_login",
    /// The profile has IAM Identity Center settings that win.
    ProfileSso = "profile_sso",
    /// The profile has keys that win.
    ProfileKeys = "profile_keys",
    /// The profile has a role that wins.
    ProfileRole = "profile_role",
    /// A variable names a service of AWS's on another machine by plain `http`; it is not asked.
    EndpointPlain = "endpoint_plain",
    /// The audit log cannot be written: what programs get is not noted.
    AuditUnwritten = "audit_unwritten",
    /// A proxy that was named, in `quiltd.toml` or to the daemon, is no URL: nothing is asked.
    ProxySettings = "proxy_settings",
}

impl From<ErrorCode> for FindingCode {
    fn from(code: ErrorCode) -> Self {
        Self::Problem(code)
    }
}
