-- Accounts as they are bought, grouped, archived and deleted; what they use, and what they cost.

-- What it may do and costs; see the setting billing.tiers.
ALTER TABLE account ADD COLUMN tier TEXT NOT NULL DEFAULT 'unlimited_msg_no_chat_history';
ALTER TABLE account ADD COLUMN department_id TEXT NOT NULL DEFAULT '';
ALTER TABLE account ADD COLUMN business_account_id TEXT NOT NULL DEFAULT '';
-- When it was bought (last): its periods are the months from then on. 0: since it was made.
ALTER TABLE account ADD COLUMN subscribed_at BIGINT NOT NULL DEFAULT 0;
-- The end of the period that stands in the ledger. 0: it is not in the ledger yet; the largest number:
-- nothing renews it.
ALTER TABLE account ADD COLUMN paid_until BIGINT NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN archived_at BIGINT NOT NULL DEFAULT 0;
-- Not 0: nobody sees it any more, and its data goes set by set.
ALTER TABLE account ADD COLUMN deleted_at BIGINT NOT NULL DEFAULT 0;
-- What of its data is being removed: '', 'synced', 'archive', 'all'.
ALTER TABLE account ADD COLUMN removing TEXT NOT NULL DEFAULT '';
-- 'ok', or 'degraded': open, but silent.
ALTER TABLE account ADD COLUMN health TEXT NOT NULL DEFAULT 'ok';
-- When something last came from its channel, and the first attempt to send since then.
ALTER TABLE account ADD COLUMN heard_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN asked_at BIGINT NOT NULL DEFAULT 0;
-- How many messages its phone brought along, and when it had brought them all.
ALTER TABLE account ADD COLUMN synced_messages BIGINT NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN synced_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX account_paid ON account (paid_until);
CREATE INDEX account_asked ON account (health, asked_at);

-- 1: came with the phone's history, not by a message of its own.
ALTER TABLE message ADD COLUMN synced BIGINT NOT NULL DEFAULT 0;
ALTER TABLE chat ADD COLUMN synced BIGINT NOT NULL DEFAULT 0;
CREATE INDEX message_synced ON message (account_id) WHERE synced = 1;

-- A part of the team that accounts, and so their chats, belong to.
CREATE TABLE department (
    id TEXT PRIMARY KEY,
    team_id TEXT NOT NULL REFERENCES team (id),
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX department_team ON department (team_id, id);

-- Numbers that share templates and free conversations.
CREATE TABLE business_account (
    id TEXT PRIMARY KEY,
    team_id TEXT NOT NULL REFERENCES team (id),
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX business_account_team ON business_account (team_id, id);

-- Messages that are queued or sent in one period of an account. A message counts where it is due.
CREATE TABLE usage_period (
    account_id TEXT NOT NULL,
    starts_at BIGINT NOT NULL,
    team_id TEXT NOT NULL,
    messages BIGINT NOT NULL,
    -- When usage.low and usage.exhausted were told; 0: not yet.
    low_at BIGINT NOT NULL,
    exhausted_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, starts_at)
);

-- What was bought and what became of it, append-only.
CREATE TABLE ledger (
    id TEXT PRIMARY KEY,
    team_id TEXT NOT NULL,
    -- The account may be gone.
    account_id TEXT NOT NULL,
    -- purchase, renewal, tier_change, archive, delete, reset
    kind TEXT NOT NULL,
    tier TEXT NOT NULL,
    -- Of a tier change.
    previous_tier TEXT NOT NULL,
    at BIGINT NOT NULL,
    -- The calendar month of `at` in UTC, such as 2026-01: statements are by month.
    month TEXT NOT NULL,
    period_start BIGINT NOT NULL,
    period_end BIGINT NOT NULL,
    -- 1: one more account of its tier in its month.
    charged BIGINT NOT NULL,
    -- In minor units of the currency.
    amount BIGINT NOT NULL,
    currency TEXT NOT NULL,
    -- Of a reset: what the period before had used.
    messages BIGINT NOT NULL
);
CREATE INDEX ledger_team ON ledger (team_id, id);
CREATE INDEX ledger_month ON ledger (team_id, month, charged);
CREATE INDEX ledger_account ON ledger (account_id, period_start);

-- A charged unit of the official channels: 24 hours with one customer, fixed from the opening.
CREATE TABLE conversation (
    id TEXT PRIMARY KEY,
    team_id TEXT NOT NULL,
    -- The business account whose free ones it shares, or the account where that has none.
    billed_to TEXT NOT NULL,
    account_id TEXT NOT NULL,
    contact_id TEXT NOT NULL,
    opened_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    month TEXT NOT NULL,
    -- business_initiated, user_initiated, referral_conversion
    origin TEXT NOT NULL,
    -- paid, free_tier, free_entry_point
    pricing TEXT NOT NULL
);
CREATE INDEX conversation_open ON conversation (account_id, contact_id, expires_at);
CREATE INDEX conversation_month ON conversation (team_id, month, billed_to);
