//! The secret of an API key: its alphabet, and what of it may be shown.

use std::borrow::Cow;
use std::env;
use std::ffi::OsStr;
use std::str::FromStr;

use crate::Secret;
use crate::names::NameError;

/// An API key's secret: `qk_` and what bearer tokens consist of, so that none
/// that a stack makes means anything to a shell or a `.env` file. Surrounding
/// white space is not part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeySecret(Secret);

impl ApiKeySecret {
    /// How every key begins.
    pub const PREFIX: &str = "qk_";

    /// How the tokens of a login begin: `{"` in base64.
    const TOKEN: &str = "eyJ";

    /// The longest key accepted, in bytes; real ones are well under 200.
    const MAX_BYTES: usize = 4096;

    /// Whether a text begins as keys do, and is not to be shown.
    pub fn is_like(text: &str) -> bool {
        text.starts_with(Self::PREFIX)
    }

    /// Whether a text begins as keys do, or as the tokens of a login (JSON Web Tokens).
    pub fn is_like_or_token(text: &str) -> bool {
        Self::is_like(text) || text.starts_with(Self::TOKEN)
    }

    /// Whether a text is like that, or has such a word in it, whatever stands before it:
    /// encodings of JSON and URLs put letters there.
    pub fn is_within(text: &str) -> bool {
        Self::is_like_or_token(text.trim()) || Self::find(text, |_| true).is_some()
    }

    /// Whether a text has a word in it that is surely a key or a token, drawn by chance:
    /// names that begin like one are shown.
    pub fn has_within(text: &str) -> bool {
        Self::find(text, is_drawn).is_some()
    }

    /// Where the first word is that is long enough to be a key or a token and `is_one`,
    /// and how long that is. Shorter ones are parts of names, such as those of programs.
    fn find(text: &str, is_one: impl Fn(&str) -> bool) -> Option<(usize, usize)> {
        const SHORTEST: usize = 16;
        let goes_on = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
        let is_of_key = |c: char| goes_on(c) || ".~+/=".contains(c);
        let of = |start: &'static str| {
            text.match_indices(start).find_map(|(at, _)| {
                let behind = &text[at + start.len()..];
                let count = |is_part: &dyn Fn(char) -> bool| {
                    behind.len() - behind.trim_start_matches(is_part).len()
                };
                let all = count(&is_of_key);
                // In a path, a name ends where the next one begins.
                let is_name = text[..at].ends_with('/');
                let long = if is_name { count(&goes_on) } else { all };
                let is_long = long >= SHORTEST && is_one(&behind[..long]);
                is_long.then_some((at, start.len() + all))
            })
        };
        of(Self::PREFIX).into_iter().chain(of(Self::TOKEN)).min()
    }

    /// A text that is to be shown, without the keys and tokens in it.
    pub fn withheld(text: &str) -> Cow<'_, str> {
        let mut shown = Cow::Borrowed(text);
        while let Some((at, len)) = Self::find(&shown, is_drawn) {
            shown.to_mut().replace_range(at..at + len, "…");
        }
        shown
    }

    /// Takes from a process that is to be started each variable of this one's that has
    /// a key or a token in it, by whatever name.
    pub fn withhold_from(command: &mut std::process::Command) {
        let is_secret = |value: &OsStr| Self::is_within(&value.to_string_lossy());
        for (name, _) in env::vars_os().filter(|(_, value)| is_secret(value)) {
            command.env_remove(name);
        }
    }

    /// The bearer token this key is.
    pub fn secret(&self) -> &Secret {
        &self.0
    }

    /// What may be shown of a key: `qk_abc...xyz`, as the stack shows it.
    /// Short keys show nothing beyond the prefix.
    pub fn fingerprint(&self) -> String {
        let body = &self.0.expose()[Self::PREFIX.len()..];
        if body.len() < 12 {
            return format!("{}...", Self::PREFIX);
        }
        let (start, end) = (&body[..3], &body[body.len() - 3..]);
        format!("{}{start}...{end}", Self::PREFIX)
    }
}

