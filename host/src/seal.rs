//! Secrets at rest: sealed with the host's key, and bound to the row that they belong to.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

/// Where the key may be given instead of the file.
const VARIABLE: &str = "SWITCHBOARD_KEY";
const NONCE: usize = 24;

/// The host's key.
#[derive(Clone)]
pub struct Seal(XChaCha20Poly1305);

impl Seal {
    /// The key from `SWITCHBOARD_KEY` (base64 of 32 bytes), or from `<data>/key`, which is made
    /// (readable by its owner alone) where there is none.
    ///
    /// # Errors
    /// When the key is not 32 bytes, or its file cannot be read or made.
    pub fn open_or_create(data: &Path) -> anyhow::Result<Self> {
        if let Ok(text) = std::env::var(VARIABLE) {
            return Self::from_base64(&text).context(VARIABLE);
        }
        let path = data.join("key");
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::from_base64(&text).with_context(|| path.display().to_string()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let key: [u8; 32] = rand::random();
                write_private(data, &path, &STANDARD.encode(key))
                    .with_context(|| format!("cannot keep a new key in {}", path.display()))?;
                Ok(Self::new(&key))
            }
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    fn new(key: &[u8; 32]) -> Self {
        Self(XChaCha20Poly1305::new(key.into()))
    }

    fn from_base64(text: &str) -> anyhow::Result<Self> {
        let Ok(bytes) = STANDARD.decode(text.trim()) else {
            bail!("the key is base64 of 32 bytes")
        };
        let Ok(key) = <[u8; 32]>::try_from(bytes) else {
            bail!("the key is base64 of exactly 32 bytes")
        };
        Ok(Self::new(&key))
    }

    /// Seal a text for one place, such as `endpoint/end_…`; elsewhere it will not open.
    pub fn seal(&self, context: &str, plain: &str) -> String {
        let nonce: [u8; NONCE] = rand::random();
        let payload = Payload { msg: plain.as_bytes(), aad: context.as_bytes() };
        // It fails only beyond 256 GiB.
        let sealed = self.0.encrypt(XNonce::from_slice(&nonce), payload).unwrap_or_default();
        STANDARD.encode([&nonce[..], &sealed].concat())
    }

    /// Open what [`Seal::seal`] gave for the same place.
    ///
    /// # Errors
    /// When it was sealed with another key or for another place, or is damaged.
    pub fn open(&self, context: &str, sealed: &str) -> anyhow::Result<String> {
        let bytes = STANDARD.decode(sealed).context("a sealed secret is not base64")?;
        let Some((nonce, sealed)) = bytes.split_at_checked(NONCE) else {
            bail!("a sealed secret is cut short")
        };
        let payload = Payload { msg: sealed, aad: context.as_bytes() };
        let plain = self
            .0
            .decrypt(XNonce::from_slice(nonce), payload)
            .map_err(|_| anyhow::anyhow!("the secret {context} was sealed with another key: restore {VARIABLE} or the file `key`"))?;
        Ok(String::from_utf8(plain)?)
    }
}

/// Write a whole file that nobody else may read; a crash leaves either nothing or all of it.
fn write_private(folder: &Path, path: &Path, text: &str) -> std::io::Result<()> {
    let draft = folder.join("key.new");
    let mut options = std::fs::File::options();
    options.create(true).write(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&draft, path)?;
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_in_its_own_place_only() {
        let seal = Seal::new(&[7; 32]);
        let sealed = seal.seal("secret/ins_1/token", "hush");
        assert!(!sealed.contains("hush"));
        assert_eq!(seal.open("secret/ins_1/token", &sealed).expect("opens"), "hush");
        assert!(seal.open("secret/ins_2/token", &sealed).is_err(), "another row");
        assert!(Seal::new(&[8; 32]).open("secret/ins_1/token", &sealed).is_err(), "another key");
        assert!(seal.open("secret/ins_1/token", "AAAA").is_err(), "cut short");
    }

    #[test]
    fn the_key_is_made_once_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let sealed = Seal::open_or_create(folder.path()).expect("made").seal("x", "hush");
        assert_eq!(
            Seal::open_or_create(folder.path()).expect("read").open("x", &sealed).expect("opens"),
            "hush"
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode =
                std::fs::metadata(folder.path().join("key")).expect("a file").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_wrong_key_is_refused() {
        assert!(Seal::from_base64("c2hvcnQ=").is_err());
        assert!(Seal::from_base64("not base64!").is_err());
    }
}
