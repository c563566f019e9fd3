//! Where an acquirer's key comes from: a file or an environment variable, never the configuration
//! itself, so that a configuration can be shown, compared and sent about.

use std::path::PathBuf;

use secrecy::SecretString;
use zeroize::Zeroizing;

/// A key longer than this is another file.
const LARGEST_KEY: u64 = 64 * 1024;

/// Where a key is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// A file's whole text, without white space around it.
    File(PathBuf),
    /// An environment variable.
    Env(String),
}

/// Why there is no key. The key itself is in none of these.
#[derive(Debug, thiserror::Error)]
pub enum KeyRefused {
    #[error("the key file {path} cannot be read")]
    Unreadable {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the environment variable {0} is not set, or is not text")]
    NotSet(String),
    #[error("the key in {0} is empty, or is too large for a key")]
    NotAKey(String),
}

impl KeySource {
    /// The key.
    ///
    /// # Errors
    /// There is none, with the place to look at.
    pub fn read(&self) -> Result<SecretString, KeyRefused> {
        let (place, text) = match self {
            Self::File(path) => {
                let unreadable = |source| KeyRefused::Unreadable {
                    path: path.clone(),
                    source,
                };
                let length = std::fs::metadata(path).map_err(unreadable)?.len();
                if length > LARGEST_KEY {
                    return Err(KeyRefused::NotAKey(path.display().to_string()));
                }
                let text = std::fs::read_to_string(path).map_err(unreadable)?;
                (path.display().to_string(), Zeroizing::new(text))
            }
            Self::Env(name) => {
                let text = std::env::var(name).map_err(|_| KeyRefused::NotSet(name.clone()))?;
                (name.clone(), Zeroizing::new(text))
            }
        };
        match text.trim() {
            "" => Err(KeyRefused::NotAKey(place)),
            key => Ok(SecretString::from(key)),
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn a_key_is_the_text_of_its_file_and_is_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "  s3cret\n").unwrap();
        let key = KeySource::File(path.clone()).read().unwrap();
        assert_eq!(key.expose_secret(), "s3cret");
        assert!(!format!("{key:?}").contains("s3cret"));
        std::fs::write(&path, " \n").unwrap();
        assert!(matches!(
            KeySource::File(path.clone()).read(),
            Err(KeyRefused::NotAKey(_))
        ));
        std::fs::write(&path, vec![b'a'; 70_000]).unwrap();
        assert!(matches!(
            KeySource::File(path).read(),
            Err(KeyRefused::NotAKey(_))
        ));
    }

    #[test]
    fn a_key_that_is_not_there_is_missed_by_its_place() {
        let missing = KeySource::File("/nowhere/key".into()).read().unwrap_err();
        assert!(missing.to_string().contains("/nowhere/key"), "{missing}");
        let unset = KeySource::Env("STORE_TEST_KEY_THAT_IS_NOT_SET".into())
            .read()
            .unwrap_err();
        assert!(matches!(unset, KeyRefused::NotSet(_)));
        assert!(KeySource::Env("PATH".into()).read().is_ok());
    }
}
