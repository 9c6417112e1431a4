//! botocore, on which boto3 and much else stand, as `python3` finds it.

use crate::aws_variables::AWS_PROFILE;
use quilt_proto::quoted;

use super::process::{Ended, run};
use super::source::Source;

/// Prints version, the end of the key's name and the method. What would have
/// to be asked for elsewhere is not. A module in the current directory is not
/// what programs elsewhere would get.
const SCRIPT: &str = "
import sys
sys.path[:] = [place for place in sys.path if place]
try:
    import botocore.session
except ImportError:
    sys.exit(127)
from botocore.exceptions import CredentialRetrievalError
key = '-'
try:
    found = botocore.session.Session().get_credentials()
    method = found.method if found else 'nowhere'
    if method == 'custom-process':
        key = found.access_key[-4:]
except CredentialRetrievalError as error:
    ours = error.kwargs.get('provider') == 'custom-process'
    method = 'fails' if ours else 'broken'
except Exception:
    method = 'broken'
print(botocore.__version__, key, method)
";

/// Where it takes the credentials of a profile from that is named as scripts
/// name one, and its version with a space before it.
pub(super) fn ask(profile: &str) -> (Source, String) {
    let asked = run("python3", |command| {
        command.args(["-c", SCRIPT]).env(AWS_PROFILE, profile);
    });
    match asked {
        Ended::NotInstalled => (Source::NotInstalled, String::new()),
        Ended::Late => (Source::Slow, String::new()),
        Ended::With { stdout, .. } => read(&stdout),
    }
}

fn read(said: &str) -> (Source, String) {
    let mut words = said.trim().splitn(3, ' ');
    let (Some(version), Some(key), Some(method)) = (words.next(), words.next(), words.next())
    else {
        return (Source::Broken, String::new());
    };
    let source = match method {
        "nowhere" => Source::Nowhere,
        "fails" => Source::Fails,
        "broken" => Source::Broken,
        method => Source::Found {
            method: method.to_owned(),
            key: key.to_owned(),
        },
    };
    (source, format!(" {}", quoted::name(version)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_script_prints_is_read() {
        let found = Source::Found {
            method: "custom-process".to_owned(),
            key: "AB12".to_owned(),
        };
        let read_all = |said: &str| read(said);
        assert_eq!(
            read_all("1.43.11 AB12 custom-process\n"),
            (found, " 1.43.11".to_owned())
        );
        assert_eq!(read_all("1.43.11 - fails\n").0, Source::Fails);
        assert_eq!(read_all("").0, Source::Broken);
    }
}
