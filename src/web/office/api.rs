//! The office as the API sees it: one question each, with a bound on the wait.

use std::{fmt, sync::Arc, time::Duration};

use actix::{Handler, Message};
use store_actors::{
    domain::money::Currency,
    office::{Office, requests::OfficeRefused},
    supervisor::Handle,
};

use crate::office::Ledger;

/// Closing a shift adds up days and writes twice.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// The way to the office, and the sums.
#[derive(Clone)]
pub struct OfficeApi {
    office: Handle<Office>,
    pub(in crate::web) ledger: Arc<Ledger>,
    pub(in crate::web) currency: Currency,
}

impl OfficeApi {
    pub fn new(office: Handle<Office>, ledger: Arc<Ledger>, currency: Currency) -> Self {
        Self {
            office,
            ledger,
            currency,
        }
    }

    pub(in crate::web) async fn ask<M, T>(&self, message: M) -> Result<T, OfficeRefused>
    where
        M: Message<Result = Result<T, OfficeRefused>> + Send + 'static,
        Office: Handler<M>,
        T: Send + 'static,
    {
        match self.office.ask(message, ANSWER_TIMEOUT).await {
            Ok(answer) => answer,
            Err(failed) => Err(OfficeRefused::NoAnswer(format!("the office ({failed})"))),
        }
    }
}

impl fmt::Debug for OfficeApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OfficeApi({:?})", self.ledger)
    }
}
