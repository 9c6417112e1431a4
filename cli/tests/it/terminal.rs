//! A terminal of our own, with a program in it, and what it shows.

use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Termios, Winsize, tcgetattr, tcsetwinsize};

/// How long a screen may take on a busy machine.
const TIMEOUT: Duration = Duration::from_mins(1);
/// How long to wait for what a key does before it is pressed again.
const AGAIN: Duration = Duration::from_secs(5);

pub(crate) struct Terminal {
    master: OwnedFd,
    slave: OwnedFd,
    /// How it was before the program began.
    before: Termios,
    screen: Arc<Mutex<vt100::Parser>>,
    pub(crate) child: Child,
    reader: Option<JoinHandle<()>>,
    is_gone: Arc<AtomicBool>,
}

impl Terminal {
    /// Runs a program in a terminal of this size, as its leader.
    pub(crate) fn run(command: &mut Command, rows: u16, columns: u16) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        // It is gone once it is closed here.
        rustix::io::fcntl_setfd(&master, rustix::io::FdFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let open = || -> OwnedFd {
            let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY;
            rustix::fs::open(name.as_c_str(), flags, rustix::fs::Mode::empty()).unwrap()
        };
        let slave = open();
        tcsetwinsize(&slave, size(rows, columns)).unwrap();
        let before = tcgetattr(&slave).unwrap();
        // `setsid` makes the terminal the program's own, with signals from keys.
        let mut leader = Command::new("setsid");
        leader
            .args(["--ctty", "--wait"])
            .arg(command.get_program())
            .args(command.get_args())
            .env_clear()
            .envs(
                command
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .env("TERM", "xterm-256color")
            .stdin(Stdio::from(open()))
            .stdout(Stdio::from(open()))
            .stderr(Stdio::from(open()))
            .process_group(0);
        if let Some(dir) = command.get_current_dir() {
            leader.current_dir(dir);
        }
        let child = leader.spawn().unwrap();
        let screen = Arc::new(Mutex::new(vt100::Parser::new(rows, columns, 1000)));
        let shown = Arc::clone(&screen);
        let mut reader = std::fs::File::from(master.try_clone().unwrap());
        let is_gone = Arc::<AtomicBool>::default();
        let stop = Arc::clone(&is_gone);
        let reader = thread::spawn(move || {
            let mut bytes = [0; 4096];
            while !stop.load(Ordering::SeqCst) {
                let mut polled = [PollFd::new(&reader, PollFlags::IN)];
                let pause = Timespec::try_from(Duration::from_millis(50)).unwrap();
                if matches!(poll(&mut polled, Some(&pause)), Ok(0)) {
                    continue;
                }
                match reader.read(&mut bytes) {
                    Ok(count @ 1..) => shown.lock().unwrap().process(&bytes[..count]),
                    _ => break,
                }
            }
        });
        Self {
            master,
            slave,
            before,
            screen,
            child,
            reader: Some(reader),
            is_gone,
        }
    }

    /// Closes it, as a window that is closed does.
    pub(crate) fn hang_up(&mut self) {
        self.is_gone.store(true, Ordering::SeqCst);
        self.reader.take().unwrap().join().unwrap();
        let nothing = std::fs::File::open("/dev/null").unwrap();
        self.master = nothing.try_clone().unwrap().into();
        self.slave = nothing.into();
    }

    pub(crate) fn text(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    /// The lines of the screen as they stand, and whole those that the terminal
    /// broke. All of what a program that has ended wrote is there.
    pub(crate) fn lines(&mut self) -> (String, Vec<String>) {
        // The reader ends with what it reads from.
        let nothing = std::fs::File::open("/dev/null").unwrap();
        self.slave = nothing.into();
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        let parser = self.screen.lock().unwrap();
        let screen = parser.screen();
        let (mut broken, mut whole, mut shown) = (Vec::new(), String::new(), String::new());
        let columns = screen.size().1;
        for (row, text) in (0_u16..).zip(screen.rows(0, columns)) {
            shown.push_str(text.trim_end());
            shown.push('\n');
            let is_broken = screen.row_wrapped(row);
            let goes_on = !whole.is_empty() || is_broken;
            if goes_on {
                whole.push_str(&text);
            }
            if goes_on && !is_broken {
                broken.push(std::mem::take(&mut whole));
            }
        }
        (shown.trim_end().to_owned(), broken)
    }

    /// Whether the program has the screen for itself.
    pub(crate) fn is_full_screen(&self) -> bool {
        self.screen.lock().unwrap().screen().alternate_screen()
    }

    pub(crate) fn has_cursor(&self) -> bool {
        !self.screen.lock().unwrap().screen().hide_cursor()
    }

    /// Whether keys do again what they did before the program began.
    pub(crate) fn has_mode_of_before(&self) -> bool {
        let now = tcgetattr(&self.slave).unwrap();
        now.local_modes == self.before.local_modes && now.input_modes == self.before.input_modes
    }

    pub(crate) fn write(&self, keys: &str) {
        let mut writer = std::fs::File::from(self.master.try_clone().unwrap());
        writer.write_all(keys.as_bytes()).unwrap();
    }

    pub(crate) fn resize(&self, rows: u16, columns: u16) {
        self.screen
            .lock()
            .unwrap()
            .screen_mut()
            .set_size(rows, columns);
        tcsetwinsize(&self.master, size(rows, columns)).unwrap();
    }

    /// Waits until the screen is as it should be.
    #[track_caller]
    pub(crate) fn wait(&self, what: &str, mut is_so: impl FnMut(&Self) -> bool) {
        let end = Instant::now() + TIMEOUT;
        while !is_so(self) {
            assert!(Instant::now() < end, "not {what}:\n{}", self.text());
            thread::sleep(Duration::from_millis(20));
        }
    }

    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) {
        self.wait(text, |terminal| terminal.text().contains(text));
    }

    /// Presses a key until the screen has this: who completes gives up where the
    /// answer takes longer than anybody would wait, as on a busy machine.
    #[track_caller]
    pub(crate) fn press_until(&self, key: &str, text: &str) {
        let mut pressed: Option<Instant> = None;
        self.wait(text, |terminal| {
            if pressed.is_none_or(|at| at.elapsed() >= AGAIN) {
                terminal.write(key);
                pressed = Some(Instant::now());
            }
            terminal.text().contains(text)
        });
    }

    /// The exit code, once the program has ended.
    pub(crate) fn end(&mut self) -> i32 {
        let end = Instant::now() + TIMEOUT;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            assert!(Instant::now() < end, "it does not end:\n{}", self.text());
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn size(rows: u16, columns: u16) -> Winsize {
    Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}
