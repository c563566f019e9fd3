//! `lab`: see `lab --help`.

use std::{io::Write, process::ExitCode};

use clap::Parser;
use store_sim::lab::{self, args::Args};
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,rumqttd=off"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    // fails only if a provider is installed already, which serves as well
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = match &args.dir {
        Some(folder) => std::fs::create_dir_all(folder).map(|()| (folder.clone(), None)),
        None => tempfile::Builder::new()
            .prefix("lab-")
            .tempdir()
            .map(|temporary| (temporary.path().to_owned(), Some(temporary))),
    };
    let outcome = match folder {
        Ok((folder, _temporary)) => lab::run(args, &folder).await,
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let cause = std::error::Error::source(&error)
                .map(|cause| format!(": {cause}"))
                .unwrap_or_default();
            let _ = writeln!(std::io::stderr(), "lab: {error}{cause}");
            ExitCode::FAILURE
        }
    }
}
