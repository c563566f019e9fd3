//! A counter of the lab: its simulated devices, and the card that lies beside its reader.

use std::{
    io,
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
};

/// One counter's devices, seen from the customer's side.
#[derive(Debug)]
pub struct LabCounter {
    pub id: String,
    pub terminal: Terminal,
    pub scanner: Scanner,
    pub card: Option<LabCard>,
}

impl LabCounter {
    /// Plugs the devices of counter `number` in; their paths are in `devices`.
    pub fn new(number: usize, devices: &Path, slot: Option<Slot>) -> io::Result<Self> {
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
