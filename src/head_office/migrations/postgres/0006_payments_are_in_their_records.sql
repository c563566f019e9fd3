-- A payment as it is lies in the record that brought it there (seq): once is enough.
ALTER TABLE payment DROP COLUMN snapshot;

-- Nearly all payments are approved. Those are found by their ids and need no place in this index; the others are few.
DROP INDEX payment_by_state;
CREATE INDEX payment_by_state ON payment (store_id, state, id) WHERE state <> 'approved';
