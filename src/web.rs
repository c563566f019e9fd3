//! The HTTP API: payments, refunds, counters, devices, the outbox, the back office, the feed of
//! events, health, metrics.
//!
//! It translates and decides nothing: requests become questions to the store, refusals become RFC
//! 9457 problems. It knows the store by its questions, the journal by reading it, the rest by its
//! signals. Each route stands behind a guard (`guard`) that knows who asks and what they may, and
//! behind TLS where other machines can reach it. Deliberately not here: any state.

mod caller;
mod completions;
mod console;
mod counters;
mod devices;
mod events;
mod guard;
mod health;
mod history;
mod input;
mod lookup;
pub mod model;
mod office;
mod openapi;
mod outbox_api;
mod parked;
mod payments;
mod people;
mod pictures;
pub mod problem;
mod refunds;
mod request_id;
mod routes;
mod same_site;
pub mod shop;
mod signature;
mod spreadsheet;
pub mod stickers;
mod store_api;
mod unknown;

use std::{any::Any, fmt, io, net::SocketAddr, sync::Arc, time::Duration};

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::{
    App, HttpResponse, HttpServer, ResponseError as _,
    dev::{Server, ServerHandle},
    middleware::from_fn,
    rt::net::TcpStream,
    web::{self, Data, ServiceConfig},
};
use nix::sys::socket::{setsockopt, sockopt::TcpUserTimeout};
use store_actors::{
    ports::{Entropy, JournalDisk, JournalFailed, Reply, WallClock},
    signal::Signals,
};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

pub use office::{OfficeApi, SettlingApi};
pub use openapi::description;
pub use outbox_api::OutboxApi;
pub use store_api::StoreApi;

use crate::{
    adapters::{
        journal::Total,
        picture::{PictureLimits, PictureReader},
        tls::Tls,
    },
    config::Api,
    people::People,
    stickers::Stickers,
};
use history::History;
use problem::{Kind, Problem};
use routes::{Path, Served, Verb};
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
    pub office: OfficeApi,
    pub settling: SettlingApi,
    pub disk: Arc<dyn JournalDisk>,
    pub signals: Signals,
    pub clock: Arc<dyn WallClock>,
    pub metrics: MetricsPage,
    pub totals: Totals,
    pub shop: Shop,
    pub stickers: Arc<Stickers>,
    pub entropy: Arc<dyn Entropy>,
    /// `None`: nobody signs in, and everybody may everything.
    pub people: Option<Arc<People>>,
    /// `None`: plain HTTP.
    pub tls: Option<Arc<Tls>>,
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
    /// The last day, for the charts.
    history: Arc<History>,
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
    let history = Arc::new(History::default());
    history.begin(parts.clock.now());
    let (noting, over) = (Arc::clone(&history), closing.clone());
    let (signals, clock) = (parts.signals.clone(), Arc::clone(&parts.clock));
    actix_web::rt::spawn(async move {
        let noted = noting.run(&signals, || clock.now());
        over.run_until_cancelled(noted).await
    });
    let shared = Data::new(Shared {
        parts,
        history,
        pictures: PictureReader::new(limits),
        picture_max_bytes: api.picture_max_bytes,
        readers: Arc::new(Semaphore::new(api.event_readers_max)),
        closing: closing.clone(),
    });
    let (filled, over) = (shared.clone(), closing.clone());
    actix_web::rt::spawn(async move {
        let find = async |filter| filled.parts.disk.find(filter).await;
        over.run_until_cancelled(filled.history.fill(find)).await
    });
    let tls = shared.parts.tls.clone();
    let reader_timeout_ms = u32::try_from(api.event_reader_timeout.as_millis()).unwrap_or(u32::MAX);
    let server = HttpServer::new(move || {
        App::new()
            .wrap(from_fn(same_site::guard))
            .wrap(from_fn(request_id::name))
            .app_data(shared.clone())
            .configure(routes)
    })
    .workers(WORKERS)
    .client_request_timeout(HEAD_TIMEOUT)
    .shutdown_timeout(STOP_TIMEOUT_S)
    .disable_signals()
    // a client that has gone is seen at once, also by a feed that has nothing to say
    .h1_allow_half_closed(false)
    .on_connect(move |connection, _| prepare(connection, reader_timeout_ms));
    let server = match tls {
        Some(tls) => server.bind_rustls_0_23(api.listen, tls.config.clone())?,
        None => server.bind(api.listen)?,
    };
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
    let secured = connection.downcast_ref::<TlsStream<TcpStream>>();
    let plain = || connection.downcast_ref::<TcpStream>();
    let Some(stream) = secured.map(|secured| secured.get_ref().0).or_else(plain) else {
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
    for path in paths() {
        path.register(config);
    }
    config.default_service(web::to(wrong_path));
}

