//! The ledger: facts in an append-only file of JSON Lines, each line synced before anything is
//! answered, and the book of orders and accounts that they add up to.
//!
//! One line is one change, whole or absent: a line torn by a kill is cut off at the next start.
//! Each movement of money is double-entry and checked twice, when it is written and when the file
//! is read again.
//! Deliberately not here: who may do what with an order (that is the desk), and any thought of
//! HTTP.

mod book;
mod fact;
mod file;
mod reader;

#[cfg(test)]
mod tests;

pub use book::{Movement, MovementKind};
pub(super) use fact::Fact;
pub use fact::Posting;
pub use reader::{LedgerReader, OrderAccount, Totals};

use std::path::Path;

use rust_decimal::Decimal;

use super::error::AcquirerError;
use super::order::{Order, OrderState};
use book::Book;
use fact::Line;
use file::LedgerFile;

/// The open ledger. After a failed write it takes nothing more: what is on disk is then unknown.
#[derive(Debug)]
pub(super) struct Ledger {
    book: Book,
    file: Option<LedgerFile>,
}

impl Ledger {
    /// Opens or creates the file, cuts off a torn last line and adds the rest up.
    ///
    /// # Errors
    /// Another process holds it, it cannot be read, or a line inside it is damaged.
    pub fn open(path: &Path) -> Result<Self, AcquirerError> {
        let (file, lines) = LedgerFile::open(path)?;
        Ok(Self {
            book: Book::replay(path, lines)?,
            file: Some(file),
        })
    }

    /// Writes the facts as one line, syncs it, and then counts it in.
    ///
    /// # Errors
    /// The facts contradict the book (nothing is written), or the disk failed (the ledger is then
    /// dead).
    pub fn commit(&mut self, at_ms: i64, facts: Vec<Fact>) -> Result<(), AcquirerError> {
        let line = Line {
            seq: self.book.next_seq(),
            at_ms,
            facts,
        };
        let file = self.file.as_mut().ok_or(AcquirerError::Dead)?;
        let counted = self
            .book
            .prepare(&line)
            .map_err(|problem| file.corrupt(line.seq, problem))?;
        if let Err(error) = file.append(&line) {
            self.file = None;
            return Err(error);
        }
        self.book.count(line, counted);
        Ok(())
    }

    /// No entry is written after this: what a kill does to the process.
    pub fn die(&mut self) {
        self.file = None;
    }

    pub fn order(&self, id: &str) -> Option<&Order> {
        self.book.orders.get(id)
    }

    pub fn order_of_qr(&self, qr: &str) -> Option<&Order> {
        self.book.qrs.get(qr).and_then(|id| self.order(id))
    }

    pub fn order_of_refund(&self, refund: &str) -> Option<String> {
        let mut orders = self.book.orders.iter();
        let found = orders.find(|(_, order)| order.refunds.contains_key(refund));
        found.map(|(id, _)| id.clone())
    }

    pub fn order_of_reference(&self, reference: &str) -> Option<String> {
        let mut orders = self.book.orders.iter();
        let found = orders.find(|(_, order)| order.opened.reference == reference);
        found.map(|(id, _)| id.clone())
    }

    pub fn is_tombstoned(&self, id: &str) -> bool {
        self.book.tombstones.contains(id)
    }

    /// True when this instrument has an order already.
    pub fn has_used(&self, account: &str) -> bool {
        self.book.used.contains(account)
    }

    /// The account whose money is held under this order, if so much of it can be taken.
    pub fn account_of_held(&self, id: &str, amount: Decimal) -> Option<String> {
        let order = self.order(id)?;
        let holds = order.state == OrderState::Held && order.opened.amount >= amount;
        let is_free = holds && !self.is_taken(id);
        order.opened.account.clone().filter(|_| is_free)
    }

    /// What was held under this order has been taken.
    pub fn is_taken(&self, id: &str) -> bool {
        self.book.completion_of(id).is_some()
    }

    /// The next entry's number: the acquirer's references are made from it.
    pub fn next_seq(&self) -> u64 {
        self.book.next_seq()
    }

    /// Orders and refunds whose plan is due, at most `limit`.
    pub fn due(&self, now_ms: i64, limit: usize) -> Vec<(String, Option<String>)> {
        let due = self
            .book
            .plans
            .range(..=(now_ms, String::from(char::MAX), None));
        due.take(limit)
            .map(|(_, order, refund)| (order.clone(), refund.clone()))
            .collect()
    }
}
