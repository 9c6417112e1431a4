//! Connections to the listeners.

use std::sync::Arc;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::sync::Notify;

use super::Labels;

/// Connections by listener: accepted, open, and made to go.
#[derive(Clone, Debug, Default)]
pub struct Connections {
    accepted: Family<Labels<1>, Counter>,
    open: Family<Labels<1>, Gauge>,
    evicted: Family<Labels<2>, Counter>,
    activity: Arc<Notify>,
}

impl Connections {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let connections = Self::default();
        registry.register(
            "connections_accepted",
            "Connections that got a slot, by listener",
            connections.accepted.clone(),
        );
        registry.register(
            "connections_open",
            "Connections that hold a slot, by listener",
            connections.open.clone(),
        );
        registry.register(
            "connections_evicted",
            "Connections that had to make room, by listener and reason: they asked nothing \
             (quiet), kept the daemon waiting (stalled), had too many requests under way at \
             once (excess), took long to be answered (late), were ended with an answer (last), or were \
             too many of those that wait for a slot (surplus)",
            connections.evicted.clone(),
        );
        connections
    }

    /// Told when something was asked, or whoever asked is gone.
    pub fn activity(&self) -> &Arc<Notify> {
        &self.activity
    }

    /// What the listener of this name fills.
    pub fn of(&self, listener: &'static str) -> ConnectionMeter {
        ConnectionMeter {
            connections: self.clone(),
            listener,
        }
    }
}

/// Counts for one listener. The default counts for nobody.
#[derive(Clone, Debug, Default)]
pub struct ConnectionMeter {
    connections: Connections,
    listener: &'static str,
}

impl ConnectionMeter {
    /// A connection got a slot.
    pub fn opened(&self) {
        let on = [("listener", self.listener)];
        self.connections.accepted.get_or_create(&on).inc();
        self.connections.open.get_or_create(&on).inc();
    }

    /// It is gone.
    pub fn closed(&self) {
        let on = [("listener", self.listener)];
        self.connections.open.get_or_create(&on).dec();
        self.connections.activity.notify_one();
    }

    /// One was made to go.
    pub fn evicted(&self, reason: &'static str) {
        let evicted = [("listener", self.listener), ("reason", reason)];
        self.connections.evicted.get_or_create(&evicted).inc();
    }
}
