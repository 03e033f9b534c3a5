-- Messages: search, lists, the queue of an account, bulk sends, media. A block from `-- only sqlite`
-- or `-- only postgres` to `-- end` is for that database alone (docs/decisions/0012).

-- Of two sends of an account that are due the one with the lower priority leaves first: 0 for an
-- answer or a single message, 1 for one of many.
ALTER TABLE job ADD COLUMN priority BIGINT NOT NULL DEFAULT 0;
-- Why a send that was due waits again; '' where it does not.
ALTER TABLE job ADD COLUMN held TEXT NOT NULL DEFAULT '';
-- Below 0 for a send that was held: the order in which they stood.
ALTER TABLE job ADD COLUMN turn BIGINT NOT NULL DEFAULT 0;
DROP INDEX job_account;
CREATE INDEX job_account ON job (kind, head, account_id, priority, due_at, place);
-- In the order in which they become due: of very many that do so at one moment only the first are read.
DROP INDEX job_waiting;
CREATE INDEX job_waiting ON job (place, due_at, turn, id);

-- 1: nothing leaves until somebody resumes it.
ALTER TABLE account ADD COLUMN paused BIGINT NOT NULL DEFAULT 0;

-- Messages that left an account on a day (days since 1970, UTC).
CREATE TABLE account_day (
    account_id TEXT NOT NULL REFERENCES account (id),
    day BIGINT NOT NULL,
    sent BIGINT NOT NULL,
    PRIMARY KEY (account_id, day)
);

-- A team's messages, newest first; those that wait, and those that failed, are few among many.
CREATE INDEX message_team ON message (team_id, place);
CREATE INDEX message_pending ON message (team_id, place) WHERE rank = 0;
CREATE INDEX message_error ON message (team_id, place) WHERE rank = 2;

-- The words of a message in lower case, and its own and its team's id as two more: what is searched.
-- only sqlite
CREATE VIRTUAL TABLE message_search USING fts5(
    words, message_id UNINDEXED, team_id UNINDEXED, place UNINDEXED,
    tokenize = "unicode61 remove_diacritics 0 categories 'L* N* Co M*' tokenchars '_'"
);
-- end
-- only postgres
CREATE TABLE message_search (
    message_id TEXT PRIMARY KEY,
    team_id TEXT NOT NULL,
    place BIGINT NOT NULL,
    words TEXT NOT NULL,
    terms tsvector NOT NULL GENERATED ALWAYS AS (array_to_tsvector(string_to_array(words, ' '))) STORED
);
CREATE INDEX message_search_terms ON message_search USING gin (terms);
CREATE INDEX message_search_place ON message_search (team_id, place);
-- end

-- One content for many recipients, sent at a pace.
CREATE TABLE bulk (
    id TEXT PRIMARY KEY,
    team_id TEXT NOT NULL REFERENCES team (id),
    account_id TEXT NOT NULL,
    -- The caller's own id, against doubles; NULL where none was given.
    client_id TEXT,
    -- JSON of a message's content, with {{placeholders}}.
    content TEXT NOT NULL,
    -- JSON of the options of a send.
    options TEXT NOT NULL,
    -- Messages a minute.
    pace BIGINT NOT NULL,
    -- running, paused, cancelled, done
    state TEXT NOT NULL,
    total BIGINT NOT NULL,
    -- The first recipient whose message is not queued yet.
    next_index BIGINT NOT NULL,
    -- Changes with every pause and resume: a job of another revision is stale.
    revision BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (team_id, client_id)
);
CREATE INDEX bulk_team ON bulk (team_id, id);

CREATE TABLE bulk_recipient (
    bulk_id TEXT NOT NULL REFERENCES bulk (id),
    number BIGINT NOT NULL,
    -- A phone number, or the id of a chat.
    recipient TEXT NOT NULL,
    -- JSON
    variables TEXT NOT NULL,
    -- '' until its message is queued.
    message_id TEXT NOT NULL,
    PRIMARY KEY (bulk_id, number)
);

-- A file; its bytes are in the object store under `<team>/<id>`.
CREATE TABLE media (
    id TEXT PRIMARY KEY,
    team_id TEXT NOT NULL,
    mime_type TEXT NOT NULL,
    filename TEXT NOT NULL,
    size BIGINT NOT NULL,
    -- SHA-256, hexadecimal.
    hash TEXT NOT NULL,
    -- upload, url, channel
    origin TEXT NOT NULL,
    -- 0 while its bytes are on their way.
    ready BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    -- When a message named it last; 0: none did.
    used_at BIGINT NOT NULL
);
CREATE INDEX media_team ON media (team_id, id);
CREATE INDEX media_unused ON media (used_at, created_at);
