"""The tables as the first revision makes them. Frozen: later changes are later revisions.

`{blob}` is the byte string type of the database, `{serial}` its automatic key.
"""

JOURNAL = """
CREATE TABLE log(seq BIGINT PRIMARY KEY, prev {blob} NOT NULL, leaf {blob} NOT NULL, body {blob} NOT NULL,
    object {blob} NOT NULL UNIQUE);
CREATE TABLE head(id INTEGER PRIMARY KEY CHECK(id = 1), seq BIGINT NOT NULL, hash {blob} NOT NULL,
    frontier {blob} NOT NULL, at_us BIGINT NOT NULL, high_us BIGINT NOT NULL, rules BIGINT NOT NULL);
CREATE TABLE checkpoint(size BIGINT PRIMARY KEY, note {blob} NOT NULL, root {blob} NOT NULL, at_us BIGINT NOT NULL,
    anchored INTEGER NOT NULL DEFAULT 0);
CREATE TABLE object(cti {blob} PRIMARY KEY, typ TEXT NOT NULL, kid {blob} NOT NULL, payload {blob} NOT NULL,
    hash {blob} NOT NULL, signature {blob});
CREATE INDEX object_unsigned ON object(cti) WHERE signature IS NULL;
CREATE TABLE outbox(id {serial}, topic TEXT NOT NULL, key {blob} NOT NULL, body {blob} NOT NULL, at_us BIGINT NOT NULL,
    sent BIGINT, UNIQUE(topic, key));
CREATE INDEX outbox_unsent ON outbox(id) WHERE sent IS NULL;
CREATE TABLE applied(topic TEXT NOT NULL, key {blob} NOT NULL, seq BIGINT NOT NULL, PRIMARY KEY(topic, key));
CREATE TABLE note(name TEXT PRIMARY KEY, value {blob} NOT NULL);
"""

RULES = """
CREATE TABLE policy(version BIGINT PRIMARY KEY, hash {blob} NOT NULL, data {blob} NOT NULL, accepted_us BIGINT NOT NULL,
    delay_s BIGINT NOT NULL);
CREATE TABLE manifest(version BIGINT PRIMARY KEY, hash {blob} NOT NULL, data {blob} NOT NULL,
    accepted_us BIGINT NOT NULL);
CREATE TABLE fresh(id INTEGER PRIMARY KEY CHECK(id = 1), confirmed_us BIGINT NOT NULL);
CREATE TABLE pause(hash {blob} PRIMARY KEY, scope TEXT NOT NULL, data {blob} NOT NULL, at_us BIGINT NOT NULL,
    lifted_by {blob});
CREATE TABLE reserve(custodian TEXT NOT NULL, currency TEXT NOT NULL, amount BIGINT NOT NULL, as_of BIGINT NOT NULL,
    hash {blob} NOT NULL UNIQUE, data {blob} NOT NULL);
"""

BUCKETS = """
CREATE TABLE bucket(id {serial}, key TEXT NOT NULL UNIQUE, name TEXT NOT NULL, kind SMALLINT NOT NULL,
    cap BIGINT NOT NULL,
    reserved BIGINT NOT NULL CHECK(reserved >= 0), used BIGINT NOT NULL CHECK(used >= 0), level BIGINT NOT NULL,
    last_us BIGINT NOT NULL, win_start BIGINT NOT NULL, win_end BIGINT NOT NULL, lowered SMALLINT NOT NULL DEFAULT 0)
    {fill};
CREATE TABLE entry(bucket BIGINT NOT NULL, seq BIGINT NOT NULL, cid {blob} NOT NULL, d_used BIGINT NOT NULL,
    d_reserved BIGINT NOT NULL, PRIMARY KEY(bucket, seq)) {rowless};
"""

CENTRAL_MANAGEMENT = """
CREATE TABLE request(iss TEXT NOT NULL, cti {blob} NOT NULL, hash {blob} NOT NULL UNIQUE, data {blob} NOT NULL,
    currency TEXT NOT NULL, amount BIGINT NOT NULL, state SMALLINT NOT NULL, tier SMALLINT NOT NULL,
    at_us BIGINT NOT NULL,
    until_s BIGINT NOT NULL, buckets {blob} NOT NULL, credential {blob}, denial {blob}, detail TEXT,
    PRIMARY KEY(iss, cti));
CREATE INDEX request_pending ON request(until_s) WHERE state = 2;
CREATE TABLE credential(cti {blob} PRIMARY KEY, request {blob} NOT NULL UNIQUE, iss TEXT NOT NULL,
    currency TEXT NOT NULL,
    amount BIGINT NOT NULL, iat BIGINT NOT NULL, exp BIGINT NOT NULL, quota_control TEXT NOT NULL,
    buckets {blob} NOT NULL,
    state SMALLINT NOT NULL, hash {blob}, sealed {blob}, used_seq BIGINT);
CREATE INDEX credential_open ON credential(exp) WHERE state = 0;
CREATE TABLE approval(hash {blob} PRIMARY KEY, object {blob} NOT NULL, person TEXT NOT NULL, title TEXT,
    decision SMALLINT NOT NULL, data {blob} NOT NULL, exp BIGINT NOT NULL, UNIQUE(object, person));
CREATE TABLE enrolment(hash {blob} PRIMARY KEY, kid {blob} NOT NULL UNIQUE, role TEXT NOT NULL, holder TEXT NOT NULL,
    data {blob} NOT NULL, delivered {blob}, receipt {blob});
CREATE TABLE returned(ref {blob} PRIMARY KEY, kind TEXT NOT NULL, currency TEXT NOT NULL, iss TEXT NOT NULL,
    amount BIGINT NOT NULL, seq BIGINT NOT NULL);
"""

