//! What may be true of who is logged in. While people log in and out at once,
//! and daemons are killed meanwhile, that is a set.

use std::collections::{BTreeMap, BTreeSet};

use super::stack::{SITES, catalog};

/// How long after the last trouble failures are forgiven, in seconds: nothing
/// is asked about more rarely than that for a login that lives.
pub(super) const FORGIVEN: i64 = 330;

/// A user, or nobody.
pub(super) type Who = Option<&'static str>;

/// Daemons there are at most at a time.
pub(super) const DAEMONS: usize = 2;

/// Something that is to make another one of who is there.
#[derive(Clone, Copy, Debug)]
struct Deed {
    daemon: usize,
    to: Who,
    /// The order of beginnings and ends.
    began: u64,
    /// A logout has ended it.
    is_over: bool,
    /// It failed, and its daemon may still bring it about.
    is_pending: bool,
}

/// What a deed came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    /// Nothing has changed.
    Nothing,
    /// It may have been done.
    Unknown,
    /// It failed, and its daemon may still bring it about: tokens that could not
    /// be stored are, by the next attempt.
    Pending,
}

/// A place where somebody may be: a catalog's login, or a daemon's API key.
#[derive(Clone, Debug)]
pub(super) struct Place {
    settled: BTreeSet<Who>,
    under_way: BTreeMap<u64, Deed>,
    /// Deeds that were done while others were under way, with when they ended.
    done: Vec<(Deed, u64)>,
    /// What those who look now may see.
    looks: BTreeMap<u64, BTreeSet<Who>>,
    events: u64,
    /// How often the stack had refused when this was settled last.
    pub(super) refusals: u64,
}

impl Default for Place {
    fn default() -> Self {
        Self {
            settled: BTreeSet::from([None]),
            under_way: BTreeMap::new(),
            done: Vec::new(),
            looks: BTreeMap::new(),
            events: 0,
            refusals: 0,
        }
    }
}

impl Place {
    fn event(&mut self) -> u64 {
        self.events += 1;
        self.events
    }

    /// What may be there now.
    pub(super) fn now(&self) -> BTreeSet<Who> {
        let under_way = self.under_way.values().filter(|deed| !deed.is_over);
        let mut all = self.settled.clone();
        all.extend(under_way.map(|deed| deed.to));
        all
    }

    /// Who is there, where that is certain and stays so.
    pub(super) fn certain(&self) -> Option<Who> {
        let only = self.settled.first().copied();
        only.filter(|_| self.settled.len() == 1 && self.under_way.is_empty())
    }

    /// Somebody begins to look.
    pub(super) fn look(&mut self) -> u64 {
        let (id, now) = (self.event(), self.now());
        self.looks.insert(id, now);
        id
    }

    /// What somebody who looked may have seen.
    pub(super) fn looked(&mut self, id: u64) -> BTreeSet<Who> {
        self.looks.remove(&id).unwrap_or_default()
    }

    /// A deed begins.
    pub(super) fn begin(&mut self, daemon: usize, to: Who) -> u64 {
        let began = self.event();
        for look in self.looks.values_mut() {
            look.insert(to);
        }
        let deed = Deed {
            daemon,
            to,
            began,
            is_over: false,
            is_pending: false,
        };
        self.under_way.insert(began, deed);
        began
    }

    /// A deed ends; answers whether that can be.
    pub(super) fn end(&mut self, id: u64, outcome: Outcome, refusals: u64) -> bool {
        let ended = self.event();
        let Some(deed) = self.under_way.remove(&id) else {
            return true;
        };
        match outcome {
            Outcome::Nothing => {}
            Outcome::Pending => {
                let is_pending = true;
                self.under_way.insert(id, Deed { is_pending, ..deed });
            }
            Outcome::Unknown if deed.is_over => {}
            Outcome::Unknown => {
                self.settled.insert(deed.to);
            }
            Outcome::Done if deed.is_over => return false,
            Outcome::Done => self.settle(deed, ended, refusals),
        }
        if self.under_way.is_empty() {
            self.done.clear();
        }
        true
    }

