//! The commands that mend what went wrong, or show why nothing here does.

use quilt_proto::{Command, NetworkFailure};

use crate::{Failure, Origin, ProxyUrl, plain_endpoints};

/// Puts the clock right.
pub const SET_CLOCK: &str = if cfg!(target_os = "macos") {
    "sudo sntp -sS time.apple.com"
} else {
    "sudo timedatectl set-ntp true"
};

/// Asks a server for nothing but whether it answers, and not for long. What it says is
/// nothing for a terminal: only the status is shown.
pub const HEAD: &str = "curl -sSI -m 10 -o /dev/null -w '%{http_code}\\n'";

/// Asks the system for a name's address.
const LOOK_UP: &str = if cfg!(target_os = "macos") {
    "dscacheutil -q host -a name"
} else {
    "getent ahosts"
};

impl Failure {
    /// What a request to `origin` needs. What settings mend is told by doctor,
    /// who knows where they are.
    pub fn remedy(&self, origin: Option<&Origin>) -> Command {
        use NetworkFailure as K;
        match (self.kind(), origin) {
            (K::FutureCertificate, _) => SET_CLOCK.into(),
            (K::PlainHttp, _) => {
                let mut named = plain_endpoints().into_iter();
                let named = named.find(|named| Some(&named.origin) == origin);
                named.map_or("quiltctl doctor".into(), |named| named.remedy())
            }
            (K::NameNotFound, Some(origin)) => Command::of(LOOK_UP).operand(origin.name()),
            (_, Some(origin)) if !self.is_for_settings() => Command::of(HEAD)
                .option_if("--proxy", self.proxy().map(ProxyUrl::address))
                .operand(origin.url()),
            _ => "quiltctl doctor".into(),
        }
    }

    /// Whether `[network]` in the settings is what mends it.
    pub fn is_for_settings(&self) -> bool {
        use NetworkFailure as K;
        matches!(
            self.kind(),
            K::UnknownCertificate | K::ProxyPassword | K::ProxySettings
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_run_shows_the_same_failure() {
        let origin = Origin::parse("https://stack.example:8443/config.json");
        let is = |failure: Failure, line: &str| {
            assert_eq!(failure.remedy(Some(&origin)).to_string(), line);
        };
        is(
            Failure::ConnectionRefused,
            "curl -sSI -m 10 -o /dev/null -w '%{http_code}\\n' https://stack.example:8443",
        );
        is(Failure::FutureCertificate, SET_CLOCK);
        is(Failure::ProxyPassword(None), "quiltctl doctor");
        is(
            Failure::ProxyUnreachable("http://u:geheim@proxy:3128".parse().unwrap()),
            "curl -sSI -m 10 -o /dev/null -w '%{http_code}\\n' --proxy http://proxy:3128 https://stack.example:8443",
        );
        if cfg!(target_os = "linux") {
            is(Failure::NameNotFound, "getent ahosts stack.example");
        }
    }
}
