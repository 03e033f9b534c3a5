-- Who may call: people, keys and apps, and the tokens that people and apps get.

-- Scopes are the words of the API with blanks between, or '*' for all that there are.
ALTER TABLE api_key ADD COLUMN scopes TEXT NOT NULL DEFAULT '*';
-- The department that the key is narrowed to; '' for none.
ALTER TABLE api_key ADD COLUMN department_id TEXT NOT NULL DEFAULT '';
-- 0: it does not end.
ALTER TABLE api_key ADD COLUMN expires_at BIGINT NOT NULL DEFAULT 0;
-- To the minute; 0: never.
ALTER TABLE api_key ADD COLUMN last_used_at BIGINT NOT NULL DEFAULT 0;

-- A program with an id and a secret. The same columns as a key's.
CREATE TABLE app (
    id TEXT PRIMARY KEY,
    team_id TEXT NOT NULL REFERENCES team (id),
    name TEXT NOT NULL,
    -- SHA-256 of the secret, hexadecimal.
    hash TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    scopes TEXT NOT NULL,
    department_id TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL
);
CREATE INDEX app_team ON app (team_id, id);
CREATE INDEX api_key_team ON api_key (team_id, id);

-- People. In the plural, since USER is a word of SQL.
CREATE TABLE users (
    id TEXT PRIMARY KEY,
    -- In lower case.
    email TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    -- Argon2id, as a PHC string; '' until one is chosen.
    password TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE membership (
    team_id TEXT NOT NULL REFERENCES team (id),
    user_id TEXT NOT NULL REFERENCES users (id),
    -- owner, admin, agent, viewer
    role TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (team_id, user_id)
);
CREATE INDEX membership_user ON membership (user_id, created_at);

-- A login: the family of refresh tokens that came of one password. To end it, the row is deleted.
CREATE TABLE session (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    -- The team that its tokens are for unless another is named.
    team_id TEXT NOT NULL,
    -- What it was narrowed to; '*' for all that the role allows.
    scopes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX session_of_user ON session (user_id);
CREATE INDEX session_expires ON session (expires_at);

CREATE TABLE refresh_token (
    -- SHA-256, hexadecimal.
    hash TEXT PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    expires_at BIGINT NOT NULL,
    -- When it was exchanged; 0: not yet. A second exchange ends the session.
    used_at BIGINT NOT NULL
);
CREATE INDEX refresh_token_session ON refresh_token (session_id);
CREATE INDEX refresh_token_expires ON refresh_token (expires_at);

-- Keys that sign access tokens (ES256). The newest signs; the others still verify.
CREATE TABLE signing_key (
    id TEXT PRIMARY KEY,
    -- The public point, base64url.
    x TEXT NOT NULL,
    y TEXT NOT NULL,
    -- The private key (PKCS #8, base64), sealed for `signing_key/{id}`.
    sealed TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

-- Links that are good once: to become the first owner (user_id ''), or to choose a password.
CREATE TABLE setup_link (
    hash TEXT PRIMARY KEY,
    user_id TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
