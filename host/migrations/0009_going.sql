-- What goes with an account or a person goes whole, and a request that is repeated is told from another.

-- What is hidden until its data is removed: few rows, which every list asks for.
CREATE INDEX account_deleted ON account (id) WHERE deleted_at > 0;
CREATE INDEX contact_erased ON contact (id) WHERE erased = 1;

-- The stored file that a message names; '' where it names none. A file goes with its last message.
ALTER TABLE message ADD COLUMN media_id TEXT NOT NULL DEFAULT '';
CREATE INDEX message_media ON message (media_id) WHERE media_id <> '';
-- only sqlite
UPDATE message SET media_id = COALESCE(json_extract(content, '$.' || json_extract(content, '$.type') || '.id'), '')
WHERE content LIKE '%"id":"med_%';
-- What is deleted is not left in the index as a mark of what was there.
INSERT INTO message_search (message_search, rank) VALUES ('secure-delete', 1);
-- end
-- only postgres
UPDATE message
SET media_id = COALESCE(CAST(content AS json) -> (CAST(content AS json) ->> 'type') ->> 'id', '')
WHERE content LIKE '%"id":"med_%';
-- end

-- What speaks of a person, or of an event, is found without reading the table.
CREATE INDEX bulk_recipient_to ON bulk_recipient (recipient);
CREATE INDEX plugin_log_event ON plugin_log (event_id);
CREATE INDEX timer_account ON timer (account_id) WHERE account_id <> '';
CREATE INDEX timer_contact ON timer (contact_id) WHERE contact_id <> '';

-- SHA-256 of what was asked under the caller's own id, hexadecimal; '' where none was given. (A message
-- keeps it in its options.)
ALTER TABLE bulk ADD COLUMN request_hash TEXT NOT NULL DEFAULT '';
