//! What a counter can take right now, and why not otherwise, in words a cashier understands.
//!
//! A pure function of what is known about devices, acquirers and the journal; nothing is asked
//! here.

use serde::Serialize;

use super::{offline::OfflineRefused, tender::Tender};
use crate::language::{Language, Value};

/// What stands in the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "code")]
pub enum Obstacle {
    /// The counter is finding out what it was doing before the restart.
    Starting,
    /// Another payment is at the stand.
    Busy {
        payment: super::ids::PaymentId,
    },
    /// The stand has no scanner.
    NoScanner,
    /// The stand has no card reader.
    NoReader,
    ScannerAbsent {
        why: String,
    },
    ReaderAbsent {
        why: String,
    },
    TerminalAbsent {
        why: String,
    },
    /// No acquirer takes this tender for this store, or it is off here; whom to ask, if not the
    /// head office.
    NotEnabled {
        #[serde(skip_serializing_if = "Option::is_none")]
        ask: Option<String>,
    },
    /// The acquirer can't be reached.
    AcquirerUnreachable {
        acquirer: String,
        why: String,
    },
    /// Nor can a card be accepted offline, though the store does that.
    OfflineClosed {
        why: OfflineRefused,
    },
    JournalStopped {
        why: String,
    },
    /// Payments begun still end; no new ones.
    DiskNearlyFull,
}

impl Obstacle {
    /// In words that a cashier understands.
    pub fn say(&self, language: Language) -> String {
        language.say(match self {
            Obstacle::Starting => "obstacle-starting",
            Obstacle::Busy { .. } => "obstacle-busy",
            Obstacle::NoScanner => "obstacle-no-scanner",
            Obstacle::NoReader => "obstacle-no-reader",
            Obstacle::ScannerAbsent { .. } => "obstacle-scanner-absent",
            Obstacle::ReaderAbsent { .. } => "obstacle-reader-absent",
            Obstacle::TerminalAbsent { .. } => "obstacle-terminal-absent",
            Obstacle::NotEnabled { ask: Some(ask) } => {
                let ask = Value::from(ask.as_str());
                return language.say_with("obstacle-not-enabled-ask", [("ask", ask)]);
            }
            Obstacle::NotEnabled { ask: None } => "obstacle-not-enabled",
            Obstacle::AcquirerUnreachable { .. } => "obstacle-acquirer-unreachable",
            Obstacle::OfflineClosed { .. } => "obstacle-offline-closed",
            Obstacle::JournalStopped { .. } => "journal-stopped",
            Obstacle::DiskNearlyFull => "obstacle-disk-nearly-full",
        })
    }
}

/// How a device stands, as far as taking money goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    Ready,
    /// The stand has no such device.
    None,
    Away {
        why: String,
    },
}

/// An acquirer that takes a tender here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taker {
    pub acquirer: String,
    /// Why it can't be reached, if it can't.
    pub unreachable: Option<String>,
}

