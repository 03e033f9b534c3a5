//! A plugin that exports the standard `wasi:http/incoming-handler` and has no handler of the contract's
//! own. The body of a call says what it does:
//!
//! | body | does |
//! |---|---|
//! | `PHONE=TEXT` | sends it, and answers like any other |
//! | `large N` | answers N bytes |
//! | `nothing` | ends without an answer |
//! | `unfinished` | sends, and answers with a body that it does not finish |
//! | `error` | answers an error of HTTP's own |
//! | `trap` | sends, and traps |
//! | anything else | answers 201 with a header, and what it was called with |

wit_bindgen::generate!({
    inline: "package tests:standard; world standard { export wasi:http/incoming-handler@0.2.0; }",
    path: "../../../wit",
    world: "tests:standard/standard",
    generate_all,
});

use exports::wasi::http::incoming_handler::Guest;
use switchboard_sdk::{send, state};
use wasi::http::types::{
    ErrorCode, Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use wasi::io::streams::StreamError;

struct Standard;

export!(Standard);

impl Guest for Standard {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let method = format!("{:?}", request.method()).to_uppercase();
        let path = request.path_with_query().unwrap_or_default();
        let host = request.authority().unwrap_or_default();
        let headers = request.headers();
        let topic = headers.get("x-topic").first().cloned().unwrap_or_default();
        let topic = String::from_utf8_lossy(&topic).into_owned();
        let body = read(&request);
        let (word, rest) = body.split_once(' ').unwrap_or((&body, ""));
        match word {
            "nothing" => {}
            "trap" => {
                send("+15550101", "this must never arrive").expect("may send");
                panic!("trapped as asked");
            }
            "error" => ResponseOutparam::set(out, Err(ErrorCode::HttpRequestDenied)),
            "unfinished" => {
                send("+15550101", "this must never arrive").expect("may send");
                let response = OutgoingResponse::new(Fields::new());
                let body = response.body().expect("once");
                ResponseOutparam::set(out, Ok(response));
                std::mem::forget(body);
            }
            "large" => answer(out, 200, &"x".repeat(rest.parse().expect("a number"))),
            _ => {
                if let Some((phone, text)) = body.split_once('=') {
                    send(phone.trim(), text.trim()).expect("may send");
                }
                let calls = state::plugin().increment("webhooks", 1).expect("may count");
                answer(out, 201, &format!("{method} {host} {path} {topic} call {calls}: {body}"));
            }
        }
    }
}

fn read(request: &IncomingRequest) -> String {
    let body = request.consume().expect("once");
    let stream = body.stream().expect("once");
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(64 << 10) {
            Ok(part) => bytes.extend(part),
            Err(StreamError::Closed) => return String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) => panic!("{error:?}"),
        }
    }
}

fn answer(out: ResponseOutparam, status: u16, text: &str) {
    let headers = Fields::new();
    headers.append("x-plugin", b"standard").expect("a header");
    let response = OutgoingResponse::new(headers);
    response.set_status_code(status).expect("a status");
    let body = response.body().expect("once");
    ResponseOutparam::set(out, Ok(response));
    let stream = body.write().expect("once");
    for part in text.as_bytes().chunks(4096) {
        stream.blocking_write_and_flush(part).expect("written");
    }
    drop(stream);
    OutgoingBody::finish(body, None).expect("finished");
}
