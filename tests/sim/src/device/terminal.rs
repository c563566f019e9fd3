//! A simulated payment terminal of the nexo device class: screen, keypad, PIN pad, printer, buzzer,
//! and a person in front of it.
//!
//! It answers what it can at once. A question (amount, confirmation, signature, PIN) stays until
//! the person answers or cancels, its time is over, or another display, question or abort takes its
//! place. It refuses a ServiceID that it has seen, as the standard has it.

mod answers;
mod brain;
mod state;

use std::time::Duration;

use store_actors::wire::frame::Framing;
use store_actors::wire::nexo::EventToNotify;
use tokio::sync::watch;

pub use state::{Question, Slip, TerminalState};

use super::task::Orders;
use super::{DeviceError, Faults, Line};
use brain::{Person, TerminalBrain};

/// The longest message a terminal takes and makes, in bytes.
pub const MAX_MESSAGE_LEN: usize = 64 * 1024;

/// How a terminal is set up.
#[derive(Debug, Clone)]
pub struct TerminalConfig {
    /// Its name, for what it says unasked.
    pub poi_id: String,
    pub framing: Framing,
}

impl TerminalConfig {
    /// A terminal with nexo's JSON framing.
    pub fn new(poi_id: &str) -> Self {
        Self {
            poi_id: poi_id.to_owned(),
            framing: Framing::NEXO_JSON,
        }
    }
}

/// A terminal that runs.
#[derive(Clone)]
pub struct Terminal {
    orders: Orders<Person>,
    state: watch::Receiver<TerminalState>,
}

impl std::fmt::Debug for Terminal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Terminal({:?})", self.state.borrow())
    }
}

impl Terminal {
    /// Starts a terminal at the end of a line. Must be called within a tokio runtime.
    pub fn start(line: Line, config: TerminalConfig) -> Self {
        let (sender, state) = watch::channel(TerminalState::default());
        Self {
            orders: Orders::start(line, TerminalBrain::new(config, sender)),
            state,
        }
    }

    /// The person types an amount such as "12.50". The point is not on the keypad: 1250 is typed.
    ///
    /// # Errors
    /// [`DeviceError::NotAsked`] when no amount is asked for; [`DeviceError::Refused`] when it does
    /// not fit.
    pub async fn type_amount(&self, amount: &str) -> Result<(), DeviceError> {
        self.orders.device(Person::Types(amount.to_owned())).await
    }

    /// The person presses yes or no.
    pub async fn confirm(&self, yes: bool) -> Result<(), DeviceError> {
        self.orders.device(Person::Confirms(yes)).await
    }

    /// The person signs on the screen.
    pub async fn sign(&self) -> Result<(), DeviceError> {
        self.orders.device(Person::Signs).await
    }

    /// The person enters the PIN; the terminal gives an encrypted block (of no PIN at all).
    pub async fn enter_pin(&self) -> Result<(), DeviceError> {
        self.orders.device(Person::EntersPin).await
    }

    /// The person presses the red key.
    pub async fn cancel(&self) -> Result<(), DeviceError> {
        self.orders.device(Person::Cancels).await
    }

    /// Something happens at the terminal, and it says so.
    pub async fn happens(&self, event: EventToNotify) -> Result<(), DeviceError> {
        self.orders.device(Person::CausesEvent(event)).await
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

    /// Takes the cable out. What it shows stays.
    pub async fn unplug(&self) -> Result<(), DeviceError> {
        self.orders.unplug().await
    }

    /// Its state now.
    pub fn state(&self) -> TerminalState {
        self.state.borrow().clone()
    }

    /// Its state now and from now on.
    pub fn watch(&self) -> watch::Receiver<TerminalState> {
        self.state.clone()
    }

    /// Waits for a state.
    pub async fn until(
        &self,
        within: Duration,
        condition: impl FnMut(&TerminalState) -> bool,
    ) -> Result<TerminalState, DeviceError> {
        let mut state = self.state.clone();
        let waited = tokio::time::timeout(within, state.wait_for(condition)).await;
        let found = waited.map_err(|_| DeviceError::Late(within))?;
        Ok(found.map_err(|_| DeviceError::Gone)?.clone())
    }
}
