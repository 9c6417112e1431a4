//! The settings in force, taken up from the file whenever it changes.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard, RwLock};
use quilt_proto::suggested_command::clause;
use quilt_proto::{Command, quoted};
use quilt_trust::{Access, Distrust, Role};

use super::copy_for_restart::LastGood;
use super::{Settings, SettingsError};
use crate::files::Stamp;

pub(super) const MAX_BYTES: u64 = quilt_network::Settings::MAX_BYTES;

/// Reads `quiltd.toml` again whenever somebody asks and it has changed: a
/// `stat` each time costs less than watching, and misses nothing.
#[derive(Debug)]
pub struct SettingsFile {
    path: PathBuf,
    last_good: Option<LastGood>,
    state: Mutex<State>,
    /// What a look at the file may be enough for; nothing where it is not.
    known: RwLock<Option<(Stamp, Arc<Settings>)>>,
}

/// A settings file that is not in force.
#[derive(Clone, Debug)]
pub struct BrokenSettings {
    /// What is wrong with it, and where.
    pub why: String,
    /// The command that mends it.
    pub remedy: Command,
}

#[derive(Debug, Default)]
struct State {
    seen: Option<Stamp>,
    settings: Arc<Settings>,
    problem: Option<SettingsError>,
}

impl SettingsFile {
    /// Nothing is read before it is asked for.
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            last_good: None,
            state: Mutex::default(),
            known: RwLock::default(),
        }
    }

    /// Keeps what is in force in a state directory, and takes that up where what
    /// is in the file cannot be.
    #[must_use]
    pub fn with_state_dir(self, dir: &Path) -> Self {
        Self {
            last_good: Some(LastGood::of(&self.path, dir)),
            ..self
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The settings in force.
    pub fn current(&self) -> Arc<Settings> {
        let (stamp, young) = self.stamp();
        let known = self.known.read();
        match &*known {
            Some((of, settings)) if *of == stamp && !young => return Arc::clone(settings),
            _ => drop(known),
        }
        Arc::clone(&self.look().settings)
    }

    /// Why what is in the file is not in force.
    pub fn problem(&self) -> Option<String> {
        let state = self.look();
        state.problem.as_ref().map(|error| self.complain(error))
    }

    /// That what is in the file is not in force, and what mends it.
    pub fn broken(&self) -> Option<BrokenSettings> {
        let why = self.problem()?;
        let remedy = self.remedy().unwrap_or_else(|| {
            let path = std::path::absolute(&self.path);
            Command::edit(path.as_deref().unwrap_or(&self.path))
        });
        Some(BrokenSettings { why, remedy })
    }

    /// The command that mends why it is not in force, where that is not to
    /// edit it.
    pub fn remedy(&self) -> Option<Command> {
        match &self.look().problem {
            Some(SettingsError::Distrusted(distrust)) => Some(distrust.remedy()),
            _ => None,
        }
    }

    fn complain(&self, error: &SettingsError) -> String {
        format!(
            "{}: {}; the settings from before stay in force until it is mended",
            quoted::path(&self.path),
            clause(error)
        )
    }

    fn look(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock();
        let (stamp, young) = self.stamp();
        // What is wrong may be a directory above it, which the file's own stamp
        // says nothing of.
        let is_distrusted = matches!(state.problem, Some(SettingsError::Distrusted(_)));
        if state.seen == Some(stamp) && !young && !is_distrusted {
            return state;
        }
        let before = state.problem.take();
        let is_first = state.seen.is_none();
        match self.read() {
            Ok((settings, text)) if settings != *state.settings => {
                tracing::info!(path = %self.path.display(), "settings taken up");
                state.settings = Arc::new(settings);
                self.keep(&text);
            }
            // Also when there are none any more.
            Ok((_, text)) if is_first => self.keep(&text),
            Ok(_) => {}
            Err(error) => {
                // What others may have written is no slip of the user's.
                let is_slip = !matches!(error, SettingsError::Distrusted(_));
                let kept = self.last_good.as_ref().filter(|_| is_first && is_slip);
                if let Some(settings) = kept.and_then(LastGood::load) {
                    tracing::info!("the settings from before are in force");
                    state.settings = Arc::new(settings);
                }
                if before.as_ref() != Some(&error) {
                    tracing::warn!("{}", self.complain(&error));
                }
                state.problem = Some(error);
            }
        }
        state.seen = Some(stamp);
        let is_distrusted = matches!(state.problem, Some(SettingsError::Distrusted(_)));
        let known = (!young && !is_distrusted).then(|| (stamp, Arc::clone(&state.settings)));
        *self.known.write() = known;
        state
    }

    fn stamp(&self) -> (Stamp, bool) {
        let found = fs::metadata(&self.path);
        let stamp = found.map_or(Stamp::MISSING, |found| Stamp::from(&found));
        (stamp, stamp.is_young())
    }

    fn keep(&self, text: &str) {
        if let Some(last_good) = &self.last_good {
            last_good.keep(text);
        }
    }

    /// What is in the file, and its text.
    fn read(&self) -> Result<(Settings, String), SettingsError> {
        let file = match quilt_trust::open(&self.path, Role::Shared, Access::Read) {
            Ok(Some(file)) => file,
            Ok(None) => return Ok((Settings::default(), String::new())),
            // Whoever writes it decides where credentials are sent.
            Err(distrust) if distrust.is_about_others() => {
                return Err(SettingsError::Distrusted(distrust));
            }
            Err(distrust @ Distrust::Kind { .. }) => {
                return Err(SettingsError::Distrusted(distrust));
            }
            Err(error) => return Err(SettingsError::File(error.to_string())),
        };
        let mut bytes = Vec::new();
        file.take(MAX_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| SettingsError::File(format!("cannot be read: {error}")))?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(SettingsError::File("is not a settings file".to_owned()));
        }
        let text = str::from_utf8(&bytes).map_err(|error| SettingsError::Line {
            line: super::error::line(&bytes[..error.valid_up_to()]),
            what: "not UTF-8".to_owned(),
        })?;
        Ok((Settings::parse(text)?, text.to_owned()))
    }
}
