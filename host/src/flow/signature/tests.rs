//! Signatures: the vendors' own examples, what is refused and why, and that what is signed holds.

use http::{HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;

const NOW: Millis = 1_614_265_330_000;

fn styled(style: Style) -> Verify {
    Verify {
        style,
        secret: "key".to_owned(),
        header: (style == Style::HmacSha256).then(|| "X-Signature".to_owned()),
        encoding: None,
        prefix: None,
        tolerance: None,
    }
}

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let one = |(name, value): &(&str, &str)| {
        let name: HeaderName = name.parse().expect("a name");
        (name, HeaderValue::from_str(value).expect("a value"))
    };
    pairs.iter().map(one).collect()
}

fn check(
    style: Style,
    secret: &str,
    pairs: &[(&str, &str)],
    body: &str,
    now: Millis,
) -> Result<(), Unsigned> {
    verify(&styled(style), secret, &headers(pairs), body.as_bytes(), now)
}

/// The example of GitHub's documentation.
#[test]
fn githubs_own_example_holds() {
    let (secret, body) = ("It's a Secret to Everybody", "Hello, World!");
    let signed = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let with =
        |value, body| check(Style::Github, secret, &[("X-Hub-Signature-256", value)], body, 0);
    assert_eq!(with(signed, body), Ok(()));
    assert_eq!(with(signed, "Hello, World?"), Err(Unsigned::Wrong));
    assert_eq!(
        with(&signed["sha256=".len()..], body),
        Err(Unsigned::Wrong),
        "the prefix is part of it"
    );
    assert_eq!(with("sha256=zz", body), Err(Unsigned::Wrong));
    assert_eq!(check(Style::Github, secret, &[], body, 0), Err(Unsigned::Missing));
}

/// The example of the Standard Webhooks specification; a second secret's signature beside it.
#[test]
fn the_example_of_standard_webhooks_holds() {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let body = r#"{"test": 2432232314}"#;
    let signed = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    let at = |signature: &str, time: &str, now| {
        let pairs = [
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", time),
            ("webhook-signature", signature),
        ];
        check(Style::StandardWebhooks, secret, &pairs, body, now)
    };
    let several = format!("v1a,Zm9v v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= {signed}");
    assert_eq!(at(signed, "1614265330", NOW), Ok(()));
    assert_eq!(at(&several, "1614265330", NOW), Ok(()));
    assert_eq!(at(signed, "1614265331", NOW), Err(Unsigned::Wrong), "the time is signed too");
    assert_eq!(at(&signed.replace("v1,", "v2,"), "1614265330", NOW), Err(Unsigned::Wrong));
    for (late, holds) in [(300_000, Ok(())), (301_000, Err(Unsigned::Stale))] {
        assert_eq!(at(signed, "1614265330", NOW + late), holds, "{late} ms late");
        assert_eq!(at(signed, "1614265330", NOW - late), holds, "{late} ms early");
    }
    assert!(!fits(Style::StandardWebhooks, "whsec_!") && !fits(Style::StandardWebhooks, "whsec_"));
}

/// A payload of Stripe's own tests, signed by another implementation.
#[test]
fn stripes_header_has_a_time_and_several_signatures() {
    let body = "{\n  \"id\": \"evt_test_webhook\",\n  \"object\": \"event\"\n}";
    let v1 = "c2f890decbc5ede7c5060bb9a6d31e0626a4342bacb9aeae2adb1bcea72f9812";
    let at = |value: &str, now| {
        check(Style::Stripe, "whsec_test_secret", &[("Stripe-Signature", value)], body, now)
    };
    let now = 1_492_774_577_000;
    assert_eq!(at(&format!("t=1492774577,v1={v1}"), now), Ok(()));
    assert_eq!(at(&format!("t=1492774577,v1={},v1={v1},v0=6ffb", "0".repeat(64)), now), Ok(()));
    assert_eq!(at(&format!("t=1492774577,v0={v1}"), now), Err(Unsigned::Wrong));
    assert_eq!(at(&format!("v1={v1}"), now), Err(Unsigned::Wrong));
    assert_eq!(at(&format!("t=1492774577,v1={v1}"), now + 301_000), Err(Unsigned::Stale));
    assert_eq!(at(&format!("t=9223372036854775807,v1={v1}"), now), Err(Unsigned::Stale));
}

/// Shopify documents no example; this one was signed by another implementation.
#[test]
fn shopify_writes_base64() {
    let body = r#"{"id":1234567890,"email":"customer@example.com","total_price":"123.45"}"#;
    let signed = "QNyObTlKbMx2qDlPF/ZOZcBqg5OgPg+2oky3zldc0Gw=";
    let with =
        |secret, value| check(Style::Shopify, secret, &[("X-Shopify-Hmac-Sha256", value)], body, 0);
    assert_eq!(with("test-webhook-secret", signed), Ok(()));
    assert_eq!(with("another", signed), Err(Unsigned::Wrong));
}

fn styles() -> impl Strategy<Value = Verify> {
    let style = prop_oneof![
        Just(Style::HmacSha256),
        Just(Style::Github),
        Just(Style::Stripe),
        Just(Style::Shopify),
        Just(Style::StandardWebhooks)
    ];
    (style, any::<bool>(), "[a-z0-9=]{0,8}").prop_map(|(style, base64, prefix)| {
        let own = style == Style::HmacSha256;
        let encoding = if base64 { Encoding::Base64 } else { Encoding::Hex };
        Verify { encoding: own.then_some(encoding), prefix: own.then_some(prefix), ..styled(style) }
    })
}

proptest! {
    /// What is signed holds; with another body, secret or time it does not.
    #[test]
    fn what_is_signed_holds_and_nothing_else(
        how in styles(),
        secret in prop::collection::vec(any::<u8>(), 1..48),
        body in prop::collection::vec(any::<u8>(), 0..200),
        flip in any::<prop::sample::Index>(),
        now in 1_000_000_000_000_i64..3_000_000_000_000,
    ) {
        let secret = format!("whsec_{}", STANDARD.encode(secret));
        let signed = sign(&how, &secret, "msg_1", &body, now);
        let pairs: Vec<(&str, &str)> = signed.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let headers = headers(&pairs);
        prop_assert_eq!(verify(&how, &secret, &headers, &body, now), Ok(()));
        let mut other = body.clone();
        other.push(0);
        let place = flip.index(other.len());
        other[place] ^= 1;
        prop_assert_eq!(verify(&how, &secret, &headers, &other, now), Err(Unsigned::Wrong));
        let another = format!("whsec_{}", STANDARD.encode(b"another secret of some length that none has, be sure"));
        prop_assert_eq!(verify(&how, &another, &headers, &body, now), Err(Unsigned::Wrong));
        prop_assert_eq!(verify(&how, &secret, &HeaderMap::new(), &body, now), Err(Unsigned::Missing));
    }

    /// Whatever a stranger sends is answered, not died of.
    #[test]
    fn any_header_is_looked_at_without_harm(how in styles(), value in "[ -~]{0,200}") {
        let mut headers = HeaderMap::new();
        for name in [header(&how), standard::ID, standard::TIMESTAMP] {
            let name: HeaderName = name.parse().expect("a name");
            headers.insert(name, HeaderValue::from_str(&value).expect("plain"));
        }
        let refused = verify(&how, "whsec_a2V5", &headers, b"{}", NOW).is_err();
        prop_assert!(refused);
    }
}
