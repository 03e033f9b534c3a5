-- Who changed what about a plugin. Kept as long as the team.
CREATE TABLE plugin_change (
    id TEXT PRIMARY KEY,
    team_id TEXT NOT NULL,
    install_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    -- A word such as 'installed' or 'configured'.
    change TEXT NOT NULL,
    -- The id of a key, an app or a person; or where it came from, such as 'folder'.
    who TEXT NOT NULL,
    -- The version that it is about.
    version_id TEXT NOT NULL,
    -- JSON
    details TEXT NOT NULL
);
CREATE INDEX plugin_change_install ON plugin_change (team_id, install_id, id);
