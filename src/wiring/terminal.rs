//! From a counter's terminal table to what the core needs of it.

use std::sync::Arc;

use store_actors::{
    device::{terminal::TerminalSettings, zvt::ZvtSettings},
    domain::{
        link::LinkRules,
        payment::AcquirerClock,
        tender::{Scheme, Tender},
    },
    ports::{AcquirerProfile, WallClock as _},
    store::plan::TerminalPlan,
};

use super::WiringFailed;
use crate::{
    adapters::{acquirers::pointed::Pointed, clock::SystemClock, terminal_book::FileBook},
    config::{self, Config, Line, Protocol, Zvt},
};

/// Longer than a terminal may ask for a card, abort and end.
const ANSWER_TIMEOUT_MS: u64 = 120_000;

/// The clock of a terminal's word: it is in the room, and nothing is on its way once it is idle.
const CLOCK: AcquirerClock = AcquirerClock {
    answer_timeout_ms: ANSWER_TIMEOUT_MS,
    first_query_ms: 1_000,
    query_interval_ms: 3_000,
    give_up_ms: 180_000,
    interval_max_ms: 60_000,
    ..AcquirerClock::USUAL
};

/// Its device says what ails it; the link follows at once.
const LINK: LinkRules = LinkRules {
    lost_in_a_row: 1,
    lost_in_window: 1,
    window: 1,
    good_in_a_row: 1,
    ..LinkRules::USUAL
};

pub(super) fn plan(
    config: &Config,
    counter: &config::Counter,
    terminal: &config::Terminal,
) -> Result<TerminalPlan, WiringFailed> {
    let Protocol::Zvt(zvt) = &terminal.protocol else {
        return Ok(TerminalPlan::Nexo(Box::new(TerminalSettings {
            languages: config.store.languages,
            ..TerminalSettings::default()
        })));
    };
    let name = format!("{}-terminal", counter.id);
    let path = config.journal.dir.join(format!("{name}.book"));
    let book = FileBook::open(&path, SystemClock.now().unix_ms());
    let failed = |source| WiringFailed::TerminalBook {
        id: counter.id.to_string(),
        source,
    };
    Ok(TerminalPlan::Zvt {
        settings: Box::new(settings(config, &terminal.line, zvt)),
        profile: Box::new(AcquirerProfile {
            id: name.parse()?,
            name: format!("Terminal of counter {}", counter.id),
            tenders: vec![Tender::Card],
            // which of these it takes is between it and its host
            schemes: vec![
                Scheme::UnionPay,
                Scheme::Visa,
                Scheme::Mastercard,
                Scheme::OtherCard,
            ],
            currencies: vec![config.store.currency],
            pre_authorises: false,
            limits: Vec::new(),
            clock: CLOCK,
            probe_interval: std::time::Duration::from_millis(500),
            link: LINK,
        }),
        book: Arc::new(book.map_err(failed)?),
        around: |terminal| Arc::new(Pointed::new(terminal, "zvt")),
    })
}

fn settings(config: &Config, line: &Line, zvt: &Zvt) -> ZvtSettings {
    let is_serial = matches!(line, Line::Serial { .. });
    let currency = config.store.currency.numeric();
    ZvtSettings {
        receipts: zvt.receipts,
        card_timeout: zvt.card_timeout,
        end_of_day: zvt.end_of_day,
        utc_offset_minutes: config.store.utc_offset_minutes,
        ..ZvtSettings::new(is_serial, zvt.password, currency)
    }
}
