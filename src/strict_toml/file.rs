//! A configuration from a file, or the built-in one where none is named.

use std::{
    io,
    path::{Path, PathBuf},
};

use thiserror::Error;

use super::Faults;

/// Why there is no configuration.
#[derive(Debug, Error)]
pub enum FileRefused {
    #[error("{} can't be read", .file.display())]
    Unreadable { file: PathBuf, source: io::Error },
    #[error(transparent)]
    Faulty(#[from] Faults),
}

/// Reads `file` and hands its name, its text and its directory to `parse`; without one, an empty
/// text, which leaves everything to the built-in defaults.
///
/// # Errors
/// The file can't be read, or all of its faults.
pub fn load<T>(
    file: Option<&Path>,
    parse: impl FnOnce(&str, &str, &Path) -> Result<T, Faults>,
) -> Result<T, FileRefused> {
    let Some(file) = file else {
        return Ok(parse("built-in", "", Path::new(""))?);
    };
    let text = std::fs::read_to_string(file).map_err(|source| FileRefused::Unreadable {
        file: file.to_owned(),
        source,
    })?;
    let dir = file.parent().unwrap_or(Path::new(""));
    Ok(parse(&file.to_string_lossy(), &text, dir)?)
}
