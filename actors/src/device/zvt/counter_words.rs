//! The words that a counter has for any terminal, as far as this one has a use for them.

use actix::{Context, Handler, MessageResult};

use super::{Job, ZvtTerminal};
use crate::{
    device::{Command, CommandKind, Disarm, OfferAmountEntry, Report},
    domain::payment::Notice,
    language::Language,
    supervisor::Heartbeat,
};

impl Handler<Command> for ZvtTerminal {
    type Result = ();

    /// Last words are shown while the terminal is idle; during a payment it has its own.
    fn handle(&mut self, command: Command, _: &mut Context<Self>) {
        let CommandKind::Show(notice) = command.kind else {
            return;
        };
        let is_last = notice.is_last_word() || matches!(notice, Notice::OutOfService);
        let is_idle = self.dialog.is_none() && self.waiting.is_empty();
        if is_last && is_idle && self.registered && !self.blind {
            // in letters that such a terminal has
            let line = notice.words(Language::English);
            self.enqueue(Job::Display(vec![line]), None);
        }
    }
}

impl Handler<Disarm> for ZvtTerminal {
    type Result = ();

    /// A charge under way is ended by its acquirer, which knows whose it is.
    fn handle(&mut self, _: Disarm, _: &mut Context<Self>) {}
}

impl Handler<OfferAmountEntry> for ZvtTerminal {
    type Result = ();

    fn handle(&mut self, _: OfferAmountEntry, _: &mut Context<Self>) {}
}

impl Handler<Report> for ZvtTerminal {
    type Result = MessageResult<Report>;

    fn handle(&mut self, _: Report, _: &mut Context<Self>) -> Self::Result {
        MessageResult(self.vitals.health().clone())
    }
}

impl Handler<Heartbeat> for ZvtTerminal {
    type Result = ();

    fn handle(&mut self, _: Heartbeat, _: &mut Context<Self>) {}
}
