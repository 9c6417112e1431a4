//! Looking for secrets where none may be: in bytes, and in the memory of a
//! process.

use std::collections::HashMap;
use std::fmt::Display;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::toolchain::not_run;

/// The length of the parts of a secret that are looked for.
const WINDOW: usize = 16;

/// Of a secret longer than this every eighth part does: a run of 23 bytes has
/// one.
const LONG: usize = 128;

/// Bytes that a part is first told by.
const START: usize = 3;

/// Secrets, cut into parts of 16 bytes, as they are and as programs write
/// them.
#[derive(Debug)]
pub struct Canaries {
    /// Each part, with the number of the secret it is of.
    parts: HashMap<[u8; WINDOW], usize>,
    /// Most places are ruled out by their first bytes.
    starts: Vec<bool>,
}

/// A place with a part of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The number of the secret, in the order they were given in.
    pub secret: usize,
    /// Where it is.
    pub address: u64,
    /// The line of /proc/PID/maps that it is in.
    pub mapping: String,
}

impl Canaries {
    /// Looks for these as they are and in base64. Secrets that are shorter than
    /// a part are not found.
    pub fn of<S: AsRef<str>>(secrets: impl IntoIterator<Item = S>) -> Self {
        Self::in_forms(secrets, forms)
    }

    /// Looks for these also in percent-encoding, as JSON strings, in hex, and
    /// as lists of bytes.
    pub fn in_every_form<S: AsRef<str>>(secrets: impl IntoIterator<Item = S>) -> Self {
        Self::in_forms(secrets, every_form)
    }

    fn in_forms<S: AsRef<str>>(
        secrets: impl IntoIterator<Item = S>,
        forms: fn(&str) -> Vec<Vec<u8>>,
    ) -> Self {
        let mut canaries = Self {
            parts: HashMap::new(),
            starts: vec![false; 1 << (8 * START)],
        };
        for (number, secret) in secrets.into_iter().enumerate() {
            let step = if secret.as_ref().len() > LONG { 8 } else { 1 };
            for form in forms(secret.as_ref()) {
                for part in form.windows(WINDOW).step_by(step) {
                    let part = <[u8; WINDOW]>::try_from(part).expect("a window's length");
                    canaries.parts.entry(part).or_insert(number);
                }
            }
        }
        for part in canaries.parts.keys() {
            canaries.starts[start(part)] = true;
        }
        canaries
    }

    /// The same without the parts that these have as well.
    #[must_use]
    pub fn except<S: AsRef<str>>(mut self, allowed: impl IntoIterator<Item = S>) -> Self {
        for allowed in allowed {
            for form in every_form(allowed.as_ref()) {
                for part in form.windows(WINDOW) {
                    self.parts.remove(part);
                }
            }
        }
        self
    }

    /// Whether there is anything to look for.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Every place in some bytes.
    pub fn within(&self, bytes: &[u8]) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        let mut at = 0;
        while at + WINDOW <= bytes.len() {
            if self.starts[start(&bytes[at..])]
                && let Some(secret) = self.parts.get(&bytes[at..at + WINDOW])
            {
                found.push((at, *secret));
            }
            at += 1;
        }
        found
    }

    /// Every place in the memory of a process that could have been written to.
    /// What is mapped from a file and was never writable is left out.
    ///
    /// # Panics
    /// When it cannot be read: see [`can_look`].
    pub fn in_memory(&self, pid: i32) -> Vec<Sighting> {
        let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("a process that runs");
        let memory = File::open(format!("/proc/{pid}/mem")).expect("a process one may look into");
        let mut found = Vec::new();
        let mut seen = 0;
        for line in maps.lines() {
            let Some((start, length)) = writable(line) else {
                continue;
            };
            let mut bytes = vec![0; length];
            let Ok(length) = memory.read_at(&mut bytes, start) else {
                continue;
            };
            seen += length;
            let sightings = self.within(&bytes[..length]);
            found.extend(sightings.into_iter().map(|(at, secret)| Sighting {
                secret,
                address: start + at as u64,
                mapping: line.to_owned(),
            }));
        }
        assert!(seen > 1 << 20, "there is memory to look at: {seen} bytes");
        found
    }
}

/// Whether the tests may read the memory of a process that forbids it, trace
/// it, or see its environment; says loudly that `what` was not run where they may
/// not. It takes root.
///
/// # Panics
/// Where that is no excuse (`QUILT_TESTS_REQUIRE=all`).
pub fn can_look(what: &str) -> bool {
    let may = cfg!(target_os = "linux") && rustix::process::geteuid().is_root();
    if !may {
        not_run(what, "root alone may look into a process that forbids it");
    }
    may
}

