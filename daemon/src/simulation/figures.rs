//! What was simulated, in figures.

use std::time::Duration;

use parking_lot::Mutex;

/// Counts over one seed, or many.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Figures {
    pub(super) answers: u64,
    pub(super) vends: u64,
    pub(super) requests: u64,
    pub(super) crashes: u64,
    pub(super) virtual_time: Duration,
}

/// Where the figures of the last run are kept.
const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reliability.md");

impl Figures {
    pub(super) fn add(&mut self, other: &Self) {
        self.answers += other.answers;
        self.vends += other.vends;
        self.requests += other.requests;
        self.crashes += other.crashes;
        self.virtual_time += other.virtual_time;
    }

    pub(super) fn line(&self, seeds: u64, took: Duration) -> String {
        format!(
            "{seeds} seeds: {} answers judged, {} of them AWS credentials; {} requests to stacks \
             and AWS; {} crashes; {} h of virtual time in {} s",
            self.answers,
            self.vends,
            self.requests,
            self.crashes,
            self.virtual_time.as_secs() / 3600,
            took.as_secs()
        )
    }
}

/// Tells a figure, and writes it into the document where that is asked for.
pub(super) fn tell(name: &str, line: &str) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    println!("{line}");
    if std::env::var_os("QUILT_BLESS").is_none() {
        return;
    }
    let _turn = ONE_AT_A_TIME.lock();
    let text = std::fs::read_to_string(DOCUMENT).unwrap();
    let mark = format!("<!-- {name} -->");
    let mut lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().position(|line| *line == mark).unwrap();
    lines[at + 1] = line;
    std::fs::write(DOCUMENT, lines.join("\n") + "\n").unwrap();
}
