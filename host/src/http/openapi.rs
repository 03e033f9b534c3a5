//! The API's description, made of the routes themselves: OpenAPI 3.1, and a page to try it.

use std::collections::BTreeSet;

use serde::Serialize;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::security::{Flow, HttpAuthScheme, HttpBuilder, OAuth2, Password, Scopes};
use utoipa::openapi::security::{SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, ResponseBuilder};
use utoipa::{Modify, ToSchema};
use utoipa_axum::router::UtoipaMethodRouter;
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::auth::Needs;
use super::codes::{self, Code};
use crate::model::ApiScope;

/// The names of the ways to authorise a call.
const KEY: &str = "key";
const TOKEN: &str = "token";
const APP: &str = "secret";

/// What the routes say beyond themselves.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Switchboard",
        description = "A self-hosted messaging host: WhatsApp accounts, messages, contacts, and WebAssembly plugins. \
                       Every refusal has the shape of `Refusal`, which lists the codes."
    ),
    tags(
        (name = "accounts", description = "Numbers on channels: made, connected, renamed, closed."),
        (name = "apps", description = "Programs that act for a team with an id and a secret."),
        (name = "billing", description = "Usage, prices, periods and statements."),
        (name = "bulk", description = "One message to many, paced, with its progress."),
        (name = "business accounts", description = "Groups of numbers that share free conversations and templates."),
        (name = "chats", description = "An account's conversations: unread, assigned, archived."),
        (name = "contacts", description = "People, with their numbers, tags and consent."),
        (name = "dead letters", description = "Events that a plugin could not handle: look, and run them again."),
        (name = "endpoints", description = "Webhooks out: your addresses that events are posted to, signed."),
        (name = "events", description = "Everything that happens in a team, in one order: pull it, or follow it."),
        (name = "keys", description = "API keys, shown once."),
        (name = "me", description = "The caller itself: who you are, your password, your sessions."),
        (name = "media", description = "Files that messages carry."),
        (name = "messages", description = "Send, look at, change and cancel messages."),
        (name = "plugins", description = "WebAssembly plugins: install, configure, watch."),
        (name = "queue", description = "What waits to be sent, and how fast it goes."),
        (name = "team", description = "The team itself."),
        (name = "templates", description = "Message templates and their approval."),
        (name = "tokens", description = "Log in: access tokens, and the keys that they are signed with."),
        (name = "users", description = "The people of a team, and their roles."),
    ),
    components(schemas(Refusal)),
    modifiers(&Schemes)
)]
pub struct Api;

/// What every refusal looks like.
#[derive(Serialize, ToSchema)]
pub struct Refusal {
    pub error: Problem,
}

#[derive(Serialize, ToSchema)]
pub struct Problem {
    /// Stable, for programs.
    #[schema(example = "invalid_phone_number")]
    pub code: &'static str,
    /// For people: what to do.
    pub message: String,
    /// The HTTP status again.
    pub status: u16,
    /// One plain sentence each, where there are several things to say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub details: Vec<String>,
    /// With `cursor_expired`: the oldest cursor to go on from.
    #[serde(rename = "oldestCursor", skip_serializing_if = "Option::is_none")]
    pub oldest_cursor: Option<i64>,
}

/// The ways to authorise a call.
struct Schemes;

impl Modify for Schemes {
    fn modify(&self, api: &mut OpenApi) {
        let all = ApiScope::ALL.iter().map(|scope| (scope.as_str(), scope.as_str()));
        let password = Password::new("/oauth2/token", Scopes::from_iter(all));
        let token = SecurityScheme::OAuth2(OAuth2::new([Flow::Password(password)]));
        let key = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("API key");
        let components = api.components.get_or_insert_default();
        components.add_security_scheme(KEY, SecurityScheme::Http(key.build()));
        components.add_security_scheme(TOKEN, token);
        let app = HttpBuilder::new()
            .scheme(HttpAuthScheme::Basic)
            .description(Some("An app's id and secret"));
        components.add_security_scheme(APP, SecurityScheme::Http(app.build()));
    }
}

/// Say of routes what their guard adds: what they need (`None`: any caller will do), and the refusals
/// that any call may meet.
pub fn guarded<S>(needs: Option<Needs>, mut routes: UtoipaMethodRouter<S>) -> UtoipaMethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    for (path, item) in &mut routes.1.paths {
        let changes = item.get.is_none();
        for operation in operations(item) {
            describe(operation, needs, path.contains('{'), changes);
        }
    }
    routes
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete]
        .into_iter()
        .filter_map(Option::as_mut)
}

