//! A simulated barcode scanner: what a person holds before it goes down the line, if it is armed.

use std::time::Duration;

use store_actors::wire::frame::{Framer, Framing, Suffix};
use store_actors::wire::scanner::{self, Family, HostCommand, Symbology};
use tokio::sync::watch;
use tokio::time::Instant;

use super::task::{Brain, Orders, Out};
use super::{DeviceError, Faults, Line};

/// How a scanner is set up.
#[derive(Debug, Clone, Copy)]
pub struct ScannerConfig {
    pub suffix: Suffix,
    /// Sends an AIM prefix.
    pub aim: bool,
    /// Whose commands it obeys. Honeywell: reads only when triggered. Datalogic: reads unless
    /// disabled.
    pub family: Family,
}

impl Default for ScannerConfig {
    fn default() -> Self {
        Self {
            suffix: Suffix::Cr,
            aim: false,
            family: Family::Plain,
        }
    }
}

/// What can be seen of a scanner.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScannerState {
    /// The cable is in.
    pub plugged: bool,
    /// A symbol held before it would be read.
    pub armed: bool,
    /// Symbols read.
    pub scans: u64,
    /// Commands obeyed, other than to arm and disarm.
    pub beeps: u64,
    /// Bytes received that were no command.
    pub unknown_bytes: u64,
}

/// A scanner that runs.
#[derive(Clone)]
pub struct Scanner {
    orders: Orders<Symbol>,
    state: watch::Receiver<ScannerState>,
}

impl std::fmt::Debug for Scanner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Scanner({:?})", self.state.borrow())
    }
}

struct Symbol {
    kind: Symbology,
    data: String,
}

impl Scanner {
    /// Starts a scanner at the end of a line. Must be called within a tokio runtime.
    pub fn start(line: Line, config: ScannerConfig) -> Self {
        let armed = config.family != Family::Honeywell;
        let (sender, state) = watch::channel(ScannerState {
            armed,
            ..ScannerState::default()
        });
        let framer = Framer::new(
            Framing::Terminator {
                suffix: config.suffix,
            },
            scanner::MAX_DATA_LEN,
        );
        let brain = ScannerBrain {
            config,
            framer,
            state: sender,
            received: Vec::new(),
        };
        Self {
            orders: Orders::start(line, brain),
            state,
        }
    }

    /// A person holds a QR code before it.
    ///
    /// # Errors
    /// [`DeviceError::NotAsked`] while it is not armed.
    pub async fn scan(&self, data: &str) -> Result<(), DeviceError> {
        self.scan_as(Symbology::Qr, data).await
    }

    /// A person holds another kind of symbol before it.
    pub async fn scan_as(&self, kind: Symbology, data: &str) -> Result<(), DeviceError> {
        self.orders
            .device(Symbol {
                kind,
                data: data.to_owned(),
            })
            .await
    }

    /// Sends bytes as they are.
    pub async fn babble(&self, bytes: &[u8]) -> Result<(), DeviceError> {
        self.orders.babble(bytes.to_vec()).await
    }

    /// Changes what is wrong with it.
    pub async fn faults(
        &self,
        change: impl FnOnce(&mut Faults) + Send + 'static,
    ) -> Result<(), DeviceError> {
        self.orders.faults(Box::new(change)).await
    }

    /// Puts the cable in.
    pub async fn plug(&self) -> Result<(), DeviceError> {
        self.orders.plug().await
    }

    /// Takes the cable out.
    pub async fn unplug(&self) -> Result<(), DeviceError> {
        self.orders.unplug().await
    }

    /// Its state now.
    pub fn state(&self) -> ScannerState {
        self.state.borrow().clone()
    }

    /// Its state now and from now on.
    pub fn watch(&self) -> watch::Receiver<ScannerState> {
        self.state.clone()
    }

    /// Waits for a state.
    pub async fn until(
        &self,
        within: Duration,
        condition: impl FnMut(&ScannerState) -> bool,
    ) -> Result<ScannerState, DeviceError> {
        let mut state = self.state.clone();
        let waited = tokio::time::timeout(within, state.wait_for(condition)).await;
        let found = waited.map_err(|_| DeviceError::Late(within))?;
        Ok(found.map_err(|_| DeviceError::Gone)?.clone())
    }
}

struct ScannerBrain {
    config: ScannerConfig,
    framer: Framer,
    state: watch::Sender<ScannerState>,
    /// The beginning of a command.
    received: Vec<u8>,
}

impl ScannerBrain {
    fn obey(&mut self, command: HostCommand) {
        let usual = self.config.family != Family::Honeywell;
        self.state.send_modify(|state| match command {
            HostCommand::TriggerOn | HostCommand::Enable => state.armed = true,
            HostCommand::TriggerOff | HostCommand::Disable => state.armed = false,
            HostCommand::Reset => state.armed = usual,
            HostCommand::GoodReadBeep | HostCommand::Beep | HostCommand::NotOnFileBeep => {
                state.beeps += 1;
            }
        });
    }
}

impl Brain for ScannerBrain {
    type Command = Symbol;

    fn bytes(&mut self, bytes: &[u8], _out: &mut Out) {
        for byte in bytes {
            self.received.push(*byte);
            while !self.received.is_empty() {
                if let Some((command, len)) = self.config.family.recognise(&self.received) {
                    self.received.drain(..len);
                    self.obey(command);
                } else if self.config.family.is_prefix(&self.received) {
                    break;
                } else {
                    self.received.remove(0);
                    self.state.send_modify(|state| state.unknown_bytes += 1);
                }
            }
        }
    }

    fn command(&mut self, symbol: Symbol, out: &mut Out) -> Result<(), DeviceError> {
        if !self.state.borrow().armed {
            return Err(DeviceError::NotAsked);
        }
        let kind = self.config.aim.then_some(symbol.kind);
        let frame = self.framer.encode(&scanner::encode(kind, &symbol.data));
        out.send(&frame.map_err(|_| DeviceError::Refused("no such data fits a scanner's line"))?);
        let once = self.config.family == Family::Honeywell;
        self.state.send_modify(|state| {
            state.scans += 1;
            // a trigger is for one symbol
            state.armed &= !once;
        });
        Ok(())
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn time(&mut self, _now: Instant, _out: &mut Out) {}

    fn cable(&mut self, plugged: bool) {
        self.received.clear();
        self.state.send_modify(|state| state.plugged = plugged);
    }
}
