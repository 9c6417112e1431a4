//! The log on standard error, in which lines that say the same are merged: one
//! program that asks in a loop must not fill a disk.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// For how long a line that was just written is only counted; twice as long each
/// further time, while it goes on.
const FIRST_PAUSE: Duration = Duration::from_mins(1);

/// The longest such while.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// Lines that differ in numbers and ids alone are written this often within
/// [`FIRST_PAUSE`], and counted beyond.
const ALIKE: u32 = 30;

/// How many different lines are told apart; what comes on top is taken for
/// alike.
const MOST: usize = 512;

/// Writes lines, each the first time. What is logged at DEBUG and below was
/// asked for, and is written as it comes.
#[derive(Debug)]
pub struct RepeatFilter<W> {
    to: W,
    lines: Mutex<Lines>,
}

#[derive(Debug, Default)]
struct Lines {
    by_text: HashMap<u64, Seen>,
    hashes: RandomState,
}

#[derive(Debug)]
struct Seen {
    since: Instant,
    pause: Duration,
    /// How often it was written, and how often only counted, since then.
    written: u32,
    counted: u32,
    most: u32,
    last: Vec<u8>,
}

impl<W: Fn() -> T, T: Write> RepeatFilter<W> {
    /// To what this opens for each line.
    pub fn new(to: W) -> Self {
        Self {
            to,
            lines: Mutex::default(),
        }
    }

    fn line(&self, line: &[u8], now: Instant) -> io::Result<()> {
        let mut lines = self.lines.lock();
        let mut out = lines.overdue(now);
        if lines.is_new(line, now) {
            out.extend_from_slice(line);
        }
        drop(lines);
        (self.to)().write_all(&out)
    }
}

impl Lines {
    /// Whether a line is to be written: it and those like it were not just now.
    fn is_new(&mut self, line: &[u8], now: Instant) -> bool {
        let text = without_time(line);
        self.counts(b"=", text, line, 1, now)
            && self.counts(b"~", &without_numbers(text), line, ALIKE, now)
    }

    fn counts(&mut self, kind: &[u8], text: &[u8], line: &[u8], most: u32, now: Instant) -> bool {
        let mut key = self.hashes.hash_one((kind, text));
        if !self.by_text.contains_key(&key) && self.by_text.len() >= MOST {
            if most == 1 {
                // Whether it is like others is what counts.
                return true;
            }
            key = self.hashes.hash_one((b"*", ""));
        }
        let seen = self.by_text.entry(key).or_insert_with(|| Seen {
            since: now,
            pause: FIRST_PAUSE,
            written: 0,
            counted: 0,
            most,
            last: Vec::new(),
        });
        if seen.written < seen.most {
            seen.written += 1;
            return true;
        }
        seen.counted = seen.counted.saturating_add(1);
        line.clone_into(&mut seen.last);
        false
    }

    /// What was only counted for long enough, with how often; and forgets what
    /// did not come again.
    fn overdue(&mut self, now: Instant) -> Vec<u8> {
        let mut out = Vec::new();
        self.by_text.retain(|_, seen| {
            if now.duration_since(seen.since) < seen.pause {
                return true;
            }
            if seen.counted == 0 {
                return false;
            }
            let last = String::from_utf8_lossy(&seen.last);
            let mut said = String::new();
            // Writing to a String cannot fail.
            let _ = writeln!(said, "{} ({} times more)", last.trim_end(), seen.counted);
            out.extend_from_slice(said.as_bytes());
            seen.since = now;
            seen.pause = (seen.pause * 2).min(LONGEST_PAUSE);
            seen.counted = 0;
            // What goes on and on is only counted from now on.
            seen.written = seen.most;
            true
        });
        out
    }
}

/// A line's text: it begins with its time.
fn without_time(line: &[u8]) -> &[u8] {
    let end = line.iter().position(|byte| *byte == b' ').unwrap_or(0);
    line.get(end..).unwrap_or_default()
}

/// A line's text without the words that hold digits: numbers, ids, times.
fn without_numbers(text: &[u8]) -> Vec<u8> {
    let words = text.split(|byte| !byte.is_ascii_alphanumeric());
    let words = words.filter(|word| !word.iter().any(u8::is_ascii_digit));
    words.collect::<Vec<_>>().join(&b' ')
}

