-- Webhooks out, complete: rotated secrets, headers of the customer's own, payload formats, and
-- ranges of events that are sent again.

-- The secret before the present one: it signs beside it until this moment.
ALTER TABLE endpoint ADD COLUMN old_sealed_secret TEXT NOT NULL DEFAULT '';
ALTER TABLE endpoint ADD COLUMN old_secret_until BIGINT NOT NULL DEFAULT 0;
-- JSON object of headers to send along, sealed like the secret, since one may be a password.
ALTER TABLE endpoint ADD COLUMN sealed_headers TEXT NOT NULL DEFAULT '';
-- How events are written for it.
ALTER TABLE endpoint ADD COLUMN format TEXT NOT NULL DEFAULT 'native';

-- A range of events on its way to an endpoint once more. Its job (kind resend) walks the stream.
CREATE TABLE resend (
    id TEXT PRIMARY KEY,
    team_id TEXT NOT NULL,
    endpoint_id TEXT NOT NULL REFERENCES endpoint (id),
    -- Events that happened from the one moment and before the other.
    from_at BIGINT NOT NULL,
    to_at BIGINT NOT NULL,
    -- How far it has come, and the last cursor that it looks at.
    cursor BIGINT NOT NULL,
    last_cursor BIGINT NOT NULL,
    -- Events queued so far.
    queued BIGINT NOT NULL,
    -- running, done, stopped (the endpoint was disabled)
    state TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX resend_endpoint ON resend (endpoint_id, id);

-- How much waits for an endpoint is asked often; what has no target pays nothing for it.
CREATE INDEX job_target ON job (target_id) WHERE target_id <> '';

-- The attempts of one event, those that failed, and those that are old enough to forget.
CREATE INDEX attempt_event ON attempt (event_id);
CREATE INDEX attempt_failed ON attempt (endpoint_id, id) WHERE (status < 200 OR status > 299);
CREATE INDEX attempt_at ON attempt (at);

-- The cursor of the newest event that was forgotten: who asks for what lies before it is told so.
ALTER TABLE team ADD COLUMN forgotten_cursor BIGINT NOT NULL DEFAULT 0;
