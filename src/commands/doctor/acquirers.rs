//! Acquirers: the key is there and nobody else's to read, the acquirer answers, and its clock agrees with ours.

use std::{os::unix::fs::PermissionsExt as _, path::Path, sync::Arc};

use reqwest::{Client, header::DATE, redirect};
use secrecy::SecretString;
use store_actors::{
    domain::payment::NoAnswer,
    ports::{Acquirer as _, AcquirerProfile},
};

use super::{ANSWER_WITHIN, clock, finding::Finding};
use crate::{
    adapters::{
        acquirers::{
            key::{KeyRefused, KeySource},
            sandbox::{Sandbox, SandboxConfig, SandboxRefused},
        },
        clock::{OsEntropy, SystemClock},
    },
    config::{Acquirer, Driver, Store},
};

pub(super) async fn check(store: Store, acquirer: Acquirer) -> Vec<Finding> {
    let what = format!("acquirer {}", acquirer.id);
    let mut findings = Vec::new();
    findings.extend(exposed(&what, &acquirer.key_file));
    let key = match KeySource::File(acquirer.key_file.clone()).read() {
        Ok(key) => key,
        Err(refused) => {
            findings.push(no_key(&what, &acquirer.key_file, &refused));
            return findings;
        }
    };
    let probed = match driver(&store, &acquirer, key) {
        Ok(driver) => driver.probe().await,
        Err(refused) => {
            let what = format!("{what}: {refused}");
            findings.push(Finding::fail(
                what,
                "correct its table in the configuration",
            ));
            return findings;
        }
    };
    let at = format!("{what} at {}", acquirer.base_url);
    match probed {
        Ok(()) => {
            findings.push(Finding::ok(format!("{at} answers")));
            findings.extend(time(&acquirer).await);
        }
        Err(no_answer) => findings.push(Finding::fail(
            format!("{at} does not answer: {no_answer}"),
            action(&no_answer),
        )),
    }
    findings
}

fn action(no_answer: &NoAnswer) -> &'static str {
    match no_answer {
        NoAnswer::NotSent(_) | NoAnswer::TimedOut => {
            "correct base_url; check the store's line, its DNS and its firewall"
        }
        _ => "something answers that is not the acquirer, or it has an incident: ask its desk",
    }
}

fn no_key(what: &str, file: &Path, refused: &KeyRefused) -> Finding {
    let why = match refused {
        KeyRefused::Unreadable { source, .. } => format!("{refused}: {source}"),
        _ => refused.to_string(),
    };
    let action = format!(
        "put the key from the acquirer into {}, readable by the controller's user",
        file.display()
    );
    Finding::fail(format!("{what}: {why}"), action)
}

/// Others could sign payments in the store's name.
fn exposed(what: &str, file: &Path) -> Option<Finding> {
    let mode = std::fs::metadata(file).ok()?.permissions().mode();
    (mode & 0o077 != 0).then(|| {
        let what = format!("{what}: other users may read its key");
        Finding::warn(what, format!("chmod 600 {}", file.display()))
    })
}

fn driver(
    store: &Store,
    acquirer: &Acquirer,
    key: SecretString,
) -> Result<Sandbox, SandboxRefused> {
    let mut clock = acquirer.clock;
    clock.answer_timeout_ms = u64::try_from(ANSWER_WITHIN.as_millis()).unwrap_or(u64::MAX);
    let profile = AcquirerProfile {
        id: acquirer.id.clone(),
        name: acquirer.name.clone(),
        tenders: acquirer.tenders.clone(),
        schemes: acquirer.schemes.clone(),
        currencies: vec![store.currency],
        clock,
    };
    match acquirer.driver {
        Driver::Sandbox => {
            let config = SandboxConfig {
                url: acquirer.base_url.clone(),
                merchant: acquirer.merchant.clone(),
                key,
                store: store.store.clone(),
                ca_file: None,
                profile,
            };
            Sandbox::new(config, Arc::new(SystemClock), Arc::new(OsEntropy))
        }
    }
}

/// What the acquirer's HTTP server says the time is. Whether it answers was asked already: no answer is no finding.
async fn time(acquirer: &Acquirer) -> Option<Finding> {
    let mut builder = Client::builder()
        .timeout(ANSWER_WITHIN / 2)
        .redirect(redirect::Policy::none())
        .no_proxy();
    if acquirer.base_url.starts_with("http://") {
        builder = builder.tls_certs_only([]);
    }
    let client = builder.build().ok()?;
    let asked = clock::now();
    let answer = client.head(&acquirer.base_url).send().await.ok()?;
    let answered = clock::now();
    let date = answer.headers().get(DATE)?.to_str().ok()?;
    clock::against(acquirer.id.as_str(), date, asked, answered)
}
