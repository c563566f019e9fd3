//! The outbox as the API sees it: its parked records. A store without a head office has no outbox,
//! and so nothing is parked.

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use store_actors::{
    outbox::{GetParked, Outbox, ParkedRecord, SendParked, SendRefused},
    ports::PublishRefused,
    supervisor::Handle,
};

use super::problem::{Kind, Problem};

const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

type Reply<T> = Pin<Box<dyn Future<Output = Result<T, Problem>>>>;
type Ask<M, T> = Arc<dyn Fn(M) -> Reply<T> + Send + Sync>;

/// What the API asks of the outbox.
#[derive(Clone)]
pub struct OutboxApi {
    pub(super) parked: Ask<(), Vec<ParkedRecord>>,
    pub(super) send: Ask<u64, ()>,
}

impl OutboxApi {
    pub fn of(outbox: Option<&Handle<Outbox>>) -> Self {
        let (lister, sender) = (outbox.cloned(), outbox.cloned());
        Self {
            parked: Arc::new(move |()| {
                let outbox = lister.clone();
                Box::pin(async move {
                    let Some(outbox) = outbox else {
                        return Ok(Vec::new());
                    };
                    let listed = outbox.ask(GetParked, ANSWER_TIMEOUT).await;
                    Ok(listed.map_err(no_answer)??)
                })
            }),
            send: Arc::new(move |seq| {
                let outbox = sender.clone();
                Box::pin(async move {
                    let Some(outbox) = outbox else {
                        return Err(SendRefused::NotParked.into());
                    };
                    let sent = outbox.ask(SendParked { seq }, ANSWER_TIMEOUT).await;
                    Ok(sent.map_err(no_answer)??)
                })
            }),
        }
    }
}

impl fmt::Debug for OutboxApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OutboxApi")
    }
}

fn no_answer(failed: impl fmt::Display) -> Problem {
    Problem::new(Kind::NoAnswer, format!("the outbox ({failed})"))
}

impl From<SendRefused> for Problem {
    fn from(refused: SendRefused) -> Self {
        let kind = match &refused {
            SendRefused::NotParked => Kind::NotParked,
            SendRefused::Journal(failed) => return failed.clone().into(),
            SendRefused::Link(PublishRefused::TooLarge) => Kind::StillTooLarge,
            SendRefused::Link(PublishRefused::Down | PublishRefused::Busy) => Kind::LinkDown,
        };
        Problem::new(kind, refused.to_string())
    }
}
