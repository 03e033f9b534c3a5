//! Passwords: Argon2id, a few at a time, and as long for people who do not exist.

use std::sync::LazyLock;
use std::time::Duration;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Argon2, PasswordHash as Phc};
use tokio::sync::Semaphore;

use super::IdentityError;

/// Characters, at least; and bytes, at most, so that nobody has us hash a book.
const SHORTEST: usize = 10;
const LONGEST: usize = 256;

/// Each takes 19 MiB and a core for a moment. Who cannot be served in time is told to come back.
static AT_ONCE: Semaphore = Semaphore::const_new(2);
const PATIENCE: Duration = Duration::from_secs(10);

/// The hash of a password that nobody has.
static NOBODYS: LazyLock<String> =
    LazyLock::new(|| hashed(&hex::encode(rand::random::<[u8; 16]>())).unwrap_or_default());

/// Refuse what is too short or too long.
pub fn check(password: &str) -> Result<(), IdentityError> {
    let fits = password.chars().count() >= SHORTEST && password.len() <= LONGEST;
    let message = || format!("password: at least {SHORTEST} characters, at most {LONGEST} bytes");
    if fits { Ok(()) } else { Err(IdentityError::invalid(message())) }
}

/// What is kept of a password (a PHC string).
pub async fn hash(password: &str) -> Result<String, IdentityError> {
    check(password)?;
    let password = password.to_owned();
    apart(move || hashed(&password)).await?.map_err(|problem| anyhow::anyhow!("{problem}").into())
}

/// Whether this is the password. `kept` is empty for those who have none and those who are not:
/// that takes as long.
pub async fn verify(password: &str, kept: &str) -> Result<bool, IdentityError> {
    let (password, kept) = (password.to_owned(), kept.to_owned());
    apart(move || {
        let known = if kept.is_empty() { NOBODYS.as_str() } else { kept.as_str() };
        let holds = Phc::new(known).is_ok_and(|parsed| {
            Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok()
        });
        holds && !kept.is_empty()
    })
    .await
}

fn hashed(password: &str) -> Result<String, argon2::password_hash::Error> {
    let salt = SaltString::encode_b64(&rand::random::<[u8; 16]>())?;
    // The default is Argon2id with 19 MiB and two passes, as OWASP advises.
    let hash: PasswordHash<'_> = Argon2::default().hash_password(password.as_bytes(), &salt)?;
    Ok(hash.to_string())
}

/// Away from the threads that serve.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, IdentityError> {
    let permit = tokio::time::timeout(PATIENCE, AT_ONCE.acquire()).await;
    let Ok(Ok(_permit)) = permit else {
        return Err(IdentityError::refused("rate_limited", "too many people log in at once"));
    };
    tokio::task::spawn_blocking(work).await.map_err(|problem| anyhow::Error::from(problem).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_password_itself_opens() {
        let kept = hash("correct horse").await.expect("hashed");
        assert!(kept.starts_with("$argon2id$") && !kept.contains("horse"));
        assert!(verify("correct horse", &kept).await.expect("checked"));
        assert!(!verify("correct hors", &kept).await.expect("checked"));
        assert!(!verify("", "").await.expect("checked"), "who has none cannot log in");
    }

    #[test]
    fn a_password_is_neither_short_nor_a_book() {
        assert!(check("correct horse").is_ok());
        assert!(check("short").is_err());
        assert!(check(&"x".repeat(LONGEST + 1)).is_err());
    }
}
