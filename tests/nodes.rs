//! Several machines on one PostgreSQL: what one accepts another may do, and nobody does twice.

use std::collections::BTreeSet;

use crate::support::{On, Server, eventually};

/// Both take messages in for the same account, and share the work.
#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_answer_every_message_once() {
    let first = Server::start(On::Postgres).await;
    first.install("probe").await;
    let second = first.another_node().await;
    let mut writers = tokio::task::JoinSet::new();
    for (number, node) in [&first, &second].into_iter().enumerate() {
        for chat in 0..5 {
            let (client, account) = (node.client.clone(), node.account.clone());
            writers.spawn(async move {
                for n in 0..10 {
                    let phone = format!("+1555010{chat}");
                    client.incoming(&account, &phone, &format!("echo {number}-{chat}-{n}")).await;
                }
            });
        }
    }
    writers.join_all().await;
    first.drain().await;
    second.drain().await;
    let mut answers = Vec::new();
    for node in [&first, &second] {
        for record in node.client.outgoing(&node.account).await {
            answers.push(record["content"]["text"].as_str().expect("a text").to_owned());
        }
    }
    let different: BTreeSet<&String> = answers.iter().collect();
    assert_eq!((answers.len(), different.len()), (100, 100));
    second.stop().await;
    first.stop().await;
}

/// An install on one node is known to the other by the next event.
#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_on_one_node_reaches_the_other() {
    let first = Server::start(On::Postgres).await;
    first.install("upgrade-v1").await;
    let second = first.another_node().await;
    second.says("+15550101", "a").await;
    first.advance(1_000).await;
    first.install("upgrade-v2").await;
    eventually("the other node to run it", async || {
        second.client.incoming(&second.account, "+15550101", "b").await;
        second.drain().await;
        let (ours, theirs) = (first.heard("+15550101").await, second.heard("+15550101").await);
        ours.iter().chain(&theirs).any(|text| text == "v2").then_some(())
    })
    .await;
    second.stop().await;
    first.stop().await;
}

/// What a node that stops has not begun, another does at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_stops_leaves_its_work_to_the_other() {
    let first = Server::start(On::Postgres).await;
    first.install("probe").await;
    let second = first.another_node().await;
    let mut writers = tokio::task::JoinSet::new();
    for chat in 0..20 {
        let (client, account) = (first.client.clone(), first.account.clone());
        writers.spawn(async move {
            client.incoming(&account, &format!("+155501{chat:02}"), "echo hello").await
        });
    }
    writers.join_all().await;
    let data = first.stop().await;
    let journal = std::fs::read_to_string(data.path().join("sandbox.jsonl")).expect("its journal");
    let before = journal.lines().filter(|line| line.contains(r#""line":"call""#)).count();
    // An account has one sender; it is another's when the lease of the one that is gone ends.
    eventually("the other node to look again", async || {
        second.clock.advance(5_000);
        (second.due_jobs().await == 0).then_some(())
    })
    .await;
    second.drain().await;
    let after = second.client.outgoing(&second.account).await.len();
    assert_eq!(before + after, 20, "{before} before, {after} after");
    second.stop().await;
}
