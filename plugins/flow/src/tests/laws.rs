//! What holds for every text and every customer.

use proptest::prelude::*;

use super::*;

const LARGE: &str = "cancel: { words: [cancel] }
steps:
  - id: name
    ask: { text: Name?, save: name }
  - id: kind
    buttons: { text: Which?, options: [{ id: a, title: First }, Second], save: kind, tries: 2, failed: [{ set: { kind: none } }] }
  - loop:
      while: vars.more != 'no'
      most: 4
      do:
        - id: more
          ask: { text: 'More, {{ vars.name }}?', choices: ['yes', 'no'], save: more, timeout: 1 hour, on_timeout: [{ set: { more: 'no' } }] }
        - call: count
  - switch: vars.kind
    cases: { a: [{ wait: 1 day }] }
    default: [{ tag: '{{ vars.kind }}' }]
  - id: when
    ask: { text: When?, expect: moment, save: when, tries: 1, failed: [] }
  - wait: { until: '{{ vars.when or now }}', before: 1 hour }
  - reply: 'Done, {{ vars.name }}: {{ vars.n }}'
sequences:
  count: [{ set: { n: '{{ (vars.n or 0) + 1 }}' } }, { reply: '{{ vars.n }}' }]";

fn answers() -> impl Strategy<Value = Vec<String>> {
    let word = prop_oneof![
        Just("yes".to_owned()),
        Just("no".to_owned()),
        Just("first".to_owned()),
        Just("tomorrow 15:00".to_owned()),
        Just("{{ vars }}".to_owned()),
        Just(String::new()),
        any::<String>(),
    ];
    proptest::collection::vec(word, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever customers say, and whenever: a call ends within its bound, and what waits can be read
    /// back as it was.
    #[test]
    fn a_run_always_comes_to_an_end_or_to_a_wait(answers in answers(), late in 0_u8..5) {
        let program = flow(LARGE);
        let mut world = Paper::default();
        let mut run = begin(&program, &mut world).expect("well");
        for (index, answer) in answers.iter().enumerate() {
            let Some(waiting) = run.take() else { break };
            let kept: Run = serde_json::from_str(&serde_json::to_string(&waiting).expect("JSON")).expect("a run");
            prop_assert_eq!(&kept, &waiting);
            world.now += 60_000;
            let times_out = !kept.until.is_empty() && index % 5 == usize::from(late);
            let waits_for_time = kept.waits == crate::run::Waits::ForTime;
            let before = world.acts.len();
            run = if times_out || waits_for_time {
                world.now += 86_400_000;
                due(&program, &mut world, kept).expect("well")
            } else {
                says(&program, &mut world, kept, answer).expect("well")
            };
            prop_assert!(world.acts.len() - before <= 4 * crate::machine::MOST_STEPS as usize);
        }
    }

    /// No text makes the reader panic: it holds, or it is told why not.
    #[test]
    fn any_text_is_read_or_refused(parts in proptest::collection::vec(prop_oneof![
        Just("flow: a\n"), Just("triggers:\n"), Just("steps:\n"), Just("  - reply: "), Just("  - ask: {"), Just("text: Hi"),
        Just("}"), Just("\n"), Just("["), Just("]"), Just("{{ vars."), Just(" }}"), Just("  - if: a >\n"), Just("    then: ["),
        Just("- keyword: x\n"), Just("&a *a"), Just("\t"), Just("é\u{0}"), Just("---\n"), Just("'"), Just("  - wait: 1h"), Just("? "),
    ], 0..30)) {
        let _ = manifest_of(&parts.concat());
    }

    #[test]
    fn any_template_is_filled_or_refused(text in "[{}%a-z.|()'0-9 \\[\\]+*-]{0,60}") {
        let now = crate::times::Now::new(NOON, "UTC").expect("a time");
        let values = crate::expr::Values::new(&Map::new(), &now);
        let _ = (values.text(&text), values.expression(&text), values.holds(&text));
    }

    #[test]
    fn any_duration_and_moment_is_read_or_refused(text in "[0-9a-z:./ +-]{0,24}") {
        let now = crate::times::Now::new(NOON, "America/New_York").expect("a time");
        let _ = (crate::times::duration(&text), now.moment(&text), now.date_and_time(&text), now.plus(&now.0, &text));
    }
}
