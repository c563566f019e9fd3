//! The head office's HTTP API: where each store stands, what is missing, what it sold. It reads the
//! database and changes nothing. Deliberately not here: who may ask (a proxy's business; the
//! default address is a loopback one).

mod query;

use std::{net::TcpListener, sync::Arc, time::Duration};

use actix_web::{
    App, HttpResponse, HttpServer,
    dev::Server,
    get,
    web::{self, Data, Path, Query},
};
use serde::Serialize;
use store_actors::{domain::ids::ChainId, ports::WallClock, wire::uplink::StoreRef};
use tokio::time::timeout;

use self::query::{CompletenessQuery, GapsQuery, PaymentsQuery, RecordsQuery};
use super::{
    completeness::Completeness,
    database::{Database, DatabaseFailed},
    metrics::Metrics,
};
use crate::problem::Problem;

/// Those who watch over this program give up sooner than a statement would.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// What the handlers need.
#[derive(Clone)]
pub struct Office {
    pub chain: ChainId,
    pub database: Database,
    pub clock: Arc<dyn WallClock>,
    pub metrics: Arc<Metrics>,
}

impl std::fmt::Debug for Office {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Office")
            .field("chain", &self.chain)
            .finish_non_exhaustive()
    }
}

/// The server on `listener`; it runs when awaited, until its handle stops it.
pub fn server(listener: TcpListener, office: Office) -> std::io::Result<Server> {
    let office = Data::new(office);
    let app = move || App::new().app_data(office.clone()).configure(routes);
    Ok(HttpServer::new(app)
        .workers(2)
        .disable_signals()
        .shutdown_timeout(5)
        .listen(listener)?
        .run())
}

/// All routes, and problems for everything else.
pub fn routes(config: &mut web::ServiceConfig) {
    let wrong_query = web::QueryConfig::default()
        .error_handler(|error, _| Problem::bad_request(error.to_string()).into());
    config
        .app_data(wrong_query)
        .service(stores)
        .service(payments)
        .service(completeness)
        .service(gaps)
        .service(records)
        .service(healthz)
        .service(metrics)
        .default_service(web::to(|| async {
            HttpResponse::from_error(Problem::not_found("there is nothing here"))
        }));
}

fn failed(error: DatabaseFailed) -> Problem {
    tracing::warn!(%error, "the database failed a request");
    Problem::unavailable("the database does not answer; try again later")
}

impl Office {
    fn store(&self, name: &str) -> Result<StoreRef, Problem> {
        let store = name.parse().map_err(|_| unknown(name))?;
        Ok(StoreRef {
            chain: self.chain.clone(),
            store,
        })
    }
}

fn unknown(name: &str) -> Problem {
    Problem::not_found(format!("no store {name:?} has reported here"))
}

#[derive(Serialize)]
struct Items<T> {
    items: Vec<T>,
}

#[get("/v1/stores")]
async fn stores(office: Data<Office>) -> Result<HttpResponse, Problem> {
    let items = office
        .database
        .stores(&office.chain, office.clock.now())
        .await
        .map_err(failed)?;
    Ok(HttpResponse::Ok().json(Items { items }))
}

#[get("/v1/stores/{store}/payments")]
async fn payments(
    office: Data<Office>,
    name: Path<String>,
    query: Query<PaymentsQuery>,
) -> Result<HttpResponse, Problem> {
    let store = office.store(&name)?;
    let page = office
        .database
        .payments(&store, &query.read()?)
        .await
        .map_err(failed)?;
    Ok(HttpResponse::Ok().json(page.ok_or_else(|| unknown(&name))?))
}

/// How complete a business day is: `day`, and perhaps one `store`.
#[get("/v1/completeness")]
async fn completeness(
    office: Data<Office>,
    query: Query<CompletenessQuery>,
) -> Result<HttpResponse, Problem> {
    let (day, store) = query.read()?;
    let days = office
        .database
        .completeness(&office.chain, day, store.as_ref())
        .await
        .map_err(failed)?;
    if let Some(store) = store.filter(|_| days.is_empty()) {
        return Err(unknown(store.as_str()));
    }
    Ok(HttpResponse::Ok().json(Completeness::of(day, &days)))
}

#[derive(Serialize)]
struct Gap {
    first: u64,
    last: u64,
    records: u64,
}

#[get("/v1/stores/{store}/gaps")]
async fn gaps(
    office: Data<Office>,
    name: Path<String>,
    query: Query<GapsQuery>,
) -> Result<HttpResponse, Problem> {
    let store = office.store(&name)?;
    let gaps = office
        .database
        .gaps(&store, query.limit()?)
        .await
        .map_err(failed)?;
    let shown = |(first, last)| Gap {
        first,
        last,
        records: last - first + 1,
    };
    let items = gaps
        .ok_or_else(|| unknown(&name))?
        .into_iter()
        .map(shown)
        .collect();
    Ok(HttpResponse::Ok().json(Items { items }))
}

#[get("/v1/stores/{store}/records")]
async fn records(
    office: Data<Office>,
    name: Path<String>,
    query: Query<RecordsQuery>,
) -> Result<HttpResponse, Problem> {
    let store = office.store(&name)?;
    let (from, limit) = query.read()?;
    let page = office
        .database
        .records(&store, from, limit)
        .await
        .map_err(failed)?;
    Ok(HttpResponse::Ok().json(page.ok_or_else(|| unknown(&name))?))
}

#[get("/healthz")]
async fn healthz(office: Data<Office>) -> Result<HttpResponse, Problem> {
    let answer = timeout(PROBE_TIMEOUT, office.database.ping()).await;
    answer
        .unwrap_or(Err(DatabaseFailed::TimedOut))
        .map_err(failed)?;
    if office.metrics.broker_up.get() == 0 {
        return Err(Problem::unavailable("the broker is not connected"));
    }
    Ok(HttpResponse::Ok().json(serde_json::json!({ "status": "ok" })))
}

#[get("/metrics")]
async fn metrics(office: Data<Office>) -> Result<HttpResponse, Problem> {
    // without the database there are still this process's own metrics, which say so
    let held = office.database.stores(&office.chain, office.clock.now());
    let held = timeout(PROBE_TIMEOUT, held)
        .await
        .ok()
        .and_then(Result::ok)
        .unwrap_or_default();
    let page = office.metrics.page(&held);
    let page = page.map_err(|error| Problem::unavailable(error.to_string()))?;
    Ok(HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4")
        .body(page))
}
