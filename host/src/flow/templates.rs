//! Templates on their way: found for a message, put into words, submitted, reviewed.

use std::collections::BTreeMap;

use serde_json::json;

use super::people::{self, Task};
use super::rules::{Refused, refuse};
use super::send::Draft;
use super::{House, record};
use crate::channel::{Review, SendError};
use crate::model::{
    Account, ChannelType, Chat, Content, EventKind, JobKind, Millis, Template, TemplateStatus,
};
use crate::store::job::Job;
use crate::store::team::Numbers;
use crate::store::{Conn, account, job, team, template};

/// How long to wait before a reviewer that could not be reached is asked again.
const AGAIN: Millis = 60_000;

/// The template that a message of this account names; `None` for other messages too.
pub async fn named(
    conn: &mut Conn,
    account: &Account,
    content: &Content,
) -> anyhow::Result<Option<Template>> {
    let Content::Template { template: message } = content else { return Ok(None) };
    let (name, language) = (&message.name, &message.language.code);
    Ok(template::named(conn, &account.team_id, &account.business_account_id, name, language)
        .await?)
}

/// The same for a message that is about to leave; most are none, and cost no look.
pub async fn to_send(
    house: &House,
    account: &Account,
    content: &Content,
) -> anyhow::Result<Option<Template>> {
    if !matches!(content, Content::Template { .. }) {
        return Ok(None);
    }
    named(&mut *house.store.read().await?, account, content).await
}

/// The draft with the words that the customer will read, where it is a template.
pub async fn written(conn: &mut Conn, mut draft: Draft, chat: &Chat) -> anyhow::Result<Draft> {
    if !matches!(draft.content, Content::Template { .. }) {
        return Ok(draft);
    }
    let account = account::get(conn, &chat.team_id, &chat.account_id).await?;
    let found = match &account {
        Some(account) => named(conn, account, &draft.content).await?,
        None => None,
    };
    if let Content::Template { template: message } = &mut draft.content {
        message.text = found.and_then(|template| template.fill(message).ok());
    }
    Ok(draft)
}

/// Whether it may be changed and handed in.
fn is_open(template: &Template) -> bool {
    matches!(template.status, TemplateStatus::Draft | TemplateStatus::Rejected)
}

/// Hand a draft (or one that was rejected) in for review; false where it is neither.
pub async fn submit(house: &House, template: &Template) -> anyhow::Result<bool> {
    let mut tx = house.store.begin().await?;
    let mut numbers = draw(&mut tx, &template.team_id, 1).await?;
    // As it stands now that nobody else changes it.
    let found = template::get(&mut tx, &template.team_id, &template.id).await?;
    let Some(template) = found.filter(is_open) else { return Ok(false) };
    hand_in(house, &mut tx, &mut numbers, &template).await?;
    house.commit(tx).await?;
    Ok(true)
}

async fn hand_in(
    house: &House,
    conn: &mut Conn,
    numbers: &mut Numbers,
    template: &Template,
) -> anyhow::Result<()> {
    let task = Task::Review { template_id: template.id.clone() };
    // Of a review that was decided otherwise.
    job::remove_subject(conn, &template.team_id, JobKind::People, &template.id).await?;
    job::insert(conn, &[people::job(house, &template.team_id, &template.id, &task)?]).await?;
    decide(house, conn, numbers, template, TemplateStatus::Pending, "").await
}

