//! The only code that knows axum.

pub mod sandbox;
