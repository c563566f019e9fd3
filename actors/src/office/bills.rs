//! Taking a bill: what must be read for comparing it, and what is written of the result.
//!
//! Differences come first and the bill's own entry last, so that a bill which broke off half-way is
//! compared again, and finds what it found before under the same names.

use std::collections::{BTreeMap, HashMap};

use actix::prelude::*;
use rust_decimal::Decimal;

use super::{ENTRIES_MAX, Office, OfficeDeps, difference, within};
use crate::{
    domain::{
        day::Day,
        ids::AcquirerId,
        office::{
            difference::{BY_QUERY, Difference, DifferenceState, difference_id},
            entry::{self, BillRead, Entry},
            fee::{Pricer, Rounded, Volumes},
            movement::Movement,
            reconcile::{Ours, Reconciled, match_by_query, orders_to_look_up, reconcile},
        },
        payment::State,
    },
    office::requests::{OfficeRefused, TakeAnswers, TakeBill},
};

/// Entries written in one append.
const WRITTEN_AT_ONCE: usize = 50;

/// A bill of more days is of another kind.
const BILL_DAYS_MAX: i64 = 366;

impl Handler<TakeBill> for Office {
    type Result = ResponseFuture<Result<BillRead, OfficeRefused>>;

    fn handle(&mut self, take: TakeBill, _: &mut Context<Self>) -> Self::Result {
        self.in_turn(move |deps| deps.take_bill(take))
    }
}

impl Handler<TakeAnswers> for Office {
    type Result = ResponseFuture<Result<usize, OfficeRefused>>;

    fn handle(&mut self, take: TakeAnswers, _: &mut Context<Self>) -> Self::Result {
        self.in_turn(move |deps| deps.take_answers(take))
    }
}

impl OfficeDeps {
    /// Compared with what is on record now: a refund may have come while they were asked for.
    async fn take_answers(self, take: TakeAnswers) -> Result<usize, OfficeRefused> {
        let today = Day::of(self.clock.now(), self.settings.offset_minutes);
        let movements = self.movements(today.plus(-1), today).await?;
        let compared = match_by_query(&movements, &take.answers);
        let source = Source {
            acquirer: &take.acquirer,
            id: BY_QUERY,
            name: BY_QUERY,
        };
        let entries = self.entries_of(source, compared).await?;
        let is_new =
            |entry: &&Entry| matches!(entry, Entry::Difference(one) if one.steps.len() == 1);
        let news = entries.iter().filter(is_new).count();
        for some in entries.chunks(WRITTEN_AT_ONCE) {
            self.write(some.to_vec()).await?;
        }
        Ok(news)
    }

    async fn take_bill(self, take: TakeBill) -> Result<BillRead, OfficeRefused> {
        let key = format!("{}{}", entry::BILLS, take.sha256);
        let known = within(self.disk.entries(&key, 1)).await?;
        if let Some(Entry::Bill(known)) = known.into_iter().next() {
            return Ok(known);
        }
        let offset_minutes = self.settings.offset_minutes;
        let named = take.named_day.map(|day| (day, day));
        let days = take.bill.days.or(named);
        let (from, until) = days
            .or_else(|| take.bill.period(offset_minutes))
            .filter(|(from, until)| (0..BILL_DAYS_MAX).contains(&until.days_since(*from)))
            .ok_or(OfficeRefused::BillOfNoDay)?;
        let compared = self.compare(&take, (from, until)).await?;
        let read = BillRead {
            sha256: take.sha256.clone(),
            name: take.name.chars().take(128).collect(),
            acquirer: take.acquirer.clone(),
            from,
            until,
            read_at: self.clock.now(),
            lines: count(take.bill.lines.len()),
            bad_lines: count(take.bill.bad.len()),
            matched: count(compared.matched.len()),
            differences: count(compared.differences.len()),
        };
        let source = Source {
            acquirer: &take.acquirer,
            id: &take.sha256,
            name: &take.name,
        };
        let mut entries = self.entries_of(source, compared).await?;
        entries.push(Entry::Bill(read.clone()));
        for some in entries.chunks(WRITTEN_AT_ONCE) {
            self.write(some.to_vec()).await?;
        }
        Ok(read)
    }

