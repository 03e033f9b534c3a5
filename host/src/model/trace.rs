//! Which act a message or an event came of: the trace that both are part of, and the ids of its spans.
//!
//! All ids are made of what rows hold, so that another process, after a restart too, makes the same.

use sha2::{Digest, Sha256};
use ulid::Ulid;

/// What began the chain of acts that a message or an event is part of, and what caused it in there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// The id of the first message or event, or the `traceparent` that its sender gave; empty where it
    /// began itself.
    pub root: String,
    /// The span of the call that caused it; 0 where none did.
    pub parent: u64,
}

/// A span, as others outside are told of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    pub trace: u128,
    pub id: u64,
    /// Whether it is exported.
    pub sampled: bool,
}

impl Trace {
    /// What stands in the two columns of a row, read back.
    pub fn kept(root: String, cause: &str) -> Self {
        Self { root, parent: u64::from_str_radix(cause, 16).unwrap_or(0) }
    }

    /// The second column.
    pub fn cause(&self) -> String {
        if self.parent == 0 { String::new() } else { format!("{:016x}", self.parent) }
    }

    /// What somebody outside began; empty where it was not said.
    pub fn given(traceparent: String) -> Self {
        Self { root: traceparent, parent: 0 }
    }

    /// What began the chain, for a thing with this id.
    pub fn root<'a>(&'a self, own_id: &'a str) -> &'a str {
        if self.root.is_empty() { own_id } else { &self.root }
    }

    /// The trace of what a thing with this id causes, by a span of it.
    pub fn onward(&self, own_id: &str, parent: u64) -> Self {
        Self { root: self.root(own_id).to_owned(), parent }
    }
}

impl Span {
    /// As the header `traceparent` has it.
    pub fn header(&self) -> String {
        format!("00-{:032x}-{:016x}-{:02x}", self.trace, self.id, u8::from(self.sampled))
    }
}

/// The trace of what began with this: the one of a `traceparent`, or the 16 bytes of an id.
pub fn trace_id(root: &str) -> u128 {
    if let Some(given) = parsed(root) {
        return given.trace;
    }
    let body = root.split_once('_').map_or(root, |(_, body)| body);
    let bytes = if body.len() == 32 { u128::from_str_radix(body, 16).ok() } else { None };
    let ulid = || Ulid::from_string(&body.to_uppercase()).ok().map(u128::from);
    bytes.or_else(ulid).filter(|id| *id != 0).unwrap_or_else(|| hashed(&[root]))
}

/// The span that caused what began with this, outside of the house; 0 where nobody said.
pub fn given_parent(root: &str) -> u64 {
    parsed(root).map_or(0, |given| given.id)
}

/// Whether the sender of what began with this asked for its export; `None` where nobody said.
pub fn given_sampled(root: &str) -> Option<bool> {
    parsed(root).map(|given| given.sampled)
}

/// The id of a span that is known by these words.
pub fn span_id(words: &[&str]) -> u64 {
    let hash = hashed(words);
    u64::try_from(hash >> 64).ok().filter(|id| *id != 0).unwrap_or(1)
}

/// The span of a message: between what caused it and all that becomes of it.
pub fn message_span(id: &str) -> u64 {
    span_id(&["message", id])
}

/// The span of an event: between what caused it and all who receive it.
pub fn event_span(id: &str) -> u64 {
    span_id(&["event", id])
}

/// The span of one attempt at a job by whom it is for.
pub fn job_span(job_id: &str, target_id: &str, attempt: i64) -> u64 {
    span_id(&["job", job_id, target_id, &attempt.to_string()])
}

fn hashed(words: &[&str]) -> u128 {
    let digest = Sha256::digest(words.join("/"));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    u128::from_be_bytes(bytes).max(1)
}

/// A header `traceparent` that holds, as it is kept.
pub fn accepted(header: &str) -> Option<String> {
    parsed(header.trim()).map(|span| span.header())
}

/// Version, trace, span and flags; later versions may add parts behind them.
fn parsed(header: &str) -> Option<Span> {
    let mut parts = header.split('-');
    let (version, trace, id, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |part: &str, length: usize| {
        part.len() == length && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let whole = is_hex(version, 2) && is_hex(trace, 32) && is_hex(id, 16) && is_hex(flags, 2);
    if !whole || version == "ff" || (version == "00" && parts.next().is_some()) {
        return None;
    }
    let span = Span {
        trace: u128::from_str_radix(trace, 16).ok()?,
        id: u64::from_str_radix(id, 16).ok()?,
        sampled: u8::from_str_radix(flags, 16).ok()? & 1 == 1,
    };
    (span.trace != 0 && span.id != 0).then_some(span)
}

/// The ids by which a trace may have begun in this house; none where the text is no trace's id.
pub fn roots(trace: &str) -> Vec<String> {
    let is_hex = trace.len() == 32 && trace.bytes().all(|b| b.is_ascii_hexdigit());
    let Some(id) = u128::from_str_radix(trace, 16).ok().filter(|_| is_hex) else {
        return Vec::new();
    };
    let ulid = Ulid(id).to_string().to_lowercase();
    vec![format!("msg_{ulid}"), format!("evt_{ulid}"), format!("evt_{id:032x}")]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_traceparent_is_taken_only_whole() {
        let given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(accepted(given).as_deref(), Some(given));
        assert_eq!(trace_id(given), 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        assert_eq!(
            (given_parent(given), given_sampled(given)),
            (0x00f0_67aa_0ba9_02b7, Some(true))
        );
        for wrong in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        ] {
            assert_eq!(accepted(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_thing_that_began_itself_hands_its_own_id_on() {
        let trace = Trace::default();
        assert_eq!(trace.onward("msg_1", 7), Trace { root: "msg_1".into(), parent: 7 });
        assert_eq!(trace.onward("msg_1", 7).onward("evt_2", 9).root, "msg_1");
    }

    #[test]
    fn what_is_no_ulid_has_a_trace_too() {
        assert_ne!(trace_id("msg_1"), trace_id("msg_2"));
        assert_eq!(trace_id("evt_00000000000000000000000000000001"), 1);
    }

    proptest! {
        /// From an id to its trace and back.
        #[test]
        fn a_trace_leads_back_to_what_began_it(bytes in 1_u128..) {
            let ulid = Ulid(bytes).to_string().to_lowercase();
            for id in [format!("msg_{ulid}"), format!("evt_{ulid}"), format!("evt_{bytes:032x}")] {
                let trace = format!("{:032x}", trace_id(&id));
                prop_assert!(roots(&trace).contains(&id), "{id} {trace}");
            }
        }

        #[test]
        fn a_header_reads_back(trace in 1_u128.., id in 1_u64.., sampled: bool) {
            let span = Span { trace, id, sampled };
            prop_assert_eq!(parsed(&span.header()), Some(span));
        }
    }
}