/// What the system shows of how a process was started: its command line, and its
/// environment where the tests may look.
///
/// # Panics
/// When there is no such process.
pub fn shown_of_start(pid: impl Display) -> Vec<(&'static str, Vec<u8>)> {
    let is_seen = can_look("a look at the daemon's environment");
    let files = ["cmdline", "environ"].into_iter();
    files
        .filter(|file| *file == "cmdline" || is_seen)
        .map(|file| {
            let bytes = fs::read(format!("/proc/{pid}/{file}"));
            (file, bytes.expect("a process that runs"))
        })
        .collect()
}

/// Start and length of a mapping of /proc/PID/maps that secrets can be in.
fn writable(line: &str) -> Option<(u64, usize)> {
    let mut fields = line.split_whitespace();
    let (range, rights) = (fields.next()?, fields.next()?);
    let is_file = line.contains(" /");
    let special = line.ends_with("[vvar]") || line.contains("[vsyscall]");
    if !rights.starts_with('r') || special || is_file && !rights.contains('w') {
        return None;
    }
    let (start, end) = range.split_once('-')?;
    let start = u64::from_str_radix(start, 16).ok()?;
    let end = u64::from_str_radix(end, 16).ok()?;
    Some((start, usize::try_from(end - start).ok()?))
}

fn start(bytes: &[u8]) -> usize {
    usize::from(bytes[0]) | usize::from(bytes[1]) << 8 | usize::from(bytes[2]) << 16
}

/// The ways a secret is in memory.
fn forms(secret: &str) -> Vec<Vec<u8>> {
    let bytes = secret.as_bytes();
    let mut forms = vec![bytes.to_vec()];
    // Base64 has three alignments; its first and last group hold neighbours.
    for skip in 0..3.min(bytes.len()) {
        for engine in [&STANDARD, &URL_SAFE] {
            let text = engine.encode(&bytes[skip..]);
            let whole = text.trim_end_matches('=').len() / 4 * 4;
            forms.push(text.as_bytes()[..whole].to_vec());
        }
    }
    forms
}

/// All the ways a secret may be written.
fn every_form(secret: &str) -> Vec<Vec<u8>> {
    let bytes = secret.as_bytes();
    let mut forms = forms(secret);
    let percent = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
    forms.push(percent.to_ascii_lowercase().into_bytes());
    forms.push(percent.into_bytes());
    let json = serde_json::to_string(secret).unwrap_or_default();
    forms.push(json.trim_matches('"').as_bytes().to_vec());
    forms.push(format!("{secret:?}").trim_matches('"').as_bytes().to_vec());
    let hex = |byte: &u8| format!("{byte:02x}");
    let hex: String = bytes.iter().map(hex).collect();
    forms.push(hex.to_ascii_uppercase().into_bytes());
    forms.push(hex.into_bytes());
    // Six bytes or more in a row, as `Debug` shows them.
    let list: Vec<_> = bytes.iter().map(u8::to_string).collect();
    forms.push(list.join(", ").into_bytes());
    forms.sort();
    forms.dedup();
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "s3cr3t/With+signs=and\"quotes\\and%more&0123456789";

    #[test]
    fn every_form_is_found_at_every_alignment() {
        let canaries = Canaries::in_every_form(["another secret altogether", SECRET]);
        for before in 0..4 {
            let padded = format!("{}{SECRET} and more", "x".repeat(before));
            let hex = |text: &str| {
                let hex: Vec<_> = text.bytes().map(|byte| format!("{byte:02x}")).collect();
                hex.concat()
            };
            for form in [
                padded.clone(),
                STANDARD.encode(&padded),
                URL_SAFE.encode(&padded),
                utf8_percent_encode(&padded, NON_ALPHANUMERIC).to_string(),
                serde_json::to_string(&padded).unwrap(),
                format!("{padded:?}"),
                format!("{:?}", padded.as_bytes()),
                hex(&padded),
                hex(&padded).to_uppercase(),
            ] {
                let found = canaries.within(form.as_bytes());
                assert!(!found.is_empty(), "{form}");
                assert!(found.iter().all(|(_, secret)| *secret == 1), "{form}");
            }
        }
        assert_eq!(canaries.within(b"nothing of the kind is in here"), []);
        assert_eq!(canaries.within(b""), []);
    }

    #[test]
    fn what_is_allowed_is_not_looked_for() {
        let shared = "a beginning that both have: ";
        let (old, new) = (format!("{shared}old-0123456789"), format!("{shared}new"));
        let canaries = Canaries::of([&old]).except([&new]);
        assert_eq!(canaries.within(new.as_bytes()), []);
        assert!(!canaries.within(old.as_bytes()).is_empty());
        assert!(Canaries::of([&old]).except([&old]).is_empty());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn memory_of_ones_own_is_looked_through() {
        let pid = i32::try_from(std::process::id()).unwrap();
        // Put together here, so that it is in no file.
        let kept: String = SECRET.chars().rev().collect();
        let canaries = Canaries::of([&kept]);
        assert!(!canaries.in_memory(pid).is_empty());
    }
}
