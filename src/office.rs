//! Statements and fees, off the store's thread: days are added up once and kept.
//!
//! A day's sums hold as long as the journal's mark of the day is the same, so a month is as many
//! small reads as it has days. Rates by the month's volume need the days before: then a statement
//! begins to add up at the first of the month. Nothing here is written or decided; what is decided
//! is the office's (`store_actors::office`).

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rust_decimal::Decimal;
use store_actors::{
    domain::{
        day::Day,
        office::{
            fee::{FeeTable, Pricer, Volumes},
            movement::Movement,
            statement::{AllVolumes, DaySums},
        },
        payment::Payment,
    },
    ports::{JournalDisk, JournalFailed},
};
use tokio::task::spawn_blocking;

/// Between two days that are added up ahead: payments go first.
const WARM_PAUSE: Duration = Duration::from_millis(100);

/// Days whose sums are kept.
const DAYS_MAX: usize = 800;

/// Adds up days, and remembers them.
pub struct Ledger {
    disk: Arc<dyn JournalDisk>,
    table: Arc<FeeTable>,
    offset_minutes: i32,
    kept: Mutex<BTreeMap<Day, Kept>>,
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ledger({} rules)", self.table.rules.len())
    }
}

#[derive(Clone)]
struct Kept {
    mark: u64,
    /// Volumes of the month before the day, and after it.
    before: AllVolumes,
    after: AllVolumes,
    sums: Arc<DaySums>,
}

/// What a payment costs, with its refunds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Costs {
    pub rule: String,
    pub fee: Decimal,
    /// Paid less refunded less the fee.
    pub net: Decimal,
}

impl Ledger {
    pub fn new(disk: Arc<dyn JournalDisk>, table: Arc<FeeTable>, offset_minutes: i32) -> Self {
        Self {
            disk,
            table,
            offset_minutes,
            kept: Mutex::default(),
        }
    }

    pub fn table(&self) -> &FeeTable {
        &self.table
    }

    pub fn day_of(&self, at: store_actors::domain::timestamp::Timestamp) -> Day {
        Day::of(at, self.offset_minutes)
    }

    /// The days from `from` to `until`, both included.
    ///
    /// # Errors
    /// The journal can't be read.
    pub async fn days(
        &self,
        from: Day,
        until: Day,
    ) -> Result<Vec<(Day, Arc<DaySums>)>, JournalFailed> {
        let begin = if self.table.has_tiers() {
            from.month_begin()
        } else {
            from
        };
        let mut days = Vec::new();
        let mut volumes = AllVolumes::new();
        for nth in 0..=until.days_since(begin) {
            let day = begin.plus(nth);
            if day == day.month_begin() {
                volumes.clear();
            }
            let kept = self.day(day, volumes).await?;
            volumes = kept.after;
            if day >= from {
                days.push((day, kept.sums));
            }
        }
        Ok(days)
    }

    /// Adds up last month and this one before anybody asks, day by day, so that the first to open a
    /// statement does not wait for it.
    pub async fn warm(&self, today: Day) {
        let first = today.month_begin().plus(-1).month_begin();
        for nth in 0..=today.days_since(first) {
            let day = first.plus(nth);
            if let Err(failed) = self.days(day, day).await {
                tracing::warn!(%day, %failed, "a day can't be added up ahead");
                return;
            }
            tokio::time::sleep(WARM_PAUSE).await;
        }
    }

    async fn day(&self, day: Day, before: AllVolumes) -> Result<Kept, JournalFailed> {
        let kept = self
            .lock()
            .get(&day)
            .filter(|kept| kept.before == before)
            .cloned();
        let known = kept.as_ref().map(|kept| kept.mark);
        let read = self.disk.movements(day, known).await?;
        let Some(mut read) = read else {
            return kept
                .ok_or_else(|| JournalFailed::Unreadable(format!("{day} came without lines")));
        };
        let table = Arc::clone(&self.table);
        let adding = spawn_blocking(move || {
            let mut volumes = before.clone();
            let sums = DaySums::of(&mut read.movements, &table, &mut volumes);
            Kept {
                mark: read.mark,
                before,
                after: volumes,
                sums: Arc::new(sums),
            }
        });
        let kept = adding
            .await
            .map_err(|died| JournalFailed::Unreadable(died.to_string()))?;
        let mut all = self.lock();
        all.insert(day, kept.clone());
        if all.len() > DAYS_MAX {
            all.pop_first();
        }
        Ok(kept)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Day, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None`: it moved no money, or no rule prices it.
    ///
    /// # Errors
    /// The journal can't be read: only where rates depend on the month's volume.
    pub async fn costs(&self, payment: &Payment) -> Result<Option<Costs>, JournalFailed> {
        let movements = Movement::all_of(payment, self.offset_minutes);
        let Some(paid) = movements.first() else {
            return Ok(None);
        };
        let volumes = match self.table.has_tiers() {
            true => self.volumes_before(paid).await?,
            false => Volumes::new(),
        };
        let mut pricer = Pricer::new(&self.table, None, volumes);
        let (mut fee, mut net, mut rule) = (Decimal::ZERO, Decimal::ZERO, None);
        for movement in &movements {
            net = net.saturating_add(movement.signed());
            let Some(priced) = pricer.price(movement) else {
                return Ok(None);
            };
            fee = fee.saturating_add(priced.fee);
            rule = rule.or(Some(priced.rule));
        }
        let rule = rule.and_then(|rule| self.table.rules.get(rule));
        Ok(rule.map(|rule| Costs {
            rule: rule.name.clone(),
            fee,
            net: net - fee,
        }))
    }

    /// What each rule priced in the month before this payment.
    async fn volumes_before(&self, paid: &Movement) -> Result<Volumes, JournalFailed> {
        let first = paid.day.month_begin();
        let mut volumes = AllVolumes::new();
        for nth in 0..paid.day.days_since(first) {
            volumes = self.day(first.plus(nth), volumes).await?.after;
        }
        let read = self.disk.movements(paid.day, None).await?;
        let mut movements = read.map(|read| read.movements).unwrap_or_default();
        movements.sort_by_key(|movement| (movement.at, movement.id()));
        let real = volumes.remove(&None).unwrap_or_default();
        let mut pricer = Pricer::new(&self.table, None, real);
        for movement in movements.iter().take_while(|one| one.id() != paid.id()) {
            pricer.price(movement);
        }
        Ok(pricer.volumes)
    }
}
