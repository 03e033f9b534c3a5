//! The rows of a set of settlements, collected and written table by table.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::fate::{self, is_last, parked_lane};
use super::told::Told;
use super::{Conclusion, Settlement, effects, people, state, timing};
use crate::flow::install::{Actor, Change, note};
use crate::flow::meters::Meter;
use crate::flow::send::{self, Draft};
use crate::flow::timers::{self, Fire};
use crate::flow::{House, record};
use crate::model::{
    Effect, Event, EventKind, FaultClass, InstallState, Millis, OptIn, Recipient, Scope,
    StoredFile, Trace, trace,
};
use crate::plugin::{Fault, Outcome, Verdict};
use crate::store::dead_letter::DeadLetter;
use crate::store::job::{Job, Withdrawn};
use crate::store::plugin_hour::Sum;
use crate::store::state::Write;
use crate::store::team::Numbers;
use crate::store::webhook::StoredReply;
use crate::store::{Conn, dead_letter, job, listen, media, message, plugin, timer, webhook};

/// What is to be written, and with it what the calls of the set have in common.
#[derive(Default)]
pub struct Rows {
    drafts: Vec<Draft>,
    /// New files, with their teams.
    files: Vec<(String, StoredFile)>,
    events: Vec<Event>,
    jobs: Vec<Job>,
    state: BTreeMap<(String, Scope, String), Write>,
    told: Told,
    letters: Vec<DeadLetter>,
    /// Messages to cancel, by the team of the call that asks.
    cancelled: BTreeSet<(String, String)>,
    /// Installs whose last event of the set ended well.
    healthy: BTreeSet<String>,
    suspended: BTreeSet<String>,
}

impl Rows {
    /// Add what one settlement writes. Rare effects (people, timers) are written at once.
    pub async fn add(
        &mut self,
        house: &House,
        conn: &mut Conn,
        numbers: &mut Numbers,
        item: &Settlement,
    ) -> anyhow::Result<()> {
        match &item.conclusion {
            Conclusion::Nothing | Conclusion::Removed { .. } => Ok(()),
            Conclusion::Park { event, install_id, until } => {
                self.park(house, numbers, item, event, install_id, *until);
                Ok(())
            }
            Conclusion::Ran { event, install_id, outcome } => {
                self.told.add(house, item, event, install_id, outcome);
                let (told, drafted) = (self.events.len(), self.drafts.len());
                let (id, place) = (house.clock.id("job"), numbers.next(&event.team_id));
                self.jobs.extend(fate::apart(house, item, id, place));
                if let Some(fault) = given_up(house, item, outcome) {
                    self.bury(house, conn, numbers, item, event, install_id, &fault).await?;
                } else if matches!(outcome.verdict, Verdict::Done { .. }) {
                    self.healthy.insert(install_id.clone());
                }
                self.end_timer(conn, item, event, install_id, outcome, house).await?;
                self.reply(house, conn, event, install_id, outcome).await?;
                for effect in effects(outcome) {
                    self.effect(house, conn, numbers, event, install_id, outcome, effect).await?;
                }
                let cause = trace::job_span(&item.job.id, install_id, item.job.attempts + 1);
                self.events[told..].iter_mut().for_each(|event| event.trace.parent = cause);
                let drafts = self.drafts[drafted..].iter_mut();
                drafts.for_each(|draft| draft.trace = event.trace.onward(&event.id, cause));
                Ok(())
            }
        }
    }

    fn park(
        &mut self,
        house: &House,
        numbers: &mut Numbers,
        item: &Settlement,
        event: &Event,
        install_id: &str,
        until: Millis,
    ) {
        let lane = parked_lane(install_id, event);
        if item.job.lane != lane {
            self.jobs.push(Job {
                id: house.clock.id("job"),
                lane,
                place: numbers.next(&item.job.team_id),
                due_at: until,
                attempts: 0,
                target_id: install_id.to_owned(),
                stage: install_id.to_owned(),
                ..item.job.clone()
            });
        }
    }

