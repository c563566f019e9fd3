//! Comparing a bill, or the answers to queries, with the store's own movements.
//!
//! Each move of money is looked for on the other side: by order and refund number, and where the
//! acquirer keeps neither, by its own number. What one side lacks within `cut_off_ms` of the
//! period's edge is a day cut-off; it is settled when the other day's bill has it. At most one
//! difference is told of each order and refund, the gravest first. Whole functions of their
//! arguments: looking up orders and writing down what was found is the office's business.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

use super::{
    bill::{Bill, BillKind, BillLine},
    difference::{Class, Found},
    movement::Movement,
};
use crate::domain::{
    day::Day,
    ids::PaymentId,
    money::Money,
    payment::{Answer, State, Verdict},
    timestamp::Timestamp,
};

/// The store's side.
#[derive(Clone, Copy, Debug)]
pub struct Ours<'a> {
    /// Of the bill's acquirer, in its period and the days around it.
    pub movements: &'a [Movement],
    /// What the table says of each movement, by `Movement::id`; empty where it says nothing.
    pub fees: &'a BTreeMap<[u8; 16], Decimal>,
    /// How the orders stand that the bill names and no movement has.
    pub states: &'a BTreeMap<String, State>,
    pub offset_minutes: i32,
    pub cut_off_ms: u64,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    pub differences: Vec<Found>,
    /// Orders and parts that are the same on both sides.
    pub matched: Vec<(String, Option<String>)>,
}

/// The orders of a bill that the store's movements have not: their states are to be looked up.
pub fn orders_to_look_up(bill: &Bill, movements: &[Movement]) -> Vec<PaymentId> {
    let known: BTreeSet<PaymentId> = movements.iter().map(|one| one.order).collect();
    let named: BTreeSet<PaymentId> = bill
        .lines
        .iter()
        .filter_map(|line| line.order.parse().ok())
        .collect();
    named.difference(&known).copied().collect()
}

/// Compares a bill of these days.
pub fn reconcile(bill: &Bill, (from, until): (Day, Day), ours: Ours<'_>) -> Reconciled {
    let mut work = Work {
        ours,
        from,
        until,
        done: Reconciled::default(),
        seen: BTreeSet::new(),
    };
    for (order, lines) in by_order(bill, ours.movements) {
        work.order(&order, &lines);
    }
    for movement in ours.movements {
        let is_due = (from..=until).contains(&movement.day);
        if is_due && !work.seen.contains(&movement.id()) {
            work.missing_there(movement);
        }
    }
    work.done
}

/// The bill's lines, by the order that each is about. A line without the store's number has the
/// number of the movement with the same acquirer's number, or that number itself.
fn by_order<'b>(bill: &'b Bill, movements: &[Movement]) -> BTreeMap<String, Vec<&'b BillLine>> {
    let named = movements.iter().filter_map(|one| {
        let reference = one.acquirer_ref.as_deref()?;
        Some((reference, one.order))
    });
    let by_ref: BTreeMap<&str, PaymentId> = named.collect();
    let known: BTreeSet<PaymentId> = movements.iter().map(|one| one.order).collect();
    let mut orders: BTreeMap<String, Vec<&BillLine>> = BTreeMap::new();
    for line in &bill.lines {
        let reference = line.acquirer_ref.as_deref().unwrap_or_default();
        let order = match (line.order.as_str(), by_ref.get(reference)) {
            ("", Some(order)) => order.to_string(),
            ("", None) => format!("ref {reference}"),
            // an order that the provider made, and numbered
            (order, Some(own)) if !order.parse().is_ok_and(|id| known.contains(&id)) => {
                own.to_string()
            }
            // some write it in capitals
            (order, _) => order
                .parse::<PaymentId>()
                .map_or_else(|_| order.to_owned(), |id| id.to_string()),
        };
        orders.entry(order).or_default().push(line);
    }
    orders
}

struct Work<'a> {
    ours: Ours<'a>,
    from: Day,
    until: Day,
    done: Reconciled,
    /// Movements that the bill has.
    seen: BTreeSet<[u8; 16]>,
}

