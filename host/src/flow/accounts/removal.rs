//! The data of an account goes, a set in a transaction, by a job that outlives any restart.

use std::collections::BTreeMap;

use crate::flow::House;
use crate::flow::media::{self, DOOMED};
use crate::model::{Account, JobKind, Removal};
use crate::store::job::{Job, Wanted};
use crate::store::removal::{self, Messages};
use crate::store::{Conn, account, conversation, event, job, team};

/// Rows of one table that go in one transaction: few enough that nobody waits long for the writer.
const SET: i64 = 500;

/// Take one set of each account away that has something to lose; true where there was one.
pub async fn step(house: &House) -> anyhow::Result<bool> {
    let wanted = Wanted {
        kind: JobKind::Account,
        account: None,
        limit: 4,
        now: house.clock.now(),
        lease: house.config.delivery.lease,
    };
    let jobs = job::claim(&house.store, wanted).await?;
    let found = !jobs.is_empty();
    let mut failed = None;
    for job in jobs {
        match set(house, &job).await {
            Ok(()) => job::release(&house.store, [job.id.as_str()]),
            Err(error) => {
                job::give_back(&house.store, [job.id.as_str()]).await;
                failed = Some(error);
            }
        }
    }
    match failed {
        Some(error) => Err(error),
        None => Ok(found),
    }
}

/// One set, and the job goes back to the table, or is done.
async fn set(house: &House, job: &Job) -> anyhow::Result<()> {
    // The files of messages that went before: a set that removes nothing more leaves none.
    media::sweep(house, DOOMED).await?;
    let mut tx = house.store.begin().await?;
    team::draw(&mut tx, &BTreeMap::from([(job.team_id.clone(), 1)])).await?;
    // Settle first: who lost the claim removes nothing.
    if job::set_stage(&mut tx, std::slice::from_ref(job), &job.stage).await?.is_empty() {
        return Ok(());
    }
    let what: Removal = job.stage.parse().map_err(anyhow::Error::msg)?;
    let account = account::being_removed(&mut tx, &job.subject_id).await?;
    let (gone, mut lanes) = match &account {
        Some(account) => take(&mut tx, account, what).await?,
        None => (0, Vec::new()),
    };
    let mut job = job.clone();
    let walked = what != Removal::All || walk(&mut tx, &mut job, &mut lanes).await?;
    if gone == 0 && walked {
        job::finish(&mut tx, std::slice::from_ref(&job)).await?;
        account::removed(&mut tx, &job.subject_id, what).await?;
    } else {
        job::put_back(&mut tx, std::slice::from_ref(&job)).await?;
    }
    lanes.sort_unstable();
    lanes.dedup();
    job::promote(&mut tx, &lanes).await?;
    house.commit(tx).await?;
    Ok(())
}

/// Forget the account's facts along a stretch of the team's stream; `step` is how far the job has
/// come. True at the end.
async fn walk(conn: &mut Conn, job: &mut Job, lanes: &mut Vec<String>) -> anyhow::Result<bool> {
    let last = event::last_cursor(conn, &job.team_id).await?;
    if job.step >= last {
        return Ok(true);
    }
    let until = (job.step + 10 * SET).min(last);
    lanes.extend(removal::events(conn, &job.team_id, &job.subject_id, job.step, until).await?);
    job.step = until;
    Ok(false)
}

/// What goes before what it stands on: jobs, messages, and chats at last. Gives how many rows went,
/// and lanes.
async fn take(
    conn: &mut Conn,
    account: &Account,
    what: Removal,
) -> anyhow::Result<(u64, Vec<String>)> {
    let (id, all) = (account.id.as_str(), what == Removal::All);
    let which = match what {
        Removal::Nothing => return Ok((0, Vec::new())),
        Removal::Synced => Messages::Synced,
        Removal::Archive => Messages::AllButNotes,
        Removal::All => Messages::All,
    };
    let (mut gone, lanes) = removal::messages(conn, id, which, SET).await?;
    if what != Removal::Synced {
        gone += removal::signals(conn, id).await?;
    }
    if all {
        gone += removal::plugin_data(conn, account).await?;
        gone += removal::bulk(conn, id).await?;
        gone += removal::usage(conn, id).await?;
        conversation::anonymise(conn, &[id.to_owned()]).await?;
    }
    if gone == 0 {
        gone += removal::chats(conn, account, what == Removal::Synced, SET).await?;
    }
    Ok((gone, lanes))
}
