//! The server itself.

use axum::Router;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Serve until told to stop, then until the requests under way are answered.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    // Answers are small: none waits for another to fill a packet.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection without TCP_NODELAY");
        }
    });
    if let Err(error) =
        axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
    {
        tracing::error!(%error, "the server ended");
    }
}
