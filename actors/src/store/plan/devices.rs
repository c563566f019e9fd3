//! A counter's devices, made and supervised; and the acquirer that its terminal may be.

use std::sync::Arc;

use super::{CounterPlan, StorePlan, TerminalPlan, start_acquirer};
use crate::{
    acquirer::own_terminal::{OwnTerminal, OwnTerminalDeps},
    counter::{AcquirerRoute, Devices},
    device::{
        DeviceDeps, FactSink, TerminalHandle,
        nfc::{NfcDeps, NfcReader},
        scanner::{Scanner, ScannerDeps},
        terminal::{Terminal, TerminalDeps},
        zvt::{ZvtDeps, ZvtTerminal},
    },
    domain::{
        ids::{DeviceId, IdRefused},
        tender::Tender,
    },
    ports::Acquirer,
    supervisor::{Restarts, Supervision},
};

/// The acquirers of a counter whose terminal is one itself: nobody else takes its cards.
pub(super) fn with_own(
    plan: &StorePlan,
    counter: &CounterPlan,
    devices: &Devices,
    shared: &[AcquirerRoute],
    supervision: &Supervision,
) -> (Vec<AcquirerRoute>, Option<Arc<dyn Acquirer>>) {
    let (Some((device, TerminalHandle::Zvt(terminal))), Some((_, terminal_plan))) =
        (&devices.terminal, &counter.terminal)
    else {
        return (shared.to_vec(), None);
    };
    let TerminalPlan::Zvt {
        settings,
        profile,
        book,
        around,
    } = terminal_plan
    else {
        return (shared.to_vec(), None);
    };
    let port = around(OwnTerminal::new(OwnTerminalDeps {
        profile: (**profile).clone(),
        device: device.clone(),
        terminal: terminal.clone(),
        book: Arc::clone(book),
        signals: plan.signals.clone(),
        clock: Arc::clone(&plan.clock),
        utc_offset_minutes: settings.utc_offset_minutes,
        end_of_day: settings.end_of_day,
    }));
    let own = start_acquirer(plan, &port, supervision);
    let without_cards = shared.iter().cloned().map(|mut route| {
        route
            .profile
            .tenders
            .retain(|tender| *tender != Tender::Card);
        route
    });
    let all = [own].into_iter().chain(without_cards).collect();
    (all, Some(port))
}

pub(super) fn start_devices(
    plan: &StorePlan,
    counter: &CounterPlan,
    facts: FactSink,
    supervision: &Supervision,
) -> Result<Devices, IdRefused> {
    let device = |kind: &str| -> Result<DeviceDeps, IdRefused> {
        Ok(DeviceDeps {
            id: format!("{}-{kind}", counter.id).parse::<DeviceId>()?,
            counter: counter.id.clone(),
            facts: Arc::clone(&facts),
            signals: plan.signals.clone(),
            clock: Arc::clone(&plan.clock),
            entropy: Arc::clone(&plan.entropy),
            restarts: Restarts::default(),
        })
    };
    let mut devices = Devices::default();
    if let Some((opener, terminal)) = &counter.terminal {
        let (device, opener) = (device("terminal")?, Arc::clone(opener));
        let id = device.id.clone();
        let handle = match terminal {
            TerminalPlan::Nexo(settings) => {
                let settings = (**settings).clone();
                let deps = TerminalDeps {
                    device,
                    opener,
                    settings,
                };
                TerminalHandle::Nexo(Terminal::supervised(supervision, deps))
            }
            TerminalPlan::Zvt { settings, .. } => {
                let settings = (**settings).clone();
                let deps = ZvtDeps {
                    device,
                    opener,
                    settings,
                };
                TerminalHandle::Zvt(ZvtTerminal::supervised(supervision, deps))
            }
        };
        devices.terminal = Some((id, handle));
    }
    if let Some((opener, settings)) = &counter.scanner {
        let deps = ScannerDeps {
            device: device("scanner")?,
            opener: Arc::clone(opener),
            settings: settings.clone(),
        };
        devices.scanner = Some((
            deps.device.id.clone(),
            Scanner::supervised(supervision, deps),
        ));
    }
    if let Some((reader, settings)) = &counter.reader {
        let deps = NfcDeps {
            device: device("nfc")?,
            reader: Arc::clone(reader),
            settings: settings.clone(),
        };
        devices.reader = Some((
            deps.device.id.clone(),
            NfcReader::supervised(supervision, deps),
        ));
    }
    Ok(devices)
}
