//! The head office: it takes the stores' records from the broker into a database, tells the stores
//! what it has, and shows what it lacks.
//!
//! ```text
//! broker --$share--> link --> ingest --COMMIT--> database <-- web
//!   ^                            |
//!   +------ receipts, acks ------+
//! ```
//!
//! Workers are added by starting more processes with the same group and database. Deliberately not
//! here: any memory of what was received, other than the database's.

pub mod completeness;
pub mod config;
pub mod database;
pub mod ingest;
pub mod link;
pub mod metrics;
pub mod web;

use std::{hash::BuildHasher, io, net::TcpListener, path::Path, sync::Arc, time::Duration};

use secrecy::SecretString;
use store_actors::{domain::ids::ChainId, ports::WallClock};
use thiserror::Error;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use self::{
    config::{Config, DatabaseConfig},
    database::{Database, DatabaseFailed, DatabaseOptions},
    ingest::{Ingest, IngestOptions},
    metrics::Metrics,
    web::Office,
};

/// Ingest's own connections: three that commit and one that asks.
const INGEST_CONNECTIONS: u32 = 4;

/// How often it is looked for days of which everything has come.
const JUDGE_INTERVAL: Duration = Duration::from_secs(2);

/// Why the head office can't run.
#[derive(Debug, Error)]
pub enum OfficeFailed {
    #[error(transparent)]
    Database(#[from] DatabaseFailed),
    #[error("{file} can't be read")]
    PasswordFile { file: String, source: io::Error },
    #[error("nothing can listen on {address}")]
    Listen { address: String, source: io::Error },
    #[error("the HTTP server failed")]
    Web(#[source] io::Error),
    #[error("the metrics can't be made")]
    Metrics(#[from] prometheus::Error),
}

/// Runs until `stop`, or until something fails that only a person can mend.
///
/// # Errors
/// The database can't be opened at the start, the address is taken, or the HTTP server fails. A
/// database or broker that goes away later is waited for.
pub async fn run(
    config: Config,
    clock: Arc<dyn WallClock>,
    stop: CancellationToken,
) -> Result<(), OfficeFailed> {
    let metrics = Arc::new(Metrics::new()?);
    // two pools: readers of the API never keep ingest waiting for a connection
    let writer = open(&config.database, INGEST_CONNECTIONS).await?;
    let reader = open(&config.database, config.database.connections).await?;
    let listener = TcpListener::bind(config.listen).map_err(|source| OfficeFailed::Listen {
        address: config.listen.to_string(),
        source,
    })?;
    let address = listener.local_addr().unwrap_or(config.listen);
    let office = Office {
        chain: config.chain.clone(),
        database: reader.clone(),
        clock: Arc::clone(&clock),
        metrics: Arc::clone(&metrics),
    };
    let server = web::server(listener, office).map_err(OfficeFailed::Web)?;
    let handle = server.handle();
    let options = ingest_options(&config);
    info!(%address, client_id = %options.client_id, chain = %config.chain, "head office is open");
    let judging = tokio::spawn(judge_days(
        config.chain.clone(),
        reader.clone(),
        Arc::clone(&clock),
        stop.clone(),
    ));
    let ingest = Ingest {
        options,
        database: writer.clone(),
        clock,
        metrics,
    };

    let ingest = tokio::spawn(ingest.run(stop.clone()));
    let served = tokio::select! {
        served = server => served.map_err(OfficeFailed::Web),
        () = stop.cancelled() => Ok(()),
    };
    stop.cancel();
    handle.stop(true).await;
    let _ = ingest.await;
    let _ = judging.await;
    writer.close().await;
    reader.close().await;
    info!("head office is closed");
    served
}

/// Judges days as their records come in. Every process of the group does: it is done once.
async fn judge_days(
    chain: ChainId,
    database: Database,
    clock: Arc<dyn WallClock>,
    stop: CancellationToken,
) {
    while stop
        .run_until_cancelled(tokio::time::sleep(JUDGE_INTERVAL))
        .await
        .is_some()
    {
        match database.judge_days(&chain, clock.now()).await {
            Ok((0, 0)) => {}
            Ok((complete, 0)) => info!(complete, "days are complete"),
            Ok((complete, refused)) => {
                error!(
                    complete,
                    refused, "days are not as certified: see /v1/completeness"
                );
            }
            Err(failed) => warn!(%failed, "days could not be judged; it is tried again"),
        }
    }
}

/// Opens the configured database, for a command.
///
/// # Errors
/// It can't be reached, or its password file can't be read.
pub async fn open_database(config: &Config) -> Result<Database, OfficeFailed> {
    open(&config.database, 1).await
}

async fn open(config: &DatabaseConfig, connections: u32) -> Result<Database, OfficeFailed> {
    let options = DatabaseOptions {
        url: config.url.clone(),
        password: config.password_file.as_deref().map(password).transpose()?,
        connections,
        busy_timeout: config.busy_timeout,
    };
    Ok(Database::open(&options).await?)
}

fn password(file: &Path) -> Result<SecretString, OfficeFailed> {
    let text = std::fs::read_to_string(file).map_err(|source| OfficeFailed::PasswordFile {
        file: file.display().to_string(),
        source,
    })?;
    Ok(text.lines().next().unwrap_or_default().into())
}

fn ingest_options(config: &Config) -> IngestOptions {
    // brokers throw out the older one of two clients with one id: each process needs its own
    let chance = std::hash::RandomState::new().hash_one(std::process::id());
    IngestOptions {
        chain: config.chain.clone(),
        broker: config.broker.clone(),
        client_id: format!("head-office-{}-{chance:016x}", config.chain),
        group: config.group.clone(),
        receive_maximum: config.receive_maximum,
        retry: config.retry,
        commit_timeout: config.database.commit_timeout,
        batch_records_max: config.batch_records_max,
    }
}
