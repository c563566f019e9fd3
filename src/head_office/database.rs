//! The head office's database: SQLite by default, PostgreSQL for a fleet, one code over both.
//!
//! It runs on `sqlx`'s `Any` driver, so every statement is in the SQL both understand; only the
//! migrations come twice, and the two statements that take nearly everything (`commit/bulk`).
//! Several processes may work on one database: whoever writes holds the row of the store
//! (PostgreSQL) or the whole file (SQLite), so a watermark is never moved by two at once.
//! Deliberately not here: MQTT, and deleting anything.

mod advance;
mod commit;
mod days;
mod held;
mod offline_budget;
mod read;
mod status;
mod store_row;

use std::{path::Path, time::Duration};

pub use commit::{Arrival, Outcome, Standing};
pub use days::{CounterMissing, StoreDay, Verdict, unhex};
pub(super) use held::KEPT_FROM_RECORDS;
pub use offline_budget::OfflineBudget;
pub use read::{Page, PaymentQuery, PaymentRow, RecordRow, StoreRow};
use sqlx::{
    AnyPool, AssertSqlSafe,
    any::{AnyConnectOptions, AnyPoolOptions},
    migrate::MigrateError,
};
use thiserror::Error;

static SQLITE: sqlx::migrate::Migrator = sqlx::migrate!("src/head_office/migrations/sqlite");
static POSTGRES: sqlx::migrate::Migrator = sqlx::migrate!("src/head_office/migrations/postgres");

/// So many connections stay open, once there are so many.
const CONNECTIONS_KEPT: u32 = 4;

/// Two processes may open one new SQLite file at once; the slower one then finds the tables made.
const MIGRATION_ATTEMPTS: u32 = 5;

#[derive(Debug, Error)]
pub enum DatabaseFailed {
    /// Nothing is wrong with the request: try again later, with a new connection.
    #[error("the database can't be reached")]
    Unreachable(#[source] sqlx::Error),
    /// Another writer was in the way; trying again at once is right.
    #[error("the database was busy")]
    Busy(#[source] sqlx::Error),
    /// The database answered and refuses: the same again will be refused again.
    #[error("the database refused")]
    Refused(#[source] sqlx::Error),
    #[error("the database took too long")]
    TimedOut,
    #[error("the database's tables can't be brought up to date")]
    Migration(#[source] MigrateError),
    #[error("the database's folder {0} can't be made")]
    Folder(String, #[source] std::io::Error),
}

impl From<sqlx::Error> for DatabaseFailed {
    fn from(error: sqlx::Error) -> Self {
        // PostgreSQL: serialization failure, deadlock, lock not available; SQLite: BUSY and LOCKED
        // in the low byte
        const BUSY_STATES: [&str; 3] = ["40001", "40P01", "55P03"];
        // PostgreSQL: connection lost, resources short, tables of another version of this program,
        // the server is stopping or starting
        const GONE_CLASSES: [&str; 5] = ["08", "42", "53", "57", "58"];
        let Some(code) = error.as_database_error().and_then(|error| error.code()) else {
            return Self::Unreachable(error);
        };
        match code.parse::<i64>() {
            Ok(number) if code.len() < 5 && matches!(number & 0xff, 5 | 6) => Self::Busy(error),
            // SQLite: out of memory, I/O, disk full, can't open, not a database
            Ok(number) if code.len() < 5 && matches!(number & 0xff, 7 | 10 | 13 | 14 | 26) => {
                Self::Unreachable(error)
            }
            _ if BUSY_STATES.contains(&code.as_ref()) => Self::Busy(error),
            _ if GONE_CLASSES
                .iter()
                .any(|class| code.len() == 5 && code.starts_with(class)) =>
            {
                Self::Unreachable(error)
            }
            _ => Self::Refused(error),
        }
    }
}

/// How to open it.
#[derive(Clone, Debug)]
pub struct DatabaseOptions {
    /// `sqlite:path/to/file` or `postgres://user@host/database`.
    pub url: String,
    pub password: Option<secrecy::SecretString>,
    pub connections: u32,
    /// How long a statement waits for another writer, and a caller for a connection.
    pub busy_timeout: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    Sqlite,
    Postgres,
}

/// An open database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Database {
    pool: AnyPool,
    dialect: Dialect,
}

impl Database {
    /// Connects and brings the tables up to date. An SQLite file is made if there is none.
    pub async fn open(options: &DatabaseOptions) -> Result<Self, DatabaseFailed> {
        sqlx::any::install_default_drivers();
        let dialect = if options.url.starts_with("sqlite:") {
            Dialect::Sqlite
        } else {
            Dialect::Postgres
        };
        let connect = connect_options(options, dialect)?;
        let settings = match dialect {
            Dialect::Sqlite => format!(
                "PRAGMA busy_timeout = {}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON",
                options.busy_timeout.as_millis()
            ),
            Dialect::Postgres => format!("SET lock_timeout = {}", options.busy_timeout.as_millis()),
        };
        // ingest needs all of its own when a backlog comes, and a server takes a while to open one
        let kept = match dialect {
            Dialect::Sqlite => 0,
            Dialect::Postgres => options.connections.min(CONNECTIONS_KEPT),
        };
        let pool = AnyPoolOptions::new()
            .max_connections(options.connections)
            .min_connections(kept)
            .acquire_timeout(options.busy_timeout)
            .after_connect(move |connection, _| {
                let settings = AssertSqlSafe(settings.clone());
                Box::pin(async move { sqlx::raw_sql(settings).execute(connection).await.map(drop) })
            })
            .connect_lazy_with(connect);
        let database = Self { pool, dialect };
        database.migrate().await?;
        Ok(database)
    }

    async fn migrate(&self) -> Result<(), DatabaseFailed> {
        let migrator = match self.dialect {
            Dialect::Sqlite => &SQLITE,
            Dialect::Postgres => &POSTGRES,
        };
        let mut attempt = 1;
        loop {
            match migrator.run(&self.pool).await {
                Ok(()) => return Ok(()),
                Err(MigrateError::Execute(_) | MigrateError::ExecuteMigration(..))
                    if self.dialect == Dialect::Sqlite && attempt < MIGRATION_ATTEMPTS =>
                {
                    attempt += 1;
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Err(error) => return Err(DatabaseFailed::Migration(error)),
            }
        }
    }

    /// Whether it answers.
    pub async fn ping(&self) -> Result<(), DatabaseFailed> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }

    pub async fn close(&self) {
        self.pool.close().await;
    }
}

fn connect_options(
    options: &DatabaseOptions,
    dialect: Dialect,
) -> Result<AnyConnectOptions, DatabaseFailed> {
    use secrecy::ExposeSecret;
    use sqlx::ConnectOptions;

    let mut connect: AnyConnectOptions = options.url.parse()?;
    if let Some(password) = &options.password {
        // fails only for URLs that hold no user anyway
        let _ = connect
            .database_url
            .set_password(Some(password.expose_secret()));
    }
    if dialect == Dialect::Sqlite {
        connect
            .database_url
            .query_pairs_mut()
            .append_pair("mode", "rwc");
        let path = options
            .url
            .trim_start_matches("sqlite:")
            .trim_start_matches("//");
        let folder = Path::new(path.split('?').next().unwrap_or(path)).parent();
        if let Some(folder) = folder.filter(|folder| !folder.as_os_str().is_empty()) {
            let failed = |cause| DatabaseFailed::Folder(folder.display().to_string(), cause);
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
    }
    Ok(connect.disable_statement_logging())
}

/// Sequence numbers, times and amounts fit a `BIGINT`; a number that does not is no number of ours.
fn big(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// What was stored by `big`.
fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