/// Whether a word has letters of both cases and digits: of 22 that are drawn, one in
/// fifty has not.
fn is_drawn(word: &str) -> bool {
    let has = |is: fn(&u8) -> bool| word.bytes().any(|byte| is(&byte));
    has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit)
}

impl FromStr for ApiKeySecret {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let text = text.trim();
        let body = text.strip_prefix(Self::PREFIX);
        let body = body.ok_or(NameError::ApiKeyPrefix)?;
        // RFC 6750 has `~` as well, which a shell may take for a home.
        let legal = |b: u8| b.is_ascii_alphanumeric() || b"-._+/".contains(&b);
        let body = body.trim_end_matches('=');
        let is_token = !body.is_empty() && body.bytes().all(legal);
        if !is_token || text.len() > Self::MAX_BYTES {
            return Err(NameError::ApiKeyCharacters);
        }
        Ok(Self(Secret::new(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keys_are_trimmed_and_fingerprinted() {
        let key: ApiKeySecret = " qk_abcdefghijklmnop\n".parse().unwrap();
        assert_eq!(key.secret().expose(), "qk_abcdefghijklmnop");
        assert_eq!(key.fingerprint(), "qk_abc...nop");
        assert_eq!(
            "qk_short".parse::<ApiKeySecret>().unwrap().fingerprint(),
            "qk_..."
        );
    }

    #[test]
    fn other_texts_are_no_keys() {
        for bad in ["", "QK_abc", "abc"] {
            assert_eq!(bad.parse::<ApiKeySecret>(), Err(NameError::ApiKeyPrefix));
        }
        for bad in [
            "qk_", "qk_a b", "qk_a\nb", "qk_\u{0}", "qk_é", "qk_=", "qk_a=b",
        ] {
            assert_eq!(
                bad.parse::<ApiKeySecret>(),
                Err(NameError::ApiKeyCharacters)
            );
        }
    }

    #[test]
    fn no_key_means_anything_to_a_shell() {
        for real in ["qk_Ab1-_", "qk_aGVsbG8/+w==", "qk_a.b.c"] {
            assert!(real.parse::<ApiKeySecret>().is_ok(), "{real}");
        }
        for hostile in "'\"`\\$;&|<>(){}[]*?!#~^:,@%".chars() {
            for bad in [
                format!("qk_{hostile}a"),
                format!("qk_a{hostile}"),
                format!("qk_a{hostile}b"),
            ] {
                let parsed = bad.parse::<ApiKeySecret>();
                assert_eq!(parsed, Err(NameError::ApiKeyCharacters), "{bad}");
            }
        }
    }

    #[test]
    fn keys_are_found_within_other_words_and_names_are_none() {
        let key = "qk_Ab1-_canary90123456";
        for text in [
            key.to_owned(),
            "qk_short\n".to_owned(),
            "Bearer qk_Ab1cd/efghcanary".to_owned(),
            r#"{"k":"qk_Ab1+cdcanary0123"}"#.to_owned(),
            "x=qk_Ab1.cdcanary012345".to_owned(),
            format!("Bearer {key}"),
            format!(r#"{{"k":"x\n{key}"}}"#),
            format!("a\\t{key}"),
            format!("http://user%3A{key}@proxy"),
            format!("x{key}"),
            "token=eyJhbGciOiJIUzI1NiJ9.e30.x".to_owned(),
        ] {
            assert!(ApiKeySecret::is_within(&text), "{text}");
        }
        for text in ["/opt/qk_tools/bin:/usr/bin", "a qk_ b", "keyJar", ""] {
            assert!(!ApiKeySecret::is_within(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,100}") {
            if let Ok(key) = text.parse::<ApiKeySecret>() {
                key.fingerprint();
            }
        }
    }
}