    async fn compare(
        &self,
        take: &TakeBill,
        (from, until): (Day, Day),
    ) -> Result<Reconciled, OfficeRefused> {
        let mut movements = self.movements(from.plus(-1), until.next()).await?;
        movements.retain(|one| one.acquirer.as_ref() == Some(&take.acquirer));
        let mut states: BTreeMap<String, State> = BTreeMap::new();
        for order in orders_to_look_up(&take.bill, &movements) {
            let Some(payment) = within(self.disk.payment(order)).await? else {
                continue;
            };
            if payment.acquirer.as_ref() != Some(&take.acquirer) {
                continue;
            }
            states.insert(order.to_string(), payment.state);
            // settled on another day: a refund of an old payment brings the payment with it
            movements.extend(Movement::all_of(&payment, self.settings.offset_minutes));
        }
        let fees = self.fees_of(&movements);
        let ours = Ours {
            movements: &movements,
            fees: &fees,
            states: &states,
            offset_minutes: self.settings.offset_minutes,
            cut_off_ms: self.settings.cut_off_ms,
        };
        Ok(reconcile(&take.bill, (from, until), ours))
    }

    /// What the table says of each; nothing where it depends on the month's volume, or is rounded
    /// by period: the acquirer's own rounding of a line says nothing then.
    fn fees_of(&self, movements: &[Movement]) -> BTreeMap<[u8; 16], Decimal> {
        let table = &*self.settings.fees;
        let mut pricer = Pricer::new(table, None, Volumes::new());
        let priced = movements.iter().filter_map(|one| {
            let priced = pricer.price(one)?;
            let rule = table.rules.get(priced.rule)?;
            let is_certain = rule.tiers.is_empty() && rule.rounded == Rounded::Transaction;
            is_certain.then_some((one.id(), priced.fee))
        });
        priced.collect()
    }

    /// What is new among the differences, and which of the known ones the bill explains.
    async fn entries_of(
        &self,
        source: Source<'_>,
        compared: Reconciled,
    ) -> Result<Vec<Entry>, OfficeRefused> {
        let known = within(self.disk.entries(entry::DIFFERENCES, ENTRIES_MAX)).await?;
        let known = known.into_iter().filter_map(difference);
        let mut known: HashMap<String, Difference> =
            known.map(|one| (one.id.clone(), one)).collect();
        let now = self.clock.now();
        let mut entries = Vec::new();
        let mut explain = |id: &str, known: &mut HashMap<String, Difference>| {
            let open = known
                .get_mut(id)
                .filter(|one| one.state != DifferenceState::Settled);
            if let Some(open) = open
                && let Ok(settled) = open.explained(source.name, now)
            {
                *open = settled.clone();
                entries.push(Entry::Difference(settled));
            }
        };
        for (order, part) in &compared.matched {
            let id = difference_id(source.acquirer, order, part.as_deref());
            explain(&id, &mut known);
        }
        let mut news = Vec::new();
        for found in compared.differences {
            let id = found.id(source.acquirer);
            if known.contains_key(&id) {
                if found.explained {
                    explain(&id, &mut known);
                }
                continue;
            }
            let owner = &self.settings.owner;
            let new = Difference::new(found, source.acquirer, source.id, owner, now);
            known.insert(id, new.clone());
            news.push(Entry::Difference(new));
        }
        entries.extend(news);
        Ok(entries)
    }
}

/// Whose word differences are found by.
#[derive(Clone, Copy)]
struct Source<'a> {
    acquirer: &'a AcquirerId,
    /// As the difference keeps it.
    id: &'a str,
    /// As a person reads it.
    name: &'a str,
}

fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