    /// The dead letter of an event that is given up, and the suspension of an install that gave up
    /// too many in a row.
    #[expect(clippy::too_many_arguments, reason = "a settlement's parts, taken apart once")]
    async fn bury(
        &mut self,
        house: &House,
        conn: &mut Conn,
        numbers: &mut Numbers,
        item: &Settlement,
        event: &Event,
        install_id: &str,
        fault: &Fault,
    ) -> anyhow::Result<()> {
        let Some(active) = item.team.install(install_id) else { return Ok(()) };
        self.letters.push(DeadLetter {
            id: house.clock.id("dead"),
            team_id: event.team_id.clone(),
            install_id: install_id.to_owned(),
            event_id: event.id.clone(),
            version_id: active.version_id.clone(),
            fault: fault.class.to_string(),
            reason: fault.reason.clone(),
            backtrace: fault.backtrace.clone(),
            attempts: item.job.attempts + 1,
            created_at: house.clock.now(),
            replayed_at: None,
            payload: item.job.payload.clone(),
        });
        self.told.count(item, &event.team_id, install_id, Sum::DeadLetters);
        if fault.class == FaultClass::Rejected {
            // Giving an event up on purpose is no fault of the plugin.
            return Ok(());
        }
        self.healthy.remove(install_id);
        let faults = plugin::count_fault(conn, install_id).await?;
        let delivery = &house.config.delivery;
        if faults < delivery.suspend_after || active.is_suspended(house.clock.now()) {
            return Ok(());
        }
        let until = house.clock.now() + delivery.suspend_for;
        let reason = format!(
            "{faults} events in a row went to the dead letters; the last: {}",
            fault.reason
        );
        plugin::set_install_state(conn, install_id, InstallState::Suspended, &reason, until)
            .await?;
        if let Some(install) = plugin::install(conn, &event.team_id, install_id).await? {
            let details = serde_json::json!({ "reason": reason });
            note(house, conn, Actor::HOST, &install, Change::Suspended, details).await?;
        }
        listen::tell_installs(&house.store, conn).await?;
        tracing::warn!(
            install = install_id,
            plugin = active.install.plugin,
            reason,
            "a plugin is suspended"
        );
        self.suspended.insert(event.team_id.clone());
        self.told.count(item, &event.team_id, install_id, Sum::Suspensions);
        self.events.push(people::event(
            house,
            numbers,
            event,
            EventKind::PLUGIN_SUSPENDED,
            serde_json::json!({ "install": install_id, "plugin": active.install.plugin, "reason": reason, "until": until }),
        ));
        Ok(())
    }

    /// A one-shot timer is gone once it was handled or given up; one that was set anew stays.
    async fn end_timer(
        &mut self,
        conn: &mut Conn,
        item: &Settlement,
        event: &Event,
        install_id: &str,
        outcome: &Outcome,
        house: &House,
    ) -> anyhow::Result<()> {
        let over = matches!(outcome.verdict, Verdict::Done { .. })
            || given_up(house, item, outcome).is_some();
        // One that a person fired by hand is no timer that stands.
        if event.kind == EventKind::TIMER_FIRED && over && !event.data["timer"].is_null() {
            let fire: Fire = serde_json::from_value(event.data["timer"].clone())?;
            timer::end(conn, install_id, &fire.scope, &fire.name, fire.revision).await?;
        }
        Ok(())
    }

