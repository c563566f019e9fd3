//! The office: shifts, the closing of days, and differences with bills, one decision at a time.
//!
//! It reads what was decided before, decides by a pure function of the domain, and is answered when
//! the record of it is on disk. So nothing is numbered twice or left out, whoever asks at the same
//! time. It holds nothing itself: a new incarnation knows as much. Statements are none of its
//! business: they decide nothing, and adding up a month must not stand in a payment's way.

mod bills;
pub mod matching;
pub mod requests;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use actix::prelude::*;
use tokio::{sync::Mutex, time::timeout};

use crate::{
    domain::{
        day::Day,
        ids::CounterId,
        office::{
            books::{Books, Open, ShiftNumber},
            difference::Difference,
            entry::{self, Entry},
            fee::FeeTable,
            movement::Movement,
            shift::{Shift, ShiftRefused, ShiftState},
        },
        record::Body,
        sticker::Sticker,
        timestamp::Timestamp,
    },
    journal::{ANSWER_WITHIN, Append, Journal},
    ports::{ASK_TIMEOUT, JournalDisk, JournalFailed, WallClock},
    supervisor::{Handle, Heartbeat},
};
use requests::{
    CloseDay, CloseShift, GetShift, IssueStickers, MoveCash, MoveDifference, OfficeRefused,
    OpenShift,
};

/// Shifts and differences that are looked through at most.
const ENTRIES_MAX: usize = 100_000;

/// A shift is reported over so many days at most: nobody works for longer.
const SHIFT_DAYS_MAX: i64 = 40;

#[derive(Clone)]
pub struct OfficeDeps {
    pub disk: Arc<dyn JournalDisk>,
    pub journal: Handle<Journal>,
    pub clock: Arc<dyn WallClock>,
    pub settings: OfficeSettings,
}

#[derive(Clone, Debug)]
pub struct OfficeSettings {
    /// From UTC to the clock whose midnight ends the business day.
    pub offset_minutes: i32,
    pub counters: Vec<CounterId>,
    pub fees: Arc<FeeTable>,
    /// Who gets a difference that was just found.
    pub owner: String,
    /// What one side has so close to midnight may be on the other's next day.
    pub cut_off_ms: u64,
}

/// The actor.
pub struct Office {
    deps: OfficeDeps,
    turn: Arc<Mutex<()>>,
}

impl fmt::Debug for Office {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Office({:?})", self.deps.settings)
    }
}

impl Office {
    pub fn new(deps: OfficeDeps) -> Self {
        let turn = Arc::default();
        Self { deps, turn }
    }

    /// Runs `work` when nobody else decides.
    fn in_turn<T: 'static, F>(
        &self,
        work: impl FnOnce(OfficeDeps) -> F + 'static,
    ) -> ResponseFuture<Result<T, OfficeRefused>>
    where
        F: Future<Output = Result<T, OfficeRefused>> + 'static,
    {
        let (deps, turn) = (self.deps.clone(), Arc::clone(&self.turn));
        Box::pin(async move {
            let _turn = turn.lock().await;
            work(deps).await
        })
    }
}

async fn within<T>(
    read: impl Future<Output = Result<T, JournalFailed>>,
) -> Result<T, OfficeRefused> {
    let read = timeout(ASK_TIMEOUT, read).await;
    Ok(read.map_err(|_| JournalFailed::NoAnswer)??)
}

impl OfficeDeps {
    async fn write(&self, entries: Vec<Entry>) -> Result<(), OfficeRefused> {
        let bodies = entries.into_iter().map(|entry| Body::Office {
            office: Box::new(entry),
        });
        let append = Append {
            bodies: bodies.collect(),
        };
        let asked = self.journal.ask(append, ANSWER_WITHIN).await;
        asked.map_err(|failed| OfficeRefused::NoAnswer(format!("the journal ({failed})")))??;
        Ok(())
    }

    /// The counter's latest.
    async fn last_shift(&self, counter: &CounterId) -> Result<Option<Shift>, OfficeRefused> {
        let entries = within(self.disk.entries(&entry::shifts_of(counter), 1)).await?;
        Ok(entries.into_iter().find_map(shift))
    }

