//! The feed of events (server-sent events): everything that happens, resumable without a gap or a
//! double.
//!
//! What the journal holds is an event whose id is its sequence number; a reader that comes back
//! with `Last-Event-ID` gets every one after it. Signals say that there is something new; order and
//! completeness come from the journal, which is read wherever a signal does not follow the last
//! event directly. Devices, acquirers, the offline budget and the outbox have no place in the
//! journal: their events carry no id and only the latest word is promised. A reader that takes
//! nothing is disconnected by the kernel (see `web::serve`); nothing piles up for it, since events
//! are made when it takes them.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use actix_web::{HttpRequest, HttpResponse, web::Data};
use async_stream::stream;
use bytes::Bytes;
use futures_util::Stream;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store_actors::{
    domain::{payment::Payment, record::Body, record::Record},
    ports::{JournalDisk, JournalFailed},
    signal::{Signal, Signals},
};
use tokio::{
    sync::{
        OwnedSemaphorePermit,
        broadcast::{Receiver, error::RecvError},
    },
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;
use utoipa::IntoParams;

use super::{
    Shared,
    guard::Pass,
    input,
    model::{AcquirerModel, DeviceModel, OfflineModel, OutboxModel, PaymentModel},
    problem::{Document, Kind, Problem},
};

const HEARTBEAT: Duration = Duration::from_secs(15);
/// Records read from the journal at once.
const PAGE_RECORDS: usize = 64;
const PAGE_BYTES: usize = 128 * 1024;

/// Where to begin.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct FeedQuery {
    /// The same as the header, for readers that can't set it.
    last_event_id: Option<u64>,
}

/// Everything that happens, as server-sent events.
///
/// Events with an id come from the journal, in order and without gaps: `payment` (a payment or one
/// of its refunds moved; data as of `GET /v1/payments/{id}`), `started`, `stopped`, `supervision`.
/// Events without an id are the latest word: `device`, `acquirer`, `offline`, `outbox`,
/// `notification` (a provider told something by itself), `sticker` (a camera saw a counter's
/// printed QR), `journal_stopped`,
/// `ignored` (something was scanned or tapped that no payment waited for). Without Last-Event-ID
/// the feed begins now. A comment comes every 15 s.
#[utoipa::path(
    get, path = "/v1/events", tag = "events", operation_id = "events",
    params(
        FeedQuery,
        ("Last-Event-ID" = Option<u64>, Header, description = "Continue after this event; 0: from the beginning"),
    ),
    responses(
        (status = 200, description = "The feed", body = String, content_type = "text/event-stream"),
        (status = 400, description = "invalid-request", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "too-many-readers", body = Document, content_type = "application/problem+json"),
    )
)]
pub(super) async fn feed(
    shared: Data<Shared>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let after = last_event_id(&request)?;
    let place = Arc::clone(&shared.readers).try_acquire_owned();
    let place = place
        .map_err(|_| Problem::new(Kind::TooManyReaders, "too many are reading events already"))?;
    // listen first and look at the journal's end then: nothing falls between
    let news = shared.parts.signals.listen();
    let tip = shared.parts.disk.tip().seq;
    let feed = Feed {
        disk: Arc::clone(&shared.parts.disk),
        signals: shared.parts.signals.clone(),
        news,
        // an id from beyond the end is from another journal: begin now
        sent: after.filter(|after| *after <= tip).unwrap_or(tip),
        closing: shared.closing.clone(),
        pass: Pass::of(&shared, &request),
        _place: place,
    };
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header(("cache-control", "no-store"))
        .insert_header(("x-accel-buffering", "no"))
        .streaming(feed.run()))
}

fn last_event_id(request: &HttpRequest) -> Result<Option<u64>, Problem> {
    let query: FeedQuery = input::query(request)?;
    let Some(header) = request.headers().get("last-event-id") else {
        return Ok(query.last_event_id);
    };
    let number = header
        .to_str()
        .ok()
        .and_then(|text| text.trim().parse().ok());
    number
        .map(Some)
        .ok_or_else(|| input::invalid("Last-Event-ID: the id of an event of this feed, a number"))
}

struct Feed {
    disk: Arc<dyn JournalDisk>,
    signals: Signals,
    news: Receiver<Signal>,
    /// Sequence number of the last event sent, or passed over.
    sent: u64,
    closing: CancellationToken,
    /// Looked at with each heartbeat: who is signed out reads no further.
    pass: Option<Pass>,
    _place: OwnedSemaphorePermit,
}

