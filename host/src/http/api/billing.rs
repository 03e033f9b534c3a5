//! What accounts use, and what they cost: usage, a month's statement, a preview, the ledger.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::accounts::PeriodView;
use crate::config::Billing;
use crate::flow::House;
use crate::http::auth::Caller;
use crate::http::error::ApiError;
use crate::http::extract::{Page, Pagination, Query, iso};
use crate::model::{LedgerKind, Money, Tally, Tier, graduated, month_of, parse_month};
use crate::store::account::{self, Filter};
use crate::store::ledger::{self, Entry};
use crate::store::usage::Used;
use crate::store::{conversation, usage};

type Answer<T> = Result<axum::Json<T>, ApiError>;

fn money(billing: &Billing, minor: i64) -> Money {
    Money::new(minor, &billing.currency, billing.decimals)
}

/// What an account uses in the period that runs now.
#[derive(Serialize, ToSchema)]
pub struct AccountUsage {
    account: String,
    tier: Tier,
    period: PeriodView,
    messages: Quantity,
    /// Messages of its phone's history.
    history: Quantity,
}

/// How much of how much.
#[derive(Serialize, ToSchema)]
pub struct Quantity {
    used: i64,
    /// Null: as much as it likes.
    #[schema(required)]
    limit: Option<i64>,
    #[schema(required)]
    left: Option<i64>,
}

impl Quantity {
    fn new(used: i64, limit: Option<i64>) -> Self {
        Self { used, limit, left: limit.map(|limit| (limit - used).max(0)) }
    }
}

#[derive(Serialize, ToSchema)]
pub struct UsageList {
    usage: Vec<AccountUsage>,
    pagination: Pagination,
}

/// What each account uses in its present period
///
/// A period is a month from the day of purchase. A message counts from when it is queued, in the
/// period in which it is due.
#[utoipa::path(get, path = "/billing/usage", tag = "billing", params(Page), responses((status = 200, description = "A page of accounts", body = UsageList)))]
pub async fn usage(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Answer<UsageList> {
    let mut conn = house.store.read().await?;
    let filter = Filter {
        archived: Some(false),
        department_id: caller.department_id.clone(),
        ..Filter::default()
    };
    let after = page.cursor();
    let mut accounts =
        account::search(&mut conn, &caller.team_id, &filter, after, page.fetch()).await?;
    let next = page.cut(&mut accounts, |account| account.id.clone());
    let ids: Vec<&str> = accounts.iter().map(|account| account.id.as_str()).collect();
    let used = usage::of(&mut conn, &ids).await?;
    let now = house.clock.now();
    let of = |account: &crate::model::Account| {
        let (period, terms) = (account.period(now), house.config.billing.terms(account.tier));
        let used: Option<&Used> = used.get(&(account.id.clone(), period.start));
        let messages = used.map_or(0, |used| used.messages);
        AccountUsage {
            account: account.id.clone(),
            tier: account.tier,
            period: period.into(),
            messages: Quantity::new(messages, Some(terms.messages).filter(|limit| *limit > 0)),
            history: Quantity::new(account.synced_messages, Some(terms.history)),
        }
    };
    let usage = accounts.iter().map(of).collect();
    Ok(axum::Json(UsageList { usage, pagination: Pagination { next } }))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StatementQuery {
    /// A calendar month in UTC; absent: the present one.
    #[param(example = "2026-01")]
    month: Option<String>,
}

/// What a month cost: the accounts whose periods began in it, and its conversations.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Statement {
    #[schema(example = "2026-01")]
    month: String,
    subscriptions: Vec<TierLine>,
    conversations: Vec<ConversationLine>,
    total: Money,
}

/// The accounts of a tier.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TierLine {
    tier: Tier,
    /// How many accounts.
    quantity: i64,
    price: Money,
}

/// The conversations that are billed to one business account, or to an account without one.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConversationLine {
    #[schema(example = "biz_01k…")]
    billed_to: String,
    quantity: i64,
    paid_quantity: i64,
    free_quantity: i64,
    /// Of the month's free ones.
    free_tier: i64,
    /// Those that an advertisement brought.
    free_entry_point: i64,
    business_initiated_quantity: i64,
    business_initiated_paid_quantity: i64,
    business_initiated_price: Money,
    user_initiated_quantity: i64,
    user_initiated_paid_quantity: i64,
    user_initiated_price: Money,
    total_price: Money,
}

fn conversations(billing: &Billing, billed_to: String, tally: Tally) -> (ConversationLine, i64) {
    let terms = &billing.conversations;
    let business = tally.business_initiated_paid.saturating_mul(terms.business_initiated);
    let user = tally.user_initiated_paid.saturating_mul(terms.user_initiated);
    let line = ConversationLine {
        billed_to,
        quantity: tally.quantity(),
        paid_quantity: tally.paid(),
        free_quantity: tally.free(),
        free_tier: tally.free_tier,
        free_entry_point: tally.free_entry_point,
        business_initiated_quantity: tally.business_initiated,
        business_initiated_paid_quantity: tally.business_initiated_paid,
        business_initiated_price: money(billing, business),
        user_initiated_quantity: tally.user_initiated,
        user_initiated_paid_quantity: tally.user_initiated_paid,
        user_initiated_price: money(billing, user),
        total_price: money(billing, business + user),
    };
    (line, business + user)
}

