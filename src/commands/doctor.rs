//! `doctor`: looks at everything the store needs from the world outside, and says what to do about
//! what is wrong.
//!
//! Every check has its own bound and all run at once, so that one dead device does not hide the
//! next. It changes nothing: ports are opened and closed, a file is written beside the journal and
//! removed. Run beside a running controller it leaves alone what that one holds. What only the text
//! of the configuration can say is `check-config`'s.

mod acquirers;
mod broker;
mod clock;
mod disk;
mod finding;
mod lines;
mod listening;
mod readers;

use std::{future::Future, io::Write, path::Path, pin::Pin, time::Duration};

use futures_util::future::join_all;
use tokio::time::timeout;

use super::Failed;
use crate::{
    config::{Config, Counter},
    strict_toml::FileRefused,
};
use finding::{Finding, Level};

pub(super) const EXAMPLES: &str =
    "One line per finding: ok, warn or fail, what was found, what to do about it.
Exit code 1 if anything failed. May be run beside a running controller.

Examples:
  store-controller doctor --config /etc/store-controller/store.toml
  store-controller doctor --config store.toml | grep -v ^ok";

/// What one thing outside may take to answer. Every check's own bounds are shorter.
const CHECK_WITHIN: Duration = Duration::from_millis(3_500);

/// For one question of a check.
const ANSWER_WITHIN: Duration = Duration::from_millis(2_500);

type Check<'a> = Pin<Box<dyn Future<Output = Vec<Finding>> + 'a>>;

pub(super) fn run(file: Option<&Path>, out: &mut dyn Write) -> Result<(), Failed> {
    let config = match Config::load(file) {
        Ok(config) => config,
        Err(refused) => {
            let findings = refused_configuration(&refused);
            return report(&findings, out);
        }
    };
    // the process's own; somebody else may have installed it
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut findings = vec![configuration(file, &config)];
    findings.extend(runtime.block_on(examine(&config)));
    // a driver that hangs must not keep the answer from whoever asked
    runtime.shutdown_background();
    report(&findings, out)
}

fn refused_configuration(refused: &FileRefused) -> Vec<Finding> {
    let action = "correct it; config/store.toml explains every key";
    match refused {
        FileRefused::Unreadable { source, .. } => {
            let action = "give the file's name by --config, and the user the right to read it";
            vec![Finding::fail(
                format!("configuration: {refused}: {source}"),
                action,
            )]
        }
        FileRefused::Faulty(faults) => faults
            .to_string()
            .lines()
            .map(|fault| Finding::fail(format!("configuration: {fault}"), action))
            .collect(),
    }
}

fn configuration(file: Option<&Path>, config: &Config) -> Finding {
    let store = format!("store {}/{}", config.store.chain, config.store.store);
    match file {
        Some(file) => Finding::ok(format!("configuration: {}, {store}", file.display())),
        None => Finding::warn(
            format!("configuration: the built-in one, {store}"),
            "it is an example; write your own and name it by --config",
        ),
    }
}

/// All checks at once; the findings in the order in which a person would ask.
async fn examine(config: &Config) -> Vec<Finding> {
    let controller = disk::holder(&config.journal.dir);
    let holder = controller.as_ref();
    let mut checks: Vec<(String, Check<'_>)> = Vec::new();
    let mut add = |what: String, check: Check<'static>| checks.push((what, check));
    add("clock".into(), Box::pin(async { vec![clock::year()] }));
    add(
        format!("journal {}", config.journal.dir.display()),
        Box::pin(disk::check(config.journal.clone(), holder.cloned())),
    );
    add(
        format!("API {}", config.api.listen),
        Box::pin(listening::check(
            config.api.clone(),
            config.notifications.listen,
            holder.cloned(),
        )),
    );
    for (what, line) in config.counters.iter().flat_map(device_lines) {
        add(
            what.clone(),
            Box::pin(lines::check(what, line.clone(), holder.cloned())),
        );
    }
    let wanted = config.counters.iter().filter_map(|counter| {
        let nfc = counter.nfc.as_ref()?;
        Some((counter.id.to_string(), nfc.reader.clone()))
    });
    add(
        "card readers".into(),
        Box::pin(readers::check(wanted.collect())),
    );
    for acquirer in &config.acquirers {
        let check = acquirers::check(config.clone(), acquirer.clone());
        add(format!("acquirer {}", acquirer.id), Box::pin(check));
    }
    add(
        "broker".into(),
        Box::pin(broker::check(config.uplink.clone())),
    );
    let bounded = checks
        .into_iter()
        .map(|(what, check)| within_bound(what, check));
    join_all(bounded).await.into_iter().flatten().collect()
}

async fn within_bound(what: String, check: Check<'_>) -> Vec<Finding> {
    timeout(CHECK_WITHIN, check).await.unwrap_or_else(|_| {
        let ms = CHECK_WITHIN.as_millis();
        let what = format!("{what}: no answer within {ms} ms");
        let action = "it hangs: unplug it or restart its service, then ask again";
        vec![Finding::fail(what, action)]
    })
}

fn device_lines(counter: &Counter) -> Vec<(String, &crate::config::Line)> {
    let terminal = counter
        .terminal
        .as_ref()
        .map(|terminal| ("terminal", &terminal.line));
    let scanner = counter
        .scanner
        .as_ref()
        .map(|scanner| ("scanner", &scanner.line));
    let named = |(kind, line)| (format!("{kind} of counter {}", counter.id), line);
    terminal.into_iter().chain(scanner).map(named).collect()
}

fn report(findings: &[Finding], out: &mut dyn Write) -> Result<(), Failed> {
    for finding in findings {
        writeln!(out, "{finding}")?;
    }
    let failed = findings
        .iter()
        .filter(|finding| finding.level == Level::Fail)
        .count();
    match failed {
        0 => Ok(()),
        1 => Err("one thing is wrong; see the line that begins with \"fail\"".into()),
        _ => {
            Err(format!("{failed} things are wrong; see the lines that begin with \"fail\"").into())
        }
    }
}
