//! The HTTP API: payments, refunds, counters, devices, the outbox, the feed of events, health,
//! metrics.
//!
//! It translates and decides nothing: requests become questions to the store, refusals become RFC
//! 9457 problems. It knows the store by its questions, the journal by reading it, the rest by its
//! signals. There is no log-in: it listens on loopback unless the configuration says otherwise.
//! Deliberately not here: TLS (a proxy's business) and any state.

mod console;
mod counters;
mod devices;
mod events;
mod health;
mod input;
pub mod model;
mod openapi;
mod outbox_api;
mod parked;
mod payments;
mod pictures;
pub mod problem;
mod refunds;
pub mod shop;
mod store_api;
mod unknown;

use std::{any::Any, fmt, io, net::SocketAddr, sync::Arc, time::Duration};

use actix_web::{
    App, HttpResponse, HttpServer, ResponseError as _,
    dev::{Server, ServerHandle},
    web::{self, Data, ServiceConfig},
};
use nix::sys::socket::{setsockopt, sockopt::TcpUserTimeout};
use store_actors::{
    ports::{JournalDisk, JournalFailed, Reply, WallClock},
    signal::Signals,
};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

pub use openapi::description;
pub use outbox_api::OutboxApi;
pub use store_api::StoreApi;

use crate::{
    adapters::{
        journal::Total,
        picture::{PictureLimits, PictureReader},
    },
    config::Api,
};
use problem::{Kind, Problem};
use shop::Shop;

/// Threads that answer requests.
const WORKERS: usize = 2;
/// How long the head of a request may take to arrive.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// How long requests under way may take to end once the server is asked to stop.
const STOP_TIMEOUT_S: u64 = 10;

/// The page of `/metrics`, or why there is none.
pub type MetricsPage = Arc<dyn Fn() -> Result<String, String> + Send + Sync>;

/// Counts and sums of a business day.
pub type Totals =
    Arc<dyn Fn(String) -> Reply<'static, Result<Vec<Total>, JournalFailed>> + Send + Sync>;

/// What the API needs of the rest of the program.
#[derive(Clone)]
pub struct Parts {
    pub store: StoreApi,
    pub outbox: OutboxApi,
    pub disk: Arc<dyn JournalDisk>,
    pub signals: Signals,
    pub clock: Arc<dyn WallClock>,
    pub metrics: MetricsPage,
    pub totals: Totals,
    pub shop: Shop,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Parts")
    }
}

/// What every handler has at hand.
#[derive(Debug)]
struct Shared {
    parts: Parts,
    pictures: PictureReader,
    picture_max_bytes: usize,
    /// A place for each reader of events.
    readers: Arc<Semaphore>,
    /// Ends the feeds of events, which would never end by themselves.
    closing: CancellationToken,
}

/// A server that is bound: from here on connections are taken; they are answered once `run` is
/// polled.
pub struct Bound {
    pub addresses: Vec<SocketAddr>,
    pub stopper: Stopper,
    pub run: Server,
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bound").field(&self.addresses).finish()
    }
}

/// Stops the server.
#[derive(Clone, Debug)]
pub struct Stopper {
    closing: CancellationToken,
    handle: ServerHandle,
}

impl Stopper {
    /// Ends the feeds at once, lets the requests under way end, and then the server.
    pub async fn stop(&self) {
        self.closing.cancel();
        self.handle.stop(true).await;
    }
}

