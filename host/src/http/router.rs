//! Every route, one line each.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::routing::{any, delete, get, post, put};
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

use super::api::{
    accounts, chats, contacts, dead_letters, endpoints, events, keys, messages, plugins,
};
use super::auth::{self, Gate};
use super::error::ApiError;
use super::wiring::Phones;
use super::{health, metrics, observe, plugin_webhook, sandbox};
use crate::flow::House;

/// The whole HTTP surface. Event streams end when `stop` is cancelled.
pub fn router(house: Arc<House>, stop: CancellationToken) -> Router {
    let mut router = Router::new()
        .route("/healthz", get(health::lives))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::show))
        .route("/x/{install}", any(plugin_webhook::receive_root))
        .route("/x/{install}/{*path}", any(plugin_webhook::receive))
        .nest("/api/v1", api(&house))
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
        .layer(from_fn_with_state(house, observe::request))
}

/// Everything that needs an API key.
fn api(house: &Arc<House>) -> Router<Arc<House>> {
    let upload = DefaultBodyLimit::max(house.config.plugins.max_size);
    Router::new()
        .route("/accounts", get(accounts::list).post(accounts::create))
        .route("/accounts/{id}", get(accounts::get).patch(accounts::rename))
        .route("/accounts/{id}/open", post(accounts::open))
        .route("/accounts/{id}/close", post(accounts::close))
        .route("/accounts/{id}/qr", get(accounts::qr))
        .route("/messages", post(messages::send))
        .route("/messages/{id}", get(messages::get).delete(messages::cancel))
        .route("/contacts", get(contacts::list))
        .route("/contacts/{contact}", get(contacts::get))
        .route("/contacts/{contact}/messages", get(contacts::messages))
        .route("/chats", get(chats::list))
        .route("/chats/{id}", get(chats::get))
        .route("/chats/{id}/messages", get(chats::messages))
        .route("/chats/{id}/assignment", put(chats::assign).delete(chats::hand_back))
        .route("/chats/{id}/read", post(chats::mark_read))
        .route("/events", get(events::pull))
        .route("/events/stream", get(events::stream))
        .route("/plugins", get(plugins::list).post(plugins::upload).layer(upload))
        .route("/plugins/order", put(plugins::reorder))
        .route("/plugins/{id}", get(plugins::get).delete(plugins::remove))
        .route("/plugins/{id}/versions", get(plugins::versions))
        .route("/plugins/{id}/activate", post(plugins::activate))
        .route("/plugins/{id}/rollback", post(plugins::rollback))
        .route("/plugins/{id}/accounts", put(plugins::set_accounts))
        .route("/plugins/{id}/config", get(plugins::config).put(plugins::set_config))
        .route("/plugins/{id}/grants", get(plugins::grants).put(plugins::set_grants))
        .route("/plugins/{id}/secrets", get(plugins::secrets))
        .route(
            "/plugins/{id}/secrets/{name}",
            put(plugins::set_secret).delete(plugins::delete_secret),
        )
        .route("/plugins/{id}/suspend", post(plugins::suspend))
        .route("/plugins/{id}/resume", post(plugins::resume))
        .route("/plugins/{id}/logs", get(plugins::logs))
        .route("/plugins/{id}/state", get(plugins::state))
        .route("/plugins/{id}/replay", post(dead_letters::replay_all))
        .route("/dead-letters", get(dead_letters::list))
        .route("/dead-letters/{id}", get(dead_letters::get))
        .route("/dead-letters/{id}/replay", post(dead_letters::replay))
        .route("/endpoints", get(endpoints::list).post(endpoints::create))
        .route(
            "/endpoints/{id}",
            get(endpoints::get).patch(endpoints::change).delete(endpoints::delete),
        )
        .route("/endpoints/{id}/attempts", get(endpoints::attempts))
        .route("/endpoints/{id}/test", post(endpoints::test))
        .route("/keys", get(keys::list).post(keys::create))
        .route("/keys/{id}", delete(keys::delete))
        .route_layer(from_fn_with_state(Arc::new(Gate::new(house.clone())), auth::guard))
}

async fn unknown(uri: Uri) -> ApiError {
    ApiError::not_found("route", uri.path())
}

async fn wrong_method(method: Method, uri: Uri) -> ApiError {
    let message = format!("{} takes other methods than {method}", uri.path());
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
}