impl<'a> Work<'a> {
    fn order(&mut self, order: &str, lines: &[&BillLine]) {
        let own = self.ours.movements.iter();
        let own: Vec<&Movement> = own.filter(|one| one.order.to_string() == order).collect();
        let of = |kind: BillKind| lines.iter().copied().filter(move |line| line.kind == kind);
        if own.is_empty() {
            return self.not_ours(order, lines);
        }
        let mut payments = of(BillKind::Payment);
        // the payment may be of long before, and a refund of today
        if let Some(paid) = own.iter().copied().find(|one| one.refund.is_none()) {
            let undone = of(BillKind::Reversal).next();
            if let Some(line) = payments.next() {
                self.both(order, None, paid, line, undone.is_some());
            }
            if let Some(line) = undone {
                self.seen.insert(paid.id());
                let (ours, theirs) = (Some(paid.money.amount()), Some(net(lines)));
                self.tell(Class::PaidThenReversed, order, None, ours, theirs, line);
            }
        }
        for line in payments {
            self.extra(order, line);
        }
        for line in of(BillKind::Refund) {
            self.refund(order, &own, line);
        }
    }

    fn refund(&mut self, order: &str, own: &[&'a Movement], line: &BillLine) {
        let id = line.refund.as_deref().map(str::to_ascii_lowercase);
        let mut refunds = own.iter().copied().filter(|one| {
            let Some(refund) = &one.refund else {
                return false;
            };
            match &id {
                Some(id) => refund.id.to_string() == *id,
                None => one.acquirer_ref.is_some() && one.acquirer_ref == line.acquirer_ref,
            }
        });
        match refunds.next() {
            Some(refund) => {
                let part = refund.refund.map(|refund| refund.id.to_string());
                self.both(order, part, refund, line, false);
            }
            None => self.extra(order, line),
        }
    }

    /// Both sides have it.
    fn both(
        &mut self,
        order: &str,
        part: Option<String>,
        own: &Movement,
        line: &BillLine,
        is_judged: bool,
    ) {
        self.seen.insert(own.id());
        if is_judged {
            return;
        }
        let (ours, theirs) = (own.signed(), signed(line));
        if ours != theirs {
            return self.tell(Class::Amount, order, part, Some(ours), Some(theirs), line);
        }
        let fee = self.ours.fees.get(&own.id());
        if let (Some(ours), Some(theirs)) = (fee.copied(), line.fee)
            && ours != theirs
        {
            return self.tell(Class::Fee, order, part, Some(ours), Some(theirs), line);
        }
        if self.day_of(line.at) != own.day {
            let (ours, theirs) = (Some(ours), Some(theirs));
            return self.tell(Class::DayCutOff, order, part, ours, theirs, line);
        }
        self.done.matched.push((order.to_owned(), part));
    }

    /// No movement here has this order.
    fn not_ours(&mut self, order: &str, lines: &[&BillLine]) {
        let is_undone = self
            .ours
            .states
            .get(order)
            .is_some_and(|state| matches!(state, State::Reversed | State::Reversing));
        let Some(line) = lines.first() else {
            return;
        };
        if !is_undone {
            return lines.iter().for_each(|line| self.extra(order, line));
        }
        let theirs = net(lines);
        if theirs > Decimal::ZERO {
            let (class, ours) = (Class::PaidThenReversed, Some(Decimal::ZERO));
            self.tell(class, order, None, ours, Some(theirs), line);
        } else {
            // undone there too: in this bill, or paid in one before
            self.done.matched.push((order.to_owned(), None));
        }
    }

    /// A line that nothing here answers to.
    fn extra(&mut self, order: &str, line: &BillLine) {
        let number = line.refund.clone().or_else(|| line.acquirer_ref.clone());
        let kind = match line.kind {
            BillKind::Payment => "payment",
            BillKind::Refund => "refund",
            BillKind::Reversal => "reversal",
        };
        let part = format!("{kind} {}", number.unwrap_or_default());
        let part = Some(part.trim_end().to_owned());
        let theirs = Some(signed(line));
        self.tell(Class::MissingHere, order, part, None, theirs, line);
    }

    fn missing_there(&mut self, own: &Movement) {
        let begins = self.from.begins_at(self.ours.offset_minutes);
        let ends = self.until.next().begins_at(self.ours.offset_minutes);
        let is_near =
            |edge: Timestamp| own.at.since_ms(edge) + edge.since_ms(own.at) <= self.ours.cut_off_ms;
        let class = if is_near(begins) || is_near(ends) {
            Class::DayCutOff
        } else {
            Class::MissingThere
        };
        self.done.differences.push(Found {
            day: own.day,
            class,
            order: own.order.to_string(),
            part: own.refund.map(|refund| refund.id.to_string()),
            ours: Some(own.signed()),
            theirs: None,
            line: None,
            explained: false,
        });
    }

    /// A difference that has a line of the bill. If it is of the day alone, both sides have it.
    fn tell(
        &mut self,
        class: Class,
        order: &str,
        part: Option<String>,
        ours: Option<Decimal>,
        theirs: Option<Decimal>,
        line: &BillLine,
    ) {
        self.done.differences.push(Found {
            day: self.day_of(line.at),
            class,
            order: order.chars().take(64).collect(),
            part,
            ours,
            theirs,
            line: u64::try_from(line.line).ok(),
            explained: class == Class::DayCutOff,
        });
    }

    fn day_of(&self, at: Timestamp) -> Day {
        Day::of(at, self.ours.offset_minutes)
    }
}

fn signed(line: &BillLine) -> Decimal {
    match line.kind {
        BillKind::Payment => line.amount,
        BillKind::Refund | BillKind::Reversal => -line.amount,
    }
}

fn net(lines: &[&BillLine]) -> Decimal {
    let amounts = lines.iter().map(|line| signed(line));
    amounts.fold(Decimal::ZERO, Decimal::saturating_add)
}

/// Compares payments of today with what the acquirer said when it was asked about each: what a bill
/// would tell tomorrow. A question without an answer tells nothing.
pub fn match_by_query(payments: &[Movement], answers: &[(PaymentId, Answer)]) -> Reconciled {
    let answers: BTreeMap<PaymentId, &Answer> = answers
        .iter()
        .map(|(order, answer)| (*order, answer))
        .collect();
    let mut done = Reconciled::default();
    for own in payments.iter().filter(|one| one.refund.is_none()) {
        let Some(Ok(answered)) = answers.get(&own.order) else {
            continue;
        };
        if answered.order != own.order {
            continue;
        }
        let theirs = |money: &Money| Some(money.amount());
        let (class, theirs) = match &answered.verdict {
            Verdict::Approved { money, .. } | Verdict::NotReversible { money, .. } => {
                if *money == own.money {
                    done.matched.push((own.order.to_string(), None));
                    continue;
                }
                (Class::Amount, theirs(money))
            }
            // closed after a refund of all of it is nothing new
            Verdict::Reversed if is_refunded(own, payments) => continue,
            Verdict::Reversed => (Class::PaidThenReversed, Some(Decimal::ZERO)),
            Verdict::NotFound | Verdict::Declined { .. } | Verdict::Pending { .. } => {
                (Class::MissingThere, None)
            }
            Verdict::Verifying => continue,
        };
        done.differences.push(Found {
            day: own.day,
            class,
            order: own.order.to_string(),
            part: None,
            ours: Some(own.money.amount()),
            theirs,
            line: None,
            explained: false,
        });
    }
    done
}

fn is_refunded(own: &Movement, movements: &[Movement]) -> bool {
    let back = movements
        .iter()
        .filter(|one| one.refund.is_some() && one.order == own.order);
    let back = back.fold(Decimal::ZERO, |sum, one| {
        sum.saturating_add(one.money.amount())
    });
    back >= own.money.amount()
}

#[cfg(test)]
mod tests;
