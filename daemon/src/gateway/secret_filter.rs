//! Answers on their way to who holds a grant, without the secret they were
//! asked with: a page that describes an error may quote the whole request.

use std::io;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, stream};
use memchr::memmem;
use quilt_proto::Secret;
use zeroize::Zeroizing;

pub(super) fn contains(text: &[u8], part: &[u8]) -> bool {
    !part.is_empty() && memmem::find(text, part).is_some()
}

/// A secret, however answers quote it: as it is, as JSON, as a part of a URL, or as
/// HTML, which escape more or less of what is no letter, digit, `-`, `_` or `.`.
pub(super) struct Quotable {
    secret: Zeroizing<Vec<u8>>,
    /// For each of its beginnings, the length of the longest one that this ends
    /// with (Knuth, Morris and Pratt): no byte of a text is looked at twice,
    /// however much of it is alike.
    borders: Vec<usize>,
    /// The most bytes that each of its beginnings takes in a quote.
    widths: Vec<usize>,
}

impl Quotable {
    pub(super) fn new(secret: &Secret) -> Self {
        let secret = Zeroizing::new(secret.expose().as_bytes().to_vec());
        let mut borders = vec![0; secret.len() + 1];
        let mut border = 0;
        for at in 1..secret.len() {
            while border > 0 && secret[border] != secret[at] {
                border = borders[border];
            }
            border += usize::from(secret[border] == secret[at]);
            borders[at + 1] = border;
        }
        let longest = |byte: &u8| spellings(*byte).iter().map(|it| it.len()).max();
        let mut widths = vec![0];
        widths.extend(secret.iter().scan(0, |width, byte| {
            *width += longest(byte).unwrap_or(1);
            Some(*width)
        }));
        Self {
            secret,
            borders,
            widths,
        }
    }

    pub(super) fn is_in(&self, text: &[u8]) -> bool {
        Search::default().finds(self, text)
    }

    /// How much of it a text ends with, where it ended with `begun` of it before
    /// this byte.
    fn step(&self, mut begun: usize, byte: u8) -> usize {
        if begun == self.secret.len() {
            return begun;
        }
        while begun > 0 && self.secret[begun] != byte {
            begun = self.borders[begun];
        }
        begun + usize::from(self.secret.get(begun) == Some(&byte))
    }
}

/// The most ways in which what came can be read at a time. No page needs a
/// second one for long; whoever makes more quotes it nearly.
const MOST_READINGS: usize = 16;

/// One way to read a text: how much of the secret it ends with, and which bytes
/// after that may be another spelling of the next of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reading {
    begun: usize,
    escape: ([u8; LONGEST_SPELLING], usize),
}

impl Reading {
    fn of(begun: usize) -> Self {
        let escape = ([0; LONGEST_SPELLING], 0);
        Self { begun, escape }
    }

    fn escape(&self) -> &[u8] {
        &self.escape.0[..self.escape.1]
    }

    /// With one more byte of an escape, unless that is none.
    fn escaping(mut self, byte: u8) -> Option<Self> {
        *self.escape.0.get_mut(self.escape.1)? = byte;
        self.escape.1 += 1;
        let is_begun = |spelled: &&str| {
            let begun = spelled.as_bytes().get(..self.escape.1);
            begun.is_some_and(|begun| begun.eq_ignore_ascii_case(self.escape()))
        };
        SPELLED
            .iter()
            .any(|(_, all)| all.iter().any(is_begun))
            .then_some(self)
    }

    /// What its escape stands for, if it is whole.
    fn spelled(&self) -> Option<u8> {
        let is_it = |spelled: &&str| spelled.as_bytes().eq_ignore_ascii_case(self.escape());
        let mut all = SPELLED.iter();
        all.find(|(_, all)| all.iter().any(is_it))
            .map(|(byte, _)| *byte)
    }
}

/// A look for the secret in what comes bit by bit.
struct Search {
    readings: Vec<Reading>,
    /// Where those after the next byte are put together.
    next: Vec<Reading>,
}

impl Default for Search {
    fn default() -> Self {
        Self {
            readings: vec![Reading::of(0)],
            next: Vec::new(),
        }
    }
}

impl Search {
    /// Whether the secret is in what came so far, this included.
    fn finds(&mut self, it: &Quotable, text: &[u8]) -> bool {
        !it.secret.is_empty() && text.iter().any(|byte| self.finds_at(it, *byte))
    }

    fn finds_at(&mut self, it: &Quotable, byte: u8) -> bool {
        if let [only] = &mut self.readings[..]
            && only.escape.1 == 0
            && !ESCAPES.contains(&byte)
        {
            only.begun = it.step(only.begun, byte);
            return only.begun == it.secret.len();
        }
        let next = &mut self.next;
        next.clear();
        let mut add = |reading: Reading| {
            if !next.contains(&reading) {
                next.push(reading);
            }
        };
        for reading in &self.readings {
            if reading.escape.1 == 0 {
                add(Reading::of(it.step(reading.begun, byte)));
            }
            if let Some(escaping) = reading.escaping(byte) {
                match escaping.spelled() {
                    Some(meant) => add(Reading::of(it.step(reading.begun, meant))),
                    None => add(escaping),
                }
            }
        }
        let is_whole = |reading: &Reading| reading.begun == it.secret.len();
        let is_found = next.iter().any(is_whole) || next.len() > MOST_READINGS;
        std::mem::swap(&mut self.readings, &mut self.next);
        is_found
    }

    /// How many bytes at the end of what came may be the beginning of it.
    fn held(&self, it: &Quotable) -> usize {
        let held = self
            .readings
            .iter()
            .map(|reading| it.widths[reading.begun] + reading.escape.1);
        held.max().unwrap_or_default()
    }
}

