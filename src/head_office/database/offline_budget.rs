//! What stores may accept while no acquirer can be reached, as somebody set it here.

use store_actors::{
    domain::{
        ids::ChainId,
        money::{Currency, Money},
        offline::OfflineTotal,
        timestamp::Timestamp,
    },
    wire::uplink::StoreRef,
};

use super::{Database, DatabaseFailed, big, unsigned};

/// One store's budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfflineBudget {
    pub store: StoreRef,
    pub total: OfflineTotal,
    pub set_at: Timestamp,
}

impl Database {
    /// Sets it; false if no such store has reported here.
    pub async fn set_offline_budget(
        &self,
        store: &StoreRef,
        total: OfflineTotal,
        now: Timestamp,
    ) -> Result<bool, DatabaseFailed> {
        let Some((id, _)) = self.store_id(store).await? else {
            return Ok(false);
        };
        sqlx::query(
            "INSERT INTO offline_budget (store_id, currency, minor_units, payments, set_at) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (store_id) DO UPDATE SET \
             currency = excluded.currency, minor_units = excluded.minor_units, \
             payments = excluded.payments, set_at = excluded.set_at",
        )
        .bind(id)
        .bind(total.sum.currency().alpha())
        .bind(big(total.sum.minor_units()))
        .bind(i64::from(total.count))
        .bind(now.unix_ms())
        .execute(&self.pool)
        .await?;
        Ok(true)
    }

    /// All that are set in the chain.
    pub async fn offline_budgets(
        &self,
        chain: &ChainId,
    ) -> Result<Vec<OfflineBudget>, DatabaseFailed> {
        let rows: Vec<(String, String, i64, i64, i64)> = sqlx::query_as(
            "SELECT store, currency, minor_units, payments, set_at FROM offline_budget \
             JOIN store ON store.id = store_id WHERE chain = $1 ORDER BY store",
        )
        .bind(chain.as_str())
        .fetch_all(&self.pool)
        .await?;
        // a row that this program did not write is no budget
        let budget = |(store, currency, units, payments, at): (String, String, i64, i64, i64)| {
            let currency: Currency = currency.parse().ok()?;
            Some(OfflineBudget {
                store: StoreRef {
                    chain: chain.clone(),
                    store: store.parse().ok()?,
                },
                total: OfflineTotal {
                    sum: Money::from_minor_units(unsigned(units), currency).ok()?,
                    count: u32::try_from(payments).ok()?,
                },
                set_at: Timestamp::from_unix_ms(at),
            })
        };
        Ok(rows.into_iter().filter_map(budget).collect())
    }
}