/// Method and pattern of every route, the console's included.
pub fn served() -> Vec<(&'static str, &'static str)> {
    paths().iter().flat_map(Path::names).collect()
}

fn paths() -> Vec<Path> {
    let get = || Verb::Get;
    let post = || Verb::Post;
    let mut paths = console::paths();
    let mut path = |pattern: &'static str, routes: Vec<Served>| {
        paths.push(Path::new(pattern, routes));
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
        "/v1/payments/{id}/completion",
        vec![post().to(completions::create)],
    );
    path(
        "/v1/payments/{id}/refunds",
        vec![post().to(refunds::create)],
    );
    path(
        "/v1/payments/{id}/signature",
        vec![post().to(signature::create)],
    );
    path(
        "/v1/payments/{id}/signature.svg",
        vec![get().to(signature::show)],
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
    path(
        "/v1/counters/{id}/stickers",
        vec![get().to(stickers::list), post().to(stickers::issue)],
    );
    path(
        "/v1/counters/{id}/sticker-image",
        vec![post().to(stickers::see)],
    );
    path("/v1/devices", vec![get().to(devices::list)]);
    path("/v1/devices/{id}/test", vec![post().to(devices::test)]);
    path("/v1/offline", vec![get().to(devices::offline)]);
    path("/v1/outbox", vec![get().to(devices::outbox)]);
    path("/v1/outbox/parked", vec![get().to(parked::list)]);
    path(
        "/v1/outbox/parked/{seq}/send",
        vec![post().to(parked::send)],
    );
    path(
        "/v1/office/statement",
        vec![get().to(office::statement::show)],
    );
    path(
        "/v1/office/comparison",
        vec![get().to(office::statement::compare)],
    );
    path("/v1/office/fees", vec![get().to(office::statement::fees)]);
    path(
        "/v1/office/shifts",
        vec![
            get().to(office::shifts::list),
            post().to(office::shifts::open),
        ],
    );
    path(
        "/v1/office/shifts/{counter}",
        vec![get().to(office::shifts::x_report)],
    );
    path(
        "/v1/office/shifts/{counter}/cash",
        vec![post().to(office::shifts::cash)],
    );
    path(
        "/v1/office/shifts/{counter}/close",
        vec![post().to(office::shifts::close)],
    );
    path(
        "/v1/office/shifts/{counter}/{number}",
        vec![get().to(office::shifts::z_report)],
    );
    path("/v1/office/days", vec![get().to(office::days::list)]);
    path(
        "/v1/office/days/{day}/close",
        vec![post().to(office::days::close)],
    );
    path(
        "/v1/office/settlements",
        vec![get().to(office::settlements::list)],
    );
    path(
        "/v1/acquirers/{id}/settlement",
        vec![post().to(office::settlements::settle)],
    );
    path(
        "/v1/office/differences",
        vec![get().to(office::differences::list)],
    );
    path(
        "/v1/office/differences/{id}",
        vec![post().to(office::differences::advance)],
    );
    path("/v1/events", vec![get().to(events::feed)]);
    path("/healthz", vec![get().to(health::alive)]);
    path("/readyz", vec![get().to(health::ready)]);
    path("/metrics", vec![get().to(health::metrics)]);
    path("/openapi.json", vec![get().to(openapi::document)]);
    path("/v1/approvals", vec![post().to(people::approvals::give)]);
    path(
        "/v1/people",
        vec![get().to(people::list), post().to(people::add)],
    );
    path("/v1/people/{name}", vec![post().to(people::change)]);
    path("/v1/people/{name}/remove", vec![post().to(people::remove)]);
    path(
        "/v1/tokens",
        vec![
            get().to(people::tokens::list),
            post().to(people::tokens::make),
        ],
    );
    path(
        "/v1/tokens/{id}/revoke",
        vec![post().to(people::tokens::revoke)],
    );
    path("/v1/audit", vec![get().to(people::audit::list)]);
    paths
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
