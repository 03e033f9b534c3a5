//! What each kind of step does.

use super::*;

#[test]
fn an_answer_is_asked_for_until_it_is_good() {
    let program = flow(
        "steps:
  - ask: { text: 'Your e-mail?', save: email, expect: email, wrong: 'That is no address.', tries: 3 }
  - reply: 'Thanks, {{ vars.email }}'",
    );
    let mut world = Paper::default();
    let run = begin(&program, &mut world).expect("well").expect("it waits");
    assert_eq!(run.step, "steps[0]");
    let run = says(&program, &mut world, run, "no").expect("well").expect("it waits");
    let end = says(&program, &mut world, run, "Ann@example.com").expect("well");
    assert_eq!(end, None);
    assert_eq!(world.said(), ["Your e-mail?", "That is no address.", "Thanks, ann@example.com"]);
}

#[test]
fn too_many_wrong_answers_take_the_branch_or_end_it() {
    let asked = |branch: &str| {
        flow(&format!(
            "steps:\n  - ask: {{ text: 'How many?', expect: number, check: 'answer > 0', tries: 2{branch} }}\n  - reply: on"
        ))
    };
    for (branch, said) in [
        ("", vec!["How many?", "How many?"]),
        (
            ", failed: [{ reply: 'A colleague asks.' }]",
            vec!["How many?", "How many?", "A colleague asks.", "on"],
        ),
        (", failed: [{ reply: bye }, { stop: true }]", vec!["How many?", "How many?", "bye"]),
    ] {
        let (program, mut world) = (asked(branch), Paper::default());
        let run = begin(&program, &mut world).expect("well").expect("it waits");
        let run = says(&program, &mut world, run, "-1").expect("well").expect("it waits");
        assert_eq!(says(&program, &mut world, run, "none").expect("well"), None);
        assert_eq!(world.said(), said);
    }
}

#[test]
fn nobody_is_waited_for_longer_than_the_timeout() {
    let program = flow(
        "steps:
  - ask: { text: Still there?, timeout: 1 hour, on_timeout: [{ reply: Good-bye. }] }
  - reply: on",
    );
    let mut world = Paper::default();
    let run = begin(&program, &mut world).expect("well").expect("it waits");
    assert_eq!(world.woken_at(), Some(NOON + 3_600_000));
    assert_eq!(
        (run.until.as_str(), run.ticket().as_str()),
        ("2026-01-05T13:00:00+00:00", "evt_1/1")
    );
    world.now += 3_600_000;
    assert_eq!(due(&program, &mut world, run.clone()).expect("well"), None);
    assert_eq!(world.said(), ["Still there?", "Good-bye.", "on"]);
    // An answer in time puts the timer away.
    assert_eq!(says(&program, &mut world, run, "yes").expect("well"), None);
    assert!(world.acts.contains(&Act::Sleep));
}

#[test]
fn branches_loops_and_sequences_come_back_to_where_they_began() {
    let program = flow(
        "steps:
  - set: { n: 0, list: [a, b, c, d] }
  - loop:
      while: vars.n < 10
      most: 3
      do:
        - set: { n: '{{ vars.n + 1 }}' }
        - if: vars.n == 2
          then: [{ reply: two }]
          else: [{ call: count }]
  - loop: { each: vars.list, as: letter, most: 2, do: [{ reply: 'letter {{ vars.letter }}' }] }
  - switch: vars.n
    cases:
      '3': [{ reply: three }]
    default: [{ reply: other }]
  - reply: end
sequences:
  count: [{ reply: 'n is {{ vars.n }}' }]",
    );
    let mut world = Paper::default();
    assert_eq!(begin(&program, &mut world).expect("well"), None);
    assert_eq!(world.said(), ["n is 1", "two", "n is 3", "letter a", "letter b", "three", "end"]);
}

