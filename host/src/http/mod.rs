//! The only code that knows axum.

<<<<<<< HEAD
pub mod auth;
mod api;
mod error;
mod extract;
mod health;
pub mod metrics;
mod observe;
mod plugin_webhook;
mod router;
pub mod sandbox;
mod wiring;

pub use router::router;
=======
pub mod sandbox;
>>>>>>> main
