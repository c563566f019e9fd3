//! The book: orders, accounts and movements, added up from the ledger's lines. It refuses a line
//! that contradicts what it holds, so an order cannot be charged twice or paid back beyond its
//! charge, whoever asks.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rust_decimal::Decimal;

use super::fact::{Fact, Line, Posting};
use crate::acquirer::error::AcquirerError;
use crate::acquirer::order::{Opened, Order, OrderState, Plan, Refund, RefundOpened};

/// Why money moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MovementKind {
    /// From the customer to the store.
    Charge,
    /// Back, in part or as a whole, at the store's request.
    Refund,
    /// Back, because the payment was reversed.
    Reversal,
    /// From the customer to the store once more, because that was itself reversed.
    Reinstatement,
}

/// One balanced movement of money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    /// The ledger's line.
    pub seq: u64,
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// Why.
    pub kind: MovementKind,
    /// Of a refund: its number.
    pub refund: Option<String>,
    /// Positive.
    pub amount: Decimal,
    /// ISO 4217.
    pub currency: String,
    /// Shares that add up to zero.
    pub postings: Vec<Posting>,
}

/// (due, order, refund)
type PlanKey = (i64, String, Option<String>);

#[derive(Debug, Default)]
pub(super) struct Book {
    lines: u64,
    pub orders: BTreeMap<String, Order>,
    pub qrs: BTreeMap<String, String>,
    pub tombstones: BTreeSet<String>,
    pub plans: BTreeSet<PlanKey>,
    pub movements: BTreeMap<String, Vec<Movement>>,
    /// Accounts that an order was opened with.
    pub used: BTreeSet<String>,
    /// By account and currency.
    pub balances: BTreeMap<(String, String), Decimal>,
}

/// What a line leaves behind, not yet in the book.
#[derive(Default)]
pub(super) struct Counted {
    orders: BTreeMap<String, Order>,
    movements: Vec<(String, Movement)>,
    tombstones: Vec<String>,
}

impl Book {
    pub fn replay(path: &Path, lines: Vec<Line>) -> Result<Self, AcquirerError> {
        let mut book = Self::default();
        for line in lines {
            let corrupt = |problem| AcquirerError::Corrupt {
                path: path.to_owned(),
                line: line.seq,
                problem,
            };
            let counted = book.prepare(&line).map_err(corrupt)?;
            book.count(line, counted);
        }
        Ok(book)
    }

    pub fn next_seq(&self) -> u64 {
        self.lines + 1
    }

    /// What the line would make of the book; the book itself is not touched.
    pub fn prepare(&self, line: &Line) -> Result<Counted, String> {
        if line.seq != self.next_seq() {
            return Err(format!(
                "entry {} where {} was expected",
                line.seq,
                self.next_seq()
            ));
        }
        let mut counted = Counted::default();
        for fact in &line.facts {
            if let Fact::Tombstoned { order } = fact {
                if self.known(order) {
                    return Err(format!("order {order} is known, and so not buried"));
                }
                counted.tombstones.push(order.clone());
                continue;
            }
            let (order, movement) = self.fold(line, fact, &counted)?;
            let id = order.opened.order.clone();
            counted
                .movements
                .extend(movement.map(|movement| (id.clone(), movement)));
            counted.orders.insert(id, order);
        }
        Ok(counted)
    }

