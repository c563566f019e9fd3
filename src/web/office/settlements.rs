//! The settlement of batches: what was settled, and settling one now.

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use store_actors::{
    domain::{
        ids::AcquirerId,
        office::{
            entry::{self, Entry},
            settlement::Settlement,
        },
    },
    settlement::{
        Settling,
        requests::{SettleBatch, SettleRefused},
    },
    supervisor::Handle,
};

use super::{LISTED_MAX, Shared};
use crate::web::{
    input,
    model::office::{SettledModel, SettlementModel, SettlementsModel},
    problem::{Document, Kind, Problem},
};

/// A batch of some hundred transactions, uploaded eight by eight.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

type Reply<T> = Pin<Box<dyn Future<Output = Result<T, Problem>>>>;

/// What the API asks about batches.
#[derive(Clone)]
pub struct SettlingApi {
    settle: Arc<dyn Fn(AcquirerId) -> Reply<Option<Settlement>> + Send + Sync>,
}

impl SettlingApi {
    pub fn of(settling: Option<&Handle<Settling>>) -> Self {
        let settling = settling.cloned();
        Self {
            settle: Arc::new(move |acquirer| {
                let settling = settling.clone();
                Box::pin(async move {
                    let Some(settling) = settling else {
                        return Err(SettleRefused::NoSuchAcquirer(acquirer).into());
                    };
                    let asked = settling.ask(SettleBatch(acquirer), ANSWER_TIMEOUT).await;
                    let late = |failed| SettleRefused::NoAnswer(format!("the settling ({failed})"));
                    Ok(asked.map_err(late)??)
                })
            }),
        }
    }
}

impl fmt::Debug for SettlingApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SettlingApi")
    }
}

impl From<SettleRefused> for Problem {
    fn from(refused: SettleRefused) -> Self {
        let detail = refused.to_string();
        let kind = match refused {
            SettleRefused::NoSuchAcquirer(_) => Kind::NoSuchAcquirer,
            SettleRefused::NoBatches(_) => Kind::NoBatches,
            SettleRefused::NotSettled(_) => Kind::NotSettled,
            SettleRefused::Journal(failed) => return failed.into(),
            SettleRefused::NoAnswer(_) => Kind::NoAnswer,
        };
        Self::new(kind, detail)
    }
}

/// Settled batches, by acquirer, at most 500.
#[utoipa::path(
    get, path = "/v1/office/settlements", tag = "office", operation_id = "listSettlements",
    responses(
        (status = 200, description = "The batches", body = SettlementsModel),
        (status = 503, description = "journal-stopped, no-answer", body = Document, content_type = "application/problem+json"),
    )
)]
pub(in crate::web) async fn list(shared: Data<Shared>) -> Result<HttpResponse, Problem> {
    let disk = &shared.parts.disk;
    let entries = disk.entries(entry::SETTLEMENTS, LISTED_MAX).await?;
    let settlements = entries.iter().filter_map(|entry| match entry {
        Entry::Settlement(one) => Some(SettlementModel::from(one)),
        _ => None,
    });
    Ok(HttpResponse::Ok().json(SettlementsModel {
        settlements: settlements.collect(),
    }))
}

/// Settles the acquirer's open batch now. What is broken off goes on by itself, and at the next
/// asking.
#[utoipa::path(
    post, path = "/v1/acquirers/{id}/settlement", tag = "office", operation_id = "settleBatch",
    params(("id" = String, Path, description = "The acquirer, as configured")),
    responses(
        (status = 200, description = "Settled, or there was nothing to settle", body = SettledModel),
        (status = 400, description = "invalid-request", body = Document, content_type = "application/problem+json"),
        (status = 404, description = "no-such-acquirer", body = Document, content_type = "application/problem+json"),
        (status = 409, description = "no-batches: it settles by itself", body = Document, content_type = "application/problem+json"),
        (status = 503, description = "not-settled, journal-stopped, no-answer", body = Document, content_type = "application/problem+json"),
    )
)]
pub(in crate::web) async fn settle(
    shared: Data<Shared>,
    path: Path<String>,
) -> Result<HttpResponse, Problem> {
    let acquirer: AcquirerId = path
        .parse()
        .map_err(|why| input::invalid(format!("id: {why}")))?;
    let settled = (shared.parts.settling.settle)(acquirer).await?;
    Ok(HttpResponse::Ok().json(SettledModel {
        settlement: settled.as_ref().map(SettlementModel::from),
    }))
}
