//! People join teams, change roles, leave, and choose passwords. A team never loses its last owner.
//!
//! What changes a team is done in a transaction that holds the team's row, and is an event.

use serde_json::json;

use super::{IdentityError, hash, note, random};
use crate::flow::House;
use crate::model::{EventKind, Millis, Role};
use crate::store::team::Numbers;
use crate::store::user::{self, Member, User};
use crate::store::{Conn, Tx, session, team};

/// An e-mail address as it is kept and compared.
pub fn normal(email: &str) -> String {
    email.trim().to_lowercase()
}

/// An e-mail address that can be one.
pub fn address(email: &str) -> Result<String, IdentityError> {
    let email = normal(email);
    let fits = email.len() <= 254
        && !email.contains(|c: char| c.is_whitespace() || c.is_control())
        && email.split_once('@').is_some_and(|(name, host)| {
            !name.is_empty() && !host.is_empty() && !host.contains('@')
        });
    let refuse = || IdentityError::invalid("email: give an address such as ann@example.com");
    if fits { Ok(email) } else { Err(refuse()) }
}

/// Somebody new for a team.
#[derive(Clone, Debug)]
pub struct Newcomer {
    /// As [`address`] gives it.
    pub email: String,
    pub name: String,
    pub role: Role,
    /// What is kept of the password; empty where it is still to be chosen.
    pub password: String,
}

/// Add a person whom this host does not know. Their address belongs to them alone: who is known
/// already can be let into another team by the operator only.
pub async fn add(
    house: &House,
    tx: &mut Tx,
    numbers: &mut Numbers,
    team_id: &str,
    new: Newcomer,
) -> Result<Member, IdentityError> {
    let user = User {
        id: house.clock.id("usr"),
        email: new.email,
        name: new.name,
        password: new.password,
        created_at: house.clock.now(),
    };
    if !user::insert(tx, &user).await? {
        let message = format!(
            "{} is in use on this host already: the operator may add them with `switchboard user add`",
            user.email
        );
        return Err(IdentityError::refused("email_taken", message));
    }
    join(house, tx, numbers, team_id, user, new.role).await
}

/// Let a person into a team whom this host knows.
pub async fn join(
    house: &House,
    tx: &mut Tx,
    numbers: &mut Numbers,
    team_id: &str,
    user: User,
    role: Role,
) -> Result<Member, IdentityError> {
    let now = house.clock.now();
    if !user::join(tx, team_id, &user.id, role, now).await? {
        let message = format!("{} belongs to this team already", user.email);
        return Err(IdentityError::refused("email_taken", message));
    }
    if role == Role::Owner {
        // Nobody needs a link to become the first.
        user::forget_links(tx, "").await?;
    }
    let data = json!({ "id": user.id, "email": user.email, "role": role });
    note(house, tx, numbers, team_id, EventKind::USER_ADDED, data).await?;
    Ok(Member { user, role, joined_at: now })
}

async fn member(conn: &mut Conn, team_id: &str, user_id: &str) -> Result<Member, IdentityError> {
    let found = user::membership(conn, team_id, user_id).await?;
    found.ok_or_else(|| {
        IdentityError::refused("not_found", format!("there is no user {user_id:?} in this team"))
    })
}

/// Refuse to leave a team without an owner. The caller holds the team's row.
async fn keep_an_owner(conn: &mut Conn, team_id: &str, leaving: Role) -> Result<(), IdentityError> {
    if leaving == Role::Owner && user::owners(conn, team_id).await? <= 1 {
        let message = "a team keeps at least one owner: make somebody else an owner first";
        return Err(IdentityError::refused("last_owner", message));
    }
    Ok(())
}

/// Give a person another role.
pub async fn change_role(
    house: &House,
    tx: &mut Tx,
    numbers: &mut Numbers,
    team_id: &str,
    user_id: &str,
    role: Role,
) -> Result<Member, IdentityError> {
    let member = member(tx, team_id, user_id).await?;
    if role != Role::Owner {
        keep_an_owner(tx, team_id, member.role).await?;
    }
    user::set_role(tx, team_id, user_id, role).await?;
    let data = json!({ "id": user_id, "role": role, "before": member.role });
    note(house, tx, numbers, team_id, EventKind::USER_CHANGED, data).await?;
    Ok(Member { role, ..member })
}

/// Let a person leave. Who belongs to no team any more is forgotten.
pub async fn remove(
    house: &House,
    tx: &mut Tx,
    numbers: &mut Numbers,
    team_id: &str,
    user_id: &str,
) -> Result<Member, IdentityError> {
    let member = member(tx, team_id, user_id).await?;
    keep_an_owner(tx, team_id, member.role).await?;
    user::leave(tx, team_id, user_id).await?;
    user::delete_if_alone(tx, user_id).await?;
    note(house, tx, numbers, team_id, EventKind::USER_REMOVED, json!({ "id": user_id })).await?;
    Ok(member)
}

/// A new password ends the sessions that the old one began, but the one that asks.
pub async fn set_password(
    tx: &mut Tx,
    user_id: &str,
    password: &str,
    session_id: &str,
) -> Result<(), IdentityError> {
    user::set_password(tx, user_id, password).await?;
    session::delete_of_user(tx, user_id, session_id).await?;
    Ok(())
}

/// A link's token for a person to choose a password, or for the first owner (`user_id` empty), in
/// place of those before it.
pub async fn new_link(
    tx: &mut Tx,
    user_id: &str,
    expires_at: Millis,
) -> Result<String, IdentityError> {
    let token = random("");
    user::put_link(tx, &hash(&token), user_id, expires_at).await?;
    Ok(token)
}

/// What the first owner says of themselves.
#[derive(Clone, Debug)]
pub struct FirstOwner {
    /// The team's new name; empty to leave it as it is.
    pub team: String,
    pub person: Newcomer,
}

/// The first owner, of the first team, which is made where there is none.
pub async fn first_owner(
    house: &House,
    tx: &mut Tx,
    first: FirstOwner,
) -> Result<Member, IdentityError> {
    let team_id = match team::first(tx).await? {
        Some(id) => {
            if !first.team.is_empty() {
                team::rename(tx, &id, &first.team).await?;
            }
            id
        }
        None => {
            let id = house.clock.id("team");
            let name = if first.team.is_empty() { "First team" } else { first.team.as_str() };
            team::insert(tx, &id, name, house.clock.now()).await?;
            id
        }
    };
    let mut numbers = super::hold(tx, &team_id).await?;
    if user::owners(tx, "").await? > 0 {
        let message = "this host has an owner already: log in, or ask them";
        return Err(IdentityError::refused("setup_done", message));
    }
    add(house, tx, &mut numbers, &team_id, first.person).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_in_lower_case() {
        assert_eq!(address(" Ann@Example.com ").expect("fits"), "ann@example.com");
        for wrong in ["", "ann", "@example.com", "ann@", "a b@c", "a@b@c", "a@b\u{0}"] {
            assert!(address(wrong).is_err(), "{wrong:?}");
        }
    }
}
