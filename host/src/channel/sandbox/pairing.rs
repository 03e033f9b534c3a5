//! Logging an account in: QR codes that change until somebody scans one, or nobody does.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::model::{AccountState, Millis};

use super::news::News;
use super::{SandboxError, Shared};

/// An account that waits to be scanned.
pub(super) struct Pairing {
    /// Tells this attempt from a later one of the same account.
    attempt: String,
    code: String,
    valid_until: Millis,
    scanned: oneshot::Sender<Scan>,
}

/// A scan, and where to say that the host knows of it.
struct Scan {
    phone: String,
    done: oneshot::Sender<()>,
}

impl Shared {
    /// Show the first code and begin; an attempt under way is dropped for this one.
    pub(super) fn begin_pairing(self: &Arc<Self>, account_id: &str) {
        let (scanned, scans) = oneshot::channel();
        let attempt = self.clock.id("pair");
        let pairing =
            Pairing { attempt: attempt.clone(), code: String::new(), valid_until: 0, scanned };
        self.pairings().insert(account_id.to_owned(), pairing);
        let until = self.show_code(account_id, &attempt);
        let (shared, account_id) = (self.clone(), account_id.to_owned());
        tokio::spawn(async move {
            let stopping = shared.stopping.clone();
            stopping.run_until_cancelled(pair(&shared, &account_id, &attempt, until, scans)).await;
        });
    }

    /// Forget an attempt; its task ends by itself.
    pub(super) fn end_pairing(&self, account_id: &str) {
        self.pairings().remove(account_id);
        self.changed();
    }

    /// The code to scan now and until when it holds.
    pub(super) fn code(&self, account_id: &str) -> Option<(String, Millis)> {
        self.pairings().get(account_id).map(|pairing| (pairing.code.clone(), pairing.valid_until))
    }

    /// Scan the code, and wait until the host knows that the account is open.
    pub(super) async fn scan_code(
        &self,
        account_id: &str,
        phone: &str,
    ) -> Result<(), SandboxError> {
        let not_pairing = || SandboxError::NotPairing(account_id.to_owned());
        let pairing = self.pairings().remove(account_id).ok_or_else(not_pairing)?;
        let (done, known) = oneshot::channel();
        let scan = Scan { phone: phone.to_owned(), done };
        pairing.scanned.send(scan).map_err(|_| not_pairing())?;
        known.await.map_err(|_| not_pairing())
    }

    /// Show a new code, if the attempt still stands; answers until when it holds.
    fn show_code(&self, account_id: &str, attempt: &str) -> Millis {
        let until = self.clock.now() + self.settings.qr_every;
        if let Some(pairing) = self.pairings().get_mut(account_id)
            && pairing.attempt == attempt
        {
            pairing.code = format!("switchboard-sandbox:{account_id}:{}", self.clock.id("qr"));
            pairing.valid_until = until;
        }
        self.changed();
        until
    }
}

/// One attempt, from the first code to a scan or to giving up.
async fn pair(
    shared: &Shared,
    account_id: &str,
    attempt: &str,
    mut until: Millis,
    mut scans: oneshot::Receiver<Scan>,
) {
    let news = |state, reason| News::Account { id: account_id, state, reason, phone: None };
    shared.tell(news(AccountState::Connecting, "scan the QR code")).await;
    for shown in 1.. {
        tokio::select! {
            biased;
            scan = &mut scans => {
                // An error: closed, or opened anew. Whoever did it tells the host.
                if let Ok(scan) = scan {
                    let phone = scan.phone.as_str();
                    let open = News::Account { id: account_id, state: AccountState::Open, reason: "", phone: Some(phone) };
                    shared.tell(open).await;
                    // Whoever scanned may have gone away; the account is open all the same.
                    scan.done.send(()).ok();
                    shared.bring_history(account_id).await;
                }
                return;
            }
            () = shared.clock.sleep_until(until) => {}
        }
        if shown >= shared.settings.qr_count {
            break;
        }
        until = shared.show_code(account_id, attempt);
    }
    let ours = {
        let mut pairings = shared.pairings();
        let ours = pairings.get(account_id).is_some_and(|pairing| pairing.attempt == attempt);
        if ours {
            pairings.remove(account_id);
        }
        ours
    };
    if ours {
        let reason = "nobody scanned the QR code in time; open the account again for a new one";
        shared.tell(news(AccountState::Close, reason)).await;
    }
}
