-- Watching: what each thing came of, what calls of plugins cost, and what they logged for whom.

-- What began the chain of acts that this is part of: the id of the first message or event, or the
-- `traceparent` that its sender gave; '' where it began itself. An id is the time it was made at first,
-- so the indexes grow at their ends.
ALTER TABLE event ADD COLUMN trace TEXT NOT NULL DEFAULT '';
ALTER TABLE message ADD COLUMN trace TEXT NOT NULL DEFAULT '';
-- The call of a plugin that caused it, as the span of that call, hexadecimal; '' where none did.
ALTER TABLE event ADD COLUMN cause TEXT NOT NULL DEFAULT '';
ALTER TABLE message ADD COLUMN cause TEXT NOT NULL DEFAULT '';
CREATE INDEX event_trace ON event (trace) WHERE trace <> '';
CREATE INDEX message_trace ON message (trace) WHERE trace <> '';

-- The chat that the line's event is of, the attempt and the version that wrote it.
ALTER TABLE plugin_log ADD COLUMN chat_id TEXT NOT NULL DEFAULT '';
ALTER TABLE plugin_log ADD COLUMN attempt BIGINT NOT NULL DEFAULT 0;
ALTER TABLE plugin_log ADD COLUMN version_id TEXT NOT NULL DEFAULT '';
CREATE INDEX plugin_log_team ON plugin_log (team_id, id);
CREATE INDEX plugin_log_chat ON plugin_log (chat_id, id) WHERE chat_id <> '';

-- One call of a plugin, however it ended. It goes with its event.
CREATE TABLE plugin_call (
    event_id TEXT NOT NULL,
    id TEXT NOT NULL,
    team_id TEXT NOT NULL,
    install_id TEXT NOT NULL,
    -- When it began.
    at BIGINT NOT NULL,
    -- JSON: version, attempt, outcome, reason, micros, effects by kind, requests.
    detail TEXT NOT NULL,
    PRIMARY KEY (event_id, id)
);

-- What an install's calls came to in one hour; in the hour 0 all since it was installed.
CREATE TABLE plugin_hour (
    install_id TEXT NOT NULL,
    -- Its beginning, Unix milliseconds.
    hour BIGINT NOT NULL,
    team_id TEXT NOT NULL,
    memory_peak BIGINT NOT NULL,
    calls BIGINT NOT NULL,
    -- How they ended: well, to be called again, given up, and by the class of the fault.
    ok BIGINT NOT NULL,
    retry BIGINT NOT NULL,
    rejected BIGINT NOT NULL,
    exception BIGINT NOT NULL,
    memory BIGINT NOT NULL,
    cpu BIGINT NOT NULL,
    wall_clock BIGINT NOT NULL,
    bound BIGINT NOT NULL,
    host BIGINT NOT NULL,
    dead_letters BIGINT NOT NULL,
    suspensions BIGINT NOT NULL,
    wall_micros BIGINT NOT NULL,
    cpu_micros BIGINT NOT NULL,
    effects BIGINT NOT NULL,
    http_calls BIGINT NOT NULL,
    http_failed BIGINT NOT NULL,
    logs_dropped BIGINT NOT NULL,
    -- Calls by how long they took: each up to so many milliseconds, and more than all the others.
    ms_1 BIGINT NOT NULL,
    ms_2 BIGINT NOT NULL,
    ms_5 BIGINT NOT NULL,
    ms_10 BIGINT NOT NULL,
    ms_25 BIGINT NOT NULL,
    ms_50 BIGINT NOT NULL,
    ms_100 BIGINT NOT NULL,
    ms_250 BIGINT NOT NULL,
    ms_500 BIGINT NOT NULL,
    ms_1000 BIGINT NOT NULL,
    ms_5000 BIGINT NOT NULL,
    ms_more BIGINT NOT NULL,
    PRIMARY KEY (install_id, hour)
);
CREATE INDEX plugin_hour_at ON plugin_hour (hour);
