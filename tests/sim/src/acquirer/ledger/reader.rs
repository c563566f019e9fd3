//! The ledger as tests and the lab read it: what was charged, refunded and reversed, per order and
//! in total.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rust_decimal::Decimal;

use super::Ledger;
use super::book::{Book, Movement, MovementKind};
use super::file;
use crate::acquirer::config::Tender;
use crate::acquirer::error::AcquirerError;
use crate::acquirer::order::{Order, OrderState};

/// What one order number moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderAccount {
    /// The out order number.
    pub order: String,
    /// The provider's own number.
    pub reference: String,
    /// How the customer pays.
    pub tender: Tender,
    /// The store.
    pub store: String,
    /// The counter.
    pub counter: String,
    /// Where it stands.
    pub state: OrderState,
    /// The order whose held money it takes.
    pub completes: Option<String>,
    /// What it was opened for.
    pub amount: Decimal,
    /// ISO 4217.
    pub currency: String,
    /// What moved from the customer to the store: zero or the amount.
    pub charged: Decimal,
    /// What refunds paid back.
    pub refunded: Decimal,
    /// What a reversal paid back.
    pub reversed: Decimal,
    /// All of it, in order.
    pub movements: Vec<Movement>,
}

impl OrderAccount {
    /// What the store keeps.
    #[must_use]
    pub fn net(&self) -> Decimal {
        self.charged - self.refunded - self.reversed
    }
}

/// Sums over all orders of a currency.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// Orders that were opened, whatever became of them.
    pub orders: usize,
    /// From customers to stores.
    pub charged: Decimal,
    /// Back by refunds.
    pub refunded: Decimal,
    /// Back by reversals.
    pub reversed: Decimal,
}

/// Reads the ledger of a running sandbox, or a file. Clones see the same ledger.
#[derive(Clone)]
pub struct LedgerReader(Source);

#[derive(Clone)]
enum Source {
    Live(Arc<Mutex<Ledger>>),
    File(Arc<Book>),
}

impl LedgerReader {
    pub(in crate::acquirer) fn live(ledger: Arc<Mutex<Ledger>>) -> Self {
        Self(Source::Live(ledger))
    }

    /// The ledger in a file as it is now, whoever has it open.
    ///
    /// # Errors
    /// It cannot be read, or contradicts itself.
    pub fn from_file(path: &Path) -> Result<Self, AcquirerError> {
        let book = Book::replay(path, file::read(path)?)?;
        Ok(Self(Source::File(Arc::new(book))))
    }

    /// What one order number moved; none if it was never opened.
    #[must_use]
    pub fn order(&self, id: &str) -> Option<OrderAccount> {
        self.with(|book| book.orders.get(id).map(|order| account(book, order)))
    }

    /// All orders, by number.
    #[must_use]
    pub fn orders(&self) -> Vec<OrderAccount> {
        self.with(|book| {
            book.orders
                .values()
                .map(|order| account(book, order))
                .collect()
        })
    }

    /// True when a reversal buried this number before any charge arrived.
    #[must_use]
    pub fn is_tombstoned(&self, id: &str) -> bool {
        self.with(|book| book.tombstones.contains(id))
    }

    /// The sums of a currency (ISO 4217).
    #[must_use]
    pub fn totals(&self, currency: &str) -> Totals {
        let mut totals = Totals::default();
        for order in self
            .orders()
            .iter()
            .filter(|order| order.currency == currency)
        {
            totals.orders += 1;
            totals.charged += order.charged;
            totals.refunded += order.refunded;
            totals.reversed += order.reversed;
        }
        totals
    }

    /// Balances by account and currency.
    #[must_use]
    pub fn balances(&self) -> BTreeMap<(String, String), Decimal> {
        self.with(|book| book.balances.clone())
    }

    /// Adds everything up once more.
    ///
    /// # Errors
    /// The first thing that does not balance, in words.
    pub fn audit(&self) -> Result<(), String> {
        self.with(|book| {
            let mut sums = BTreeMap::<&str, Decimal>::new();
            for ((_, currency), balance) in &book.balances {
                *sums.entry(currency).or_default() += balance;
            }
            if let Some((currency, sum)) = sums.iter().find(|(_, sum)| !sum.is_zero()) {
                return Err(format!("accounts in {currency} add up to {sum}"));
            }
            book.orders
                .values()
                .try_for_each(|order| audit_order(&account(book, order)))
        })
    }

    fn with<T>(&self, read: impl FnOnce(&Book) -> T) -> T {
        match &self.0 {
            Source::Live(ledger) => read(&lock(ledger).book),
            Source::File(book) => read(book),
        }
    }
}

impl fmt::Debug for LedgerReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "LedgerReader({} orders)",
            self.with(|book| book.orders.len())
        )
    }
}

/// A panic while the ledger was held cannot have left it half changed: a line is counted in only
/// after it was written.
fn lock(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}

fn account(book: &Book, order: &Order) -> OrderAccount {
    let opened = &order.opened;
    let movements = book
        .movements
        .get(&opened.order)
        .cloned()
        .unwrap_or_default();
    let sum = |kind| -> Decimal {
        movements
            .iter()
            .filter(|m| m.kind == kind)
            .map(|m| m.amount)
            .sum()
    };
    OrderAccount {
        order: opened.order.clone(),
        reference: opened.reference.clone(),
        tender: opened.tender,
        store: opened.store.clone(),
        counter: opened.counter.clone(),
        state: order.state.clone(),
        completes: opened.completes.clone(),
        amount: opened.amount,
        currency: opened.currency.clone(),
        charged: sum(MovementKind::Charge),
        refunded: sum(MovementKind::Refund),
        reversed: sum(MovementKind::Reversal) - sum(MovementKind::Reinstatement),
        movements,
    }
}

fn audit_order(order: &OrderAccount) -> Result<(), String> {
    let id = &order.order;
    let charges = order
        .movements
        .iter()
        .filter(|m| m.kind == MovementKind::Charge)
        .count();
    let paid = matches!(order.state, OrderState::Approved | OrderState::Reversed);
    if charges != usize::from(paid) || (paid && order.charged != order.amount) {
        return Err(format!(
            "order {id}: {charges} charges of {}",
            order.charged
        ));
    }
    let net = order.net();
    if net.is_sign_negative() && !net.is_zero() {
        return Err(format!("order {id} paid back more than it took"));
    }
    if order.state == OrderState::Reversed && !net.is_zero() {
        return Err(format!("order {id} is reversed and keeps {net}"));
    }
    let unbalanced = |m: &&Movement| {
        !m.postings
            .iter()
            .map(|p| p.amount)
            .sum::<Decimal>()
            .is_zero()
    };
    match order.movements.iter().find(unbalanced) {
        Some(movement) => Err(format!(
            "order {id}: entry {} is not balanced",
            movement.seq
        )),
        None => Ok(()),
    }
}
