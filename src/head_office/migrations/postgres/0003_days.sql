-- The counter's own number of a payment; 0 of records from before stores kept it.
ALTER TABLE payment ADD COLUMN number BIGINT NOT NULL DEFAULT 0;

CREATE INDEX payment_by_day ON payment (store_id, opened_at);

-- The certificates of business days, as the stores signed them.
CREATE TABLE day_close (
    store_id    BIGINT NOT NULL REFERENCES store (id),
    -- 2026-11-22, at the store's place
    day         TEXT NOT NULL,
    -- the record that it came in
    seq         BIGINT NOT NULL,
    -- the records that it counts
    first_seq   BIGINT NOT NULL,
    last_seq    BIGINT NOT NULL,
    -- the exact text that was signed, the signature and the public key in hexadecimal
    text        TEXT NOT NULL,
    signature   TEXT NOT NULL,
    signing_key TEXT NOT NULL,
    -- open, complete, refused
    verdict     TEXT NOT NULL DEFAULT 'open',
    why         TEXT,
    judged_at   BIGINT,
    PRIMARY KEY (store_id, day, seq)
);

CREATE INDEX day_close_open ON day_close (store_id) WHERE verdict = 'open';

-- The key that is trusted for a store.
CREATE TABLE store_key (
    store_id    BIGINT PRIMARY KEY REFERENCES store (id),
    signing_key TEXT NOT NULL,
    trusted_at  BIGINT NOT NULL
);
