//! Payments looked for over any stretch of time, however many there are.
//!
//! By reference and by an unsettled state the journal has an index, and without a filter it reads
//! the newest. Otherwise the payments are looked through, and one that is rare may be a million
//! away: so they are looked through in slices of time, from the newest on, until a page is full or
//! patience ends. Then it says how far it has looked, and goes on from there.

use std::time::Duration;

use store_actors::{
    domain::{ids::PaymentId, payment::Payment, timestamp::Timestamp},
    ports::PaymentFilter,
    store::requests::FindPayments,
};
use tokio::time::Instant;

use super::{Shared, problem::Problem};

/// The first slice, milliseconds; the next ones are as long as a slice may take its time.
const SLICE_MS: i64 = 3_600_000;
const SLICE_MIN_MS: i64 = 60_000;
const SLICE_MAX_MS: i64 = 90 * 86_400_000;
/// A slice that took less is followed by a longer one, one that took more by a shorter one.
const QUICK: Duration = Duration::from_millis(3);
const SLOW: Duration = Duration::from_millis(10);

/// What was found, and whether there may be more.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Newest first.
    pub payments: Vec<Payment>,
    /// Give it as `before` to go on; `None` at the end.
    pub goes_on: Option<PaymentId>,
    /// Where patience ended.
    pub looked_back_to: Option<Timestamp>,
}

/// A page of at most `filter.limit` payments, or what was found of it in time.
///
/// # Errors
/// The journal can't be read.
pub(super) async fn look(
    shared: &Shared,
    filter: &PaymentFilter,
    patience: Duration,
) -> Result<Found, Problem> {
    let find = |filter| (shared.parts.store.find)(FindPayments(filter));
    let has_index = filter.reference.is_some()
        || filter.state.is_some_and(|state| !state.is_final())
        || (filter.state.is_none() && filter.counter.is_none());
    if has_index {
        let payments = find(filter.clone()).await?;
        let last = payments
            .last()
            .filter(|_| payments.len() >= filter.page_len());
        return Ok(Found {
            goes_on: last.map(|last| last.id),
            payments,
            looked_back_to: None,
        });
    }
    let begun = Instant::now();
    let mut slice_ms = SLICE_MS;
    let mut found = Found::default();
    let newest_before = |before| PaymentFilter {
        limit: 1,
        since: filter.since,
        before,
        ..PaymentFilter::default()
    };
    let after = |payment: &Payment| PaymentId::first_at(payment.id.made_at().plus_ms(1));
    let mut before = match filter.before {
        Some(before) => before,
        None => match find(newest_before(None)).await?.first() {
            Some(newest) => after(newest),
            None => return Ok(found),
        },
    };
    loop {
        let slice = Slice::of(filter, before, slice_ms);
        let began = Instant::now();
        let mut here = find(PaymentFilter {
            limit: filter.page_len() - found.payments.len(),
            since: slice.since,
            before: Some(before),
            ..filter.clone()
        })
        .await?;
        let took = began.elapsed();
        here.retain(|payment| slice.is_last || payment.id >= slice.first);
        let is_empty = here.is_empty();
        found.payments.extend(here);
        if found.payments.len() >= filter.page_len() {
            found.goes_on = found.payments.last().map(|last| last.id);
            return Ok(found);
        }
        if slice.is_last {
            return Ok(found);
        }
        before = slice.first;
        slice_ms = match took {
            took if took < QUICK => (slice_ms * 4).min(SLICE_MAX_MS),
            took if took > SLOW => (slice_ms / 2).max(SLICE_MIN_MS),
            _ => slice_ms,
        };
        if is_empty {
            // over a time without any payment in one leap
            let older = find(newest_before(Some(before))).await?;
            let Some(older) = older.first() else {
                return Ok(found);
            };
            before = after(older);
        }
        if begun.elapsed() > patience {
            found.goes_on = Some(before);
            found.looked_back_to = Some(before.made_at());
            return Ok(found);
        }
    }
}

/// The next stretch of time that is looked through.
struct Slice {
    since: Option<Timestamp>,
    /// What was made before this is the next one's.
    first: PaymentId,
    /// Down to where the search ends.
    is_last: bool,
}

impl Slice {
    fn of(filter: &PaymentFilter, before: PaymentId, slice_ms: i64) -> Self {
        let newest = before.made_at().unix_ms();
        let since = Timestamp::from_unix_ms((newest - slice_ms).max(0));
        let is_last = filter.since.is_some_and(|end| since <= end) || since.unix_ms() == 0;
        Self {
            since: if is_last { filter.since } else { Some(since) },
            first: PaymentId::first_at(since),
            is_last,
        }
    }
}
