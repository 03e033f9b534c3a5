//! The API's description is true and reads well; its page can be used.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use regex::Regex;
use serde_json::Value;

use crate::support::description::Description;
use crate::support::{Browser, On, Server};

/// The whole document. After a change that is meant: `INSTA_UPDATE=always cargo xtask test
/// openapi::the_description`, and read the diff.
#[tokio::test(flavor = "multi_thread")]
async fn the_description_is_the_one_that_was_agreed() {
    let server = Server::start(On::Sqlite).await;
    let Description(mut document) = Description::of(&server.client).await;
    document["info"]["version"] = "any".into();
    insta::assert_json_snapshot!("openapi", document);
    server.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_says_what_it_needs_does_and_gives() {
    let server = Server::start(On::Sqlite).await;
    let description = Description::of(&server.client).await;
    assert!(description.0["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")));
    let mut problems = Vec::new();
    let mut ids = BTreeSet::new();
    for operation in description.operations() {
        let mut wrong = |what: String| problems.push(format!("{}: {what}", operation.name()));
        let told = &operation.told;
        let id = told["operationId"].as_str().unwrap_or_default();
        if id.is_empty() || id.contains(' ') || !ids.insert(id.to_owned()) {
            wrong(format!("its operationId {id:?} is empty, or there twice"));
        }
        let tag = operation.tag();
        let summary = told["summary"].as_str().unwrap_or_default();
        if !(4..=100).contains(&summary.chars().count()) || summary.ends_with('.') {
            wrong(format!("its summary {summary:?} is no short line without a stop"));
        }
        // What is about the caller alone needs none.
        let needed = usize::from(operation.tag() != "me");
        if !operation.is_public() && scopes(told).len() != needed {
            wrong("it does not name its scope".to_owned());
        }
        let tags = description.0["tags"].as_array().expect("tags");
        if !tags.iter().any(|one| one["name"] == tag && one["description"].is_string()) {
            wrong(format!("its tag {tag:?} is not described"));
        }
        let answers = told["responses"].as_object().expect("responses");
        let good: Vec<_> = answers.iter().filter(|(status, _)| status.starts_with('2')).collect();
        if good.is_empty() {
            wrong("it has no success".to_owned());
        }
        for (status, answer) in good {
            if answer["description"] == "Done" {
                wrong(format!("{status} is only \"Done\""));
            }
            let content = answer["content"].as_object();
            let empty = content.is_none_or(|content| content.is_empty());
            // 202: begun, and where there is nothing to say of it yet, nothing is said.
            if empty != (status == "204") && !(empty && status == "202") {
                wrong(format!("{status} has no body, or one where it must not"));
            }
            for (kind, content) in content.into_iter().flatten() {
                if kind == "application/json" && !is_typed(&description, &content["schema"]) {
                    wrong(format!("the body of {status} has no type"));
                }
            }
        }
    }
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
    server.finish().await;
}

/// A query that a handler takes is in the description: `params(…)` names its type.
#[test]
fn every_query_is_described() {
    let taken = Regex::new(r"#\[utoipa::path\(([^#]*?)pub async fn (\w+)\(([^{]*?)\) ->")
        .expect("a pattern");
    let query = Regex::new(r": Query<(\w+)>").expect("a pattern");
    let mut undescribed = Vec::new();
    let mut found = 0;
    for file in files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/api")) {
        let text = std::fs::read_to_string(&file).expect("a file");
        for handler in taken.captures_iter(&text) {
            let Some(query) = query.captures(&handler[3]) else { continue };
            found += 1;
            if !handler[1].contains(&query[1]) {
                undescribed.push(format!("{}: {}", file.display(), &handler[2]));
            }
        }
    }
    assert!(found > 20, "only {found} are found");
    assert!(undescribed.is_empty(), "{undescribed:?}");
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries =
        std::fs::read_dir(folder).expect("a folder").map(|it| it.expect("an entry").path());
    entries.flat_map(|it| if it.is_dir() { files(&it) } else { vec![it] }).collect()
}

fn scopes(told: &Value) -> Vec<&str> {
    let ways = told["security"].as_array().into_iter().flatten();
    let scopes = ways.filter_map(|way| way["token"].as_array()).flatten();
    scopes.filter_map(Value::as_str).collect()
}

fn is_typed(description: &Description, schema: &Value) -> bool {
    let schema = description.resolve(schema);
    ["properties", "oneOf", "anyOf", "allOf", "items", "enum"]
        .iter()
        .any(|it| schema.get(it).is_some())
}

/// A person opens the page, authorises with a key, and tries a call.
#[tokio::test(flavor = "multi_thread")]
async fn the_page_takes_a_key_in_a_browser() {
    let server = Server::start(On::Sqlite).await;
    let page = Browser::start().await;
    page.open(&format!("{}/docs/", server.client.url)).await;
    page.visible(".btn.authorize").await;
    page.click(".btn.authorize").await;
    page.type_in(".auth-container input[type=text]", &server.client.key).await;
    page.click(".auth-btn-wrapper .authorize").await;
    page.click(".auth-btn-wrapper .btn-done").await;
    let operation = ".opblock-get:has([data-path='/api/v1/accounts'])";
    page.click(&format!("{operation} .opblock-summary-control")).await;
    page.click(&format!("{operation} .execute")).await;
    page.shows(&format!("{operation} .live-responses-table tbody .response-col_status"), "200")
        .await;
    let shown = page.text(&format!("{operation} .live-responses-table .microlight")).await;
    assert!(shown.contains(&server.account), "{shown}");
    page.stop().await;
    server.stop().await;
}
