//! `check-config`: everything that is wrong with the text of the configuration.

use std::{io::Write, path::Path};

use super::Failed;
use crate::config::{Config, fees};

pub(super) fn run(file: Option<&Path>, out: &mut dyn Write) -> Result<(), Failed> {
    let config = Config::load(file)?;
    if let Some(fees) = &config.office.fees_file {
        fees::load(fees)?;
    }
    let name = file.map_or("the built-in configuration".into(), |file| {
        file.to_string_lossy()
    });
    let acquirers: Vec<_> = config
        .acquirers
        .iter()
        .map(|acquirer| acquirer.id.as_str())
        .collect();
    writeln!(
        out,
        "{name} is in order: store {}/{}, {} counter(s), acquirer(s) {}, API on {}, {}",
        config.store.chain,
        config.store.store,
        config.counters.len(),
        acquirers.join(" "),
        config.api.listen,
        match config.uplink {
            Some(uplink) => format!(
                "head office by {}:{}",
                uplink.broker.host, uplink.broker.port
            ),
            None => "no head office".to_owned(),
        }
    )?;
    Ok(())
}
