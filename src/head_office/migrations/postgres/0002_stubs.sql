-- Records of which only a stub is held (kind 'stub', the body is the reason): few, and looked up with every receipt.

CREATE INDEX record_stub ON record (store_id, seq) WHERE kind = 'stub';
