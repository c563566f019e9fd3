//! A counter of the lab: its simulated devices, and the card that lies beside its reader.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::{Arc, Mutex},
};

use crate::device::{
    Line,
    card::{CardFaults, Chip, ChipProfile, Tap},
    pcscd::Slot,
    pty::Pty,
    scanner::{Scanner, ScannerConfig},
    terminal::{Terminal, TerminalConfig},
    zvt::ZvtTerminal,
};

/// ISO 4217.
const CNY: u16 = 156;
/// From UTC to the clock of the store and its terminals, as the built-in configuration has it.
const CHINA_MINUTES: i32 = 8 * 60;

/// One counter's devices, seen from the customer's side.
#[derive(Debug)]
pub struct LabCounter {
    pub id: String,
    pub terminal: Terminal,
    pub scanner: Scanner,
    pub card: Option<LabCard>,
    /// In the place of terminal and card reader.
    pub own: Option<LabOwnTerminal>,
}

/// A terminal that authorises by itself, and where it is.
#[derive(Debug)]
pub struct LabOwnTerminal {
    pub terminal: ZvtTerminal,
    pub place: String,
    /// Answers are lost, cards refused.
    pub has_moods: bool,
}

impl LabOwnTerminal {
    /// On a free port of loopback.
    pub fn start(has_moods: bool) -> io::Result<Self> {
        let line = Line::listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let address = line.address().ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self {
            place: format!("tcp://{address}"),
            terminal: ZvtTerminal::start_at(line, CNY, CHINA_MINUTES),
            has_moods,
        })
    }
}

impl LabCounter {
    /// Plugs the devices of counter `number` in; their paths are in `devices`.
    pub fn new(
        number: usize,
        devices: &Path,
        slot: Option<Slot>,
        own: Option<LabOwnTerminal>,
    ) -> io::Result<Self> {
        let id = format!("{number:02}");
        let terminal = Pty::new(devices, &format!("counter-{id}-terminal"))?;
        let scanner = Pty::new(devices, &format!("counter-{id}-scanner"))?;
        Ok(Self {
            terminal: Terminal::start(
                Line::Pty(terminal),
                TerminalConfig::new(&format!("POI-{id}")),
            ),
            scanner: Scanner::start(Line::Pty(scanner), ScannerConfig::default()),
            card: slot.map(|slot| LabCard::new(slot, number)),
            own,
            id,
        })
    }
}

/// A synthetic card with the schemes' published test numbers, and the reader it is held to.
#[derive(Debug)]
pub struct LabCard {
    pub slot: Slot,
    chip: Arc<Mutex<Chip>>,
    tap: tokio::sync::Mutex<Option<Tap>>,
}

impl LabCard {
    fn new(slot: Slot, number: usize) -> Self {
        let profile = match number % 3 {
            0 => ChipProfile::visa(),
            1 => ChipProfile::unionpay_debit(),
            _ => ChipProfile::unionpay_credit(),
        };
        Self {
            slot,
            chip: Arc::new(Mutex::new(Chip::new(profile))),
            tap: tokio::sync::Mutex::default(),
        }
    }

    /// Holds the card to the reader.
    pub async fn insert(&self) {
        let tap = Tap::on(&self.slot, &self.chip, CardFaults::default());
        if let Some(before) = self.tap.lock().await.replace(tap) {
            before.remove().await;
        }
    }

    pub async fn remove(&self) {
        if let Some(tap) = self.tap.lock().await.take() {
            tap.remove().await;
        }
    }
}
