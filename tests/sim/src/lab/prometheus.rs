//! Debian's Prometheus on the lab: it scrapes the store and the head office, with the rules of
//! `dashboards/` loaded, as an operator's would. Its data goes with the lab's folder.

use std::{fs, io, net::SocketAddr, path::Path};

use super::child::Program;

const RULES: [(&str, &str); 2] = [
    (
        "rules.yml",
        include_str!("../../../../dashboards/rules.yml"),
    ),
    (
        "alerts.yml",
        include_str!("../../../../dashboards/alerts.yml"),
    ),
];

/// What it looks at.
#[derive(Clone, Copy, Debug)]
pub struct Targets {
    pub store: SocketAddr,
    pub head_office: SocketAddr,
}

/// Starts it on `listen`, everything of it below `folder`.
pub fn start(folder: &Path, listen: SocketAddr, targets: Targets) -> io::Result<Program> {
    let own = folder.join("prometheus");
    fs::create_dir_all(&own)?;
    for (name, text) in RULES {
        fs::write(own.join(name), text)?;
    }
    let config = own.join("prometheus.yml");
    fs::write(&config, configuration(targets))?;
    let arguments = vec![
        format!("--config.file={}", config.display()),
        format!("--storage.tsdb.path={}", own.join("data").display()),
        format!("--web.listen-address={listen}"),
    ];
    let mut program = Program::installed("prometheus", arguments, folder);
    let told = |error: io::Error| {
        let what = format!("prometheus can't be started (apt-get install prometheus): {error}");
        io::Error::new(error.kind(), what)
    };
    program.start().map_err(told)?;
    Ok(program)
}

/// Every second, so that a short run has something to show. The store's id is its instance.
fn configuration(Targets { store, head_office }: Targets) -> String {
    format!(
        r#"global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [rules.yml, alerts.yml]
scrape_configs:
  - job_name: store-controller
    static_configs: [{{targets: ["{store}"], labels: {{instance: "0001"}}}}]
  - job_name: head-office
    static_configs: [{{targets: ["{head_office}"], labels: {{instance: head-office}}}}]
"#
    )
}