/// The most bytes that stand for one character.
const LONGEST_SPELLING: usize = "&equals;".len();

/// How characters may stand in a quote besides as themselves, whatever the case of
/// their hexadecimal digits: those that keys and tokens may have.
const SPELLED: [(u8, &[&str]); 4] = [
    (
        b'/',
        &["\\/", "\\u002F", "%2F", "%252F", "&#x2F;", "&#47;", "&sol;"],
    ),
    (
        b'+',
        &["\\u002B", "%2B", "%252B", "&#x2B;", "&#43;", "&plus;"],
    ),
    (
        b'=',
        &["\\u003D", "%3D", "%253D", "&#x3D;", "&#61;", "&equals;"],
    ),
    (
        b'~',
        &["\\u007E", "%7E", "%257E", "&#x7E;", "&#126;", "&tilde;"],
    ),
];

/// How all of those begin.
const ESCAPES: [u8; 3] = *b"\\%&";

fn spellings(byte: u8) -> &'static [&'static str] {
    let spelled = SPELLED.iter().find(|(of, _)| *of == byte);
    spelled.map_or(&[], |(_, all)| all)
}

/// Why a body was cut off.
fn quoted() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it quotes a secret")
}

/// Whether a body was cut off because of the secret.
pub(super) fn is_quoted(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidData
}

/// The body as it comes, cut off with an error before the secret is said, or once
/// it has `ended`: whose connection stays open keeps what was sent on it.
pub(super) fn without_secret<E>(
    body: impl Stream<Item = Result<Bytes, E>> + Send + 'static,
    secret: &Secret,
    ended: impl Future<Output = ()> + Send + 'static,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static
where
    E: Into<Box<dyn std::error::Error + Send + Sync>> + Send + 'static,
{
    let filter = SecretFilter {
        secret: Quotable::new(secret),
        search: Search::default(),
        held: BytesMut::new(),
    };
    let begun = Some((Box::pin(body), Box::pin(ended), filter));
    stream::unfold(begun, async |begun| {
        let (mut body, mut ended, mut filter) = begun?;
        let next = tokio::select! {
            () = &mut ended => return Some((Err(io::ErrorKind::ConnectionAborted.into()), None)),
            next = body.next() => next,
        };
        match next {
            Some(Ok(data)) => match filter.pass(&data) {
                Some(data) => Some((Ok(data), Some((body, ended, filter)))),
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
    search: Search,
    /// The end of what came so far, where the secret may begin.
    held: BytesMut,
}

impl SecretFilter {
    /// What may be passed on by now; nothing where the secret is in it.
    fn pass(&mut self, data: &Bytes) -> Option<Bytes> {
        if self.search.finds(&self.secret, data) {
            tracing::warn!("an answer of the registry was cut off: it quotes a secret");
            return None;
        }
        let held = self.search.held(&self.secret);
        if self.held.is_empty() {
            let passed = data.len() - held.min(data.len());
            self.held.extend_from_slice(&data[passed..]);
            return Some(data.slice(..passed));
        }
        self.held.extend_from_slice(data);
        let passed = self.held.len() - held.min(self.held.len());
        Some(self.held.split_to(passed).freeze())
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
        let body = without_secret(
            stream::iter(pieces),
            &Secret::new(secret),
            std::future::pending(),
        );
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

    /// Written again without any trick: each spelling at each place.
    fn is_quoted_at(text: &[u8], secret: &[u8]) -> bool {
        let Some((first, rest)) = secret.split_first() else {
            return true;
        };
        let own = [*first];
        let spelled = spellings(*first).iter().map(|it| it.as_bytes());
        std::iter::once(&own[..]).chain(spelled).any(|it| {
            let begun = text.get(..it.len());
            begun.is_some_and(|begun| {
                begun.eq_ignore_ascii_case(it) && (it.len() > 1 || begun == it)
            }) && is_quoted_at(&text[it.len()..], rest)
        })
    }

    proptest! {
        #[test]
        fn it_finds_what_a_look_at_each_place_finds(
            parts in proptest::collection::vec(
                proptest::sample::select(vec![
                    "u", "0", "2", "F", "/", "%", "%2", "%2F", "%25", "\\", "\\u", "\\u002F", "&", "&sol;", "a",
                ]),
                0..12,
            ),
            secret in "[u02Fa/]{1,6}",
        ) {
            let text = parts.concat().into_bytes();
            let wanted = (0..text.len()).any(|at| is_quoted_at(&text[at..], secret.as_bytes()));
            let it = Quotable::new(&Secret::new(&secret));
            prop_assert_eq!(it.is_in(&text), wanted);
        }
    }

    /// Counted, not timed: what is alike all along costs no more than other text.
    #[test]
    fn a_text_that_is_nearly_it_all_along_costs_as_much_as_any() {
        let secret = format!("{}b", "a".repeat(30_000));
        let it = Quotable::new(&Secret::new(&secret));
        let mut search = Search::default();
        let text = vec![b'a'; 4 * 1024 * 1024];
        assert!(!search.finds(&it, &text));
        assert_eq!(search.readings.len(), 1, "one reading of it");
        assert!(search.finds(&it, b"b"));
        // One way to read it more for each escape: it is said to be quoted.
        let secret = format!("u002F{}", "/".repeat(200));
        let it = Quotable::new(&Secret::new(&secret));
        assert!(it.is_in("\\u002F".repeat(100).as_bytes()));
        assert!(!it.is_in("\\u002F".repeat(MOST_READINGS / 2).as_bytes()));
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