fn describe(operation: &mut Operation, needs: Option<Needs>, names_one: bool, changes: bool) {
    if let (Some(name), Some(tag)) =
        (&operation.operation_id, operation.tags.iter().flatten().next())
    {
        operation.operation_id = Some(format!("{}.{name}", tag.replace(' ', "_")));
    }
    // A heading is one sentence; those behind it belong to the description.
    if let Some(told) = operation.summary.take().map(|told| told.replace('\n', " ")) {
        let (first, rest) = told.split_once(". ").unwrap_or((told.as_str(), ""));
        operation.summary = Some(first.trim_end_matches('.').to_owned());
        let more = operation.description.take().filter(|more| !more.is_empty());
        let parts = [Some(rest.to_owned()).filter(|rest| !rest.is_empty()), more];
        operation.description = Some(parts.into_iter().flatten().collect::<Vec<_>>().join("\n\n"));
    }
    operation.security = Some(vec![
        SecurityRequirement::new(KEY, [""; 0]),
        SecurityRequirement::new(TOKEN, needs.map(|needs| needs.scope.as_str())),
        SecurityRequirement::new(APP, [""; 0]),
    ]);
    let needs = needs.map_or_else(
        || "Needs no scope: any valid key or token will do.".to_owned(),
        |Needs { scope, narrowed }| {
            let whole = if narrowed { "" } else { " Not for keys of one department." };
            format!("Needs the scope `{scope}`.{whole}")
        },
    );
    let told = operation.description.take().filter(|told| !told.is_empty());
    operation.description = Some(told.map_or(needs.clone(), |told| format!("{told}\n\n{needs}")));
    let mut refusals = vec![
        ("400", "What was sent does not fit"),
        ("401", "No valid key or token"),
        ("403", "The key or token lacks the scope, or sees one department only"),
        ("429", "Too many requests"),
        ("500", "A failure of the host's own"),
    ];
    if names_one {
        refusals.push(("404", "There is no such thing in this team"));
    }
    if changes {
        refusals.extend([
            ("404", "There is no such thing in this team"),
            ("409", "Not in a state for that"),
            ("413", "The body is too large"),
            ("415", "The body is of another type"),
        ]);
    }
    for (status, description) in refusals {
        let body = Content::new(Some(Ref::from_schema_name("Refusal")));
        let refusal =
            ResponseBuilder::new().description(description).content("application/json", body);
        operation.responses.responses.entry(status.to_owned()).or_insert(refusal.build().into());
    }
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        response.headers.extend(headers(status).map(|(name, header)| (name.to_owned(), header)));
    }
}

/// What an answer says beside its body.
fn headers(status: &str) -> impl Iterator<Item = (&'static str, Header)> {
    let number = |told: &str| {
        HeaderBuilder::new()
            .schema(ObjectBuilder::new().schema_type(Type::Integer))
            .description(Some(told))
            .build()
    };
    let text = HeaderBuilder::new()
        .schema(ObjectBuilder::new().schema_type(Type::String))
        .description(Some("The request's own id, which the log has too"))
        .build();
    // Before the key is known there is no limit to tell of.
    let limited = status != "401";
    let limits = [
        ("X-RateLimit-Limit", number("Requests a minute that the key has")),
        ("X-RateLimit-Remaining", number("How many are left of this minute")),
        ("X-RateLimit-Reset", number("When the next minute begins, in Unix seconds")),
    ];
    let wait = (status == "429").then(|| ("Retry-After", number("Seconds to wait")));
    let limits = limits.into_iter().filter(move |_| limited);
    [("X-Request-Id", text)].into_iter().chain(limits).chain(wait)
}

/// The codes as tables, as docs/errors.md has them.
fn code_tables() -> String {
    let mut told = "\n\n| code | status | means | what to do |\n|---|---|---|---|\n".to_owned();
    for Code { code, status, meaning, remedy } in codes::CODES {
        told += &format!("| `{code}` | {status} | {meaning} | {remedy} |\n");
    }
    told += "\nA message that fails later has the channel's code, or one of ours:\n\n";
    told += "| code | means | what to do |\n|---|---|---|\n";
    for Code { code, meaning, remedy, .. } in codes::MESSAGE_CODES {
        told += &format!("| `{code}` | {meaning} | {remedy} |\n");
    }
    told
}

/// The description as it is shown: with the codes, and without the tags that no route has.
pub fn finished(mut api: OpenApi) -> OpenApi {
    let schemas = api.components.as_mut().map(|components| &mut components.schemas);
    if let Some(RefOr::T(Schema::Object(refusal))) =
        schemas.and_then(|schemas| schemas.get_mut("Refusal"))
    {
        // Not above everything else: the page shows them at its end.
        refusal.description.get_or_insert_default().push_str(&code_tables());
    }
    let mut used = BTreeSet::new();
    for item in api.paths.paths.values_mut() {
        used.extend(
            operations(item).flat_map(|operation| operation.tags.clone().unwrap_or_default()),
        );
    }
    api.tags =
        api.tags.map(|tags| tags.into_iter().filter(|tag| used.contains(&tag.name)).collect());
    api
}

/// The page to try the API with, and the description that it shows.
pub fn page(api: OpenApi) -> SwaggerUi {
    SwaggerUi::new("/docs")
        .url("/api/v1/openapi.json", api)
        .config(Config::default().persist_authorization(true).try_it_out_enabled(true))
}
