//! What stores say about themselves: the last report wins, the last will only says that the store
//! is gone.

use std::collections::BTreeMap;

use sqlx::AnyConnection;
use store_actors::{
    domain::timestamp::Timestamp,
    wire::uplink::{StatusMessage, StoreRef},
};

use super::{
    Database, DatabaseFailed, big,
    store_row::{self, LockedStore},
};

impl Database {
    /// Keeps what stores say about themselves. Gives those that were told of less than is held, and
    /// how much that is: with it a store goes on at once, and sends nothing twice.
    pub async fn keep_statuses(
        &self,
        statuses: &BTreeMap<StoreRef, StatusMessage>,
        now: Timestamp,
    ) -> Result<BTreeMap<StoreRef, u64>, DatabaseFailed> {
        let mut held = BTreeMap::new();
        let mut transaction = self.begin().await?;
        for (store, status) in statuses {
            store_row::known(&mut transaction, store, now).await?;
            let row = LockedStore::lock(&mut transaction, self.dialect, store).await?;
            keep(&mut transaction, row.id, status).await?;
            let told = status.report.as_ref().map(|report| report.receipted);
            if told.is_some_and(|told| told < row.mark.seq) {
                held.insert(store.clone(), row.mark.seq);
            }
        }
        transaction.commit().await?;
        Ok(held)
    }
}

async fn keep(
    connection: &mut AnyConnection,
    store_id: i64,
    status: &StatusMessage,
) -> Result<(), sqlx::Error> {
    let online = i64::from(status.online);
    let Some(report) = &status.report else {
        sqlx::query("UPDATE store SET online = $1 WHERE id = $2")
            .bind(online)
            .bind(store_id)
            .execute(connection)
            .await?;
        return Ok(());
    };
    // a report that was overtaken by a later one, through another worker, changes nothing
    sqlx::query(
        "UPDATE store SET online = $1, status = $2, status_at = $3, reported_seq = $4 \
         WHERE id = $5 AND (status_at IS NULL OR status_at <= $3)",
    )
    .bind(online)
    .bind(serde_json::to_string(report).unwrap_or_default())
    .bind(report.at.unix_ms())
    .bind(big(report.last_seq))
    .bind(store_id)
    .execute(connection)
    .await?;
    Ok(())
}
