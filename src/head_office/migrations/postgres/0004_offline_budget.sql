-- What a store may accept offline, all counters together, as it was set here.
CREATE TABLE offline_budget (
    store_id    BIGINT PRIMARY KEY REFERENCES store (id),
    currency    TEXT NOT NULL,
    minor_units BIGINT NOT NULL,
    payments    BIGINT NOT NULL,
    set_at      BIGINT NOT NULL
);