impl Feed {
    fn run(mut self) -> impl Stream<Item = Result<Bytes, JournalFailed>> {
        stream! {
            let mut heartbeat = interval(HEARTBEAT);
            heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
            for event in self.board() {
                yield Ok(event);
            }
            // what the reader has missed
            let mut behind = true;
            loop {
                while behind {
                    match self.page().await {
                        Ok((events, more)) => {
                            behind = more;
                            for event in events {
                                yield Ok(event);
                            }
                        }
                        // the reader comes back with its last id
                        Err(failed) => {
                            yield Err(failed);
                            return;
                        }
                    }
                }
                let mut events = VecDeque::new();
                tokio::select! {
                    () = self.closing.cancelled() => return,
                    // also the remedy for a record that no signal speaks of
                    _ = heartbeat.tick() => {
                        if !self.may_read().await {
                            return;
                        }
                        events.push_back(Bytes::from_static(b": still here\n\n"));
                        behind = self.disk.tip().seq > self.sent;
                    }
                    news = self.news.recv() => match news {
                        Ok(Signal::PaymentMoved { seq, payment }) => behind = !self.follow(seq, &payment, &mut events),
                        Ok(signal) => events.extend(latest_word(&signal)),
                        Err(RecvError::Lagged(_)) => {
                            behind = true;
                            events.extend(self.board());
                        }
                        Err(RecvError::Closed) => return,
                    },
                }
                for event in events {
                    yield Ok(event);
                }
            }
        }
    }

    async fn may_read(&self) -> bool {
        match &self.pass {
            Some(pass) => pass.holds().await,
            None => true,
        }
    }

    /// Whether a payment's signal was the very next event or an old one; else the journal is to be
    /// read.
    fn follow(&mut self, seq: u64, payment: &Payment, events: &mut VecDeque<Bytes>) -> bool {
        if seq == self.sent + 1 {
            self.sent = seq;
            events.push_back(event(Some(seq), "payment", &PaymentModel::from(payment)));
        }
        seq <= self.sent
    }

    /// The next events from the journal, and whether there may be more.
    async fn page(&mut self) -> Result<(Vec<Bytes>, bool), JournalFailed> {
        let records = self
            .disk
            .records(self.sent + 1, PAGE_RECORDS, PAGE_BYTES)
            .await?;
        let Some(last) = records.last() else {
            return Ok((Vec::new(), false));
        };
        self.sent = last.seq;
        Ok((records.iter().filter_map(of_record).collect(), true))
    }

    /// The latest word on everything that has a state.
    fn board(&self) -> Vec<Bytes> {
        let board = self.signals.board();
        let devices = board
            .devices
            .values()
            .map(|status| event(None, "device", &DeviceModel::from(status)));
        let acquirers = board
            .acquirers
            .values()
            .map(|status| event(None, "acquirer", &AcquirerModel::from(status)));
        let outbox = event(None, "outbox", &OutboxModel::from(&board.outbox));
        devices.chain(acquirers).chain([outbox]).collect()
    }
}

/// A record of a later version that this program can't read is passed over.
fn of_record(record: &Record) -> Option<Bytes> {
    let id = Some(record.seq);
    Some(match record.decode_body().ok()? {
        Body::Payment { payment } => event(id, "payment", &PaymentModel::from(&*payment)),
        Body::Started { version, clean } => event(
            id,
            "started",
            &json!({ "version": version, "clean": clean }),
        ),
        Body::Stopped => event(id, "stopped", &json!({})),
        Body::Device {
            device,
            event: what,
        } => event(
            id,
            "supervision",
            &json!({ "device": device, "event": what }),
        ),
        Body::Parked { record, why } => {
            event(id, "parked", &json!({ "record": record, "why": why }))
        }
        Body::DayClosed { certificate } => {
            event(id, "day_closed", &json!({ "day": certificate.day }))
        }
        Body::OfflineTotalSet { total } => event(id, "offline_total_set", &json!(total)),
        Body::Office { office } => event(id, "office", &json!({ "key": office.key() })),
        Body::Unparked { record } => event(id, "unparked", &json!({ "record": record })),
    })
}

fn latest_word(signal: &Signal) -> Option<Bytes> {
    Some(match signal {
        Signal::DeviceChanged(status) => event(None, "device", &DeviceModel::from(status)),
        Signal::AcquirerChanged(status) => event(None, "acquirer", &AcquirerModel::from(status)),
        Signal::OutboxChanged(status) => event(None, "outbox", &OutboxModel::from(status)),
        Signal::OfflineChanged(status) => event(None, "offline", &OfflineModel::from(status)),
        Signal::JournalStopped { why } => event(None, "journal_stopped", &json!({ "why": why })),
        Signal::Ignored { device, why } => {
            event(None, "ignored", &json!({ "device": device, "why": why }))
        }
        Signal::StickerSeen { counter, seen } => event(
            None,
            "sticker",
            &json!({ "counter": counter, "seen": seen }),
        ),
        Signal::Notified(notified) => event(None, "notification", notified),
        Signal::SlipReceived { device, lines } => {
            event(None, "slip", &json!({ "device": device, "lines": lines }))
        }
        Signal::BatchWaits { acquirer, why } => event(
            None,
            "batch",
            &json!({ "acquirer": acquirer, "waits": why }),
        ),
        _ => return None,
    })
}

/// JSON has no line breaks outside its strings' escapes: one `data` line is enough.
fn event(id: Option<u64>, name: &str, data: &impl Serialize) -> Bytes {
    let data = serde_json::to_string(data).unwrap_or_default();
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    Bytes::from(format!("{id}event: {name}\ndata: {data}\n\n"))
}
