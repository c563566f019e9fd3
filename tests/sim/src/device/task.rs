//! The task of a device: it reads the line for the device's brain, sends what the brain says
//! through the faults, and carries out orders, each of which is confirmed when it is done.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::line::{Line, Written};
use super::{DeviceError, Faults};

const ORDERS: usize = 64;
const READ_LEN: usize = 4096;
/// A device's memory for what it has not sent yet; beyond that it is lost.
const UNSENT_MAX: usize = 1 << 20;
const FULL_AGAIN: Duration = Duration::from_millis(5);

/// What a device does with bytes, orders and time.
pub(super) trait Brain: Send + 'static {
    type Command: Send + 'static;

    fn bytes(&mut self, bytes: &[u8], out: &mut Out);
    fn command(&mut self, command: Self::Command, out: &mut Out) -> Result<(), DeviceError>;
    /// When [`Brain::time`] is to be called, if at all.
    fn deadline(&self) -> Option<Instant>;
    fn time(&mut self, now: Instant, out: &mut Out);
    fn cable(&mut self, plugged: bool);
}

type Change = Box<dyn FnOnce(&mut Faults) + Send>;

enum What<C> {
    Plug,
    Unplug,
    Faults(Change),
    Send(Vec<u8>),
    Device(C),
}

struct Order<C> {
    what: What<C>,
    done: oneshot::Sender<Result<(), DeviceError>>,
}

/// Gives orders to a device's task. The task ends when the last one is dropped.
pub(super) struct Orders<C> {
    orders: mpsc::Sender<Order<C>>,
}

impl<C> Clone for Orders<C> {
    fn clone(&self) -> Self {
        Self {
            orders: self.orders.clone(),
        }
    }
}

impl<C: Send + 'static> Orders<C> {
    pub(super) fn start<B: Brain<Command = C>>(line: Line, brain: B) -> Self {
        let (orders, inbox) = mpsc::channel(ORDERS);
        tokio::spawn(run(line, brain, inbox));
        Self { orders }
    }

    pub(super) async fn plug(&self) -> Result<(), DeviceError> {
        self.order(What::Plug).await
    }

    pub(super) async fn unplug(&self) -> Result<(), DeviceError> {
        self.order(What::Unplug).await
    }

    pub(super) async fn faults(&self, change: Change) -> Result<(), DeviceError> {
        self.order(What::Faults(change)).await
    }

    pub(super) async fn babble(&self, bytes: Vec<u8>) -> Result<(), DeviceError> {
        self.order(What::Send(bytes)).await
    }

    pub(super) async fn device(&self, command: C) -> Result<(), DeviceError> {
        self.order(What::Device(command)).await
    }

    async fn order(&self, what: What<C>) -> Result<(), DeviceError> {
        let (done, confirmed) = oneshot::channel();
        self.orders
            .send(Order { what, done })
            .await
            .map_err(|_| DeviceError::Gone)?;
        confirmed.await.map_err(|_| DeviceError::Gone)?
    }
}

/// What a device is about to send.
#[derive(Debug, Default)]
pub(super) struct Out {
    pub(super) faults: Faults,
    unsent: VecDeque<(Instant, Vec<u8>)>,
    unsent_len: usize,
}

impl Out {
    /// Sends a message, as the faults let it.
    pub(super) fn send(&mut self, message: &[u8]) {
        if !self.faults.mute {
            let bytes = [self.faults.garbage.as_slice(), message].concat();
            self.queue(bytes);
        }
    }

    fn queue(&mut self, bytes: Vec<u8>) {
        if self.unsent_len + bytes.len() > UNSENT_MAX {
            return;
        }
        self.unsent_len += bytes.len();
        let now = Instant::now();
        let after = self.unsent.back().map_or(now, |(due, _)| now.max(*due));
        let mut due = after + self.faults.delay;
        match self.faults.split {
            None => self.unsent.push_back((due, bytes)),
            Some(gap) => {
                for byte in bytes {
                    due += gap;
                    self.unsent.push_back((due, vec![byte]));
                }
            }
        }
    }

    fn due(&self) -> Option<Instant> {
        self.unsent.front().map(|(due, _)| *due)
    }

    fn clear(&mut self) {
        self.unsent.clear();
        self.unsent_len = 0;
    }

    /// Writes what is due.
    fn write(&mut self, line: &mut Line) {
        let now = Instant::now();
        while let Some((due, bytes)) = self.unsent.front_mut().filter(|(due, _)| *due <= now) {
            let taken = match line.try_write(bytes) {
                Written::Bytes(len) => len,
                Written::Nobody => bytes.len(),
                Written::Full => {
                    *due = now + FULL_AGAIN;
                    return;
                }
            };
            bytes.drain(..taken.min(bytes.len()));
            self.unsent_len = self.unsent_len.saturating_sub(taken);
            if bytes.is_empty() {
                self.unsent.pop_front();
            }
        }
    }
}

async fn run<B: Brain>(mut line: Line, mut brain: B, mut inbox: mpsc::Receiver<Order<B::Command>>) {
    let mut out = Out::default();
    let mut buffer = vec![0; READ_LEN];
    brain.cable(line.is_plugged());
    loop {
        let (due, deadline) = (out.due(), brain.deadline());
        tokio::select! {
            order = inbox.recv() => match order {
                None => return,
                Some(Order { what, done }) => {
                    let result = obey(what, &mut line, &mut brain, &mut out);
                    // what needs no time is on the line when the order is confirmed
                    out.write(&mut line);
                    // whoever ordered may have gone
                    let _ = done.send(result);
                }
            },
            len = line.read(&mut buffer), if !out.faults.deaf => {
                brain.bytes(buffer.get(..len).unwrap_or_default(), &mut out);
            }
            () = until(due) => out.write(&mut line),
            () = until(deadline) => brain.time(Instant::now(), &mut out),
        }
    }
}

fn obey<B: Brain>(
    what: What<B::Command>,
    line: &mut Line,
    brain: &mut B,
    out: &mut Out,
) -> Result<(), DeviceError> {
    match what {
        What::Plug => cable(line, brain, out, Line::plug),
        What::Unplug => cable(line, brain, out, Line::unplug),
        What::Faults(change) => {
            change(&mut out.faults);
            Ok(())
        }
        What::Send(bytes) => {
            out.queue(bytes);
            Ok(())
        }
        What::Device(command) => brain.command(command, out),
    }
}

fn cable<B: Brain>(
    line: &mut Line,
    brain: &mut B,
    out: &mut Out,
    change: fn(&mut Line) -> io::Result<()>,
) -> Result<(), DeviceError> {
    out.clear();
    change(line)?;
    brain.cable(line.is_plugged());
    Ok(())
}

async fn until(when: Option<Instant>) {
    match when {
        Some(when) => sleep_until(when).await,
        None => std::future::pending().await,
    }
}
