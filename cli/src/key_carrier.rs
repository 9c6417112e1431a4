//! API keys over a restart of the daemon: the one that ends offers them, and a
//! quiltd of their own carries them to the one that follows. None of them ever
//! gets here.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use quilt_client::Error;
use quilt_client::blocking::Client;
use quilt_proto::api::{OfferKeys, ReadHealth};
use quilt_proto::wire::{CARRIED, CARRY_KEYS, HANDED_OVER, KeyOffer};
use quilt_proto::{CatalogUrl, Command as Hint, Quoted, quoted};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::{output, programs, start};

/// How long a daemon that is well may take to answer.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(3);
/// How long it may take to offer them: changes that are under way
/// have to come to their end first, at a stack that may take its time.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(28);
/// How long it may take to get them, and after that the next daemon.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The most that it says, in bytes.
const MAX_SAID: u64 = 16 * 1024;

/// A quiltd on its way with the keys of a daemon that ends. It ends by itself
/// once the next daemon has them, or after a minute.
#[derive(Debug)]
pub(crate) struct KeyCarrier {
    catalogs: Vec<CatalogUrl>,
    /// Whether a service manager starts the next daemon by itself.
    pub(crate) comes_again: bool,
    process: Option<(Child, BufReader<std::io::Take<ChildStdout>>)>,
}

impl KeyCarrier {
    /// Has the keys fetched that would be lost with the daemon; says so where
    /// that cannot be done, for they have to be given again then.
    pub(crate) fn send_for(client: &Client) -> Self {
        let mut carrier = Self {
            catalogs: Vec::new(),
            comes_again: false,
            process: None,
        };
        // One that says nothing at all is not waited for that long.
        let asked = client
            .clone()
            .with_timeout(HEALTH_TIMEOUT)
            .send(&ReadHealth);
        let patient = client.clone().with_timeout(ANSWER_TIMEOUT);
        let offer = match asked.and_then(|_| patient.send(&OfferKeys)) {
            Ok(offer) => offer,
            // One that does not answer has nothing to tell, and an older one
            // knows of no successor.
            Err(Error::Problem(problem)) if problem.status == 500 => {
                output::note(format_args!(
                    "warning: API keys are not kept over this: {}",
                    Quoted::new(&problem.detail)
                ));
                return carrier;
            }
            Err(_) => return carrier,
        };
        carrier.comes_again = offer.comes_again;
        let Some(socket) = &offer.socket else {
            return carrier;
        };
        carrier.catalogs.clone_from(&offer.catalogs);
        if let Err(why) = carrier.start(&offer, Path::new(socket)) {
            carrier.warn(&why);
        }
        carrier
    }

    fn start(&mut self, offer: &KeyOffer, socket: &Path) -> Result<(), String> {
        // What the daemon was started from, as it is now; where that is gone,
        // what is started after it.
        let expected = offer.program.as_ref().map(PathBuf::from);
        let expected = expected.filter(|path| path.is_absolute() && path.is_file());
        let program = match expected {
            Some(program) => program,
            None => start::executable().map_err(|failure| failure.apart().0)?,
        };
        // Others may have put it there since.
        programs::check(&program).map_err(|distrust| distrust.to_string())?;
        let mut command = Command::new(&program);
        start::withhold(&mut command);
        let mut child = command
            .arg(CARRY_KEYS)
            .arg(socket)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C in the terminal is not for it.
            .process_group(0)
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", quoted::path(&program)))?;
        let stdout = child.stdout.take().ok_or("it says nothing")?;
        let mut process = (child, BufReader::new(stdout.take(MAX_SAID)));
        if says(&mut process.1, CARRIED) {
            self.process = Some(process);
            return Ok(());
        }
        Err(last_words(process.0))
    }

    /// Waits until the daemon that follows has the keys, and says if it has not.
    pub(crate) fn arrive(mut self) {
        let Some((mut child, mut stdout)) = self.process.take() else {
            return;
        };
        if says(&mut stdout, HANDED_OVER) {
            let _ = child.wait();
            return;
        }
        self.warn(&last_words(child));
    }

    fn warn(&self, why: &str) {
        for catalog in &self.catalogs {
            let hint = Hint::of("quiltctl login --api-key").option("--catalog", catalog);
            let what = format!("warning: the API key for {catalog} was not handed over: {why}");
            output::advise(&what, &hint);
        }
    }
}

/// Whether the next line is this one.
fn says(stdout: &mut BufReader<std::io::Take<ChildStdout>>, wanted: &str) -> bool {
    let deadline = Instant::now() + TIMEOUT;
    let mut line = String::new();
    loop {
        if !stdout.buffer().contains(&b'\n') {
            let left = deadline.saturating_duration_since(Instant::now());
            let left = Timespec::try_from(left).ok();
            let pipe = stdout.get_ref().get_ref();
            match poll(&mut [PollFd::new(pipe, PollFlags::IN)], left.as_ref()) {
                Ok(0) => return false,
                Err(rustix::io::Errno::INTR) => continue,
                _ => {}
            }
        }
        return stdout.read_line(&mut line).is_ok() && line.trim_end() == wanted;
    }
}

/// Ends a program; the last thing it said, as quoted speech.
fn last_words(mut child: Child) -> String {
    let _ = child.kill();
    let mut words = String::new();
    let stderr = child.stderr.take();
    let read = stderr.map(|stderr| stderr.take(MAX_SAID).read_to_string(&mut words));
    let _ = (read, child.wait());
    let line = words.lines().rev().find(|line| !line.trim().is_empty());
    line.map_or_else(
        || "who would carry it said nothing".to_owned(),
        |line| Quoted::new(line).to_string(),
    )
}
