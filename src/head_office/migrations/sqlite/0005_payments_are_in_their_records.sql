-- A payment as it is lies in the record that brought it there (seq): once is enough.
ALTER TABLE payment DROP COLUMN snapshot;