#[test]
fn a_question_in_a_loop_in_a_sequence_goes_on_where_it_was() {
    let program = flow(
        "steps:
  - loop: { each: \"['one', 'two']\", do: [{ call: rate }] }
  - reply: '{{ vars.sum }}'
sequences:
  rate:
    - id: x
      ask: { text: 'Rate {{ vars.item }}', expect: number, save: got }
    - set: { sum: '{{ vars.sum | default(0) + vars.got }}' }",
    );
    let mut world = Paper::default();
    let run = begin(&program, &mut world).expect("well").expect("it waits");
    assert_eq!(
        (run.step.as_str(), run.calls.as_slice()),
        ("x", ["steps[0].loop.do[0]".to_owned()].as_slice())
    );
    let run = says(&program, &mut world, run, "3").expect("well").expect("it waits");
    assert_eq!(says(&program, &mut world, run, "4").expect("well"), None);
    assert_eq!(world.said(), ["Rate one", "Rate two", "7"]);
}

#[test]
fn waits_are_for_a_time_or_until_a_moment() {
    let program = flow(
        "time_zone: Europe/Berlin
steps:
  - wait: 2 days
  - wait: { until: '09:00' }
  - wait: { until: '{{ vars.never }}2026-01-31 10:00', before: 1 hour }
  - wait: { until: '2026-01-01 10:00' }
  - reply: Good morning",
    );
    let mut world = Paper::default();
    let run = begin(&program, &mut world).expect("well").expect("it waits");
    assert_eq!(run.until, "2026-01-07T13:00:00+01:00");
    world.now += 2 * 86_400_000;
    let run = due(&program, &mut world, run).expect("well").expect("it waits");
    assert_eq!(run.until, "2026-01-08T09:00:00+01:00");
    world.now = NOON + 3 * 86_400_000;
    let run = due(&program, &mut world, run).expect("well").expect("it waits");
    assert_eq!(run.until, "2026-01-31T09:00:00+01:00");
    world.now = NOON + 40 * 86_400_000;
    assert_eq!(due(&program, &mut world, run).expect("well"), None);
    assert_eq!(world.said(), ["Good morning"], "a moment that is past is not waited for");
}

#[test]
fn a_closed_window_is_respected() {
    let program = flow(
        "closed: { template: { name: news, language: en, values: ['{{ contact.name }}'] } }
steps:
  - reply: Hello
  - reply: { text: Extra, closed: skip }
  - ask: Well?
  - reply: { text: Last, closed: stop }
  - reply: never",
    );
    let mut world = Paper { window_until: NOON, ..Paper::default() };
    let run = begin(&program, &mut world).expect("well").expect("it waits");
    assert_eq!(says(&program, &mut world, run, "yes").expect("well"), None);
    assert_eq!(world.said(), ["<news Ann>", "<news Ann>"]);
    let mut world = Paper { window_until: NOON + 1, ..Paper::default() };
    begin(&program, &mut world).expect("well").expect("it waits");
    assert_eq!(world.said(), ["Hello", "Extra", "Well?"]);
}

#[test]
fn variables_last_as_long_as_their_scope() {
    let program = flow(
        "steps:
  - set: { a: 1, chat.vars.visits: '{{ (chat.vars.visits or 0) + 1 }}', contact.vars.size: L }
  - reply: '{{ vars.a }} {{ chat.vars.visits }} {{ contact.vars.size }}'",
    );
    let mut world = Paper::default();
    for visits in ["1 1 L", "1 2 L"] {
        assert_eq!(begin(&program, &mut world).expect("well"), None);
        assert_eq!(world.said(), [visits]);
    }
}

#[test]
fn an_http_step_sends_secrets_and_keeps_what_comes_back() {
    let program = flow(
        "secrets: { key: { hosts: [api.example.com] } }
steps:
  - set: { id: 7 }
  - http:
      url: 'https://api.example.com/orders/{{ vars.id }}'
      headers: { Authorization: 'Bearer {{ secrets.key }}' }
      body: { id: '{{ vars.id }}' }
      save: order
      on_error: [{ reply: 'sorry: {{ vars.error.code }} {{ vars.error.status }}' }]
  - reply: '{{ vars.order.body.state }}'",
    );
    let ok = Response { status: 200, body: "{\"state\":\"sent\"}".to_owned() };
    let gone = Response { status: 404, body: "no".to_owned() };
    let down = Refusal { code: "timeout".to_owned(), message: "it took too long".to_owned() };
    let mut world = Paper { answers: vec![Ok(ok), Ok(gone), Err(down)], ..Paper::default() };
    for said in [vec!["sent"], vec!["sorry: http 404", ""], vec!["sorry: timeout 0", ""]] {
        begin(&program, &mut world).expect("well");
        assert_eq!(world.said(), said);
    }
    let request = &world.requests[0];
    assert_eq!(
        (request.method.as_str(), request.url.as_str()),
        ("POST", "https://api.example.com/orders/7")
    );
    assert_eq!(request.headers["authorization"], "Bearer <key>");
    assert_eq!(request.body, b"{\"id\":7}");
}

#[test]
fn a_failure_says_which_step_and_whether_to_try_again() {
    let program = flow("steps: [{ id: vip, tag: vip }]");
    let mut world = Paper { denied: true, ..Paper::default() };
    let failure = begin(&program, &mut world).expect_err("denied");
    assert_eq!(
        (failure.to_string().as_str(), failure.is_final()),
        ("step vip: denied: add a line", true)
    );
    let program = flow("steps: [{ http: { url: 'https://a.example' } }]");
    let mut world = Paper {
        answers: vec![Ok(Response { status: 503, ..Response::default() })],
        ..Paper::default()
    };
    let failure = begin(&program, &mut world).expect_err("down");
    assert!(!failure.is_final() && failure.message.contains("503"), "{failure}");
}

#[test]
fn no_flow_runs_for_ever_in_one_call() {
    for body in [
        "steps: [{ loop: { while: true, most: 1000, do: [{ set: { a: 1 } }] } }]",
        "steps: [{ call: a }]\nsequences: { a: [{ call: a }] }",
        "steps: [{ call: a }]\nsequences: { a: [{ call: b }], b: [{ call: a }, { call: a }] }",
    ] {
        let failure = begin(&flow(body), &mut Paper::default()).expect_err("bounded");
        assert_eq!(failure.code, "steps", "{body}");
    }
}

#[test]
fn a_run_whose_step_is_gone_ends_with_a_line() {
    let before = flow("steps: [{ id: mail, ask: Mail? }, { reply: done }]");
    let run = begin(&before, &mut Paper::default()).expect("well").expect("it waits");
    for after in [
        "steps: [{ ask: Name? }]",
        "steps: [{ id: mail, reply: Hi }]",
        "steps: [{ id: mail, wait: 1 hour }]",
    ] {
        let mut world = Paper::default();
        assert_eq!(says(&flow(after), &mut world, run.clone(), "a@b.c").expect("well"), None);
        let told =
            |act: &Act| matches!(act, Act::Log("warn", line) if line.contains("no step \"mail\""));
        assert!(world.acts.iter().any(told), "{:?}", world.acts);
    }
    // It is still there: the run goes on in the new version.
    let mut world = Paper::default();
    let after =
        flow("steps: [{ reply: new }, { id: mail, ask: Mail please? }, { reply: changed }]");
    assert_eq!(says(&after, &mut world, run, "x").expect("well"), None);
    assert_eq!(world.said(), ["changed"]);
}

#[test]
fn every_step_leaves_its_line() {
    let program = flow("trace: true\nsteps: [{ id: hi, reply: Hi }, { id: q, ask: 'Well?' }]");
    let mut world = Paper::default();
    begin(&program, &mut world).expect("well");
    let lines: Vec<Value> = world
        .acts
        .iter()
        .filter_map(|act| match act {
            Act::Log("info", line) => serde_json::from_str(line).ok(),
            _ => None,
        })
        .collect();
    assert_eq!(
        lines[0],
        json!({ "flow": "test", "run": "evt_1", "step": "hi", "did": "reply", "next": "q" })
    );
    assert_eq!(lines[1]["did"], "waits");
}
