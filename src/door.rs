//! The door for what providers tell by themselves: a listener of its own, apart from the till's
//! API, since the one is meant for the world and the other is not.
//!
//! Every message is signed by its provider, and one that is not is refused before anything is
//! looked up. A provider hears of success only once the fact is on disk; until then it says it
//! again. Nothing is decided here: what a message means is its driver's business
//! (`adapters/acquirers/notifier`), and what follows from it the store's (`TakeNotification`).
//! Deliberately not here: TLS, which a proxy in front ends, and any answer with a word of the
//! store.

use std::{collections::BTreeMap, fmt, io, net::SocketAddr, sync::Arc, time::Duration};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    dev::{Server, ServerHandle},
    http::{StatusCode, header},
    web::{self, Data, Path, Payload},
};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use store_actors::{
    domain::{ids::AcquirerId, sticker::Notification},
    signal::{Notified, Signal, Signals},
    store::{
        Store,
        requests::{Refused, TakeNotification, Taken},
    },
    supervisor::Handle,
};

use crate::adapters::acquirers::notifier::{Notifier, Opened, Posted, Receipt};

/// The shortest patience of a provider is 5 s.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(4_500);
const BODY_TIMEOUT: Duration = Duration::from_secs(5);
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
const STOP_TIMEOUT_S: u64 = 5;
/// The world may knock.
const CONNECTIONS_MAX: usize = 256;

/// What stands behind the door.
pub struct Parts {
    pub listen: SocketAddr,
    pub body_max_bytes: usize,
    pub notifiers: BTreeMap<AcquirerId, Arc<dyn Notifier>>,
    pub store: Handle<Store>,
    pub signals: Signals,
}

/// A door that is bound; it answers once `run` is polled.
pub struct Bound {
    pub addresses: Vec<SocketAddr>,
    pub handle: ServerHandle,
    pub run: Server,
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bound").field(&self.addresses).finish()
    }
}

/// Binds the door. Must be called inside an actix system.
///
/// # Errors
/// The address can't be had.
pub fn serve(parts: Parts) -> io::Result<Bound> {
    let listen = parts.listen;
    let parts = Data::new(parts);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(parts.clone())
            .service(web::resource("/{acquirer}").route(web::post().to(posted)))
    })
    .workers(1)
    .max_connections(CONNECTIONS_MAX)
    .client_request_timeout(HEAD_TIMEOUT)
    .shutdown_timeout(STOP_TIMEOUT_S)
    .disable_signals()
    .bind(listen)?;
    let addresses = server.addrs();
    let run = server.run();
    Ok(Bound {
        addresses,
        handle: run.handle(),
        run,
    })
}

async fn posted(
    parts: Data<Parts>,
    acquirer: Path<String>,
    request: HttpRequest,
    payload: Payload,
) -> HttpResponse {
    let known = acquirer.parse::<AcquirerId>().ok();
    let known = known.and_then(|id| Some((parts.notifiers.get(&id)?, id)));
    let Some((notifier, id)) = known else {
        return HttpResponse::NotFound().finish();
    };
    let answer = |notified: Notified, receipt: Receipt| {
        parts.signals.emit(Signal::Notified(notified));
        respond(receipt)
    };
    let refused = |outcome: &'static str, status: u16, why: &str| {
        tracing::warn!(acquirer = %id, outcome, why, "a notification is refused");
        answer(Notified::of(&id, outcome), notifier.not_taken(status, why))
    };
    let body = match body(&request, payload, parts.body_max_bytes).await {
        Ok(body) => body,
        Err((outcome, status)) => return refused(outcome, status, outcome),
    };
    let headers = request.headers().iter();
    let headers: Vec<(&str, &str)> = headers
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
        .collect();
    let posted = Posted {
        headers: &headers,
        body: &body,
    };
    let told = match notifier.open(&posted) {
        Ok(Opened::Payment(told)) => told,
        Ok(Opened::Other(what)) => {
            tracing::info!(acquirer = %id, what, "a notification of something else");
            return answer(Notified::of(&id, "other"), notifier.taken());
        }
        Err(untrue) => return refused(untrue.word(), untrue.status(), &untrue.to_string()),
    };
    match take(&parts, id.clone(), told).await {
        Ok(taken) => {
            tracing::info!(acquirer = %id, ?taken, "a notification is taken");
            answer(Notified::with(&id, &taken), notifier.taken())
        }
        Err(refused_by_store) => refused("not_taken", 503, &refused_by_store.to_string()),
    }
}

async fn take(parts: &Parts, acquirer: AcquirerId, told: Notification) -> Result<Taken, Refused> {
    let take = TakeNotification { acquirer, told };
    match parts.store.ask(take, ANSWER_TIMEOUT).await {
        Ok(answer) => answer,
        Err(failed) => Err(Refused::NoAnswer(format!("the store ({failed})"))),
    }
}

/// The whole body, or the word for metrics and the status.
async fn body(
    request: &HttpRequest,
    mut payload: Payload,
    max: usize,
) -> Result<Bytes, (&'static str, u16)> {
    const TOO_LARGE: (&str, u16) = ("too_large", 413);
    let announced = request.headers().get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > max) {
        return Err(TOO_LARGE);
    }
    let read = async {
        let mut body = BytesMut::new();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|_| ("broken_off", 400))?;
            if body.len() + chunk.len() > max {
                return Err(TOO_LARGE);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    };
    let late = |_| ("too_slow", 408);
    tokio::time::timeout(BODY_TIMEOUT, read)
        .await
        .map_err(late)?
}

fn respond(receipt: Receipt) -> HttpResponse {
    let status = StatusCode::from_u16(receipt.status);
    HttpResponse::build(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        .content_type(receipt.content_type)
        .body(receipt.body)
}
