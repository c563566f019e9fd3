//! Out of service: when the storage fails or fills up, every stand says so at once, and not only
//! the one that was writing (JRN-3).

use actix::prelude::*;
use futures_util::stream;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::Counter;
use crate::{
    device::CommandKind,
    domain::{ids::PaymentId, payment::Notice},
    ports::JournalFailed,
    signal::Signal,
};

/// The words are of no payment.
const NO_PAYMENT: PaymentId = PaymentId::from_bytes([0; 16]);

/// Something is new about the storage: the board says what.
struct StorageChanged;

async fn next_change(mut signals: Receiver<Signal>) -> Option<(StorageChanged, Receiver<Signal>)> {
    loop {
        match signals.recv().await {
            Ok(Signal::JournalStopped { .. } | Signal::DiskChanged(_))
            | Err(RecvError::Lagged(_)) => return Some((StorageChanged, signals)),
            Ok(_) => {}
            Err(RecvError::Closed) => return None,
        }
    }
}

impl Counter {
    pub(super) fn watch_storage(&mut self, ctx: &mut Context<Self>) {
        ctx.add_stream(stream::unfold(self.deps.signals.listen(), next_change));
        if !self.takes_money() {
            self.show_service();
        }
    }

    pub(super) const fn takes_money(&self) -> bool {
        self.journal_stopped.is_none() && !self.disk_nearly_full
    }

    fn storage_changed(&mut self) {
        let board = self.deps.signals.board();
        let took_money = self.takes_money();
        self.disk_nearly_full = !board.disk.has_room;
        self.journal_stopped = self.journal_stopped.take().or(board.journal_stopped);
        // whoever is paying is told of the payment; the stand says it afterwards
        if self.at_stand.is_none() && took_money != self.takes_money() {
            self.show_service();
        }
    }

    /// Learned from the journal's own refusal. The signal that everyone gets may have come before,
    /// while the refused payment still held the stand, or come later and bring nothing new: so the
    /// stand says it here.
    pub(super) fn refused_by_journal(&mut self, failed: &JournalFailed) {
        if let JournalFailed::Stopped(why) = failed {
            self.journal_stopped.get_or_insert_with(|| why.clone());
        }
        if self.at_stand.is_none() && !self.takes_money() {
            self.show_service();
        }
    }

    /// What an idle stand says of itself.
    pub(super) fn show_service(&self) {
        let notice = if self.takes_money() {
            Notice::InService
        } else {
            Notice::OutOfService
        };
        self.command(NO_PAYMENT, CommandKind::Show(notice));
        self.offer_amount_entry();
    }
}

impl StreamHandler<StorageChanged> for Counter {
    fn handle(&mut self, _: StorageChanged, _: &mut Context<Self>) {
        self.storage_changed();
    }

    // the board is looked at again when this counter is rebuilt
    fn finished(&mut self, _: &mut Context<Self>) {}
}
