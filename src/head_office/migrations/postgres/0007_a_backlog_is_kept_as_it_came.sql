-- A message of many records, packed as the store sent it: a twentieth of what its bodies take one by one.
CREATE TABLE message (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    store_id    BIGINT NOT NULL,
    -- a CloudEvents batch under zstd
    content     BYTEA NOT NULL,
    received_at BIGINT NOT NULL
);

-- packed as it is
ALTER TABLE message ALTER COLUMN content SET STORAGE EXTERNAL;

-- the message that the body is read out of; `body` is empty then
ALTER TABLE record ADD COLUMN message BIGINT;
