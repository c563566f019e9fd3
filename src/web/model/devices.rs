//! Counters, devices, acquirers and the outbox as they are shown.

use serde::{Deserialize, Serialize};
use store_actors::{
    counter::{
        CounterStatus,
        trial::{Trial, Tried},
    },
    domain::{money::Money, readiness::TenderReadiness},
    outbox::UnsentMoney,
    signal::{AcquirerStatus, Board, DeviceStatus, Health, OutboxStatus},
};
use utoipa::ToSchema;

use super::TenderKind;
use crate::web::problem::ObstacleModel;

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Counters)]
pub struct CountersModel {
    pub counters: Vec<CounterModel>,
}

/// What a counter can take right now, and why not otherwise.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Counter)]
pub struct CounterModel {
    pub id: String,
    /// It can take something.
    pub ready: bool,
    pub tenders: Vec<TenderModel>,
    /// Whether a payment with `pre_authorise` may begin here.
    pub pre_authorises: bool,
    /// The payment at the stand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_stand: Option<String>,
    /// Payments whose outcome the counter is still finding out.
    pub unresolved: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TenderReadiness)]
pub struct TenderModel {
    pub tender: TenderKind,
    pub ready: bool,
    /// Ready without the acquirer: a card is accepted within the offline budget and charged later.
    pub offline: bool,
    pub obstacles: Vec<ObstacleModel>,
}

impl From<&CounterStatus> for CounterModel {
    fn from(status: &CounterStatus) -> Self {
        let tender = |readiness: &TenderReadiness| TenderModel {
            tender: readiness.tender.into(),
            ready: readiness.ready,
            offline: readiness.offline,
            obstacles: readiness
                .obstacles
                .iter()
                .map(ObstacleModel::from)
                .collect(),
        };
        Self {
            id: status.id.to_string(),
            ready: status.tenders.iter().any(|readiness| readiness.ready),
            tenders: status.tenders.iter().map(tender).collect(),
            pre_authorises: status.pre_authorises,
            at_stand: status.at_stand.map(|payment| payment.to_string()),
            unresolved: status.unresolved.iter().map(ToString::to_string).collect(),
        }
    }
}

/// Everything that is connected.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Devices)]
pub struct DevicesModel {
    pub devices: Vec<DeviceModel>,
    pub acquirers: Vec<AcquirerModel>,
}

impl From<&Board> for DevicesModel {
    fn from(board: &Board) -> Self {
        Self {
            devices: board.devices.values().map(DeviceModel::from).collect(),
            acquirers: board.acquirers.values().map(AcquirerModel::from).collect(),
        }
    }
}

/// One device.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Device)]
pub struct DeviceModel {
    #[schema(example = "01-scanner")]
    pub id: String,
    pub counter: String,
    /// `terminal`, `scanner`, `nfc_reader`.
    pub kind: &'static str,
    /// `starting`, `ready`, `absent` (not plugged in), `mute` (does not answer), `babbling` (talks
    /// nonsense), `quarantined` (failed too often; tried again slowly).
    pub state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// In this state since.
    #[schema(format = DateTime)]
    pub since: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub last_word_at: Option<String>,
    pub restarts: u64,
    /// Where it is connected.
    pub line: String,
}

impl From<&DeviceStatus> for DeviceModel {
    fn from(status: &DeviceStatus) -> Self {
        let why = match &status.health {
            Health::Starting | Health::Ready => None,
            Health::Absent(why)
            | Health::Mute(why)
            | Health::Babbling(why)
            | Health::Quarantined(why) => Some(why.clone()),
        };
        Self {
            id: status.id.to_string(),
            counter: status.counter.to_string(),
            kind: status.kind.as_str(),
            state: status.health.as_str(),
            why,
            since: status.since.to_string(),
            last_word_at: status.last_word_at.map(|at| at.to_string()),
            restarts: status.restarts,
            line: status.line.clone(),
        }
    }
}

