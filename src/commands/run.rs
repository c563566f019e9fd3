//! `run`: the store, from its configuration to its end.

use std::path::Path;

use super::Failed;
use crate::{config::Config, logging};

pub(super) fn run(file: Option<&Path>) -> Result<(), Failed> {
    let config = Config::load(file)?;
    logging::init(&config.log)?;
    Err("the store is not wired up yet".into())
}
