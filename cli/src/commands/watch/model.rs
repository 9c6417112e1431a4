//! What is on the screen.

use std::collections::BTreeMap;

use quilt_proto::wire::{AuditEntry, CatalogStatus, Status};
use quilt_proto::{CatalogUrl, Timestamp};

use super::event_feed::Update;

/// What is known, and what is marked.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) status: Option<Status>,
    pub(super) asked: Vec<AuditEntry>,
    pub(super) is_away: bool,
    pub(super) filter: String,
    /// Whether keys go into the filter.
    pub(super) is_filtering: bool,
    marked: usize,
    /// The longest each was seen to last, by which bars are measured.
    spans: BTreeMap<(CatalogUrl, String), i64>,
}

impl Model {
    /// Takes up what the daemon says.
    pub(super) fn hear(&mut self, news: Update, now: Timestamp) {
        match news {
            Update::Status(status) => {
                self.is_away = false;
                for catalog in &status.catalogs {
                    for held in &catalog.credentials {
                        let Some(end) = held.expires_at else { continue };
                        let left = end.seconds_since(now);
                        let key = (catalog.catalog_url.clone(), held.profile.to_string());
                        let span = self.spans.entry(key).or_default();
                        // A bar that fills again may be of another length.
                        *span = left.max(*span);
                    }
                }
                self.status = Some(*status);
            }
            Update::Asked(mut entries) => {
                entries.reverse();
                self.asked = entries;
            }
            Update::Away => self.is_away = true,
        }
        self.mark(0);
    }

    /// The catalogs that the filter lets through.
    pub(super) fn catalogs(&self) -> Vec<&CatalogStatus> {
        let all = self.status.iter().flat_map(|status| &status.catalogs);
        all.filter(|catalog| {
            let user = catalog.user.as_ref().map(|user| user.name.as_str());
            let profiles = catalog.credentials.iter().map(|held| held.profile.as_str());
            self.lets_through(
                [catalog.catalog_url.as_str()]
                    .into_iter()
                    .chain(user)
                    .chain(catalog.alias.as_deref())
                    .chain(profiles),
            )
        })
        .collect()
    }

    /// Whether one of these texts has the filter's in it.
    pub(super) fn lets_through<'a>(&self, texts: impl IntoIterator<Item = &'a str>) -> bool {
        let wanted = self.filter.to_lowercase();
        wanted.is_empty()
            || texts
                .into_iter()
                .any(|text| text.to_lowercase().contains(&wanted))
    }

    /// Moves the mark.
    pub(super) fn mark(&mut self, by: isize) {
        let last = self.catalogs().len().saturating_sub(1);
        self.marked = self.marked.saturating_add_signed(by).min(last);
    }

    /// The catalog that is marked.
    pub(super) fn marked(&self) -> Option<CatalogUrl> {
        let catalogs = self.catalogs();
        catalogs
            .get(self.marked)
            .map(|catalog| catalog.catalog_url.clone())
    }

    /// How much is left of what it was at the longest, from 0 to 1.
    pub(super) fn share(&self, catalog: &CatalogUrl, profile: &str, left: i64) -> f64 {
        let key = (catalog.clone(), profile.to_owned());
        let span = self.spans.get(&key).copied().unwrap_or(1).max(1);
        let percent = left.clamp(0, span).saturating_mul(1000) / span;
        f64::from(i32::try_from(percent).unwrap_or(1000)) / 1000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::status::view::tests::status;
    use crate::look::tests::at;

    #[test]
    fn bars_run_down_and_fill_again() {
        let mut model = Model::default();
        model.hear(Update::Status(Box::new(status())), at(0));
        let demo = model.marked().unwrap();
        assert!((model.share(&demo, "default", 47 * 60) - 1.0).abs() < 0.01);
        assert!(model.share(&demo, "default", 23 * 60) < 0.5);
        assert!(model.share(&demo, "default", -5) < 0.01);
    }

    #[test]
    fn the_mark_stays_on_what_is_shown() {
        let mut model = Model::default();
        assert_eq!(model.marked(), None);
        model.hear(Update::Status(Box::new(status())), at(0));
        model.mark(99);
        assert_eq!(
            model.marked().unwrap().as_str(),
            "https://key.quilt.example"
        );
        model.filter = "LAB".to_owned();
        model.mark(0);
        assert_eq!(
            model.marked().unwrap().as_str(),
            "https://lab.quilt.example"
        );
        model.filter = "nothing like it".to_owned();
        model.mark(-1);
        assert_eq!(model.marked(), None);
    }
}