/// What is known about a stand.
#[derive(Clone, Debug)]
pub struct Stand {
    pub starting: bool,
    pub journal_stopped: Option<String>,
    pub disk_nearly_full: bool,
    /// Whom to ask for what is not enabled here.
    pub ask: Option<String>,
    pub at_stand: Option<super::ids::PaymentId>,
    pub terminal: Presence,
    pub scanner: Presence,
    pub reader: Presence,
    /// The terminal reads cards itself, and is their acquirer.
    pub cards_at_terminal: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TenderReadiness {
    pub tender: Tender,
    pub ready: bool,
    /// Ready without the acquirer: a card is accepted within the offline budget and charged later.
    pub offline: bool,
    pub obstacles: Vec<Obstacle>,
}

/// Whether `tender` can be taken at the stand by any of `takers`, or a card offline unless that is
/// closed.
pub fn of_tender(
    stand: &Stand,
    tender: Tender,
    takers: &[Taker],
    offline_closed: Option<OfflineRefused>,
) -> TenderReadiness {
    let mut obstacles = Vec::new();
    obstacles.extend(stand.starting.then_some(Obstacle::Starting));
    obstacles.extend(
        stand
            .journal_stopped
            .clone()
            .map(|why| Obstacle::JournalStopped { why }),
    );
    obstacles.extend(stand.disk_nearly_full.then_some(Obstacle::DiskNearlyFull));
    obstacles.extend(stand.at_stand.map(|payment| Obstacle::Busy { payment }));
    obstacles.extend(device_obstacle(stand, tender));
    let is_terminals = stand.cards_at_terminal && tender == Tender::Card;
    // its terminal is its acquirer: what ails it is said once
    let is_said = is_terminals && stand.terminal != Presence::Ready;
    let cut_off = acquirer_obstacle(stand, takers).filter(|_| !is_said);
    let is_cut_off = matches!(cut_off, Some(Obstacle::AcquirerUnreachable { .. }));
    // of a code and a card, only the card can pay offline (PAY-6)
    let has_reader = stand.reader == Presence::Ready && !stand.cards_at_terminal;
    let by_card = tender.accepts(Tender::Card) && has_reader;
    let offline = is_cut_off && by_card && offline_closed.is_none();
    if !offline {
        obstacles.extend(cut_off);
        let closed = offline_closed.filter(|why| *why != OfflineRefused::NotEnabled);
        let is_told = is_cut_off && by_card;
        obstacles.extend(
            closed
                .filter(|_| is_told)
                .map(|why| Obstacle::OfflineClosed { why }),
        );
    }
    TenderReadiness {
        tender,
        ready: obstacles.is_empty(),
        offline: offline && obstacles.is_empty(),
        obstacles,
    }
}

/// The stand's way to take the tender from the customer's hand.
fn device_obstacle(stand: &Stand, tender: Tender) -> Option<Obstacle> {
    let scanner = match &stand.scanner {
        Presence::Ready => None,
        Presence::None => Some(Obstacle::NoScanner),
        Presence::Away { why } => Some(Obstacle::ScannerAbsent { why: why.clone() }),
    };
    let reader = match &stand.reader {
        Presence::Ready => None,
        Presence::None => Some(Obstacle::NoReader),
        Presence::Away { why } => Some(Obstacle::ReaderAbsent { why: why.clone() }),
    };
    match tender {
        Tender::CustomerCode => scanner,
        Tender::Card if stand.cards_at_terminal => terminal_obstacle(stand),
        Tender::Card => reader,
        // the terminal asks for a card only when a card was chosen
        Tender::Any if stand.cards_at_terminal => scanner,
        // either of the two is enough
        Tender::Any => scanner.filter(|_| reader.is_some()),
        // a QR is shown by the terminal, or by the till itself where the stand has none
        Tender::MerchantQr if stand.cards_at_terminal => None,
        Tender::MerchantQr => terminal_obstacle(stand),
    }
}

fn terminal_obstacle(stand: &Stand) -> Option<Obstacle> {
    match &stand.terminal {
        Presence::Away { why } => Some(Obstacle::TerminalAbsent { why: why.clone() }),
        Presence::Ready | Presence::None => None,
    }
}

fn acquirer_obstacle(stand: &Stand, takers: &[Taker]) -> Option<Obstacle> {
    let Some(first) = takers.first() else {
        return Some(Obstacle::NotEnabled {
            ask: stand.ask.clone(),
        });
    };
    if takers.iter().any(|taker| taker.unreachable.is_none()) {
        return None;
    }
    let why = first.unreachable.clone().unwrap_or_default();
    Some(Obstacle::AcquirerUnreachable {
        acquirer: first.acquirer.clone(),
        why,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stand() -> Stand {
        Stand {
            starting: false,
            journal_stopped: None,
            disk_nearly_full: false,
            ask: None,
            at_stand: None,
            terminal: Presence::Ready,
            scanner: Presence::Ready,
            reader: Presence::Ready,
            cards_at_terminal: false,
        }
    }

    const CLOSED: Option<OfflineRefused> = Some(OfflineRefused::NotEnabled);

    fn up() -> Vec<Taker> {
        vec![Taker {
            acquirer: "a".into(),
            unreachable: None,
        }]
    }

    #[test]
    fn a_whole_stand_takes_everything() {
        for tender in [
            Tender::CustomerCode,
            Tender::MerchantQr,
            Tender::Card,
            Tender::Any,
        ] {
            assert_eq!(
                of_tender(&stand(), tender, &up(), CLOSED),
                TenderReadiness {
                    tender,
                    ready: true,
                    offline: false,
                    obstacles: vec![]
                }
            );
        }
    }

    #[test]
    fn each_tender_misses_its_own_device() {
        let away = Presence::Away {
            why: "unplugged".into(),
        };
        let blind = Stand {
            scanner: away.clone(),
            ..stand()
        };
        assert!(!of_tender(&blind, Tender::CustomerCode, &up(), CLOSED).ready);
        assert!(of_tender(&blind, Tender::Card, &up(), CLOSED).ready);
        assert!(of_tender(&blind, Tender::Any, &up(), CLOSED).ready);
        let both = Stand {
            reader: Presence::None,
            ..blind
        };
        assert!(!of_tender(&both, Tender::Any, &up(), CLOSED).ready);
        let mute = Stand {
            terminal: away,
            ..stand()
        };
        assert!(!of_tender(&mute, Tender::MerchantQr, &up(), CLOSED).ready);
        assert!(of_tender(&mute, Tender::CustomerCode, &up(), CLOSED).ready);
    }

    #[test]
    fn a_terminal_that_authorises_by_itself_is_all_that_a_card_needs() {
        let why = || "unplugged".to_owned();
        let own = Stand {
            reader: Presence::None,
            cards_at_terminal: true,
            ..stand()
        };
        assert!(of_tender(&own, Tender::Card, &up(), CLOSED).ready);
        let away = Stand {
            terminal: Presence::Away { why: why() },
            ..own
        };
        let down = [Taker {
            acquirer: "01-terminal".into(),
            unreachable: Some(why()),
        }];
        let card = of_tender(&away, Tender::Card, &down, None);
        assert_eq!(card.obstacles, [Obstacle::TerminalAbsent { why: why() }]);
        assert!(of_tender(&away, Tender::MerchantQr, &up(), CLOSED).ready);
        assert!(of_tender(&away, Tender::Any, &up(), CLOSED).ready);
        let blind = Stand {
            scanner: Presence::None,
            ..away
        };
        assert!(!of_tender(&blind, Tender::Any, &up(), CLOSED).ready);
    }

    #[test]
    fn the_network_and_the_contract_are_told_apart() {
        let down = [Taker {
            acquirer: "a".into(),
            unreachable: Some("timed out".into()),
        }];
        let obstacle =
            |takers: &[Taker]| of_tender(&stand(), Tender::Card, takers, CLOSED).obstacles;
        assert_eq!(obstacle(&[]), [Obstacle::NotEnabled { ask: None }]);
        assert!(matches!(
            obstacle(&down)[..],
            [Obstacle::AcquirerUnreachable { .. }]
        ));
        assert_eq!(obstacle(&[down[0].clone(), up()[0].clone()]), []);
    }

    #[test]
    fn who_is_to_be_asked_for_what_is_not_enabled_is_named() {
        let somebody = Stand {
            ask: Some("Ms Li, ext. 12".into()),
            ..stand()
        };
        let readiness = of_tender(&somebody, Tender::CustomerCode, &[], CLOSED);
        let [not_enabled] = readiness.obstacles.as_slice() else {
            panic!("{readiness:?}");
        };
        for language in Language::ALL {
            let words = not_enabled.say(language);
            assert!(words.contains("Ms Li, ext. 12"), "{words}");
        }
    }

    #[test]
    fn without_the_network_a_card_may_be_taken_and_a_code_may_not() {
        let down = [Taker {
            acquirer: "a".into(),
            unreachable: Some("timed out".into()),
        }];
        for (tender, ready) in [
            (Tender::Card, true),
            (Tender::Any, true),
            (Tender::CustomerCode, false),
            (Tender::MerchantQr, false),
        ] {
            let readiness = of_tender(&stand(), tender, &down, None);
            assert_eq!(
                (readiness.ready, readiness.offline),
                (ready, ready),
                "{tender:?}"
            );
        }
        let why = OfflineRefused::BudgetUsedUp;
        let readiness = of_tender(&stand(), Tender::Card, &down, Some(why.clone()));
        assert!(!readiness.ready);
        let told = Obstacle::OfflineClosed { why };
        assert_eq!(readiness.obstacles.last(), Some(&told));
        assert!(!of_tender(&stand(), Tender::Card, &up(), None).offline);
    }

    #[test]
    fn a_stopped_journal_stops_everything() {
        let stopped = Stand {
            journal_stopped: Some("fsync failed".into()),
            ..stand()
        };
        for tender in Tender::CONCRETE {
            assert!(!of_tender(&stopped, tender, &up(), CLOSED).ready);
        }
    }
}