    /// The order after the fact, and the movement it made.
    fn fold(
        &self,
        line: &Line,
        fact: &Fact,
        counted: &Counted,
    ) -> Result<(Order, Option<Movement>), String> {
        match fact {
            Fact::Opened(opened) => {
                if self.known(&opened.order) {
                    return Err(format!("order {} is opened twice", opened.order));
                }
                let state = match opened.qr {
                    Some(_) => OrderState::Pending,
                    None => OrderState::Verifying,
                };
                let refunds = BTreeMap::new();
                Ok((
                    Order {
                        opened: (**opened).clone(),
                        state,
                        refunds,
                    },
                    None,
                ))
            }
            Fact::Planned { order, plan } => {
                let mut order = self.open_order(counted, order)?;
                order.opened.plan = plan.clone();
                Ok((order, None))
            }
            Fact::Scanned { order } => {
                let mut order = self.open_order(counted, order)?;
                order.state = OrderState::Verifying;
                Ok((order, None))
            }
            Fact::Approved {
                order,
                account,
                postings,
            } => {
                let mut order = self.open_order(counted, order)?;
                let amount = order.opened.amount;
                if let Some(held) = &order.opened.completes {
                    self.check_held(held, &order.opened)?;
                }
                order.opened.account = Some(account.clone());
                let charge = movement(line, &order, MovementKind::Charge, amount, postings)?;
                order.state = OrderState::Approved;
                Ok((order, Some(charge)))
            }
            Fact::Held { order, account } => {
                let mut order = self.order(counted, order)?;
                // what was let go of is held again if that was itself reversed
                let was_held = order.opened.hold && order.state == OrderState::Closed;
                if !order.state.is_open() && !was_held {
                    return Err(format!("order {} is settled already", order.opened.order));
                }
                order.opened.account = Some(account.clone());
                order.state = OrderState::Held;
                Ok((order, None))
            }
            Fact::Released { order } => {
                let mut order = self.order(counted, order)?;
                if order.state != OrderState::Held {
                    return Err(format!("order {} holds nothing", order.opened.order));
                }
                order.state = OrderState::Closed;
                Ok((order, None))
            }
            Fact::Declined { order, refusal } => {
                let mut order = self.open_order(counted, order)?;
                order.state = OrderState::Declined(refusal.clone());
                Ok((order, None))
            }
            Fact::Closed { order } => {
                let mut order = self.open_order(counted, order)?;
                order.state = OrderState::Closed;
                Ok((order, None))
            }
            Fact::Tombstoned { order } => Err(format!("order {order} is buried twice")),
            Fact::Reversed { .. }
            | Fact::Reinstated { .. }
            | Fact::RefundOpened { .. }
            | Fact::RefundPaid { .. }
            | Fact::RefundDeclined { .. } => self.fold_back(line, fact, counted),
        }
    }

    /// As `fold`, for the facts that give money back.
    fn fold_back(
        &self,
        line: &Line,
        fact: &Fact,
        counted: &Counted,
    ) -> Result<(Order, Option<Movement>), String> {
        match fact {
            Fact::Reversed { order, postings } => {
                let mut order = self.paid_order(counted, order)?;
                let rest = order.opened.amount - order.reserved();
                order.state = OrderState::Reversed;
                if rest.is_zero() && postings.is_empty() {
                    return Ok((order, None));
                }
                let back = movement(line, &order, MovementKind::Reversal, rest, postings)?;
                Ok((order, Some(back)))
            }
            Fact::Reinstated { order, postings } => {
                let mut order = self.order(counted, order)?;
                let id = &order.opened.order;
                let is_paid = self
                    .movements
                    .get(id)
                    .is_some_and(|moved| !moved.is_empty());
                if order.state != OrderState::Reversed || !is_paid {
                    return Err(format!("order {id} was not reversed"));
                }
                let rest = order.opened.amount - order.reserved();
                order.state = OrderState::Approved;
                let again = movement(line, &order, MovementKind::Reinstatement, rest, postings)?;
                Ok((order, Some(again)))
            }
            Fact::RefundPaid {
                order,
                refund,
                postings,
            } => {
                let mut order = self.paid_order(counted, order)?;
                let amount = settle_refund(&mut order, refund, OrderState::Approved)?;
                if order.refunded() > order.opened.amount {
                    return Err(format!("refund {refund} exceeds its payment"));
                }
                let back = Movement {
                    refund: Some(refund.clone()),
                    ..movement(line, &order, MovementKind::Refund, amount, postings)?
                };
                Ok((order, Some(back)))
            }
            Fact::RefundOpened { order, refund } => {
                Ok((open_refund(self.order(counted, order)?, refund)?, None))
            }
            Fact::RefundDeclined {
                order,
                refund,
                refusal,
            } => {
                let mut order = self.order(counted, order)?;
                settle_refund(&mut order, refund, OrderState::Declined(refusal.clone()))?;
                Ok((order, None))
            }
            other => Err(format!("gives nothing back: {other:?}")),
        }
    }

    /// Counts a prepared line in. It cannot fail.
    pub fn count(&mut self, line: Line, counted: Counted) {
        self.lines = line.seq;
        for (id, order) in counted.orders {
            if let Some(before) = self.orders.get(&id) {
                let gone: Vec<PlanKey> = plans(before).collect();
                gone.iter().for_each(|key| {
                    self.plans.remove(key);
                });
            }
            self.plans.extend(plans(&order));
            if let Some(qr) = &order.opened.qr {
                self.qrs.insert(qr.clone(), id.clone());
            }
            self.used.extend(order.opened.account.clone());
            self.orders.insert(id, order);
        }
        self.tombstones.extend(counted.tombstones);
        for (id, movement) in counted.movements {
            for posting in &movement.postings {
                let key = (posting.account.clone(), movement.currency.clone());
                *self.balances.entry(key).or_default() += posting.amount;
            }
            self.movements.entry(id).or_default().push(movement);
        }
    }

