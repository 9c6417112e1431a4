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

/// A secret, however answers quote it: as it is, as JSON, as a part of a URL, or as
/// HTML, which escape more or less of what is no letter, digit, `-`, `_` or `.`.
pub(super) struct Quotable(Zeroizing<Vec<u8>>);

/// What comes of a secret at some place in a text.
enum Quote {
    Whole,
    /// The text ends before it does.
    Begun,
    Other,
}

impl Quotable {
    pub(super) fn new(secret: &Secret) -> Self {
        Self(Zeroizing::new(secret.expose().as_bytes().to_vec()))
    }

    pub(super) fn is_in(&self, text: &[u8]) -> bool {
        !self.0.is_empty() && (0..text.len()).any(|at| matches!(self.at(&text[at..]), Quote::Whole))
    }

    /// How many bytes at the end of a text may be the beginning of it.
    fn begun_in(&self, text: &[u8]) -> usize {
        let begun = |at: &usize| matches!(self.at(&text[*at..]), Quote::Begun);
        // No earlier than where all of it would fit, spelled as long as can be.
        let from = text.len().saturating_sub(LONGEST_SPELLING * self.0.len());
        let at = (from..text.len()).find(begun).unwrap_or(text.len());
        text.len() - at
    }

    fn at(&self, mut text: &[u8]) -> Quote {
        for byte in &*self.0 {
            if text.first() == Some(byte) {
                text = &text[1..];
                continue;
            }
            let mut spelled = spellings(*byte).iter().map(|spelled| spelled.as_bytes());
            let Some(spelled) = spelled.find(|spelled| {
                let length = spelled.len().min(text.len());
                spelled[..length].eq_ignore_ascii_case(&text[..length])
            }) else {
                return if text.is_empty() {
                    Quote::Begun
                } else {
                    Quote::Other
                };
            };
            if text.len() < spelled.len() {
                return Quote::Begun;
            }
            text = &text[spelled.len()..];
        }
        Quote::Whole
    }
}

/// The most bytes that stand for one character.
const LONGEST_SPELLING: usize = "&equals;".len();

/// How a character may stand in a quote besides as itself, whatever the case of
/// its hexadecimal digits: those that keys and tokens may have.
fn spellings(byte: u8) -> &'static [&'static str] {
    match byte {
        b'/' => &["\\/", "\\u002F", "%2F", "%252F", "&#x2F;", "&#47;", "&sol;"],
        b'+' => &["\\u002B", "%2B", "%252B", "&#x2B;", "&#43;", "&plus;"],
        b'=' => &["\\u003D", "%3D", "%253D", "&#x3D;", "&#61;", "&equals;"],
        b'~' => &["%7E", "%257E"],
        _ => &[],
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
        secret: Quotable::new(secret),
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
    secret: Quotable,
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
        if self.secret.is_in(&data) {
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
            r"qk_a\/b+c\u003d\u003d",
            r"qk_a/b\u002Bc==",
            "qk_a%2Fb%2Bc%3D%3D",
            "qk_a%2fb%2bc%3d%3D",
            "qk_a/b%2Bc%3D%3D",
            "qk_a%252Fb%252Bc%253D%253D",
            "qk_a&#x2F;b&#x2B;c&#x3D;&#x3D;",
            "qk_a&#47;b+c&#61;&#61;",
            "qk_a/b&plus;c&equals;=",
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
