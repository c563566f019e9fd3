-- The head office's tables. Times are Unix milliseconds, amounts minor units, hashes the 32 bytes of SHA-256.

CREATE TABLE store (
    id           BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    chain        TEXT NOT NULL,
    store        TEXT NOT NULL,
    -- every record up to here is held and proves the one before it; what receipts say
    watermark    BIGINT NOT NULL DEFAULT 0,
    -- hash of the record at the watermark, zeros before the first
    tip          BYTEA NOT NULL,
    -- highest sequence number held
    last_seq     BIGINT NOT NULL DEFAULT 0,
    -- records held
    held         BIGINT NOT NULL DEFAULT 0,
    -- the record whose predecessor's hash is not that of the record before; the watermark stays below it
    broken_seq   BIGINT,
    -- records that came again with the same hash, and were not stored again
    duplicates   BIGINT NOT NULL DEFAULT 0,
    -- when a batch came last
    heard_at     BIGINT NOT NULL,
    online       BIGINT,
    -- the store's last report (JSON), its own time, and the last sequence number it reported
    status       TEXT,
    status_at    BIGINT,
    reported_seq BIGINT NOT NULL DEFAULT 0,
    UNIQUE (chain, store)
);

CREATE TABLE record (
    store_id    BIGINT NOT NULL REFERENCES store (id),
    seq         BIGINT NOT NULL,
    at          BIGINT NOT NULL,
    prev        BYTEA NOT NULL,
    hash        BYTEA NOT NULL,
    kind        TEXT NOT NULL,
    -- the exact text that was hashed; bytes, because a text column of PostgreSQL refuses NUL
    body        BYTEA NOT NULL,
    received_at BIGINT NOT NULL,
    PRIMARY KEY (store_id, seq)
);

-- a record that came under a sequence number already held, with another hash; the first one stays in `record`
CREATE TABLE conflict (
    store_id    BIGINT NOT NULL REFERENCES store (id),
    seq         BIGINT NOT NULL,
    hash        BYTEA NOT NULL,
    at          BIGINT NOT NULL,
    prev        BYTEA NOT NULL,
    body        BYTEA NOT NULL,
    received_at BIGINT NOT NULL,
    PRIMARY KEY (store_id, seq, hash)
);

-- events that could not be taken as records, by place and reason; without their content, which nobody vouches for
CREATE TABLE poison (
    store_id BIGINT NOT NULL REFERENCES store (id),
    -- the sequence number the event claims, 0 if it claims none
    seq      BIGINT NOT NULL,
    reason   TEXT NOT NULL,
    -- SHA-256 of the message it came in last
    message  BYTEA NOT NULL,
    times    BIGINT NOT NULL,
    first_at BIGINT NOT NULL,
    last_at  BIGINT NOT NULL,
    PRIMARY KEY (store_id, seq, reason)
);

-- the latest snapshot of each payment, by sequence number of its record
CREATE TABLE payment (
    store_id   BIGINT NOT NULL REFERENCES store (id),
    id         TEXT NOT NULL,
    seq        BIGINT NOT NULL,
    counter    TEXT NOT NULL,
    state      TEXT NOT NULL,
    -- with which money moved, or the one asked for until something was presented
    tender     TEXT NOT NULL,
    amount     BIGINT NOT NULL,
    currency   TEXT NOT NULL,
    opened_at  BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    snapshot   BYTEA NOT NULL,
    PRIMARY KEY (store_id, id)
);

CREATE INDEX payment_by_state ON payment (store_id, state, id);
