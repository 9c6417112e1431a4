//! The terminal: taken for a while, and given back as it was, however it ends.

use std::io::{self, BufRead};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use crossterm::event::{self, Event, KeyEventKind};
use crossterm::execute;
use crossterm::terminal::{Clear, ClearType};
use quilt_client::blocking::Client;
use ratatui::DefaultTerminal;
use ratatui::layout::Rect;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};

use super::TIMEOUT;
use super::event_feed::{Update, listen};
use super::keys::{Step, press};
use super::model::Model;
use super::view::draw;
use crate::commands::{doctor, login};
use crate::context::Context;
use crate::exit::{self, Failure};
use crate::output;

/// How soon a key, a change or a signal is seen.
const PAUSE: Duration = Duration::from_millis(100);
/// How often times on the screen move on.
const TICK: Duration = Duration::from_secs(1);
/// What a shell adds to a signal that ended a program.
const SIGNALED: usize = 128;

/// Shows it until somebody leaves.
pub(super) fn run(context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    // A daemon is started here, by the rules of every command, or it is said
    // why not; the screen only waits for one.
    let limited = client.clone().with_timeout(TIMEOUT);
    context.started(&limited, Client::probe)?;
    let signal = signals().map_err(|error| broken(&error))?;
    let news = listen(client);
    std::thread::spawn(end_with_terminal);
    let mut model = Model::default();
    loop {
        let mut terminal = ratatui::try_init().map_err(|error| broken(&error))?;
        let step = show(context, &mut terminal, &mut model, &news, &signal);
        ratatui::restore();
        let meant = || match model.marked() {
            Some(catalog) => context.of_catalog(catalog.as_str()),
            None => context.clone(),
        };
        let next = match step.map_err(|error| broken(&error))? {
            Step::Quit | Step::Stay => Step::Quit,
            Step::LogIn => step_aside(&signal, || login::interactively(&meant())),
            Step::Doctor => step_aside(&signal, || doctor::briefly(&meant())),
        };
        if next == Step::Quit {
            break;
        }
    }
    match signal.load(Ordering::SeqCst) {
        0 => Ok(()),
        number => {
            let code = u8::try_from(SIGNALED + number).unwrap_or(exit::UNEXPECTED);
            Err(Failure::quiet(code))
        }
    }
}

/// One stretch on the screen, until something else is to be done.
fn show(
    context: &Context,
    terminal: &mut DefaultTerminal,
    model: &mut Model,
    news: &Receiver<Update>,
    signal: &AtomicUsize,
) -> io::Result<Step> {
    // Where there is no other screen, what a shell has left is there.
    execute!(io::stdout(), Clear(ClearType::All))?;
    let mut drawn: Option<Instant> = None;
    loop {
        if signal.load(Ordering::SeqCst) != 0 {
            return Ok(Step::Quit);
        }
        let mut look = context.look();
        let mut changed = drawn.is_none_or(|drawn| drawn.elapsed() >= TICK);
        loop {
            match news.try_recv() {
                Ok(said) => {
                    model.hear(said, look.now);
                    changed = true;
                }
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return Ok(Step::Quit),
            }
        }
        if changed {
            look.width = None;
            if let Some(status) = &model.status {
                look = look.naming(&status.catalogs);
            }
            terminal.draw(|frame| draw(frame, model, &look))?;
            drawn = Some(Instant::now());
        }
        if event::poll(PAUSE)? {
            match event::read()? {
                Event::Key(key) if key.kind != KeyEventKind::Release => match press(model, key) {
                    Step::Stay => drawn = None,
                    step => return Ok(step),
                },
                // All of it: a terminal that became narrow and wide again
                // between two looks has dropped what did not fit.
                Event::Resize(columns, rows) => {
                    terminal.resize(Rect::new(0, 0, columns, rows))?;
                    drawn = None;
                }
                _ => {}
            }
        }
    }
}

/// Ends this program with its terminal: whoever reads from one that is gone
/// reads for ever, and has nobody to complain to.
fn end_with_terminal() {
    let stdin = io::stdin();
    loop {
        let mut polled = [PollFd::new(&stdin, PollFlags::empty())];
        let result = poll(&mut polled, None);
        let gone = PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
        if result.is_ok() && polled[0].revents().intersects(gone) {
            let hang_up = usize::try_from(SIGHUP).unwrap_or_default();
            std::process::exit(i32::try_from(SIGNALED + hang_up).unwrap_or(1));
        }
    }
}

/// Does something on the terminal as it is otherwise, then waits for the user
/// to go back, or to leave.
fn step_aside(signal: &AtomicUsize, task: impl FnOnce() -> Result<(), Failure>) -> Step {
    if let Err(failure) = task()
        && !failure.what().is_empty()
    {
        output::note(&failure);
    }
    output::note("");
    output::note("Enter goes back to the view, Ctrl-C leaves.");
    let stdin = io::stdin();
    let pause = Timespec::try_from(PAUSE).ok();
    while signal.load(Ordering::SeqCst) == 0 {
        let mut polled = [PollFd::new(&stdin, PollFlags::IN)];
        if poll(&mut polled, pause.as_ref()).is_ok_and(|ready| ready > 0) {
            let mut line = String::new();
            // Where nothing can be read, there is nothing to wait for.
            let _ = stdin.lock().read_line(&mut line);
            return if line.trim() == "q" {
                Step::Quit
            } else {
                Step::Stay
            };
        }
    }
    Step::Quit
}

/// Which signal asked to end, once one has.
fn signals() -> io::Result<Arc<AtomicUsize>> {
    let last = Arc::new(AtomicUsize::new(0));
    for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM] {
        let number = usize::try_from(signal).unwrap_or_default();
        signal_hook::flag::register_usize(signal, Arc::clone(&last), number)?;
    }
    Ok(last)
}

fn broken(error: &io::Error) -> Failure {
    let what = format!("the terminal cannot be used: {error}");
    Failure::new(exit::UNEXPECTED, what).hint("quiltctl watch --json")
}
