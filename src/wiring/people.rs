//! People and tokens beside the store; what they do goes into its journal.

use std::sync::Arc;

use store_actors::{
    domain::{office::entry::Entry, record::Body},
    journal::{ANSWER_WITHIN, Append},
    ports::{JournalFailed, WallClock as _},
};

use super::{OpenStore, WiringFailed};
use crate::{
    adapters::{
        clock::{OsEntropy, SystemClock},
        tls::{self, CertificateFiles, Tls},
    },
    config::Config,
    people::{People, PeopleSettings, WriteDeed},
};

/// Everybody who may use the store; `None` where nobody has to sign in.
///
/// # Errors
/// The book of people can't be read.
pub(crate) fn open_people(
    config: &Config,
    store: &OpenStore,
) -> Result<Option<Arc<People>>, WiringFailed> {
    if !config.people.sign_in {
        return Ok(None);
    }
    let journal = store.running.journal.clone();
    let write: WriteDeed = Arc::new(move |deed| {
        let journal = journal.clone();
        Box::pin(async move {
            let office = Box::new(Entry::Deed(deed));
            let append = Append {
                bodies: vec![Body::Office { office }],
            };
            let asked = journal.ask(append, ANSWER_WITHIN).await;
            asked.map_err(|_| JournalFailed::NoAnswer)?.map(|_| ())
        })
    });
    let settings = PeopleSettings {
        dir: config.people.dir.clone(),
        rules: config.people.rules,
    };
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(OsEntropy));
    let people = People::open(&settings, clock, entropy, write)?;
    Ok(Some(Arc::new(people)))
}

/// What the API speaks TLS with, if it does.
///
/// # Errors
/// The certificate can't be read or made.
pub(crate) fn open_tls(config: &Config) -> Result<Option<Arc<Tls>>, WiringFailed> {
    let Some(tls) = &config.api.tls else {
        return Ok(None);
    };
    let opened = match &tls.files {
        Some(files) => files.open()?,
        None => {
            let files = CertificateFiles::own(&config.people.dir);
            files.make(
                &tls::names(config.api.listen.ip(), &tls.names),
                SystemClock.now(),
            )?;
            files.open()?
        }
    };
    tracing::info!(sha256 = opened.fingerprint, "the certificate of the API");
    Ok(Some(Arc::new(opened)))
}
