"""The tables as the first revision makes them. Frozen: later changes are later revisions.

`{blob}` is the byte string type of the database, `{rowless}` keeps a table in its primary key where that can be.
"""

# The unique indexes have the last word on what may happen once (LEDGER-8.7.1): `key_image`, `used_point` (every R and
# P, reserved ones too), `leaf` (transactions and operations) and `once` (mint ids, control bit and credential ids,
# withdraw_refs, cids, channel keys, and each (topic, source, seq) of an anchor).
LEDGER = """
CREATE TABLE block(height BIGINT PRIMARY KEY, time_ms BIGINT NOT NULL, app_hash {blob} NOT NULL UNIQUE,
    header {blob} NOT NULL, finality {blob} NOT NULL, out_size BIGINT NOT NULL);
CREATE TABLE block_record(height BIGINT PRIMARY KEY, record {blob} NOT NULL, proofs {blob});
CREATE INDEX block_record_proofs ON block_record(height) WHERE proofs IS NOT NULL;
CREATE TABLE output(idx BIGINT PRIMARY KEY, class SMALLINT NOT NULL, height BIGINT NOT NULL, data {blob} NOT NULL);
CREATE TABLE used_point(point {blob} PRIMARY KEY) {rowless};
CREATE TABLE key_image(image {blob} PRIMARY KEY, height BIGINT NOT NULL) {rowless};
CREATE INDEX key_image_height ON key_image(height);
CREATE TABLE leaf(leaf {blob} PRIMARY KEY, height BIGINT NOT NULL, position BIGINT NOT NULL) {rowless};
CREATE TABLE once(domain SMALLINT NOT NULL, id {blob} NOT NULL, height BIGINT NOT NULL,
    PRIMARY KEY(domain, id)) {rowless};
CREATE TABLE entry(domain SMALLINT NOT NULL, id {blob} NOT NULL, height BIGINT NOT NULL, value {blob} NOT NULL,
    PRIMARY KEY(domain, id, height)) {rowless};
CREATE INDEX entry_height ON entry(height);
CREATE TABLE parameter(version BIGINT PRIMARY KEY, op_id {blob} NOT NULL, height BIGINT NOT NULL,
    effective_height BIGINT NOT NULL, frame {blob} NOT NULL);
CREATE TABLE epoch(epoch BIGINT PRIMARY KEY, op_id {blob} NOT NULL, height BIGINT NOT NULL, frame {blob} NOT NULL);
CREATE TABLE submission(id {blob} PRIMARY KEY, state SMALLINT NOT NULL, code TEXT, rule TEXT, height BIGINT NOT NULL,
    leaf {blob}) {rowless};
CREATE INDEX submission_refused ON submission(height) WHERE state = 2;
CREATE TABLE genesis(id SMALLINT PRIMARY KEY CHECK(id = 1), chain_id {blob} NOT NULL, document {blob} NOT NULL);
"""

APPEND_ONLY = ("block", "output", "used_point", "key_image", "leaf", "once", "parameter", "epoch", "genesis")


def statements(dialect: str) -> list[str]:
    """The statements that make the tables."""
    postgres = dialect == "postgresql"
    words = {"blob": "BYTEA" if postgres else "BLOB", "rowless": "" if postgres else "WITHOUT ROWID"}
    text = LEDGER.format(**words)
    return [statement.strip() for statement in text.split(";") if statement.strip()]
