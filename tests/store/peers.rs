//! Programs that nobody here wrote, as judges of what we say: nexo messages, metrics.
//!
//! `make peers` installs what Debian doesn't have; a peer that is missing fails its test.

use std::{collections::BTreeMap, path::PathBuf, process::Command, sync::Arc};

use store_actors::{
    domain::{
        ids::AcquirerId,
        invariant::{Rule, Violation},
        money::{Currency, Money},
        office::settlement::{Settlement, Side},
        offline::budget::{OfflineStatus, Share},
        payment::{Operation, State},
        sticker::Seen,
    },
    outbox::UnsentMoney,
    signal::{
        AcquirerStatus, DeviceKind, DeviceStatus, Health, Notified, OutboxStatus, Signal, Signals,
    },
};
use store_controller::{adapters::journal::Recovery, metrics::Metrics};

use super::{
    dashboards,
    support::{chain, eventually},
};

pub fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Runs a peer to its end and gives what it said; it must be content.
pub fn content(command: &mut Command) -> String {
    let ran = command.output();
    let ran = ran.unwrap_or_else(|cause| panic!("{command:?}: {cause}; `make test` installs it"));
    let said = [ran.stdout, ran.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(ran.status.success(), "{command:?}: {said}");
    said
}

#[test]
fn the_golden_nexo_messages_pass_through_another_vendors_models_unchanged() {
    let peer = repository().join("tests/peers/nexo");
    assert!(
        peer.join("node_modules").is_dir(),
        "`make peers` installs the models"
    );
    let golden = repository().join("actors/src/wire/nexo/golden");
    let messages = std::fs::read_dir(&golden).unwrap().count();
    let said = content(
        Command::new("node")
            .arg(peer.join("check.mjs"))
            .arg(&golden),
    );
    assert!(
        said.contains(&format!("{messages} of {messages} messages agree")),
        "{said}"
    );
}

/// One signal of each kind that is counted.
fn signals_of_every_kind() -> Vec<Signal> {
    let counter = "01".parse().unwrap();
    let device = "01-terminal".parse().unwrap();
    let acquirer: AcquirerId = "bank".parse().unwrap();
    let paid = |state| Signal::PaymentMoved {
        seq: 1,
        payment: Arc::new(chain::payment(1, state)),
    };
    vec![
        paid(State::Unknown),
        paid(State::Approved),
        Signal::DeviceChanged(DeviceStatus {
            id: "01-terminal".parse().unwrap(),
            counter,
            kind: DeviceKind::Terminal,
            health: Health::Mute("cable \"A\"\n".into()),
            since: chain::time_of(1),
            last_word_at: None,
            restarts: 0,
            line: "/dev/null".into(),
        }),
        Signal::AcquirerChanged(AcquirerStatus {
            id: acquirer.clone(),
            reachable: false,
            why: None,
            since: chain::time_of(1),
            clock_ahead_s: Some(2),
        }),
        Signal::BatchWaits {
            acquirer: acquirer.clone(),
            why: Some("no answer in time".into()),
        },
        Signal::BatchSettled(settlement(acquirer.clone())),
        Signal::AcquirerAnswered {
            acquirer,
            operation: Operation::Charge,
            outcome: "approved",
            took_ms: 7,
        },
        Signal::OutboxChanged(OutboxStatus {
            depth: 3,
            oldest_age_ms: Some(4_000),
            money: Some(vec![UnsentMoney {
                currency: Currency::Cny,
                payments: 1_250,
                refunds: 250,
            }]),
            ..OutboxStatus::default()
        }),
        Signal::OfflineChanged(OfflineStatus {
            currency: Currency::Cny,
            total: Share::default(),
            used: Share::default(),
            oldest_at: None,
            leases: BTreeMap::new(),
            closed: None,
        }),
        Signal::JournalWrote {
            records: 2,
            took_us: 300,
        },
        Signal::ActorRestarted {
            name: "01-terminal".into(),
            why: "a panic".into(),
        },
        Signal::ActorQuarantined {
            name: "01-terminal".into(),
        },
        Signal::Ignored {
            device,
            why: "nobody pays".into(),
        },
        Signal::Notified(Notified::of(&"bank".parse().unwrap(), "unmatched")),
        Signal::StickerSeen {
            counter: "01".parse().unwrap(),
            seen: Seen::Swapped,
        },
        Signal::InvariantBroken(Violation {
            rule: Rule::Pay1,
            what: "a test".into(),
        }),
    ]
}

/// One that did not balance.
fn settlement(acquirer: AcquirerId) -> Settlement {
    let side = Side {
        count: 1,
        money: Money::zero(Currency::Cny),
    };
    Settlement {
        acquirer,
        batch: 1,
        settled_at: chain::time_of(1),
        debits: side,
        credits: side,
        balanced: false,
        uploaded: 1,
    }
}

#[tokio::test]
async fn the_metrics_page_is_sound_and_has_what_the_alerts_ask_for() {
    let signals = Signals::default();
    let metrics = Arc::new(Metrics::new(signals.clone()).unwrap());
    metrics.journal_opened(&Recovery::default());
    let counting = Arc::clone(&metrics);
    let counting = tokio::spawn(async move { counting.run().await });
    let page = eventually("the signals to be counted", || async {
        // nobody may have listened yet
        signals_of_every_kind()
            .into_iter()
            .for_each(|signal| signals.emit(signal));
        let page = metrics.page().unwrap();
        page.contains("\nstore_invariant_violations_total{")
            .then_some(page)
    })
    .await;
    counting.abort();

    dashboards::check_metrics(&page);

    let asked = dashboards::metrics_of_rules();
    let ours: Vec<_> = asked
        .iter()
        .filter(|name| name.starts_with("store_"))
        .collect();
    assert!(ours.len() >= 10, "{ours:?}");
    for metric in ours {
        let has = page.lines().any(|line| {
            let rest = line.strip_prefix(metric.as_str());
            rest.is_some_and(|rest| rest.starts_with(['{', ' ']))
        });
        assert!(has, "{metric} is asked for, and is not in:\n{page}");
    }
}
