//! The endpoints, the stream and the page.

use super::*;

#[tokio::test]
async fn a_customer_can_send_every_kind_of_message() {
    let rig = rig();
    let file = json!({ "url": "https://example.com/file" });
    let kinds = [
        ("text", json!("hi")),
        ("image", file.clone()),
        ("audio", file.clone()),
        ("video", file.clone()),
        ("document", file.clone()),
        ("sticker", file),
        ("location", json!({ "latitude": 52.5, "longitude": 13.4 })),
        ("contacts", json!([{ "name": { "formatted_name": "Max" } }])),
        ("interactive", json!({ "reply": { "id": "yes", "title": "Yes" } })),
        ("reaction", json!({ "message_id": "msg_1", "emoji": "👍" })),
        ("other", json!({ "type": "order" })),
    ];
    for (kind, value) in kinds {
        let (status, answer) =
            rig.incoming(json!({ "from": "+1 (555) 010-0199", "type": kind, kind: value })).await;
        assert_eq!(status, StatusCode::OK, "{kind}: {answer}");
        let stored = rig.house.chat_page("acc_1", "+15550100199", 100).await.unwrap();
        let last = stored.last().unwrap();
        assert_eq!((last.content.kind(), &json!(last.provider_id)), (kind, &answer["id"]));
    }
}

