-- People, their chats, and templates.

-- Nothing is sent to a blocked contact, and no plugin hears of it; what it writes is stored.
ALTER TABLE contact ADD COLUMN blocked BIGINT NOT NULL DEFAULT 0;
-- JSON object: the team's own fields.
ALTER TABLE contact ADD COLUMN fields TEXT NOT NULL DEFAULT '{}';
ALTER TABLE contact ADD COLUMN profile_image TEXT NOT NULL DEFAULT '';
-- The name in lower case, by which it is searched.
ALTER TABLE contact ADD COLUMN name_key TEXT NOT NULL DEFAULT '';
-- 1: its data is being deleted, and the API knows it no more.
ALTER TABLE contact ADD COLUMN erased BIGINT NOT NULL DEFAULT 0;
UPDATE contact SET name_key = LOWER(name);
CREATE INDEX contact_name ON contact (team_id, name_key);
CREATE INDEX contact_alias_contact ON contact_alias (contact_id);
CREATE INDEX contact_tag_name ON contact_tag (tag, contact_id);

-- A new message takes it out of the archive.
ALTER TABLE chat ADD COLUMN archived BIGINT NOT NULL DEFAULT 0;
ALTER TABLE chat ADD COLUMN pinned BIGINT NOT NULL DEFAULT 0;

-- Old ids of contacts and chats that turned out to be one person's: they resolve for ever. The new
-- id is always the one that stands, however many merges lie between.
CREATE TABLE contact_merged (
    id TEXT PRIMARY KEY,
    team_id TEXT NOT NULL,
    contact_id TEXT NOT NULL
);
CREATE INDEX contact_merged_into ON contact_merged (contact_id);
CREATE TABLE chat_merged (
    id TEXT PRIMARY KEY,
    team_id TEXT NOT NULL,
    chat_id TEXT NOT NULL
);
CREATE INDEX chat_merged_into ON chat_merged (chat_id);

-- An import of contacts. What is still to be read of it is in its parts.
CREATE TABLE contact_import (
    id TEXT PRIMARY KEY,
    team_id TEXT NOT NULL REFERENCES team (id),
    -- uploading, running, done
    state TEXT NOT NULL,
    -- JSON: the columns, as the first line names them.
    columns TEXT NOT NULL,
    -- Lines in all, and what became of those that were read.
    total BIGINT NOT NULL,
    added BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    refused BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX contact_import_team ON contact_import (team_id, id);

-- A set of lines that wait: [[line, words], …] as JSON.
CREATE TABLE import_part (
    import_id TEXT NOT NULL REFERENCES contact_import (id),
    place BIGINT NOT NULL,
    records TEXT NOT NULL,
    PRIMARY KEY (import_id, place)
);

-- Lines that were left out, and why.
CREATE TABLE import_problem (
    import_id TEXT NOT NULL REFERENCES contact_import (id),
    line BIGINT NOT NULL,
    problem TEXT NOT NULL,
    PRIMARY KEY (import_id, line)
);

-- What a business may say outside the window of 24 hours, in one language.
CREATE TABLE template (
    id TEXT PRIMARY KEY,
    team_id TEXT NOT NULL REFERENCES team (id),
    -- Empty: it belongs to the team.
    business_account_id TEXT NOT NULL DEFAULT '',
    name TEXT NOT NULL,
    language TEXT NOT NULL,
    category TEXT NOT NULL,
    -- positional, named
    format TEXT NOT NULL,
    -- JSON, as in the API.
    components TEXT NOT NULL,
    status TEXT NOT NULL,
    -- Why it was rejected, paused or disabled.
    reason TEXT NOT NULL,
    -- Its id where it is reviewed; empty until it was submitted.
    provider_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (team_id, business_account_id, name, language)
);
CREATE INDEX template_team ON template (team_id, id);
