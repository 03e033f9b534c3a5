-- Reads: what a department's key sees, notes, and a search that costs the same over many messages.

-- The department whose key uploaded the file; '' for the whole team.
ALTER TABLE media ADD COLUMN department_id TEXT NOT NULL DEFAULT '';

-- Notes are few among many.
CREATE INDEX message_note ON message (chat_id, place) WHERE status = 'note';

-- Chats are listed in order of their ids; and when one was last used changes with every message, so no
-- index should have to follow.
DROP INDEX chat_team;
CREATE INDEX chat_team ON chat (team_id, id);

-- The words of a message, each behind the end of its team's id: a search reads its own team's rows
-- alone, and PostgreSQL knows their order now (docs/decisions/0017).
-- only sqlite
ALTER TABLE message_search RENAME TO message_search_before;
-- The beginnings of words (two to six letters behind the eight of the team) have an index: else all
-- rows of all words that begin so are put in order for each search. The sizes of rows are for ranking.
-- A word is all that stands between blanks, as the host has cut it.
CREATE VIRTUAL TABLE message_search USING fts5(
    words, message_id UNINDEXED, team_id UNINDEXED, place UNINDEXED,
    tokenize = "unicode61 remove_diacritics 2 categories 'L* M* N* P* S* C*'",
    prefix = '10 11 12 13 14', columnsize = 0
);
-- Before: the words, then `id_<team>` and `id_<message>`; no word but these has an underscore. FTS5
-- itself takes off the accents of Latin letters alone; new words have none.
INSERT INTO message_search (rowid, words, message_id, team_id, place)
SELECT rowid,
    substr(team_id, -8) || replace(
        replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(substr(words, 1, instr(words, ' id_') - 1),
        'ё', 'е'), 'й', 'и'), 'ї', 'і'), 'ά', 'α'), 'έ', 'ε'), 'ή', 'η'),
        'ί', 'ι'), 'ό', 'ο'), 'ύ', 'υ'), 'ώ', 'ω'), 'ϊ', 'ι'), 'ϋ', 'υ'),
        ' ', ' ' || substr(team_id, -8)
    ) || ' id_' || message_id,
    message_id, team_id, place
FROM message_search_before ORDER BY rowid;
DROP TABLE message_search_before;
-- end
-- only postgres
ALTER TABLE message_search DROP COLUMN terms;
ALTER TABLE message_search ADD COLUMN terms tsvector NOT NULL DEFAULT CAST('' AS tsvector);
UPDATE message_search SET terms = CAST((
    SELECT string_agg('''' || right(team_id, 8) || word || ''':' || place, ' ')
    FROM unnest(string_to_array(
        normalize(regexp_replace(normalize(words, NFD), '[\u0300-\u036f]', '', 'g'), NFC), ' '
    )) WITH ORDINALITY AS kept (word, place)
    WHERE left(word, 3) <> 'id_'
) AS tsvector);
ALTER TABLE message_search DROP COLUMN words;
CREATE INDEX message_search_terms ON message_search USING gin (terms);
-- end
