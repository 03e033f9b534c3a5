//! The client against a server on loopback: private by default, reached by setting, bounded.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// Answers every connection with the same bytes; gives its port.
async fn server(answer: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = socket.read(&mut request).await;
            let _ = socket.write_all(answer).await;
        }
    });
    port
}

async fn get(allow: &str, url: String, max_body: usize) -> Result<Response, EgressError> {
    let allow = allow.split_whitespace().map(|range| range.parse().expect("a range")).collect();
    let egress = Egress::new(allow).expect("a client");
    let url = Url::parse(&url).expect("a url");
    let request =
        Request { method: Method::GET, url, headers: HeaderMap::new(), body: Bytes::new() };
    egress.send(request, Duration::from_millis(500), max_body).await
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";

#[tokio::test]
async fn a_private_address_is_refused_however_it_is_written() {
    let port = server(OK).await;
    for host in
        ["127.0.0.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "localhost", "0.0.0.0"]
    {
        let refused = get("", format!("http://{host}:{port}/"), 100).await;
        assert!(matches!(refused, Err(EgressError::Private(_))), "{host}: {refused:?}");
    }
}

#[tokio::test]
async fn a_setting_opens_it_to_addresses_and_names() {
    let port = server(OK).await;
    for host in ["127.0.0.1", "localhost"] {
        let answer =
            get("127.0.0.0/8", format!("http://{host}:{port}/"), 100).await.expect("an answer");
        assert_eq!((answer.status, answer.body.as_ref()), (200, b"hello".as_slice()));
    }
}

#[tokio::test]
async fn size_and_time_are_bounded() {
    let port = server(OK).await;
    let large = get("127.0.0.0/8", format!("http://127.0.0.1:{port}/"), 4).await;
    assert_eq!(large.err(), Some(EgressError::TooLarge(4)));
    let silent = server(b"").await;
    let url = format!("http://127.0.0.1:{silent}/");
    assert!(matches!(
        get("127.0.0.0/8", url, 4).await,
        Err(EgressError::Failed(_) | EgressError::Timeout(_))
    ));
}

#[tokio::test]
async fn a_redirect_is_an_answer() {
    let port = server(b"HTTP/1.1 302 Found\r\nlocation: http://10.0.0.1/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
    let answer =
        get("127.0.0.0/8", format!("http://127.0.0.1:{port}/"), 4).await.expect("an answer");
    assert_eq!(answer.status, 302);
}
