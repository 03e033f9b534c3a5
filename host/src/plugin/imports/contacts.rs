//! `contacts`: people of the team; changes are effects, and reads show the call's own.

use super::super::bindings::switchboard::plugin::contacts::{Entry, Host};
use super::super::bindings::switchboard::plugin::types::Error;
use super::super::manifest::Access;
use super::super::run::{Halt, Run, answer, check_optional_text, check_text};
use crate::model::{Contact, Effect, OptIn};

type Answer<T> = wasmtime::Result<Result<T, Error>>;

impl Host for Run {
    async fn get(&mut self, contact: String) -> Answer<Entry> {
        answer(self.contact_entry(&contact).await)
    }

    async fn tag(&mut self, contact: String, tag: String, value: String) -> Answer<()> {
        answer(self.put_tag(contact, tag, Some(value)).await)
    }

    async fn untag(&mut self, contact: String, tag: String) -> Answer<()> {
        answer(self.put_tag(contact, tag, None).await)
    }

    async fn set_name(&mut self, contact: String, name: String) -> Answer<()> {
        answer(self.rename(contact, name).await)
    }

    async fn opt_in(&mut self, contact: String, reason: String) -> Answer<()> {
        answer(self.consent(contact, OptIn::In, reason).await)
    }

    async fn opt_out(&mut self, contact: String, reason: String) -> Answer<()> {
        answer(self.consent(contact, OptIn::Out, reason).await)
    }
}

impl Run {
    async fn contact_entry(&mut self, id: &str) -> Result<Entry, Halt> {
        self.enter(id.len())?;
        self.require("contacts = \"read\"", |grants| grants.contacts >= Access::Read)?;
        let mut contact = self.contact(id).await?;
        for effect in &self.effects {
            apply(effect, &mut contact);
        }
        let json = serde_json::to_string(&contact).unwrap_or_default();
        Ok(Entry {
            id: contact.id,
            name: contact.name,
            phone: contact.phone,
            opt_in: contact.opt_in.as_str().to_owned(),
            tags: contact.tags,
            json,
        })
    }

    async fn contact(&mut self, id: &str) -> Result<Contact, Halt> {
        check_text("the contact", id, 128)?;
        let contact = self.call.host.contact(&self.call.install.team_id, id).await?;
        contact.ok_or_else(|| Halt::refused("not-found", format!("there is no contact {id:?}")))
    }

    async fn change_contact(&mut self, id: &str, bytes: usize) -> Result<(), Halt> {
        self.enter(id.len() + bytes)?;
        self.require("contacts = \"write\"", |grants| grants.contacts >= Access::Write)?;
        // A change is an event, which may call the same plugin again.
        self.check_depth()?;
        check_text("the contact", id, 128)?;
        if id == self.call.event.contact_id { Ok(()) } else { self.contact(id).await.map(drop) }
    }

    async fn put_tag(
        &mut self,
        contact_id: String,
        tag: String,
        value: Option<String>,
    ) -> Result<(), Halt> {
        self.change_contact(&contact_id, tag.len()).await?;
        check_text("the tag", &tag, 128)?;
        check_optional_text("the tag's value", value.as_deref().unwrap_or_default(), 1024)?;
        self.push(Effect::Tag { contact_id, tag, value })
    }

    async fn rename(&mut self, contact_id: String, name: String) -> Result<(), Halt> {
        self.change_contact(&contact_id, name.len()).await?;
        check_text("the name", &name, 256)?;
        self.push(Effect::Rename { contact_id, name })
    }

    async fn consent(
        &mut self,
        contact_id: String,
        opt_in: OptIn,
        reason: String,
    ) -> Result<(), Halt> {
        self.change_contact(&contact_id, reason.len()).await?;
        check_optional_text("the reason", &reason, 1024)?;
        self.push(Effect::Consent { contact_id, opt_in, reason })
    }
}

fn apply(effect: &Effect, contact: &mut Contact) {
    match effect {
        Effect::Tag { contact_id, tag, value } if *contact_id == contact.id => {
            contact.tags.retain(|(present, _)| present != tag);
            if let Some(value) = value {
                contact.tags.push((tag.clone(), value.clone()));
                contact.tags.sort();
            }
        }
        Effect::Rename { contact_id, name } if *contact_id == contact.id => {
            contact.name.clone_from(name)
        }
        Effect::Consent { contact_id, opt_in, .. } if *contact_id == contact.id => {
            contact.opt_in = *opt_in
        }
        _ => {}
    }
}
