//! The only code that knows axum.

mod api;
pub mod auth;
mod codes;
mod error;
mod extract;
mod health;
pub mod metrics;
mod observe;
pub mod openapi;
mod plugin_webhook;
mod router;
pub mod sandbox;
mod server;
mod wiring;

pub use router::router;
pub use server::serve;
