//! `boards`: makes the Grafana boards of `dashboards/` anew; see `make boards`.

use std::{fs, path::Path, process::ExitCode};

use store_sim::boards;

fn main() -> ExitCode {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dashboards");
    for name in ["store", "fleet"] {
        if let Err(failed) = write(&folder, name) {
            eprintln!("{name}: {failed}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn write(folder: &Path, name: &str) -> Result<(), Box<dyn std::error::Error>> {
    let description = fs::read_to_string(folder.join(format!("boards/{name}.toml")))?;
    let readme = fs::read_to_string(folder.join("README.md"))?;
    let made = boards::make(&description, &readme)?;
    fs::write(folder.join(format!("{name}.json")), made)?;
    Ok(())
}