/// Binds the API's address. Must be called inside an actix system, which the server's future runs
/// on.
///
/// # Errors
/// The address can't be had.
pub fn serve(api: &Api, parts: Parts) -> io::Result<Bound> {
    let limits = PictureLimits {
        max_bytes: api.picture_max_bytes,
        ..PictureLimits::default()
    };
    let closing = CancellationToken::new();
    let shared = Data::new(Shared {
        parts,
        pictures: PictureReader::new(limits),
        picture_max_bytes: api.picture_max_bytes,
        readers: Arc::new(Semaphore::new(api.event_readers_max)),
        closing: closing.clone(),
    });
    let reader_timeout_ms = u32::try_from(api.event_reader_timeout.as_millis()).unwrap_or(u32::MAX);
    let server = HttpServer::new(move || App::new().app_data(shared.clone()).configure(routes))
        .workers(WORKERS)
        .client_request_timeout(HEAD_TIMEOUT)
        .shutdown_timeout(STOP_TIMEOUT_S)
        .disable_signals()
        // a client that has gone is seen at once, also by a feed that has nothing to say
        .h1_allow_half_closed(false)
        .on_connect(move |connection, _| prepare(connection, reader_timeout_ms))
        .bind(api.listen)?;
    let addresses = server.addrs();
    let run = server.run();
    Ok(Bound {
        addresses,
        stopper: Stopper {
            closing,
            handle: run.handle(),
        },
        run,
    })
}

/// Has the kernel close a connection whose peer takes nothing for so long: nobody waits for a slow
/// reader, and what is kept for it is bounded by the socket's buffer. And has it send at once: an
/// event would otherwise wait up to 40 ms for the reader's acknowledgement of the one before.
fn prepare(connection: &dyn Any, timeout_ms: u32) {
    let Some(stream) = connection.downcast_ref::<actix_web::rt::net::TcpStream>() else {
        return;
    };
    if let Err(cause) = setsockopt(stream, TcpUserTimeout, &timeout_ms) {
        tracing::warn!(%cause, "a stuck client will be noticed late");
    }
    if let Err(cause) = stream.set_nodelay(true) {
        tracing::warn!(%cause, "events may come late");
    }
}

fn routes(config: &mut ServiceConfig) {
    let get = web::get;
    let post = web::post;
    let mut path = |path: &str, routes: Vec<actix_web::Route>| {
        let resource = routes
            .into_iter()
            .fold(web::resource(path), actix_web::Resource::route);
        config.service(resource.default_service(web::to(wrong_method)));
    };
    path(
        "/v1/payments",
        vec![post().to(payments::create), get().to(payments::list)],
    );
    path("/v1/payments/{id}", vec![get().to(payments::show)]);
    path(
        "/v1/payments/{id}/cancel",
        vec![post().to(payments::cancel)],
    );
    path(
        "/v1/payments/{id}/refunds",
        vec![post().to(refunds::create)],
    );
    path("/v1/payments/{id}/qr.svg", vec![get().to(pictures::qr_svg)]);
    path("/v1/payments/{id}/qr.png", vec![get().to(pictures::qr_png)]);
    path("/v1/unknown", vec![get().to(unknown::list)]);
    path("/v1/refunds/{id}", vec![get().to(refunds::show)]);
    path("/v1/counters", vec![get().to(counters::list)]);
    path(
        "/v1/counters/{id}/scan-image",
        vec![post().to(pictures::scan_image)],
    );
    path("/v1/devices", vec![get().to(devices::list)]);
    path("/v1/offline", vec![get().to(devices::offline)]);
    path("/v1/outbox", vec![get().to(devices::outbox)]);
    path("/v1/outbox/parked", vec![get().to(parked::list)]);
    path(
        "/v1/outbox/parked/{seq}/send",
        vec![post().to(parked::send)],
    );
    path("/v1/events", vec![get().to(events::feed)]);
    path("/healthz", vec![get().to(health::alive)]);
    path("/readyz", vec![get().to(health::ready)]);
    path("/metrics", vec![get().to(health::metrics)]);
    path("/openapi.json", vec![get().to(openapi::document)]);
    console::routes(config);
    config.default_service(web::to(wrong_path));
}

async fn wrong_path(request: actix_web::HttpRequest) -> HttpResponse {
    let detail = format!(
        "{} is not a path of this API; see /openapi.json",
        request.path()
    );
    Problem::new(Kind::NotFound, detail).error_response()
}

async fn wrong_method(request: actix_web::HttpRequest) -> HttpResponse {
    let detail = format!("{} does not take {}", request.path(), request.method());
    Problem::new(Kind::MethodNotAllowed, detail).error_response()
}
