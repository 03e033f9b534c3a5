//! Every route, one line each.

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{any, get};
use axum::{Extension, Router};
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use super::api::{
    accounts, apps, billing, bulk, business_accounts, chats, contacts, dead_letters, departments,
    endpoints, events, keys, logs, me, media, messages, plugins, queue, team, templates, traces,
    users,
};
use super::auth::{self, Gate, Needs};
use super::error::ApiError;
use super::limits::Windows;
use super::wiring::Phones;
use super::{health, linger, metrics, observe, openapi, plugin_webhook, sandbox, setup, token};
use crate::flow::House;
use crate::model::ApiScope;

/// The whole HTTP surface. Event streams end when `stop` is cancelled.
pub fn router(house: Arc<House>, stop: CancellationToken) -> Router {
    let (api, description) = api(&house);
    let mut router = api
        .merge(openapi::page(openapi::finished(description)))
        .route("/healthz", get(health::lives))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::show))
        .route("/setup", get(setup::show).post(setup::submit))
        .route("/x/{install}", any(plugin_webhook::receive_root))
        .route("/x/{install}/{*path}", any(plugin_webhook::receive))
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .with_state(house.clone());
    if house.config.sandbox.enabled {
        router = router.merge(sandbox::routes(Arc::new(Phones::new(house.clone()))));
    }
    router
        .layer(DefaultBodyLimit::max(house.config.server.max_body))
        .layer(from_fn_with_state(stop, observe::end_streams))
        .layer(CatchPanicLayer::custom(observe::panicked))
        .layer(from_fn(linger::linger))
        .layer(from_fn_with_state(house, observe::request))
}

/// The largest file of contacts, or of what a plugin keeps, in bytes; it is never whole in memory.
const MAX_IMPORT: usize = 256 << 20;

/// What a route needs, and who answers.
type Table = Vec<(ApiScope, UtoipaMethodRouter<Arc<House>>)>;