    async fn open_shift(&self, counter: &CounterId) -> Result<Shift, OfficeRefused> {
        let last = self.last_shift(counter).await?;
        let open = last.filter(|last| last.state != ShiftState::Closed);
        Ok(open.ok_or(ShiftRefused::NoneOpen)?)
    }

    fn check_counter(&self, counter: &CounterId) -> Result<(), OfficeRefused> {
        match self.settings.counters.contains(counter) {
            true => Ok(()),
            false => Err(OfficeRefused::NoSuchCounter(counter.clone())),
        }
    }

    async fn movements(&self, from: Day, until: Day) -> Result<Vec<Movement>, OfficeRefused> {
        let mut all = Vec::new();
        for nth in 0..=until.days_since(from) {
            let day = within(self.disk.movements(from.plus(nth), None)).await?;
            all.extend(day.into_iter().flat_map(|day| day.movements));
        }
        Ok(all)
    }

    /// All that may count in a shift up to `until`.
    async fn movements_of(
        &self,
        shift: &Shift,
        until: Timestamp,
    ) -> Result<Vec<Movement>, OfficeRefused> {
        let day_of = |at| Day::of(at, self.settings.offset_minutes);
        let last = day_of(until);
        let first = day_of(shift.opened_at).max(last.plus(-SHIFT_DAYS_MAX));
        self.movements(first, last).await
    }

    async fn open_differences(&self) -> Result<Vec<Difference>, OfficeRefused> {
        let all = within(self.disk.entries(entry::DIFFERENCES, ENTRIES_MAX)).await?;
        let all = all.into_iter().filter_map(difference);
        Ok(all.filter(Difference::is_open).collect())
    }

    async fn close_day(self, close: CloseDay) -> Result<Books, OfficeRefused> {
        let (day, offset_minutes) = (close.day, self.settings.offset_minutes);
        let last = within(self.disk.entries(entry::BOOKS, 1)).await?;
        let last = last.into_iter().find_map(|entry| match entry {
            Entry::Books(books) => Some(books),
            _ => None,
        });
        let shifts = within(self.disk.entries(entry::SHIFTS, ENTRIES_MAX)).await?;
        let shifts: Vec<Shift> = shifts.into_iter().filter_map(shift).collect();
        let ended = shifts.iter().filter(|shift| {
            let ended = shift.ends_at.map(|at| Day::of(at, offset_minutes));
            shift.state == ShiftState::Closed && ended == Some(day)
        });
        let ended = ended.map(|shift| ShiftNumber {
            counter: shift.counter.clone(),
            number: shift.number,
        });
        let ended = ended.collect();
        let unsettled = within(self.disk.unsettled()).await?;
        let differences = self.open_differences().await?;
        let open = Open {
            now: self.clock.now(),
            offset_minutes,
            last: last.as_ref(),
            shifts: &shifts,
            unsettled: &unsettled,
            differences: &differences,
        };
        let movements = self.movements(day, day).await?;
        let books = open.close(day, &movements, ended, close.by);
        let books = books.map_err(OfficeRefused::DayNotClosable)?;
        self.write(vec![Entry::Books(books.clone())]).await?;
        Ok(books)
    }
}

fn shift(entry: Entry) -> Option<Shift> {
    match entry {
        Entry::Shift(shift) => Some(shift),
        _ => None,
    }
}

fn difference(entry: Entry) -> Option<Difference> {
    match entry {
        Entry::Difference(difference) => Some(difference),
        _ => None,
    }
}

impl Actor for Office {
    type Context = Context<Self>;
}

impl Handler<Heartbeat> for Office {
    type Result = ();

    fn handle(&mut self, _: Heartbeat, _: &mut Context<Self>) {}
}

impl Handler<OpenShift> for Office {
    type Result = ResponseFuture<Result<Shift, OfficeRefused>>;

    fn handle(&mut self, open: OpenShift, _: &mut Context<Self>) -> Self::Result {
        self.in_turn(move |deps| async move {
            deps.check_counter(&open.counter)?;
            let last = deps.last_shift(&open.counter).await?;
            let now = deps.clock.now();
            let shift = Shift::open(last.as_ref(), open.counter, open.cashier, open.float, now)?;
            deps.write(vec![Entry::Shift(shift.clone())]).await?;
            Ok(shift)
        })
    }
}

