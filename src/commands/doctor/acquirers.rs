//! Acquirers: the key is there and nobody else's to read, the acquirer answers, and its clock
//! agrees with ours.

use std::{error::Error, os::unix::fs::PermissionsExt as _, path::Path, sync::Arc};

use reqwest::{Client, header::DATE, redirect};
use store_actors::{
    domain::payment::NoAnswer,
    ports::{Acquirer as Driver, Entropy, WallClock},
};

use super::{ANSWER_WITHIN, clock, finding::Finding};
use crate::{
    adapters::acquirers::cardhost::CardHostRefused,
    adapters::clock::{OsEntropy, SystemClock},
    config::{Acquirer, Config},
    wiring::{WiringFailed, open_acquirer, way_to},
};

pub(super) async fn check(config: Config, acquirer: Acquirer) -> Vec<Finding> {
    let what = format!("acquirer {}", acquirer.id);
    let mut findings = Vec::new();
    findings.extend(exposed(&what, acquirer.driver.key_file()));
    let driver = match open(&config, &acquirer) {
        Ok(driver) => driver,
        Err(WiringFailed::CardHost {
            source: CardHostRefused::InUse(_),
            ..
        }) => {
            findings.push(Finding::ok(format!(
                "{what}: its terminal is in use by a running store"
            )));
            return findings;
        }
        Err(failed) => {
            findings.push(not_opened(&what, acquirer.driver.key_file(), &failed));
            return findings;
        }
    };
    let probed = driver.probe().await;
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

/// The store's own driver, in a greater hurry.
fn open(config: &Config, acquirer: &Acquirer) -> Result<Arc<dyn Driver>, WiringFailed> {
    let mut quick = acquirer.clone();
    quick.speed = 1;
    quick.clock.answer_timeout_ms = u64::try_from(ANSWER_WITHIN.as_millis()).unwrap_or(u64::MAX);
    let clock: Arc<dyn WallClock> = Arc::new(SystemClock);
    let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
    open_acquirer(config, &quick, &clock, &entropy)
}

fn not_opened(what: &str, key_file: &Path, failed: &WiringFailed) -> Finding {
    let mut why = failed
        .source()
        .map_or(failed.to_string(), ToString::to_string);
    if let Some(cause) = failed.source().and_then(Error::source) {
        why = format!("{why}: {cause}");
    }
    let action = match failed {
        WiringFailed::Key { .. } => format!(
            "put the key from the acquirer into {}, readable by the controller's user",
            key_file.display()
        ),
        _ => "correct its table in the configuration".to_owned(),
    };
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

/// What the acquirer's HTTP server says the time is. Whether it answers was asked already: no
/// answer is no finding.
async fn time(acquirer: &Acquirer) -> Option<Finding> {
    let mut builder = Client::builder()
        .timeout(ANSWER_WITHIN / 2)
        .redirect(redirect::Policy::none());
    builder = match acquirer.base_url.starts_with("http://") {
        true => builder.tls_certs_only([]).no_proxy(),
        false => way_to(acquirer).ok()?.on(builder).ok()?,
    };
    let client = builder.build().ok()?;
    let asked = clock::now();
    let answer = client.head(&acquirer.base_url).send().await.ok()?;
    let answered = clock::now();
    let date = answer.headers().get(DATE)?.to_str().ok()?;
    clock::against(acquirer.id.as_str(), date, asked, answered)
}
