//! Somebody tries a device of the stand: lets it sound, show, print, read.
//!
//! A try has an id of its own, as a payment has, and the devices are told of it in the words that
//! they know; what comes back under that id is answered and belongs to nobody. Of a code or a card
//! only the kind is told (SEC-1). A payment goes before: while one holds the stand nothing is
//! tried, and a try ends when one begins.

use std::time::Duration;

use actix::prelude::*;
use thiserror::Error;
use tokio::{sync::oneshot, time::timeout};

use super::Counter;
use crate::{
    device::{Arm, Command, CommandKind, Disarm, Fact, FactKind},
    domain::{
        code::{self, CodeRefused},
        ids::{DeviceId, PaymentId},
        money::Money,
        payment::{Notice, Sound},
        tender::Scheme,
    },
    language::Language,
    signal::{DeviceKind, Health},
    supervisor::SendFailed,
};

/// How long somebody has to show something.
const SHOW_WITHIN: Duration = Duration::from_secs(10);

/// What a device shall do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trial {
    Beep,
    Display,
    Print,
    Read,
}

impl Trial {
    pub const ALL: [Trial; 4] = [Trial::Beep, Trial::Display, Trial::Print, Trial::Read];

    pub const fn as_str(self) -> &'static str {
        match self {
            Trial::Beep => "beep",
            Trial::Display => "display",
            Trial::Print => "print",
            Trial::Read => "read",
        }
    }

    /// What devices of a kind can be asked for.
    pub const fn of(kind: DeviceKind) -> &'static [Trial] {
        match kind {
            DeviceKind::Terminal => &[Trial::Display, Trial::Beep, Trial::Print],
            DeviceKind::Scanner | DeviceKind::NfcReader => &[Trial::Read],
        }
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tried {
    /// The device was told to: whoever stands there sees or hears it.
    Told,
    /// A payment code of this scheme was read.
    Code(Scheme),
    /// A code was read that is no payment code.
    OtherCode(CodeRefused),
    Card(Scheme),
    /// A card was there and could not be read.
    CardUnread,
    /// Nothing was shown in time.
    Nothing,
    /// A payment began.
    Overtaken,
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotTried {
    #[error("the counter has no such device")]
    NoSuchDevice,
    #[error("payment {0} holds the device")]
    Held(PaymentId),
    #[error("somebody else tries a device of this counter")]
    AnotherTrial,
    #[error("the device is not there: {0}")]
    Away(String),
    #[error("such a device can't do this on command")]
    CantDo,
}

/// Answers when it was told, or has read something, or nothing came in time.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<Tried, NotTried>")]
pub struct TryDevice {
    pub device: DeviceId,
    pub trial: Trial,
}

/// A try under way.
pub(super) struct Trying {
    id: PaymentId,
    reply: oneshot::Sender<Tried>,
}

impl Counter {
    /// The kind of one of the stand's devices, and why it can't be tried.
    fn check_trial(&self, device: &DeviceId, trial: Trial) -> Result<DeviceKind, NotTried> {
        let devices = &self.deps.devices;
        let kinds = [
            (
                devices.terminal.as_ref().map(|(id, _)| id),
                DeviceKind::Terminal,
            ),
            (
                devices.scanner.as_ref().map(|(id, _)| id),
                DeviceKind::Scanner,
            ),
            (
                devices.reader.as_ref().map(|(id, _)| id),
                DeviceKind::NfcReader,
            ),
        ];
        let kind = kinds.into_iter().find(|(id, _)| *id == Some(device));
        let (_, kind) = kind.ok_or(NotTried::NoSuchDevice)?;
        if let Some(payment) = self.at_stand {
            return Err(NotTried::Held(payment));
        }
        if self.trying.is_some() {
            return Err(NotTried::AnotherTrial);
        }
        // a terminal that authorises by itself sounds and prints as it sees fit
        let can_do = Trial::of(kind).contains(&trial)
            && (!devices.has_own_acquirer() || matches!(trial, Trial::Display | Trial::Read));
        if !can_do {
            return Err(NotTried::CantDo);
        }
        match self.health.get(&kind) {
            Some(Health::Ready) => Ok(kind),
            Some(
                Health::Absent(why)
                | Health::Mute(why)
                | Health::Babbling(why)
                | Health::Quarantined(why),
            ) => Err(NotTried::Away(why.clone())),
            Some(Health::Starting) | None => Err(NotTried::Away("starting".into())),
        }
    }

    fn tell_terminal(&mut self, trial: Trial, ctx: &mut Context<Self>) -> Result<(), SendFailed> {
        let payment = self.new_payment_id();
        let kind = match trial {
            Trial::Beep => CommandKind::Play(Sound::Attention),
            Trial::Print => CommandKind::Print {
                lines: self.trial_slip(),
                room_for_pen: false,
            },
            Trial::Display | Trial::Read => CommandKind::Show(Notice::Trial),
        };
        let command = Command { payment, kind };
        let terminal = self.deps.devices.terminal.as_ref();
        let told = terminal.map_or(Ok(()), |(_, terminal)| terminal.try_send(command));
        self.linger(ctx);
        told
    }

    fn trial_slip(&self) -> Vec<String> {
        let now = self.deps.clock.now().to_string();
        let words = Language::ALL.map(|language| language.say("trial-slip"));
        words
            .into_iter()
            .chain([self.deps.id.to_string(), now])
            .collect()
    }

    /// Arms the scanner or the reader for an id that no payment has.
    fn arm_for_trial(&mut self, kind: DeviceKind) -> Result<oneshot::Receiver<Tried>, SendFailed> {
        let id = self.new_payment_id();
        let currency = self.deps.settings.currency;
        let Ok(money) = Money::from_minor_units(0, currency) else {
            return Err(SendFailed::Absent);
        };
        let arm = Arm { payment: id, money };
        let devices = &self.deps.devices;
        match (kind, &devices.scanner, &devices.reader) {
            (DeviceKind::Scanner, Some((_, scanner)), _) => scanner.try_send(arm)?,
            (DeviceKind::NfcReader, _, Some((_, reader))) => reader.try_send(arm)?,
            _ => return Err(SendFailed::Absent),
        }
        let (reply, tried) = oneshot::channel();
        self.trying = Some(Trying { id, reply });
        Ok(tried)
    }

    /// Ends a try under way, and lets its device go.
    pub(super) fn end_trial(&mut self, tried: Tried) {
        let Some(Trying { id, reply }) = self.trying.take() else {
            return;
        };
        let disarm = Disarm { payment: id };
        if let Some((device, scanner)) = &self.deps.devices.scanner {
            super::effects::log_unsent(device, scanner.try_send(disarm));
        }
        if let Some((device, reader)) = &self.deps.devices.reader {
            super::effects::log_unsent(device, reader.try_send(disarm));
        }
        // whoever asked may have gone
        let _ = reply.send(tried);
    }

    /// Whether the fact belongs to a try under way.
    pub(super) fn heard_in_trial(&mut self, fact: &Fact) -> bool {
        let trying = self.trying.as_ref().map(|trying| trying.id);
        let tried = match &fact.kind {
            FactKind::CodeScanned { payment, code } if trying == Some(*payment) => {
                match code::classify(code.expose()) {
                    Ok(code) => Tried::Code(code.scheme),
                    Err(why) => Tried::OtherCode(why),
                }
            }
            FactKind::CardRead { payment, card } if trying == Some(*payment) => {
                Tried::Card(card.scheme)
            }
            FactKind::CardFailed { payment, .. } if trying == Some(*payment) => Tried::CardUnread,
            _ => return false,
        };
        self.end_trial(tried);
        true
    }
}

impl Handler<TryDevice> for Counter {
    type Result = ResponseActFuture<Self, Result<Tried, NotTried>>;

    fn handle(&mut self, ask: TryDevice, ctx: &mut Context<Self>) -> Self::Result {
        let away = |failed: SendFailed| NotTried::Away(failed.to_string());
        let told = match self.check_trial(&ask.device, ask.trial) {
            Err(refused) => Err(refused),
            Ok(DeviceKind::Terminal) => {
                let told = self.tell_terminal(ask.trial, ctx);
                told.map(|()| None).map_err(away)
            }
            Ok(kind) => self.arm_for_trial(kind).map(Some).map_err(away),
        };
        let shown = async move {
            match told? {
                None => Ok(Some(Tried::Told)),
                Some(tried) => {
                    let tried = timeout(SHOW_WITHIN, tried).await;
                    Ok(tried.ok().map(|tried| tried.unwrap_or(Tried::Overtaken)))
                }
            }
        };
        Box::pin(shown.into_actor(self).map(|shown, this, _| {
            let shown = shown?;
            if shown.is_none() {
                this.end_trial(Tried::Nothing);
            }
            Ok(shown.unwrap_or(Tried::Nothing))
        }))
    }
}