/// Write what a draft (or one that was rejected) says from now on: it is a draft then, or with
/// `submit` handed in.
pub async fn edit(
    house: &House,
    changed: Template,
    submit: bool,
) -> anyhow::Result<Result<(), Refused>> {
    let mut tx = house.store.begin().await?;
    let mut numbers = draw(&mut tx, &changed.team_id, 2).await?;
    let Some(found) = template::get(&mut tx, &changed.team_id, &changed.id).await? else {
        return Ok(Err(refuse("not_found", format!("there is no template {:?}", changed.id))));
    };
    if !is_open(&found) {
        let text = format!(
            "template {:?} is {}: only one that is a draft or was rejected can be changed",
            found.id, found.status
        );
        return Ok(Err(refuse("template_not_editable", text)));
    }
    template::edit(&mut tx, &changed, house.clock.now()).await?;
    decide(house, &mut tx, &mut numbers, &found, TemplateStatus::Draft, "").await?;
    if submit {
        let draft = Template { status: TemplateStatus::Draft, ..found };
        hand_in(house, &mut tx, &mut numbers, &draft).await?;
    }
    house.commit(tx).await?;
    Ok(Ok(()))
}

/// Somebody decided: write the status, and tell of it.
pub async fn set_status(
    house: &House,
    template: &Template,
    status: TemplateStatus,
    reason: &str,
) -> anyhow::Result<()> {
    let mut tx = house.store.begin().await?;
    let mut numbers = draw(&mut tx, &template.team_id, 1).await?;
    decide(house, &mut tx, &mut numbers, template, status, reason).await?;
    house.commit(tx).await?;
    Ok(())
}

async fn draw(conn: &mut Conn, team_id: &str, count: i64) -> anyhow::Result<Numbers> {
    Ok(team::draw(conn, &BTreeMap::from([(team_id.to_owned(), count)])).await?)
}

async fn decide(
    house: &House,
    conn: &mut Conn,
    numbers: &mut Numbers,
    template: &Template,
    status: TemplateStatus,
    reason: &str,
) -> anyhow::Result<()> {
    let now = house.clock.now();
    if !template::set_status(conn, &template.id, status, reason, now).await? {
        return Ok(());
    }
    let data = json!({
        "template_id": template.id, "name": template.name, "language": template.language,
        "status": status, "was": template.status, "reason": reason,
    });
    let event = people::event(house, &template.team_id, EventKind::TEMPLATE_STATUS, "", data);
    record::events(house, conn, numbers, vec![event]).await
}

/// Ask the reviewer, and write what it says; again later where it has not decided.
pub(super) async fn review(house: &House, job: &Job, template_id: &str) -> anyhow::Result<()> {
    let found = template::get(&mut *house.store.read().await?, &job.team_id, template_id).await?;
    let pending = found.filter(|template| template.status == TemplateStatus::Pending);
    let Some(template) = pending else { return people::finish(house, job).await };
    // Templates of no business account are for the pretend network.
    let Some(reviewer) = house.channels.get(ChannelType::Sandbox) else {
        return people::finish(house, job).await;
    };
    let (status, reason, provider_id, after) = match reviewer.review(&template).await {
        Ok(Review::Pending { provider_id, after }) => {
            (TemplateStatus::Pending, String::new(), provider_id, after)
        }
        Ok(Review::Decided { status, reason }) => (status, reason, String::new(), None),
        Err(SendError::Fail { message, .. }) => {
            (TemplateStatus::Rejected, message, String::new(), None)
        }
        Err(SendError::Retry { after, .. }) => {
            (TemplateStatus::Pending, String::new(), String::new(), Some(after.unwrap_or(AGAIN)))
        }
        Err(SendError::Doubt { .. }) => {
            (TemplateStatus::Pending, String::new(), String::new(), Some(AGAIN))
        }
    };
    let mut tx = house.store.begin().await?;
    let mut numbers = draw(&mut tx, &job.team_id, 1).await?;
    let held = match after {
        Some(after) => {
            let due_at = house.clock.now() + after;
            job::put_back(&mut tx, &[Job { due_at, ..job.clone() }]).await?
        }
        None => job::finish(&mut tx, std::slice::from_ref(job)).await?,
    };
    if held.is_empty() {
        return Ok(());
    }
    if status == TemplateStatus::Pending {
        template::set_provider_id(&mut tx, template_id, &provider_id).await?;
    } else {
        decide(house, &mut tx, &mut numbers, &template, status, &reason).await?;
    }
    house.commit(tx).await?;
    Ok(())
}
