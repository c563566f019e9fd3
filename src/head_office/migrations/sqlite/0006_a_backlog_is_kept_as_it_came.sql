-- A message of many records, packed as the store sent it. SQLite takes each body into its record and has none.
CREATE TABLE message (
    id          INTEGER PRIMARY KEY,
    store_id    BIGINT NOT NULL,
    -- a CloudEvents batch under zstd
    content     BYTEA NOT NULL,
    received_at BIGINT NOT NULL
);

-- the message that the body is read out of; `body` is empty then
ALTER TABLE record ADD COLUMN message BIGINT;