    /// Whether `completion` may take what is held under `held`: once, and no more than that.
    fn check_held(&self, held: &str, completion: &Opened) -> Result<(), String> {
        let order = self.orders.get(held);
        let order = order.filter(|order| order.state == OrderState::Held);
        let order = order.ok_or_else(|| format!("nothing is held under {held}"))?;
        match self.completion_of(held) {
            Some(other) => Err(format!("{other} has taken what {held} held")),
            None if completion.amount > order.opened.amount => {
                Err(format!("{held} holds less than that"))
            }
            None => Ok(()),
        }
    }

    /// The order that has taken what is held under this one.
    pub fn completion_of(&self, held: &str) -> Option<&str> {
        let takes = |order: &&Order| {
            order.opened.completes.as_deref() == Some(held) && order.state == OrderState::Approved
        };
        let found = self.orders.values().find(takes);
        found.map(|order| order.opened.order.as_str())
    }

    fn known(&self, id: &str) -> bool {
        self.orders.contains_key(id) || self.tombstones.contains(id)
    }

    fn order(&self, counted: &Counted, id: &str) -> Result<Order, String> {
        let order = counted.orders.get(id).or_else(|| self.orders.get(id));
        order
            .cloned()
            .ok_or_else(|| format!("order {id} was never opened"))
    }

    fn open_order(&self, counted: &Counted, id: &str) -> Result<Order, String> {
        let order = self.order(counted, id)?;
        match order.state.is_open() {
            true => Ok(order),
            false => Err(format!("order {id} is settled already")),
        }
    }

    fn paid_order(&self, counted: &Counted, id: &str) -> Result<Order, String> {
        let order = self.order(counted, id)?;
        match order.state {
            OrderState::Approved => Ok(order),
            _ => Err(format!("order {id} holds no money to pay back")),
        }
    }
}

fn open_refund(mut order: Order, refund: &RefundOpened) -> Result<Order, String> {
    let id = refund.refund.clone();
    let refund = Refund {
        opened: refund.clone(),
        state: OrderState::Verifying,
    };
    match order.refunds.insert(id.clone(), refund) {
        None => Ok(order),
        Some(_) => Err(format!("refund {id} is opened twice")),
    }
}

/// Settles an open refund, and gives its amount.
fn settle_refund(order: &mut Order, id: &str, state: OrderState) -> Result<Decimal, String> {
    let refund = order
        .refunds
        .get_mut(id)
        .filter(|refund| refund.state.is_open());
    let refund = refund.ok_or_else(|| format!("refund {id} is not open"))?;
    refund.state = state;
    Ok(refund.opened.amount)
}

/// A movement that is balanced, of the right size, and in the right direction between the order's
/// two accounts.
fn movement(
    line: &Line,
    order: &Order,
    kind: MovementKind,
    amount: Decimal,
    postings: &[Posting],
) -> Result<Movement, String> {
    let opened = &order.opened;
    let share = |account: &str| -> Decimal {
        postings
            .iter()
            .filter(|p| p.account == account)
            .map(|p| p.amount)
            .sum()
    };
    let received = match kind {
        MovementKind::Charge | MovementKind::Reinstatement => amount,
        MovementKind::Refund | MovementKind::Reversal => -amount,
    };
    let sum: Decimal = postings.iter().map(|p| p.amount).sum();
    let balanced = sum.is_zero()
        && share(&format!("merchant:{}", opened.store)) == received
        && opened.account.as_deref().map(share) == Some(-received);
    if !balanced || amount <= Decimal::ZERO {
        return Err(format!(
            "movement of order {} is not balanced",
            opened.order
        ));
    }
    Ok(Movement {
        refund: None,
        seq: line.seq,
        at_ms: line.at_ms,
        kind,
        amount,
        currency: order.opened.currency.clone(),
        postings: postings.to_vec(),
    })
}

/// The plans of an order that are still open.
fn plans(order: &Order) -> impl Iterator<Item = PlanKey> + '_ {
    let key = |plan: &Plan, refund: Option<&str>| {
        (
            plan.due_ms,
            order.opened.order.clone(),
            refund.map(str::to_owned),
        )
    };
    let own = order.opened.plan.as_ref().filter(|_| order.state.is_open());
    let refunds = order
        .refunds
        .values()
        .filter(|refund| refund.state.is_open());
    own.map(|plan| key(plan, None))
        .into_iter()
        .chain(refunds.filter_map(move |refund| {
            refund
                .opened
                .plan
                .as_ref()
                .map(|plan| key(plan, Some(&refund.opened.refund)))
        }))
}
