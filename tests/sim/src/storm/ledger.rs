//! The provider's own books: every order, what moved, and what comes to it later. They outlive the
//! store's lives, and are what everything is judged by.

use std::collections::{BTreeMap, BTreeSet};

use store_actors::domain::{
    ids::{PaymentId, RefundId},
    money::Money,
    payment::Verdict,
};

/// How an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The customer has to act; until then nothing moves.
    Waiting,
    Paid,
    /// Its money is held, and has not moved.
    Held,
    Declined,
    /// Undone, or closed before it came: it holds nothing and never will.
    Closed,
}

#[derive(Clone, Debug)]
pub struct Order {
    pub standing: Standing,
    pub money: Option<Money>,
    /// The till's reference: what was bought.
    pub basket: Option<String>,
    pub qr: Option<String>,
    /// The order whose held money it takes.
    pub takes: Option<PaymentId>,
    /// How often money was taken.
    pub charges: usize,
    pub refunds: BTreeMap<RefundId, Money>,
    /// Reversed: all of it went back.
    pub is_undone: bool,
}

/// What will happen at a time.
#[derive(Clone, Debug)]
pub enum Later {
    /// A request that took long, or its double.
    Arrives { order: PaymentId, request: Request },
    /// The customer confirms, or scans, or will not.
    CustomerActs { order: PaymentId, pays: bool },
}

/// A charge as it arrives.
#[derive(Clone, Debug)]
pub struct Request {
    pub money: Money,
    pub basket: Option<String>,
    pub is_qr: bool,
    pub part: Part,
    pub fate: RequestFate,
}

/// Which part of a sale it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Whole,
    Hold,
    Takes(PaymentId),
}

#[derive(Clone, Copy, Debug)]
pub enum RequestFate {
    Pays,
    IsDeclined,
    /// The customer acts so much later, and pays or not; or never acts.
    Waits {
        acts_after_ms: Option<u64>,
        pays: bool,
    },
}

#[derive(Debug, Default)]
pub struct Ledger {
    orders: BTreeMap<PaymentId, Order>,
    later: Vec<(u64, Later)>,
    /// Charges that left the store for this provider, whether they arrived or not.
    left: BTreeSet<PaymentId>,
}

impl Ledger {
    pub fn plan(&mut self, at_ms: u64, later: Later) {
        self.later.push((at_ms, later));
    }

    /// A charge is on its way here, and nobody can say any more that it is not.
    pub fn leaves(&mut self, id: PaymentId) {
        self.left.insert(id);
    }

    pub fn left(&self) -> &BTreeSet<PaymentId> {
        &self.left
    }

    /// Everything that was to happen until now has happened.
    pub fn settle(&mut self, now_ms: u64) {
        loop {
            let due = self.later.iter().enumerate();
            let next = due
                .filter(|(_, (at_ms, _))| *at_ms <= now_ms)
                .min_by_key(|(_, (at_ms, _))| *at_ms)
                .map(|(at, _)| at);
            let Some(at) = next else { return };
            let (at_ms, later) = self.later.swap_remove(at);
            match later {
                Later::Arrives { order, request } => self.arrives(order, &request, at_ms),
                Later::CustomerActs { order, pays } => self.customer_acts(order, pays),
            }
        }
    }

    /// A charge comes in. The same order twice is one order; a closed one is refused.
    pub fn arrives(&mut self, id: PaymentId, request: &Request, now_ms: u64) {
        if self.orders.contains_key(&id) {
            return;
        }
        let mut order = Order {
            standing: Standing::Waiting,
            money: Some(request.money),
            basket: request.basket.clone(),
            qr: request.is_qr.then(|| format!("https://pay.example/{id}")),
            takes: match request.part {
                Part::Takes(of) => Some(of),
                Part::Whole | Part::Hold => None,
            },
            charges: 0,
            refunds: BTreeMap::new(),
            is_undone: false,
        };
        match request.fate {
            RequestFate::Pays if request.part == Part::Hold => order.standing = Standing::Held,
            RequestFate::Pays if !self.can_be_paid(&order) => order.standing = Standing::Declined,
            RequestFate::Pays => order.pay(),
            RequestFate::IsDeclined => order.standing = Standing::Declined,
            RequestFate::Waits {
                acts_after_ms: Some(after_ms),
                pays,
            } => self.plan(now_ms + after_ms, Later::CustomerActs { order: id, pays }),
            RequestFate::Waits {
                acts_after_ms: None,
                ..
            } => {}
        }
        self.orders.insert(id, order);
    }