impl Handler<MoveCash> for Office {
    type Result = ResponseFuture<Result<Shift, OfficeRefused>>;

    fn handle(&mut self, moved: MoveCash, _: &mut Context<Self>) -> Self::Result {
        self.in_turn(move |deps| async move {
            let shift = deps.open_shift(&moved.counter).await?;
            let Some(next) = shift.move_cash(moved.cash, &moved.key)? else {
                return Ok(shift);
            };
            deps.write(vec![Entry::Shift(next.clone())]).await?;
            Ok(next)
        })
    }
}

impl Handler<CloseShift> for Office {
    type Result = ResponseFuture<Result<Shift, OfficeRefused>>;

    /// In two records. Whatever a counter confirmed before the first one was on its way to the
    /// journal before it, so once the first is on disk, all that the report counts is.
    fn handle(&mut self, close: CloseShift, _: &mut Context<Self>) -> Self::Result {
        self.in_turn(move |deps| async move {
            let shift = deps.open_shift(&close.counter).await?;
            let now = deps.clock.now();
            let counted = shift.count(close.counted, now)?;
            if counted != shift {
                deps.write(vec![Entry::Shift(counted.clone())]).await?;
            }
            let until = counted.ends_at.unwrap_or(now);
            let movements = deps.movements_of(&counted, until).await?;
            let closed = counted.close(&movements)?;
            deps.write(vec![Entry::Shift(closed.clone())]).await?;
            Ok(closed)
        })
    }
}

impl Handler<GetShift> for Office {
    type Result = ResponseFuture<Result<Shift, OfficeRefused>>;

    /// The open one comes with its X report.
    fn handle(&mut self, get: GetShift, _: &mut Context<Self>) -> Self::Result {
        let deps = self.deps.clone();
        Box::pin(async move {
            deps.check_counter(&get.counter)?;
            let Some(number) = get.number else {
                let mut shift = deps.open_shift(&get.counter).await?;
                let until = shift.ends_at.unwrap_or_else(|| deps.clock.now());
                let movements = deps.movements_of(&shift, until).await?;
                shift.report = Some(shift.report(&movements, until));
                return Ok(shift);
            };
            let key = format!("{}{number:010}", entry::shifts_of(&get.counter));
            let found = within(deps.disk.entries(&key, 1)).await?;
            found
                .into_iter()
                .find_map(shift)
                .ok_or(OfficeRefused::NoSuchShift)
        })
    }
}

impl Handler<CloseDay> for Office {
    type Result = ResponseFuture<Result<Books, OfficeRefused>>;

    fn handle(&mut self, close: CloseDay, _: &mut Context<Self>) -> Self::Result {
        self.in_turn(move |deps| deps.close_day(close))
    }
}

impl Handler<IssueStickers> for Office {
    type Result = ResponseFuture<Result<Vec<Sticker>, OfficeRefused>>;

    fn handle(
        &mut self,
        IssueStickers(stickers): IssueStickers,
        _: &mut Context<Self>,
    ) -> Self::Result {
        self.in_turn(move |deps| async move {
            for sticker in &stickers {
                deps.check_counter(&sticker.counter)?;
            }
            let entries = stickers.iter().cloned().map(Entry::Sticker);
            deps.write(entries.collect()).await?;
            Ok(stickers)
        })
    }
}

impl Handler<MoveDifference> for Office {
    type Result = ResponseFuture<Result<Difference, OfficeRefused>>;

    fn handle(&mut self, to: MoveDifference, _: &mut Context<Self>) -> Self::Result {
        self.in_turn(move |deps| async move {
            let key = format!("{}{}", entry::DIFFERENCES, to.id);
            let found = within(deps.disk.entries(&key, 1)).await?;
            let found = found.into_iter().find_map(difference);
            let found = found.filter(|found| found.id == to.id);
            let found = found.ok_or(OfficeRefused::NoSuchDifference)?;
            let moved = found.moved(to.to, deps.clock.now())?;
            deps.write(vec![Entry::Difference(moved.clone())]).await?;
            Ok(moved)
        })
    }
}