/// The link to one acquirer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Acquirer)]
pub struct AcquirerModel {
    pub id: String,
    pub reachable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    #[schema(format = DateTime)]
    pub since: String,
    /// Seconds by which the store's clock is ahead of the acquirer's, or behind it if below zero.
    /// Providers refuse requests from 300 on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_ahead_s: Option<i64>,
}

impl From<&AcquirerStatus> for AcquirerModel {
    fn from(status: &AcquirerStatus) -> Self {
        Self {
            id: status.id.to_string(),
            reachable: status.reachable,
            why: status.why.clone(),
            since: status.since.to_string(),
            clock_ahead_s: status.clock_ahead_s,
        }
    }
}

/// What the head office has not receipted yet.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Outbox)]
pub struct OutboxModel {
    /// `online`, `slow`, `offline`, `draining`, `stuck`; empty before the first word.
    pub state: String,
    /// Sequence number of the last record.
    pub last_seq: u64,
    /// The head office holds every record up to and including this one.
    pub receipted: u64,
    pub depth: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest_age_ms: Option<u64>,
    /// What moved in those records, by currency; absent until it is counted up after a start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub money: Option<Vec<UnsentMoneyModel>>,
    /// How often the connection was thrown away and made anew.
    pub rebuilds: u64,
    /// Records in whose place a stub went, see `/v1/outbox/parked`.
    pub parked: usize,
}

/// Payments and refunds of which the head office does not know yet.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UnsentMoney)]
pub struct UnsentMoneyModel {
    pub currency: String,
    pub payments: String,
    pub refunds: String,
}

impl UnsentMoneyModel {
    fn of(unsent: &UnsentMoney) -> Option<Self> {
        let money = |units| Money::from_minor_units(units, unsent.currency).ok();
        Some(Self {
            currency: unsent.currency.to_string(),
            payments: money(unsent.payments)?.amount().to_string(),
            refunds: money(unsent.refunds)?.amount().to_string(),
        })
    }
}

impl From<&OutboxStatus> for OutboxModel {
    fn from(status: &OutboxStatus) -> Self {
        Self {
            state: status.state.to_owned(),
            last_seq: status.last_seq,
            receipted: status.receipted,
            depth: status.depth,
            oldest_age_ms: status.oldest_age_ms,
            money: status.money.as_ref().map(|lines| {
                let models = lines.iter().filter_map(UnsentMoneyModel::of);
                models.collect()
            }),
            rebuilds: status.rebuilds,
            parked: status.parked,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = TrialKind)]
pub enum TrialKind {
    /// A terminal lets a sound be heard.
    Beep,
    /// A terminal shows words.
    Display,
    /// A terminal prints a slip.
    Print,
    /// A scanner or card reader reads what is shown within 10 s.
    Read,
}

impl From<TrialKind> for Trial {
    fn from(kind: TrialKind) -> Self {
        match kind {
            TrialKind::Beep => Self::Beep,
            TrialKind::Display => Self::Display,
            TrialKind::Print => Self::Print,
            TrialKind::Read => Self::Read,
        }
    }
}

/// What a device shall do.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TryDevice)]
pub struct TryDeviceModel {
    pub what: TrialKind,
}

/// What came of it. Of a code or a card only its kind is told.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeviceTried)]
pub struct DeviceTriedModel {
    pub what: TrialKind,
    /// `told` (somebody sees or hears whether it did), `code`, `other_code`, `card`,
    /// `card_unread`, `nothing` (was shown in time), `overtaken` (by a payment).
    pub outcome: &'static str,
    /// Whose code or card it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheme: Option<&'static str>,
}

impl DeviceTriedModel {
    pub const fn of(what: TrialKind, tried: Tried) -> Self {
        let (outcome, scheme) = match tried {
            Tried::Told => ("told", None),
            Tried::Code(scheme) => ("code", Some(scheme.as_str())),
            Tried::OtherCode(_) => ("other_code", None),
            Tried::Card(scheme) => ("card", Some(scheme.as_str())),
            Tried::CardUnread => ("card_unread", None),
            Tried::Nothing => ("nothing", None),
            Tried::Overtaken => ("overtaken", None),
        };
        Self {
            what,
            outcome,
            scheme,
        }
    }
}
