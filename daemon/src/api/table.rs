//! Routes that can be told: axum's router does not say what it holds.

use std::sync::Arc;

use axum::Router;
use axum::routing::MethodRouter;

use crate::app::App;

/// Routes, and their paths in order.
#[derive(Debug, Default)]
pub(super) struct Routes {
    pub(super) router: Router<Arc<App>>,
    #[cfg(test)]
    pub(super) paths: Vec<String>,
}

impl Routes {
    pub(super) fn route(mut self, path: &str, methods: MethodRouter<Arc<App>>) -> Self {
        #[cfg(test)]
        self.paths.push(path.to_owned());
        self.router = self.router.route(path, methods);
        self
    }
}
