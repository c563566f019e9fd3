//! What the head office has set for its stores, published where stores find it: retained, so that a
//! store that comes later finds it too.

use std::collections::BTreeMap;

use store_actors::{
    domain::timestamp::Timestamp,
    wire::uplink::{Channel, ConfigMessage, StoreRef},
};
use tracing::info;

use super::Ingest;
use crate::head_office::{database::DatabaseFailed, link::Link};

/// What this connection has published, by when it was set.
pub(super) type Published = BTreeMap<StoreRef, Timestamp>;

impl Ingest {
    /// Publishes what is new since the connection began; all of it at its beginning.
    pub(super) async fn publish_settings(
        &self,
        link: &Link,
        published: &mut Published,
    ) -> Result<(), DatabaseFailed> {
        let budgets = self.database.offline_budgets(&self.options.chain);
        for budget in self.within(budgets).await? {
            if published.get(&budget.store) == Some(&budget.set_at) {
                continue;
            }
            let message = ConfigMessage {
                store: budget.store.store.clone(),
                at: budget.set_at,
                offline: Some(budget.total),
            };
            let topic = budget.store.topic(Channel::Config);
            if link.publish_retained(topic, message.encode()).is_ok() {
                let (sum, count) = (budget.total.sum, budget.total.count);
                info!(store = %budget.store, %sum, count, "the offline budget is published");
                published.insert(budget.store, budget.set_at);
            }
        }
        Ok(())
    }
}
