//! The only code that knows axum.

mod api;
pub mod auth;
mod codes;
mod error;
mod extract;
mod health;
mod limits;
mod linger;
pub mod metrics;
mod observe;
pub mod openapi;
mod plugin_webhook;
mod router;
pub mod sandbox;
mod server;
mod setup;
mod token;
mod wiring;

pub use router::router;
pub use server::serve;