    /// What is held is taken once, and no more than that.
    fn can_be_paid(&self, order: &Order) -> bool {
        let Some(of) = order.takes else { return true };
        let held = self.orders.get(&of);
        let held = held.filter(|held| held.standing == Standing::Held);
        let units = |order: &Order| order.money.map_or(0, Money::minor_units);
        held.is_some_and(|held| units(order) <= units(held)) && self.takers(of).count() == 0
    }

    /// The orders that have taken what is held under this one.
    pub fn takers(&self, of: PaymentId) -> impl Iterator<Item = (&PaymentId, &Order)> {
        let takes = move |order: &Order| order.takes == Some(of);
        let orders = self.orders.iter();
        orders.filter(move |(_, order)| takes(order) && order.standing == Standing::Paid)
    }

    fn customer_acts(&mut self, id: PaymentId, pays: bool) {
        let waiting = self.orders.get_mut(&id);
        if let Some(order) = waiting.filter(|order| order.standing == Standing::Waiting) {
            if pays {
                order.pay();
            } else {
                order.standing = Standing::Declined;
            }
        }
    }

    /// Closes what is not paid, pays back what is. An order that never came is closed beforehand.
    pub fn reverse(&mut self, id: PaymentId) -> Verdict {
        let is_taken = self.takers(id).count() > 0;
        let order = self.orders.entry(id).or_insert_with(|| Order {
            standing: Standing::Closed,
            money: None,
            basket: None,
            qr: None,
            takes: None,
            charges: 0,
            refunds: BTreeMap::new(),
            is_undone: false,
        });
        match order.standing {
            Standing::Paid if order.refunds.is_empty() => {
                order.is_undone = true;
                order.standing = Standing::Closed;
            }
            Standing::Paid => return order.verdict(),
            Standing::Held if is_taken => return order.verdict(),
            Standing::Waiting | Standing::Held => order.standing = Standing::Closed,
            Standing::Declined | Standing::Closed => {}
        }
        Verdict::Reversed
    }

    pub fn refund(&mut self, id: PaymentId, refund: RefundId, money: Money) -> bool {
        let paid = self.orders.get_mut(&id);
        match paid.filter(|order| order.standing == Standing::Paid) {
            Some(order) => {
                order.refunds.entry(refund).or_insert(money);
                true
            }
            None => false,
        }
    }

    pub fn query(&self, id: PaymentId) -> Verdict {
        let order = self.orders.get(&id);
        order.map_or(Verdict::NotFound, Order::verdict)
    }

    /// Another order than this one, if there is one.
    pub fn another(&self, id: PaymentId) -> Option<PaymentId> {
        self.orders.keys().find(|known| **known != id).copied()
    }

    pub fn orders(&self) -> &BTreeMap<PaymentId, Order> {
        &self.orders
    }

    /// Nothing more comes by itself.
    pub fn is_quiet(&self) -> bool {
        self.later.is_empty()
    }
}

impl Order {
    fn pay(&mut self) {
        self.standing = Standing::Paid;
        self.charges += 1;
    }

    pub fn verdict(&self) -> Verdict {
        match (self.standing, self.money) {
            (Standing::Paid | Standing::Held, Some(money)) => Verdict::Approved {
                acquirer_ref: "S1".into(),
                money,
                signature: false,
            },
            (Standing::Declined, _) => Verdict::Declined {
                code: "51".into(),
                text: "insufficient funds".into(),
            },
            (Standing::Waiting, _) if self.qr.is_some() => Verdict::Pending {
                qr: self.qr.clone(),
            },
            (Standing::Waiting, _) => Verdict::Verifying,
            (Standing::Closed, _) | (Standing::Paid | Standing::Held, None) => Verdict::Reversed,
        }
    }

    /// What it holds now: charged less paid back, in minor units.
    pub fn holds_units(&self) -> i64 {
        let money = self.money.map_or(0, Money::minor_units);
        let charged = i64::try_from(self.charges).unwrap_or(0) * signed(money);
        let undone = if self.is_undone { signed(money) } else { 0 };
        let refunded: i64 = self.refunds.values().map(|r| signed(r.minor_units())).sum();
        charged - undone - refunded
    }
}

fn signed(units: u64) -> i64 {
    i64::try_from(units).unwrap_or(i64::MAX)
}