/// The API: what each route needs, and who answers. A route's path stands with its handler.
fn api(house: &Arc<House>) -> (Router<Arc<House>>, OpenApi) {
    use ApiScope::*;
    let upload = DefaultBodyLimit::max(house.config.plugins.max_size);
    let file = || DefaultBodyLimit::max(MAX_IMPORT);
    // What a key of one department may ask for too. These show and change only what belongs to accounts
    // that the caller sees, or what the team shares: tests/departments.rs walks all of them.
    let narrowed: Table = vec![
        (AccountsRead, routes!(accounts::list)),
        (AccountsWrite, routes!(accounts::create)),
        (AccountsRead, routes!(accounts::get)),
        (AccountsWrite, routes!(accounts::change)),
        (AccountsWrite, routes!(accounts::delete)),
        (AccountsWrite, routes!(accounts::archive)),
        (AccountsWrite, routes!(accounts::unarchive)),
        (AccountsWrite, routes!(accounts::logout)),
        (AccountsWrite, routes!(accounts::open)),
        (AccountsWrite, routes!(accounts::close)),
        (AccountsRead, routes!(accounts::qr)),
        (BillingRead, routes!(billing::usage)),
        (MessagesSend, routes!(messages::send)),
        (MessagesRead, routes!(messages::list)),
        (MessagesRead, routes!(messages::search)),
        (MessagesRead, routes!(messages::get)),
        (MessagesSend, routes!(messages::change::edit)),
        (MessagesSend, routes!(messages::cancel)),
        (MessagesSend, routes!(messages::change::retry)),
        (MessagesSend, routes!(messages::change::mark_read)),
        (MessagesSend, routes!(bulk::create)),
        (MessagesRead, routes!(bulk::list)),
        (MessagesRead, routes!(bulk::get)),
        (MessagesRead, routes!(bulk::recipients)),
        (MessagesSend, routes!(bulk::pause)),
        (MessagesSend, routes!(bulk::resume)),
        (MessagesSend, routes!(bulk::cancel)),
        (MessagesSend, routes!(media::upload).layer(DefaultBodyLimit::disable())),
        (MessagesRead, routes!(media::download)),
        (MessagesRead, routes!(media::describe)),
        (AccountsRead, routes!(queue::get)),
        (MessagesRead, routes!(queue::messages)),
        (AccountsWrite, routes!(queue::set)),
        (AccountsWrite, routes!(queue::pause)),
        (AccountsWrite, routes!(queue::resume)),
        (MessagesSend, routes!(queue::clear)),
        (ContactsRead, routes!(contacts::list)),
        (ContactsWrite, routes!(contacts::create)),
        (ContactsRead, routes!(contacts::get)),
        (ContactsWrite, routes!(contacts::change)),
        (ContactsWrite, routes!(contacts::tag)),
        (ContactsWrite, routes!(contacts::untag)),
        (ContactsWrite, routes!(contacts::block)),
        (ContactsWrite, routes!(contacts::unblock)),
        (ContactsWrite, routes!(contacts::opt_in)),
        (ContactsWrite, routes!(contacts::opt_out)),
        (MessagesRead, routes!(contacts::notes)),
        (MessagesRead, routes!(contacts::messages)),
        (ChatsRead, routes!(chats::list)),
        (ChatsRead, routes!(chats::get)),
        (MessagesRead, routes!(chats::messages)),
        (ChatsWrite, routes!(chats::assign)),
        (ChatsWrite, routes!(chats::hand_back)),
        (ChatsWrite, routes!(chats::mark_read)),
        (ChatsWrite, routes!(chats::mark_unread)),
        (ChatsWrite, routes!(chats::archive)),
        (ChatsWrite, routes!(chats::unarchive)),
        (ChatsWrite, routes!(chats::pin)),
        (ChatsWrite, routes!(chats::unpin)),
        (TemplatesRead, routes!(templates::list)),
        (TemplatesRead, routes!(templates::get)),
        (EventsRead, routes!(events::read)),
    ];
    // All else is the whole team's: a key of one department is refused.
    let whole_team: Table = vec![
        (AccountsRead, routes!(business_accounts::list)),
        (AccountsWrite, routes!(business_accounts::create)),
        (AccountsRead, routes!(business_accounts::get)),
        (AccountsWrite, routes!(business_accounts::rename)),
        (AccountsWrite, routes!(business_accounts::delete)),
        (AccountsRead, routes!(departments::list)),
        (AccountsWrite, routes!(departments::create)),
        (AccountsRead, routes!(departments::get)),
        (AccountsWrite, routes!(departments::rename)),
        (AccountsWrite, routes!(departments::delete)),
        (BillingRead, routes!(billing::statement)),
        (BillingRead, routes!(billing::preview)),
        (BillingRead, routes!(billing::ledger)),
        (MessagesSend, routes!(media::delete)),
        (ContactsWrite, routes!(contacts::import).layer(file())),
        (ContactsRead, routes!(contacts::imports)),
        (ContactsRead, routes!(contacts::progress)),
        (ContactsRead, routes!(contacts::problems)),
        (ContactsRead, routes!(contacts::export)),
        (ContactsWrite, routes!(contacts::erase)),
        (ContactsWrite, routes!(contacts::merge)),
        (TemplatesWrite, routes!(templates::create)),
        (TemplatesWrite, routes!(templates::change)),
        (TemplatesWrite, routes!(templates::submit)),
        (TemplatesWrite, routes!(templates::delete)),
        (PluginsRead, routes!(plugins::list)),
        (PluginsWrite, routes!(plugins::upload).layer(upload)),
        (PluginsWrite, routes!(plugins::reorder)),
        (PluginsRead, routes!(plugins::get)),
        (PluginsWrite, routes!(plugins::remove)),
        (PluginsRead, routes!(plugins::versions)),
        (PluginsWrite, routes!(plugins::keep).layer(upload)),
        (PluginsWrite, routes!(plugins::dry_run)),
        (PluginsRead, routes!(plugins::history)),
        (PluginsWrite, routes!(plugins::activate)),
        (PluginsWrite, routes!(plugins::rollback)),
        (PluginsWrite, routes!(plugins::set_accounts)),
        (PluginsRead, routes!(plugins::config)),
        (PluginsWrite, routes!(plugins::set_config)),
        (PluginsRead, routes!(plugins::grants)),
        (PluginsWrite, routes!(plugins::set_grants)),
        (PluginsRead, routes!(plugins::secrets)),
        (PluginsWrite, routes!(plugins::set_secret)),
        (PluginsWrite, routes!(plugins::delete_secret)),
        (PluginsWrite, routes!(plugins::suspend)),
        (PluginsWrite, routes!(plugins::resume)),
        (PluginsWrite, routes!(plugins::fire)),
        (PluginsRead, routes!(plugins::outcome)),
        (PluginsRead, routes!(logs::of_plugin)),
        (PluginsRead, routes!(logs::all)),
        (PluginsRead, routes!(plugins::stats)),
        (PluginsRead, routes!(plugins::state)),
        (PluginsRead, routes!(plugins::state_value)),
        (PluginsWrite, routes!(plugins::put_state)),
        (PluginsWrite, routes!(plugins::delete_state)),
        (PluginsRead, routes!(plugins::export_state)),
        (PluginsWrite, routes!(plugins::import_state).layer(file())),
        (EventsRead, routes!(traces::get)),
        (PluginsWrite, routes!(dead_letters::replay_all)),
        (PluginsRead, routes!(dead_letters::list)),
        (PluginsRead, routes!(dead_letters::get)),
        (PluginsWrite, routes!(dead_letters::replay)),
        (EndpointsRead, routes!(endpoints::list)),
        (EndpointsWrite, routes!(endpoints::create)),
        (EndpointsRead, routes!(endpoints::get)),
        (EndpointsWrite, routes!(endpoints::change)),
        (EndpointsWrite, routes!(endpoints::delete)),
        (EndpointsWrite, routes!(endpoints::rotate_secret)),
        (EndpointsRead, routes!(endpoints::attempts)),
        (EndpointsRead, routes!(endpoints::stats)),
        (EndpointsWrite, routes!(endpoints::test)),
        (EndpointsWrite, routes!(endpoints::resend)),
        (EndpointsRead, routes!(endpoints::resends)),
        (TeamRead, routes!(team::get)),
        (TeamWrite, routes!(team::rename)),
        (TeamRead, routes!(users::list)),
        (TeamWrite, routes!(users::add)),
        (TeamRead, routes!(users::get)),
        (TeamWrite, routes!(users::change_role)),
        (TeamWrite, routes!(users::remove)),
        (TeamRead, routes!(keys::list)),
        (TeamWrite, routes!(keys::create)),
        (TeamRead, routes!(keys::get)),
        (TeamWrite, routes!(keys::delete)),
        (TeamRead, routes!(apps::list)),
        (TeamWrite, routes!(apps::create)),
        (TeamRead, routes!(apps::get)),
        (TeamWrite, routes!(apps::delete)),
    ];
    // About the caller alone: any valid key or token will do.
    let own = [routes!(me::get), routes!(me::set_password), routes!(me::log_out)];
    let mut api = OpenApiRouter::new();
    let tables = [(narrowed, true), (whole_team, false)];
    for (table, narrowed) in tables {
        for (scope, routes) in table {
            let needs = Needs { scope, narrowed };
            let routes = openapi::guarded(Some(needs), routes);
            api = api.routes(routes.layer(from_fn_with_state(needs, auth::require)));
        }
    }
    for routes in own {
        api = api.routes(openapi::guarded(None, routes));
    }
    let gate = Arc::new(Gate::new(house.clone()));
    let guarded = api.route_layer(from_fn_with_state(gate, auth::guard));
    let attempts = Arc::new(Windows::new(house.config.identity.password_attempts));
    OpenApiRouter::with_openapi(openapi::Api::openapi())
        .nest("/api/v1", guarded)
        .routes(routes!(token::grant).layer(Extension(attempts)))
        .routes(routes!(token::keys))
        .split_for_parts()
}

async fn unknown(uri: Uri) -> ApiError {
    ApiError::not_found("route", uri.path())
}

async fn wrong_method(method: Method, uri: Uri) -> ApiError {
    let message = format!("{} takes other methods than {method}", uri.path());
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
}