    /// A deed is done: what is there is it, or what was done meanwhile.
    fn settle(&mut self, deed: Deed, ended: u64, refusals: u64) {
        // In a daemon, a logout ends what began before it; other daemons know
        // nothing of that.
        let ends = |other: &Deed| {
            deed.to.is_none() && other.daemon == deed.daemon && other.began < deed.began
        };
        let meanwhile = self
            .done
            .iter()
            .filter(|(other, at)| *at > deed.began && !ends(other));
        let meanwhile: Vec<_> = meanwhile.map(|(other, _)| other.to).collect();
        // Whichever of several logins it is, it may be the one that is refused.
        let is_alone = !meanwhile.iter().any(Option::is_some);
        let refusals = if is_alone {
            refusals
        } else {
            refusals.min(self.refusals)
        };
        self.settled = BTreeSet::from([deed.to]);
        self.settled.extend(meanwhile);
        // What is pending gives way to every login there, too.
        let replaces = |other: &Deed| {
            other.is_pending && other.daemon == deed.daemon && other.began < deed.began
        };
        for other in self.under_way.values_mut() {
            other.is_over |= ends(other) && other.to.is_some() || replaces(other);
        }
        self.done.push((deed, ended));
        self.refusals = refusals;
    }

    /// A daemon is killed: what it had under way may have been done. Here, what
    /// was pending may be still, as long as the machine lives: its tasks do.
    pub(super) fn killed(&mut self, daemon: usize) {
        self.may_be_done(|it| it.daemon == daemon && !it.is_pending);
    }

    /// The machine stops, and every task with it.
    pub(super) fn stopped(&mut self) {
        self.may_be_done(|_| true);
    }

    fn may_be_done(&mut self, which: impl Fn(&Deed) -> bool) {
        let all = self.under_way.values().filter(|it| which(it));
        let all: Vec<u64> = all.map(|it| it.began).collect();
        for deed in all {
            self.end(deed, Outcome::Unknown, 0);
        }
    }

    /// Nobody is there for certain.
    pub(super) fn emptied(&mut self) {
        *self = Self {
            events: self.events,
            ..Self::default()
        };
    }
}

/// Whether a right is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Good,
    /// Taken back, which was said to be done.
    Ended,
    /// Somebody tried to, or there is a newer one.
    Unsure,
}

/// A right that a program holds.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) id: String,
    pub(super) token: String,
    pub(super) site: usize,
    pub(super) standing: Standing,
}

/// A version of a role, and from when on nothing older is given.
#[derive(Default)]
pub(super) struct Model {
    pub(super) held: Vec<Held>,
    pub(super) logins: [Place; SITES],
    /// By daemon and site.
    pub(super) keys: [[Place; SITES]; DAEMONS],
    /// The version of a role that nothing may be older than, by the daemon for
    /// whom that holds, site, and user.
    roles: BTreeMap<(usize, usize, &'static str), u64>,
    /// Every version of the settings; the last one is in force.
    pub(super) settings: Vec<Variant>,
}

/// What the settings file says.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Variant {
    pub(super) min_ttl: u64,
    /// The stack that `lake` starts from, and the role that it assumes.
    pub(super) lake: (usize, u64),
    pub(super) has_plain: bool,
}

impl Variant {
    pub(super) fn arn(self) -> String {
        format!("arn:aws:iam::111111111111:role/lake{}", self.lake.1)
    }

    pub(super) fn text(self) -> String {
        let plain = if self.has_plain {
            "[profiles.plain]\nregion = \"eu-west-1\"\n"
        } else {
            ""
        };
        format!(
            "[profiles.default]\nmin_ttl = \"{}m\"\n{plain}\
             [profiles.lake]\nregion = \"eu-west-1\"\ncatalog = \"{}\"\nrole_arn = \"{}\"\n",
            self.min_ttl,
            catalog(self.lake.0),
            self.arn()
        )
    }
}

impl Model {
    /// A right is another matter from now on.
    pub(super) fn stands(&mut self, id: &str, standing: Standing) {
        for held in self.held.iter_mut().filter(|held| held.id == id) {
            held.standing = standing;
        }
    }

    /// Another right to a stack may take the place of those there are.
    pub(super) fn doubt(&mut self, site: usize) {
        let good = |held: &&mut Held| held.site == site && held.standing == Standing::Good;
        for held in self.held.iter_mut().filter(good) {
            held.standing = Standing::Unsure;
        }
    }

    /// Nothing older than this is given from now on.
    pub(super) fn switched(
        &mut self,
        daemon: usize,
        site: usize,
        user: &'static str,
        version: u64,
    ) {
        let least = self.roles.entry((daemon, site, user)).or_default();
        *least = version.max(*least);
    }

    pub(super) fn least_version(&self, daemon: usize, site: usize, user: &'static str) -> u64 {
        self.roles
            .get(&(daemon, site, user))
            .copied()
            .unwrap_or_default()
    }

    pub(super) fn killed(&mut self, daemon: usize) {
        for site in 0..SITES {
            self.logins[site].killed(daemon);
            self.keys[daemon][site].emptied();
            self.roles.retain(|(of, _, _), _| *of != daemon);
        }
    }
}
