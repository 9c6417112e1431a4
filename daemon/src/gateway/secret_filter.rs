//! Answers on their way to who holds a grant, without the secret they were
//! asked with: a page that describes an error may quote the whole request.

use std::io;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use quilt_proto::Secret;
use zeroize::Zeroizing;

pub(super) fn contains(text: &[u8], part: &[u8]) -> bool {
    !part.is_empty() && text.windows(part.len()).any(|window| window == part)
}

/// A secret as answers quote it: as it is, and where that is not the same, as
/// JSON with its slashes escaped, as a part of a URL, and as HTML.
pub(super) struct Spellings(Vec<Zeroizing<Vec<u8>>>);

impl Spellings {
    pub(super) fn of(secret: &Secret) -> Self {
        let secret = secret.expose();
        let spell = |special: fn(char) -> Option<&'static str>| {
            let mut spelled = Zeroizing::new(Vec::with_capacity(3 * secret.len()));
            for c in secret.chars() {
                match special(c) {
                    Some(other) => spelled.extend_from_slice(other.as_bytes()),
                    None => spelled.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
                }
            }
            spelled
        };
        let mut all = vec![
            spell(|_| None),
            spell(|c| (c == '/').then_some("\\/")),
            spell(|c| url(c, "%2F", "%2B", "%3D")),
            spell(|c| url(c, "%2f", "%2b", "%3d")),
            spell(|c| url(c, "&#x2F;", "&#x2B;", "&#x3D;")),
            spell(|c| url(c, "&#47;", "&#43;", "&#61;")),
        ];
        // Most secrets have nothing that is spelled otherwise.
        all.dedup();
        Self(all)
    }

    pub(super) fn are_in(&self, text: &[u8]) -> bool {
        self.0.iter().any(|spelled| contains(text, spelled))
    }

    /// How many bytes at the end of a text may be the beginning of one.
    fn begun_in(&self, text: &[u8]) -> usize {
        let begun = |spelled: &Zeroizing<Vec<u8>>| {
            let most = text.len().min(spelled.len().saturating_sub(1));
            let begins = |length: &usize| text.ends_with(&spelled[..*length]);
            (1..=most).rev().find(begins).unwrap_or(0)
        };
        self.0.iter().map(begun).max().unwrap_or(0)
    }
}

/// What stands for the characters that keys may have and URLs and pages spell
/// otherwise.
fn url(
    c: char,
    slash: &'static str,
    plus: &'static str,
    equals: &'static str,
) -> Option<&'static str> {
    match c {
        '/' => Some(slash),
        '+' => Some(plus),
        '=' => Some(equals),
        _ => None,
    }
}

/// Why a body was cut off.
fn quoted() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it quotes a secret")
}

/// Whether a body was cut off because of the secret.
pub(super) fn is_quoted(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidData
}

/// The body as it comes, cut off with an error before the secret is said.
pub(super) fn without_secret<E>(
    body: impl Stream<Item = Result<Bytes, E>> + Send + 'static,
    secret: &Secret,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static
where
    E: Into<Box<dyn std::error::Error + Send + Sync>> + Send + 'static,
{
    let filter = SecretFilter {
        secret: Spellings::of(secret),
        held: Zeroizing::default(),
    };
    let begun = Some((Box::pin(body), filter));
    stream::unfold(begun, async |begun| {
        let (mut body, mut filter) = begun?;
        match body.next().await {
            Some(Ok(data)) => match filter.pass(data) {
                Some(data) => Some((Ok(data), Some((body, filter)))),
                None => Some((Err(quoted()), None)),
            },
            Some(Err(error)) => Some((Err(io::Error::other(error)), None)),
            // What looked like the beginning of it was not.
            None => Some((Ok(Bytes::copy_from_slice(&filter.held)), None)),
        }
    })
}

struct SecretFilter {
    secret: Spellings,
    /// The end of what came so far, where the secret may begin.
    held: Zeroizing<Vec<u8>>,
}

impl SecretFilter {
    /// What may be passed on by now; nothing where the secret is in it.
    fn pass(&mut self, data: Bytes) -> Option<Bytes> {
        let data = if self.held.is_empty() {
            data
        } else {
            self.held.extend_from_slice(&data);
            Bytes::copy_from_slice(&std::mem::take(&mut *self.held))
        };
        if self.secret.are_in(&data) {
            tracing::warn!("an answer of the registry was cut off: it quotes a secret");
            return None;
        }
        let held = self.secret.begun_in(&data);
        let passed = data.slice(..data.len() - held);
        self.held.extend_from_slice(&data[passed.len()..]);
        Some(passed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What arrives, and whether it was cut off.
    fn passed(pieces: &[Vec<u8>], secret: &str) -> (Vec<u8>, bool) {
        let pieces: Vec<io::Result<Bytes>> =
            pieces.iter().cloned().map(|it| Ok(it.into())).collect();
        let body = without_secret(stream::iter(pieces), &Secret::new(secret));
        let all: Vec<_> = futures_util::FutureExt::now_or_never(body.collect()).unwrap();
        let is_cut = all.last().is_some_and(Result::is_err);
        (all.into_iter().flatten().flatten().collect(), is_cut)
    }

    proptest! {
        #[test]
        fn a_secret_never_arrives_and_everything_else_does(
            pieces in proptest::collection::vec("[ab]{0,6}", 0..8),
            secret in "[ab]{1,8}",
        ) {
            let pieces: Vec<Vec<u8>> = pieces.into_iter().map(String::into_bytes).collect();
            let whole = pieces.concat();
            let (arrived, is_cut) = passed(&pieces, &secret);
            prop_assert_eq!(is_cut, contains(&whole, secret.as_bytes()));
            prop_assert!(!contains(&arrived, secret.as_bytes()));
            prop_assert!(whole.starts_with(&arrived));
            prop_assert!(is_cut || arrived == whole);
            // Not its beginning either, however it is cut into pieces.
            if is_cut {
                let at = whole.windows(secret.len()).position(|part| part == secret.as_bytes());
                prop_assert!(arrived.len() <= at.unwrap());
            }
        }
    }
    #[test]
    fn other_spellings_of_it_do_not_arrive_either() {
        let secret = "qk_a/b+c==";
        for quoted in [
            "qk_a/b+c==",
            r"qk_a\/b+c==",
            "qk_a%2Fb%2Bc%3D%3D",
            "qk_a%2fb%2bc%3d%3d",
            "qk_a&#x2F;b&#x2B;c&#x3D;&#x3D;",
            "qk_a&#47;b&#43;c&#61;&#61;",
        ] {
            for cut in 0..quoted.len() {
                let (begun, rest) = quoted.split_at(cut);
                let pieces = [begun, rest].map(|piece| piece.as_bytes().to_vec());
                let (arrived, is_cut) = passed(&pieces, secret);
                assert!(is_cut && arrived.is_empty(), "{quoted}: {arrived:?}");
            }
        }
        let (arrived, is_cut) = passed(&[b"qk_a%2Fb+d".to_vec()], secret);
        assert!(!is_cut && arrived == b"qk_a%2Fb+d");
    }
}