#[tokio::test]
async fn the_same_id_is_the_same_message() {
    let rig = rig();
    let hello = json!({ "from": "+15550100199", "type": "text", "text": "hi", "id": "wamid.1", "name": "Ana" });
    for _ in 0..2 {
        assert_eq!(rig.incoming(hello.clone()).await, (StatusCode::OK, json!({ "id": "wamid.1" })));
    }
    assert_eq!(rig.house.chat_page("acc_1", "+15550100199", 100).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_refusal_names_the_field() {
    let rig = rig();
    let refused = [
        (json!({ "type": "text", "text": "hi" }), "from: "),
        (json!({ "from": "12", "type": "text", "text": "hi" }), "from: "),
        (json!({ "from": "+15550100199", "text": "hi" }), "type: "),
        (json!({ "from": "+15550100199", "type": "fax", "fax": "hi" }), "fax: "),
        (json!({ "from": "+15550100199", "type": "note", "text": "hi" }), "type: "),
        (json!({ "from": "+15550100199", "type": "text", "text": "hi", "txet": 1 }), "txet: "),
        (json!({ "from": "+15550100199", "type": "text", "text": " " }), "text: "),
        (json!({ "from": "+15550100199", "type": "text", "text": "hi", "name": 7 }), "name: "),
        (
            json!({ "from": "+15550100199", "type": "image", "image": { "link": "x" } }),
            "image: unknown field `link`",
        ),
        (json!(["hi"]), "give an object"),
    ];
    for (body, begins) in refused {
        let (status, answer) = rig.incoming(body.clone()).await;
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        assert!(message.starts_with(begins), "{body}: {message}");
    }
    assert!(rig.house.rows.lock().unwrap().messages.is_empty());
}

#[tokio::test]
async fn an_unknown_account_is_not_found() {
    let rig = rig();
    let hello = json!({ "from": "+15550100199", "type": "text", "text": "hi" });
    let tries = [
        ("POST", "incoming", hello),
        ("GET", "outgoing", Value::Null),
        ("GET", "behaviour", Value::Null),
        ("GET", "qr", Value::Null),
        ("POST", "scan", json!({ "phone": "+15550100" })),
        ("GET", "chats/+15550100199/stream", Value::Null),
    ];
    for (method, path, body) in tries {
        let (status, answer) =
            rig.call(method, &format!("/sandbox/accounts/acc_2/{path}"), body).await;
        assert_eq!(
            (status, &answer["error"]["code"]),
            (StatusCode::NOT_FOUND, &json!("not_found")),
            "{path}"
        );
    }
}

#[tokio::test]
async fn what_customers_got_is_read_page_by_page() {
    let rig = rig();
    for text in ["one", "two", "three"] {
        rig.house.reply("+15550100199", Content::text(text)).await;
    }
    let (_, first) = rig.call("GET", "/sandbox/accounts/acc_1/outgoing?limit=2", Value::Null).await;
    let texts: Vec<_> =
        first["messages"].as_array().unwrap().iter().map(|it| &it["content"]["text"]).collect();
    assert_eq!(texts, ["one", "two"]);
    let after = &first["messages"][1]["seq"];
    let (_, second) = rig
        .call("GET", &format!("/sandbox/accounts/acc_1/outgoing?after={after}"), Value::Null)
        .await;
    assert_eq!(second["messages"][0]["content"]["text"], "three");
    assert_eq!(second["messages"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn behaviour_changes_what_becomes_of_sends() {
    let rig = rig();
    let path = "/sandbox/accounts/acc_1/behaviour";
    let failing = json!({ "plan": [{ "outcome": "fail", "times": 1, "code": "131047" }] });
    let (status, now) = rig.call("PUT", path, failing).await;
    assert_eq!((status, &now["delivered_after"]), (StatusCode::OK, &json!(300)));
    rig.house.reply("+15550100199", Content::text("lost")).await;
    rig.house.reply("+15550100199", Content::text("found")).await;
    let delivered = rig.house.sandbox.outgoing("acc_1", 0, 10).unwrap();
    assert_eq!(delivered.len(), 1);
    let (status, answer) = rig.call("PUT", path, json!({ "speed": 1 })).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(answer["error"]["message"].as_str().unwrap().contains("speed"), "{answer}");
    assert_eq!(rig.call("PUT", path, json!({ "latency": -1 })).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_account_is_paired_by_its_code() {
    let rig = rig();
    let scan = json!({ "phone": "+15550100777" });
    let at = |path: &str| format!("/sandbox/accounts/acc_1/{path}");
    assert_eq!(rig.call("POST", &at("scan"), scan.clone()).await.0, StatusCode::CONFLICT);
    assert_eq!(rig.call("GET", &at("qr.svg"), Value::Null).await.0, StatusCode::NOT_FOUND);
    let (_, opened) = rig.call("POST", &at("open"), Value::Null).await;
    assert!(opened["qr"]["code"].is_string(), "{opened}");
    let svg = routes::<()>(rig.house.clone());
    let svg = svg.oneshot(Request::get(at("qr.svg")).body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(svg.headers()["content-type"], "image/svg+xml");
    assert_eq!(rig.call("POST", &at("scan"), scan).await.0, StatusCode::OK);
    let (_, accounts) = rig.call("GET", "/sandbox/accounts", Value::Null).await;
    assert_eq!(
        (&accounts["accounts"][0]["state"], &accounts["accounts"][0]["phone"]),
        (&json!("open"), &json!("+15550100777"))
    );
}

#[tokio::test]
async fn the_stream_tells_the_whole_chat_then_only_changes_and_ends_with_the_house() {
    let rig = rig();
    rig.house.reply("+15550100199", Content::text("before")).await;
    rig.house.reply("+15550100111", Content::text("somebody else's")).await;
    let request = Request::get("/sandbox/accounts/acc_1/chats/+15550100199/stream")
        .body(Body::empty())
        .unwrap();
    let answer = routes::<()>(rig.house.clone()).oneshot(request).await.unwrap();
    let mut body = answer.into_body().into_data_stream();
    let mut next = async || {
        let frame = tokio::time::timeout(Duration::from_secs(10), body.next())
            .await
            .expect("an event")
            .unwrap()
            .unwrap();
        let text = String::from_utf8(frame.to_vec()).unwrap();
        let data = text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
        serde_json::from_str::<Value>(data).unwrap()
    };
    let first = next().await;
    assert_eq!((&first["whole"], first["messages"].as_array().unwrap().len()), (&json!(true), 1));
    assert_eq!(first["messages"][0]["status"], "sent");
    rig.clock.advance(300);
    let second = next().await;
    assert_eq!(
        (&second["whole"], &second["messages"][0]["status"]),
        (&json!(false), &json!("delivered"))
    );
    rig.incoming(json!({ "from": "+15550100199", "type": "text", "text": "hi" })).await;
    let third = next().await;
    assert_eq!(third["messages"].as_array().unwrap().len(), 1);
    assert_eq!(third["messages"][0]["content"]["text"], "hi");
    rig.house.sandbox.stop();
    let end = tokio::time::timeout(Duration::from_secs(10), body.next()).await;
    assert!(end.expect("the stream ends with the house").is_none());
}

#[tokio::test]
async fn the_page_and_its_files_come_with_a_strict_policy() {
    let rig = rig();
    for path in [
        "/sandbox",
        "/sandbox/page/phone.js",
        "/sandbox/page/phone.css",
        "/sandbox/page/bubbles.js",
        "/sandbox/page/attach.js",
        "/sandbox/page/sample.svg",
    ] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let answer = routes::<()>(rig.house.clone()).oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        let policy = answer.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    }
    assert_eq!(
        rig.call("GET", "/sandbox/page/other.js", Value::Null).await.0,
        StatusCode::NOT_FOUND
    );
}