    /// A webhook's answer is kept under the sender's delivery id, for whoever waits and for repeats.
    async fn reply(
        &mut self,
        house: &House,
        conn: &mut Conn,
        event: &Event,
        install_id: &str,
        outcome: &Outcome,
    ) -> anyhow::Result<()> {
        let Verdict::Done { reply: Some(reply), .. } = &outcome.verdict else { return Ok(()) };
        let Some(delivery_id) = event.data["delivery_id"].as_str() else { return Ok(()) };
        let stored = StoredReply {
            install_id: install_id.to_owned(),
            delivery_id: delivery_id.to_owned(),
            status: i64::from(reply.status),
            headers: reply.headers.clone(),
            body: BASE64.encode(&reply.body),
            at: house.clock.now(),
        };
        webhook::insert_reply(conn, &stored).await?;
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "a settlement's parts, taken apart once")]
    async fn effect(
        &mut self,
        house: &House,
        conn: &mut Conn,
        numbers: &mut Numbers,
        event: &Event,
        install_id: &str,
        outcome: &Outcome,
        effect: &Effect,
    ) -> anyhow::Result<()> {
        match effect {
            Effect::Send { message_id, to, content, options } => self.drafts.push(Draft {
                message_id: message_id.clone(),
                team_id: event.team_id.clone(),
                to: to.clone(),
                content: content.clone(),
                options: options.clone(),
                client_id: None,
                depth: event.depth + 1,
                place: numbers.next(&event.team_id),
                opt_out_notice: *to == Recipient::Chat(event.chat_id.clone())
                    && opts_out(outcome, &event.contact_id),
                strict: false,
                bulk: String::new(),
                request_hash: String::new(),
                trace: Trace::default(),
            }),
            Effect::KeepFile(file) => self.files.push((event.team_id.clone(), file.clone())),
            Effect::MarkRead { message_id } => {
                self.jobs.extend(send::read_signal(house, conn, &event.team_id, message_id).await?);
            }
            Effect::Typing { chat_id } => {
                self.jobs.extend(send::typing_signal(house, conn, &event.team_id, chat_id).await?);
            }
            Effect::Cancel { message_id } => {
                self.cancelled.insert((event.team_id.clone(), message_id.clone()));
            }
            Effect::SetTimer(spec) => timing::set(house, conn, event, install_id, spec).await?,
            Effect::SetTimerIn { to, name, due_at, payload } => {
                let timer = timing::Elsewhere { to, name, due_at: *due_at, payload };
                timing::set_in(house, conn, event, install_id, timer).await?;
            }
            Effect::CancelTimer { scope, name } => {
                timers::disarm(conn, install_id, scope, name).await?
            }
            Effect::SetState { scope, key, value, expires_at } => {
                let write = state::write(install_id, scope, key, value.as_deref(), *expires_at);
                self.state.insert((install_id.to_owned(), scope.clone(), key.clone()), write);
            }
            Effect::Emit { event_id, name, data } => self.events.push(Event {
                id: event_id.clone(),
                kind: name.clone(),
                depth: event.depth + 1,
                ..people::event(house, numbers, event, name, data.clone())
            }),
            Effect::Tag { .. }
            | Effect::Rename { .. }
            | Effect::Consent { .. }
            | Effect::Assign { .. } => {
                self.events.extend(people::apply(house, conn, numbers, event, effect).await?);
            }
        }
        Ok(())
    }

    /// What the calls of the set came to, by team and install.
    pub fn meters(&self) -> BTreeMap<(String, String), Meter> {
        self.told.meters.clone()
    }

    pub fn suspended_teams(&self) -> BTreeSet<String> {
        self.suspended.clone()
    }

    /// Write it all, one statement a table. Gives the lanes to promote, and what must be held until
    /// the commit has ended.
    pub async fn write(
        self,
        house: &House,
        conn: &mut Conn,
    ) -> anyhow::Result<(Vec<String>, Option<Withdrawn>)> {
        let mut lanes: Vec<String> = self.jobs.iter().map(|job| job.lane.clone()).collect();
        job::insert(conn, &self.jobs).await?;
        // Before the messages that name them.
        media::publish(conn, &self.files).await?;
        lanes.extend(send::write(house, conn, self.drafts).await?.lanes);
        lanes.extend(record::numbered(house, conn, &self.events).await?);
        crate::store::state::write(conn, &self.state.into_values().collect::<Vec<_>>()).await?;
        self.told.write(conn, house.clock.now()).await?;
        dead_letter::insert(conn, &self.letters).await?;
        plugin::clear_faults(conn, &self.healthy.iter().collect::<Vec<_>>()).await?;
        if self.cancelled.is_empty() {
            return Ok((lanes, None));
        }
        let asked: Vec<String> = self.cancelled.iter().map(|(_, id)| id.clone()).collect();
        let own = message::by_ids(conn, &asked).await?.into_iter().filter_map(|message| {
            let named = (message.team_id, message.id);
            self.cancelled.contains(&named).then_some(named.1)
        });
        let own: Vec<String> = own.collect();
        let withdrawn = send::withdraw(house, conn, &own).await?;
        lanes.extend(withdrawn.lanes.clone());
        Ok((lanes, Some(withdrawn)))
    }
}

/// Why an event goes to the dead letters now; `None` where it ended well or is tried again.
fn given_up(house: &House, item: &Settlement, outcome: &Outcome) -> Option<Fault> {
    let fault = |class, reason: String| Fault { class, reason, backtrace: String::new() };
    match &outcome.verdict {
        Verdict::Done { .. } => None,
        Verdict::Rejected(reason) => Some(fault(FaultClass::Rejected, reason.clone())),
        _ if !is_last(house, item) => None,
        Verdict::RetryAfter(_) => {
            let asked = item.job.attempts + 1;
            Some(fault(FaultClass::Exception, format!("it asked to be called again {asked} times")))
        }
        Verdict::Failed(fault) => Some(fault.clone()),
    }
}

fn opts_out(outcome: &Outcome, contact_id: &str) -> bool {
    effects(outcome).iter().any(|effect| {
        matches!(effect, Effect::Consent { contact_id: id, opt_in: OptIn::Out, .. } if id == contact_id)
    })
}
