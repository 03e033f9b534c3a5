-- The first schema. One text serves SQLite and PostgreSQL: ids and JSON are TEXT, times are BIGINT
-- (Unix milliseconds), truths are BIGINT 0 or 1, and an absent text is ''. On PostgreSQL every TEXT
-- is collated "C", so that both databases sort alike.

-- A tenant. Its row is also its lock: a transaction that adds or settles jobs takes it first, by
-- drawing numbers from `counter`. So numbers commit in order, and the places of jobs, the cursors of
-- events and the heads of lanes need no other lock.
CREATE TABLE team (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    counter BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE api_key (
    id TEXT PRIMARY KEY,
    team_id TEXT NOT NULL REFERENCES team (id),
    name TEXT NOT NULL,
    -- SHA-256 of the key, hexadecimal; the key itself is shown once and kept nowhere.
    hash TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
);

-- One number on one channel.
CREATE TABLE account (
    id TEXT PRIMARY KEY,
    team_id TEXT NOT NULL REFERENCES team (id),
    channel TEXT NOT NULL,
    nickname TEXT NOT NULL,
    phone TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    -- JSON: what its owner set for it.
    settings TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- The node that sends for this account, and until when (PostgreSQL; one process needs no lease).
    sender BIGINT NOT NULL DEFAULT 0,
    sender_until BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX account_team ON account (team_id, id);

-- One person.
CREATE TABLE contact (
    id TEXT PRIMARY KEY,
    team_id TEXT NOT NULL REFERENCES team (id),
    name TEXT NOT NULL,
    phone TEXT NOT NULL,
    opt_in TEXT NOT NULL,
    first_seen_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL
);
CREATE INDEX contact_team ON contact (team_id, id);

-- The names by which channels know a person: phone, jid, lid, bsuid.
CREATE TABLE contact_alias (
    team_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    contact_id TEXT NOT NULL REFERENCES contact (id),
    PRIMARY KEY (team_id, kind, value)
);

CREATE TABLE contact_tag (
    contact_id TEXT NOT NULL REFERENCES contact (id),
    tag TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (contact_id, tag)
);

-- An account's conversation with a contact.
CREATE TABLE chat (
    id TEXT PRIMARY KEY,
    team_id TEXT NOT NULL,
    account_id TEXT NOT NULL REFERENCES account (id),
    contact_id TEXT NOT NULL REFERENCES contact (id),
    unread BIGINT NOT NULL,
    -- Empty: plugins answer. Otherwise the human who does.
    assigned TEXT NOT NULL,
    last_message_at BIGINT NOT NULL,
    -- The last message from the customer: opens the window of 24 hours.
    last_inbound_at BIGINT NOT NULL,
    UNIQUE (account_id, contact_id)
);
CREATE INDEX chat_team ON chat (team_id, last_message_at);
CREATE INDEX chat_contact ON chat (contact_id);

CREATE TABLE message (
    id TEXT PRIMARY KEY,
    team_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    chat_id TEXT NOT NULL REFERENCES chat (id),
    contact_id TEXT NOT NULL,
    -- Its place in the chat's history, drawn from the team's counter.
    place BIGINT NOT NULL,
    direction TEXT NOT NULL,
    -- JSON, as in the API.
    content TEXT NOT NULL,
    status TEXT NOT NULL,
    -- The status's rank: it only grows, but for an explicit retry.
    rank BIGINT NOT NULL,
    -- NULL until the channel's id is known.
    provider_id TEXT,
    -- The caller's own id, unique for the account; NULL where none was given.
    client_id TEXT,
    reply_to TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    sent_at BIGINT,
    error_code TEXT NOT NULL,
    error_message TEXT NOT NULL,
    possible_duplicate BIGINT NOT NULL,
    depth BIGINT NOT NULL,
    -- JSON of the options that the send still needs: typing, randomise.
    options TEXT NOT NULL,
    cancel_if_replied BIGINT NOT NULL,
    -- Queued by the call that opted its contact out: the one message that may still leave.
    opt_out_notice BIGINT NOT NULL,
    UNIQUE (account_id, provider_id),
    UNIQUE (account_id, client_id)
);
CREATE INDEX message_chat ON message (chat_id, place);
CREATE INDEX message_account ON message (account_id, place);
CREATE INDEX message_cancellable ON message (chat_id) WHERE cancel_if_replied = 1 AND rank = 0;

-- Facts, append-only. The cursor orders a team's stream.
CREATE TABLE event (
    id TEXT PRIMARY KEY,
    team_id TEXT NOT NULL,
    cursor BIGINT NOT NULL,
    kind TEXT NOT NULL,
    account_id TEXT NOT NULL,
    chat_id TEXT NOT NULL,
    contact_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    depth BIGINT NOT NULL,
    data TEXT NOT NULL,
    UNIQUE (team_id, cursor)
);
CREATE INDEX event_at ON event (at);

-- Work to do. The jobs of a lane run one at a time, in order of place.
CREATE TABLE job (
    id TEXT PRIMARY KEY,
    team_id TEXT NOT NULL,
    -- event, send, notify, status
    kind TEXT NOT NULL,
    lane TEXT NOT NULL,
    -- Drawn from the team's counter when the job becomes due; 0 until then. Retries keep it.
    place BIGINT NOT NULL,
    -- 1 for the first of its lane, which alone may be claimed.
    head BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    -- The claim that holds it: only a settlement that names it counts.
    lease BIGINT NOT NULL,
    lease_until BIGINT NOT NULL,
    account_id TEXT NOT NULL,
    -- The event that it carries, or the message that it sends; '' where neither.
    subject_id TEXT NOT NULL,
    -- Where it goes: an endpoint's id, or the one install that a timer or webhook is for; '' for the chain.
    target_id TEXT NOT NULL,
    -- How far it has come: for an event the position of the last plugin that is done with it.
    step BIGINT NOT NULL,
    -- For a send '', 'sending' (bytes may have left), 'doubt' (nobody knows) and so on; for an event
    -- '', 'replay' (of a dead letter), or the suspended install that it waits for.
    stage TEXT NOT NULL,
    -- JSON of what has no column.
    payload TEXT NOT NULL
);
-- Each index holds only what is asked of it, so that what waits for its time does not lie between
-- what is under way. The place too: of many that are due at one moment only the first are read.
CREATE INDEX job_ready ON job (kind, team_id, due_at, place) WHERE head = 1;
CREATE INDEX job_account ON job (kind, account_id, due_at, place) WHERE head = 1;
CREATE INDEX job_lane ON job (lane, place) WHERE place > 0;
CREATE INDEX job_waiting ON job (due_at) WHERE place = 0;
CREATE INDEX job_subject ON job (subject_id);

CREATE TABLE timer (
    install_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    scope_id TEXT NOT NULL,
    name TEXT NOT NULL,
    team_id TEXT NOT NULL,
    -- Changes with every set: a fire of another revision is stale.
    revision BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    cron TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    payload TEXT NOT NULL,
    account_id TEXT NOT NULL,
    chat_id TEXT NOT NULL,
    contact_id TEXT NOT NULL,
    depth BIGINT NOT NULL,
    PRIMARY KEY (install_id, scope, scope_id, name)
);

-- Keys and values of plugins.
CREATE TABLE state (
    install_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    scope_id TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    -- Changes with every write.
    version BIGINT NOT NULL,
    expires_at BIGINT,
    PRIMARY KEY (install_id, scope, scope_id, key)
);
CREATE INDEX state_expires ON state (expires_at);

CREATE TABLE plugin (
    id TEXT PRIMARY KEY,
    team_id TEXT NOT NULL REFERENCES team (id),
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (team_id, name)
);

-- Immutable; the bytes are in the data folder under their hash.
CREATE TABLE plugin_version (
    id TEXT PRIMARY KEY,
    team_id TEXT NOT NULL,
    plugin_id TEXT NOT NULL REFERENCES plugin (id),
    version TEXT NOT NULL,
    hash TEXT NOT NULL,
    size BIGINT NOT NULL,
    -- TOML, as it was embedded.
    manifest TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (plugin_id, hash)
);

-- A version bound to a team's accounts.
CREATE TABLE install (
    id TEXT PRIMARY KEY,
    team_id TEXT NOT NULL REFERENCES team (id),
    plugin_id TEXT NOT NULL REFERENCES plugin (id),
    version_id TEXT NOT NULL REFERENCES plugin_version (id),
    -- Counts every change; a claim names the one that it runs.
    generation BIGINT NOT NULL,
    -- Its turn in the chain.
    position BIGINT NOT NULL,
    state TEXT NOT NULL,
    -- Why and until when it is suspended.
    reason TEXT NOT NULL,
    suspended_until BIGINT NOT NULL,
    -- Dead letters in a row.
    faults BIGINT NOT NULL,
    -- JSON: account ids; empty for all.
    accounts TEXT NOT NULL,
    -- JSON
    config TEXT NOT NULL,
    grants TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX install_team ON install (team_id, position);

-- Sealed with the host's key, bound to this row.
CREATE TABLE secret (
    install_id TEXT NOT NULL,
    name TEXT NOT NULL,
    sealed TEXT NOT NULL,
    PRIMARY KEY (install_id, name)
);

-- What plugins logged; it stays when the call's effects do not.
CREATE TABLE plugin_log (
    id TEXT PRIMARY KEY,
    team_id TEXT NOT NULL,
    install_id TEXT NOT NULL,
    event_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    level TEXT NOT NULL,
    message TEXT NOT NULL
);
CREATE INDEX plugin_log_install ON plugin_log (install_id, id);
CREATE INDEX plugin_log_at ON plugin_log (at);

-- Failed attempts: what happened to an event on its way through a plugin.
CREATE TABLE failure (
    id TEXT PRIMARY KEY,
    team_id TEXT NOT NULL,
    install_id TEXT NOT NULL,
    event_id TEXT NOT NULL,
    attempt BIGINT NOT NULL,
    at BIGINT NOT NULL,
    wall_micros BIGINT NOT NULL,
    fault TEXT NOT NULL,
    reason TEXT NOT NULL
);
CREATE INDEX failure_event ON failure (event_id, install_id);
CREATE INDEX failure_at ON failure (at);

-- Events that a plugin could not handle, kept to be looked at and replayed.
CREATE TABLE dead_letter (
    id TEXT PRIMARY KEY,
    team_id TEXT NOT NULL,
    install_id TEXT NOT NULL,
    event_id TEXT NOT NULL,
    version_id TEXT NOT NULL,
    fault TEXT NOT NULL,
    reason TEXT NOT NULL,
    backtrace TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    replayed_at BIGINT,
    -- JSON of what the job carried beyond the event.
    payload TEXT NOT NULL
);
CREATE INDEX dead_letter_team ON dead_letter (team_id, id);
CREATE INDEX dead_letter_event ON dead_letter (event_id);

-- A customer's address that events are posted to.
CREATE TABLE endpoint (
    id TEXT PRIMARY KEY,
    team_id TEXT NOT NULL REFERENCES team (id),
    url TEXT NOT NULL,
    sealed_secret TEXT NOT NULL,
    -- JSON lists; empty for all.
    events TEXT NOT NULL,
    accounts TEXT NOT NULL,
    -- 1: the events of a chat one after the other.
    ordered BIGINT NOT NULL,
    enabled BIGINT NOT NULL,
    reason TEXT NOT NULL,
    failing_since BIGINT,
    created_at BIGINT NOT NULL
);
CREATE INDEX endpoint_team ON endpoint (team_id, id);

CREATE TABLE attempt (
    id TEXT PRIMARY KEY,
    team_id TEXT NOT NULL,
    endpoint_id TEXT NOT NULL,
    event_id TEXT NOT NULL,
    attempt BIGINT NOT NULL,
    at BIGINT NOT NULL,
    millis BIGINT NOT NULL,
    -- The HTTP status; 0 where none came.
    status BIGINT NOT NULL,
    response TEXT NOT NULL
);
CREATE INDEX attempt_endpoint ON attempt (endpoint_id, id);

-- What a webhook of a plugin was answered, so that a repeat of the same delivery gets the same.
CREATE TABLE webhook_reply (
    install_id TEXT NOT NULL,
    delivery_id TEXT NOT NULL,
    status BIGINT NOT NULL,
    headers TEXT NOT NULL,
    -- Base64.
    body TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (install_id, delivery_id)
);