QUOTA_CONTROL = """
CREATE TABLE cred_use(cid {blob} PRIMARY KEY, hash {blob} NOT NULL, iss TEXT NOT NULL, currency TEXT NOT NULL,
    amount BIGINT NOT NULL, model SMALLINT NOT NULL, state SMALLINT NOT NULL, bit {blob}, seq BIGINT NOT NULL,
    at_us BIGINT NOT NULL, req {blob} UNIQUE, buckets {blob} NOT NULL, unit_root {blob}, units SMALLINT NOT NULL,
    owner {blob} NOT NULL, closed {blob});
CREATE UNIQUE INDEX cred_use_bit ON cred_use(bit) WHERE bit IS NOT NULL;
CREATE TABLE redeemed(serial {blob} PRIMARY KEY, value BIGINT NOT NULL, cid {blob} NOT NULL, ref {blob} NOT NULL,
    seq BIGINT NOT NULL);
CREATE INDEX redeemed_cid ON redeemed(cid);
CREATE TABLE redemption(iss TEXT NOT NULL, cti {blob} NOT NULL, hash {blob} NOT NULL, receipt {blob} NOT NULL,
    currency TEXT NOT NULL, amount BIGINT NOT NULL, issuer TEXT NOT NULL, seq BIGINT NOT NULL, PRIMARY KEY(iss, cti));
CREATE TABLE bank_credit(bank TEXT NOT NULL, currency TEXT NOT NULL, balance BIGINT NOT NULL CHECK(balance >= 0),
    PRIMARY KEY(bank, currency));
CREATE TABLE lease(cti {blob} PRIMARY KEY, bucket TEXT NOT NULL, amount BIGINT NOT NULL, shard TEXT NOT NULL,
    returned BIGINT NOT NULL DEFAULT 0, seq BIGINT NOT NULL);
CREATE TABLE counted(seq BIGINT PRIMARY KEY, kind TEXT NOT NULL, currency TEXT NOT NULL, issuer TEXT NOT NULL,
    amount BIGINT NOT NULL, object {blob} NOT NULL);
CREATE TABLE supply(log_size BIGINT PRIMARY KEY, cti {blob} NOT NULL);
"""

ISSUANCE_SYSTEM = """
CREATE TABLE issue(id {blob} PRIMARY KEY, cti {blob} NOT NULL UNIQUE, state SMALLINT NOT NULL, currency TEXT NOT NULL,
    amount BIGINT NOT NULL, model SMALLINT NOT NULL, request {blob} NOT NULL, request_hash {blob} NOT NULL,
    credential {blob}, credential_hash {blob}, sealed {blob}, credential_exp BIGINT, presentation {blob}, bit {blob},
    bit_cti {blob}, unit_root {blob}, receipt {blob}, address {blob}, denial {blob}, code TEXT, detail TEXT,
    at_us BIGINT NOT NULL);
CREATE INDEX issue_open ON issue(at_us) WHERE state < 6;
CREATE INDEX issue_credential ON issue(credential);
CREATE TABLE unit(serial {blob} PRIMARY KEY, issue {blob} NOT NULL, place SMALLINT NOT NULL, value BIGINT NOT NULL,
    state SMALLINT NOT NULL, data {blob} NOT NULL);
CREATE INDEX unit_issue ON unit(issue);
CREATE TABLE redemption(iss TEXT NOT NULL, cti {blob} NOT NULL, hash {blob} NOT NULL, data {blob} NOT NULL,
    parcel {blob} NOT NULL, state SMALLINT NOT NULL, receipt {blob}, PRIMARY KEY(iss, cti));
CREATE TABLE unit_freeze(hash {blob} PRIMARY KEY, serial {blob} NOT NULL, action SMALLINT NOT NULL,
    data {blob} NOT NULL);
"""

APPEND_ONLY = {
    "central_management": (
        "log",
        "entry",
        "approval",
        "applied",
        "returned",
        "policy",
        "manifest",
        "reserve",
    ),
    "quota_control": ("log", "entry", "redeemed", "redemption", "counted", "policy", "manifest", "reserve"),
    "issuance_system": ("log", "unit_freeze", "policy", "manifest"),
}
TABLES = {
    "central_management": JOURNAL + RULES + BUCKETS + CENTRAL_MANAGEMENT,
    "quota_control": JOURNAL + RULES + BUCKETS + QUOTA_CONTROL,
    "issuance_system": JOURNAL + RULES + ISSUANCE_SYSTEM,
}


_START = "00" * 32
HEAD = {
    "sqlite": "INSERT INTO head(id, seq, hash, frontier, at_us, high_us, rules)"
    f" VALUES (1, 0, X'{_START}', X'', 0, 0, 0)",
    "postgresql": "INSERT INTO head(id, seq, hash, frontier, at_us, high_us, rules)"
    f" VALUES (1, 0, decode('{_START}', 'hex'), decode('', 'hex'), 0, 0, 0)",
}


def statements(system: str, dialect: str) -> list[str]:
    """The statements that make one system's tables."""
    words = (
        {
            "blob": "BYTEA",
            "serial": "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
            "fill": "WITH (fillfactor = 50)",
        }
        if dialect == "postgresql"
        else {"blob": "BLOB", "serial": "INTEGER PRIMARY KEY", "fill": ""}
    )
    words["rowless"] = "" if dialect == "postgresql" else "WITHOUT ROWID"
    text = TABLES[system].format(**words)
    return [statement.strip() for statement in text.split(";") if statement.strip()]