/// A month's statement, computed from the ledger and the conversations.
#[utoipa::path(get, path = "/billing/statement", tag = "billing", params(StatementQuery), responses((status = 200, description = "The statement", body = Statement)))]
pub async fn statement(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(query): Query<StatementQuery>,
) -> Answer<Statement> {
    let month = match query.month {
        None => month_of(house.clock.now()),
        Some(text) => parse_month(&text)
            .ok_or_else(|| ApiError::invalid("month: give one such as 2026-01"))?,
    };
    let billing = &house.config.billing;
    let mut conn = house.store.read().await?;
    let charges = ledger::charges(&mut conn, &caller.team_id, &month).await?;
    let tallies = conversation::tallies(&mut conn, &caller.team_id, &month).await?;
    let mut total = 0;
    let mut subscriptions = Vec::new();
    for tier in Tier::ALL {
        let Some((quantity, amount)) = charges.get(tier) else { continue };
        total += amount;
        let price = money(billing, *amount);
        subscriptions.push(TierLine { tier: *tier, quantity: *quantity, price });
    }
    let mut lines = Vec::new();
    for (billed_to, tally) in tallies {
        let (line, price) = conversations(billing, billed_to, tally);
        total += price;
        lines.push(line);
    }
    let total = money(billing, total);
    Ok(axum::Json(Statement { month, subscriptions, conversations: lines, total }))
}

#[derive(Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct PreviewQuery {
    /// How many accounts of this tier; so are the others.
    #[param(minimum = 0, maximum = 1000000000)]
    unlimited_msg_chat_history: i64,
    #[param(minimum = 0, maximum = 1000000000)]
    unlimited_msg_no_chat_history: i64,
    #[param(minimum = 0, maximum = 1000000000)]
    limited_msg_no_chat_history: i64,
}

/// What accounts would cost a month.
#[derive(Serialize, ToSchema)]
pub struct Preview {
    subscriptions: Vec<TierLine>,
    total: Money,
}

/// What so many accounts would cost a month
///
/// By the graduated table: 101 accounts with history cost 100 times the first price and once the
/// second.
#[utoipa::path(get, path = "/billing/preview", tag = "billing", params(PreviewQuery), responses((status = 200, description = "The price", body = Preview)))]
pub async fn preview(
    State(house): State<Arc<House>>,
    Query(query): Query<PreviewQuery>,
) -> Answer<Preview> {
    let billing = &house.config.billing;
    let (mut total, mut subscriptions) = (0_i64, Vec::new());
    for (tier, quantity) in [
        (Tier::UnlimitedMsgChatHistory, query.unlimited_msg_chat_history),
        (Tier::UnlimitedMsgNoChatHistory, query.unlimited_msg_no_chat_history),
        (Tier::LimitedMsgNoChatHistory, query.limited_msg_no_chat_history),
    ] {
        if !(0..=1_000_000_000).contains(&quantity) {
            return Err(ApiError::invalid(format!("{tier}: 0 to 1000000000 accounts")));
        }
        let amount = graduated(&billing.terms(tier).prices, quantity);
        total = total.saturating_add(amount);
        if quantity > 0 {
            subscriptions.push(TierLine { tier, quantity, price: money(billing, amount) });
        }
    }
    Ok(axum::Json(Preview { subscriptions, total: money(billing, total) }))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LedgerQuery {
    /// Only entries about this account, which may be gone.
    #[serde(default)]
    account: String,
    #[serde(default)]
    cursor: String,
    limit: Option<i64>,
}

/// What was bought, or what became of it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LedgerEntry {
    id: String,
    account: String,
    kind: LedgerKind,
    tier: Tier,
    /// Of a tier change.
    #[schema(required)]
    previous_tier: Option<Tier>,
    #[schema(value_type = String)]
    at: Value,
    period: PeriodView,
    amount: Money,
    /// Of a reset: what the period before had used.
    #[schema(required)]
    messages: Option<i64>,
}

fn entry(billing: &Billing, entry: Entry) -> LedgerEntry {
    LedgerEntry {
        id: entry.id,
        account: entry.account_id,
        kind: entry.kind,
        tier: entry.tier,
        previous_tier: entry.previous_tier,
        at: iso(entry.at),
        period: entry.period.into(),
        amount: Money::new(entry.amount, &entry.currency, billing.decimals),
        messages: (entry.kind == LedgerKind::Reset).then_some(entry.messages),
    }
}

#[derive(Serialize, ToSchema)]
pub struct LedgerList {
    entries: Vec<LedgerEntry>,
    pagination: Pagination,
}

/// List the ledger's entries, newest first. They are added, and never changed.
#[utoipa::path(get, path = "/billing/ledger", tag = "billing", params(LedgerQuery), responses((status = 200, description = "A page of entries", body = LedgerList)))]
pub async fn ledger(
    State(house): State<Arc<House>>,
    caller: Caller,
    Query(query): Query<LedgerQuery>,
) -> Answer<LedgerList> {
    let page = Page::new(query.cursor, query.limit);
    let mut conn = house.store.read().await?;
    let (team_id, before) = (&caller.team_id, page.cursor());
    let mut found = ledger::list(&mut conn, team_id, &query.account, before, page.fetch()).await?;
    let next = page.cut(&mut found, |entry| entry.id.clone());
    let entries = found.into_iter().map(|found| entry(&house.config.billing, found)).collect();
    Ok(axum::Json(LedgerList { entries, pagination: Pagination { next } }))
}