/// One line on its way.
#[derive(Debug)]
pub struct Line<'a, W> {
    log: &'a RepeatFilter<W>,
    is_merged: bool,
}

impl<W: Fn() -> T, T: Write> Write for Line<'_, W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.is_merged {
            self.log.line(line, Instant::now())?;
        } else {
            (self.log.to)().write_all(line)?;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a, W: Fn() -> T + 'a, T: Write> MakeWriter<'a> for RepeatFilter<W> {
    type Writer = Line<'a, W>;

    fn make_writer(&'a self) -> Line<'a, W> {
        Line {
            log: self,
            is_merged: true,
        }
    }

    fn make_writer_for(&'a self, about: &Metadata<'_>) -> Line<'a, W> {
        Line {
            log: self,
            is_merged: *about.level() <= Level::INFO,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Kept {
        fn lines(&self) -> Vec<String> {
            let text = String::from_utf8(self.0.lock().clone()).unwrap();
            text.lines().map(str::to_owned).collect()
        }
    }

    #[test]
    fn a_line_that_comes_for_a_day_is_written_a_few_times_with_how_often() {
        let kept = Kept::default();
        let log = RepeatFilter::new(|| kept.clone());
        let begun = Instant::now();
        for second in 0..24 * 3600 {
            let now = begun + Duration::from_secs(second);
            let line = format!("2026-11-26T00:00:{second}Z  WARN refused, as before\n");
            log.line(line.as_bytes(), now).unwrap();
        }
        let lines = kept.lines();
        assert!((10..40).contains(&lines.len()), "{}", lines.len());
        assert!(lines[0].ends_with("WARN refused, as before"), "{lines:?}");
        assert!(lines[1].ends_with("before (59 times more)"), "{lines:?}");
        let counted = lines[1..].iter().map(|line| {
            let (_, times) = line.rsplit_once('(').unwrap();
            times.split(' ').next().unwrap().parse::<u64>().unwrap()
        });
        assert!(counted.sum::<u64>() > 23 * 3600, "none is lost");
    }

    #[test]
    fn lines_that_differ_are_all_written_and_numbers_make_a_difference_for_a_while() {
        let kept = Kept::default();
        let log = RepeatFilter::new(|| kept.clone());
        let now = Instant::now();
        for name in ["a", "b", "c"] {
            log.line(format!("T {name}\n").as_bytes(), now).unwrap();
        }
        assert_eq!(kept.lines(), ["T a", "T b", "T c"]);
        for number in 0..1000 {
            log.line(format!("T port {number}\n").as_bytes(), now)
                .unwrap();
        }
        assert_eq!(kept.lines().len(), 3 + 30);
        let later = now + Duration::from_secs(61);
        log.line(b"T a\n", later).unwrap();
        let lines = kept.lines();
        assert_eq!(lines[33], "T port 999 (970 times more)");
        assert_eq!(lines[34], "T a", "after a while it is news again");
        assert_eq!(lines.len(), 35);
    }

    #[test]
    fn a_program_that_comes_a_thousand_times_with_new_ids_fills_no_disk() {
        let kept = Kept::default();
        let log = RepeatFilter::new(|| kept.clone());
        let begun = Instant::now();
        for number in 0..100_000_u32 {
            let id = number.wrapping_mul(0x9e37_79b9);
            let now = begun + Duration::from_secs(number.into()) / 100;
            for what in ["issued", "ended"] {
                let line = format!("T grant {what} id=\"{id:08x}\"\n");
                log.line(line.as_bytes(), now).unwrap();
            }
        }
        assert!(kept.lines().len() < 400, "{}", kept.lines().len());
        let later = begun + Duration::from_secs(1000);
        log.line(b"T something else\n", later).unwrap();
        assert!(kept.lines().iter().any(|line| line == "T something else"));
    }

    #[test]
    fn whoever_makes_up_ever_new_lines_fills_no_memory_and_no_disk() {
        let kept = Kept::default();
        let log = RepeatFilter::new(|| kept.clone());
        let now = Instant::now();
        for number in 0..10_000_u32 {
            let name: String = number
                .to_string()
                .bytes()
                .map(|it| (it + 20) as char)
                .collect();
            log.line(format!("T {name}\n").as_bytes(), now).unwrap();
        }
        assert!(log.lines.lock().by_text.len() <= MOST + 1);
        assert!(kept.lines().len() < MOST, "{}", kept.lines().len());
    }
}
