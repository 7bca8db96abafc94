"""The tables as the first revision makes them. Frozen: later changes are later revisions."""

TABLES = """
CREATE TABLE head(id INTEGER PRIMARY KEY CHECK(id = 1), seq BIGINT NOT NULL, hash {blob} NOT NULL,
    frontier {blob} NOT NULL, deed BIGINT NOT NULL, deed_hash {blob} NOT NULL, at_us BIGINT NOT NULL,
    high_us BIGINT NOT NULL);
CREATE TABLE posting(seq BIGINT PRIMARY KEY, kind TEXT NOT NULL, ref {blob} NOT NULL, at_s BIGINT NOT NULL,
    body {blob} NOT NULL, leaf {blob} NOT NULL, hash {blob} NOT NULL UNIQUE, marked SMALLINT NOT NULL,
    UNIQUE(kind, ref));
CREATE TABLE leg(account TEXT NOT NULL, seq BIGINT NOT NULL, side SMALLINT NOT NULL, amount BIGINT NOT NULL,
    after BIGINT NOT NULL, PRIMARY KEY(account, seq, side)) {rowless};
CREATE TABLE account(id TEXT PRIMARY KEY, currency TEXT NOT NULL, type TEXT NOT NULL, owner TEXT NOT NULL,
    state SMALLINT NOT NULL, tier SMALLINT NOT NULL, tier_until BIGINT NOT NULL, blocked SMALLINT NOT NULL,
    wallet_key {blob} NOT NULL, opened_s BIGINT NOT NULL, closed_s BIGINT NOT NULL,
    balance BIGINT NOT NULL CHECK(balance >= 0), held BIGINT NOT NULL CHECK(held >= 0), CHECK(held <= balance)) {fill};
CREATE INDEX account_owner ON account(owner);
CREATE TABLE deed(seq BIGINT PRIMARY KEY, account TEXT NOT NULL, body {blob} NOT NULL, hash {blob} NOT NULL UNIQUE);
CREATE TABLE hold(ref {blob} PRIMARY KEY, account TEXT NOT NULL, amount BIGINT NOT NULL, until_s BIGINT NOT NULL,
    made_s BIGINT NOT NULL, ended_s BIGINT NOT NULL, state SMALLINT NOT NULL, captured BIGINT NOT NULL);
CREATE INDEX hold_open ON hold(account, until_s) WHERE state = 0;
CREATE TABLE used(account TEXT NOT NULL, what TEXT NOT NULL, period BIGINT NOT NULL, amount BIGINT NOT NULL,
    PRIMARY KEY(account, what, period)) {rowless};
CREATE TABLE policy(version BIGINT PRIMARY KEY, data {blob} NOT NULL, from_us BIGINT NOT NULL);
CREATE TABLE proposal(hash {blob} PRIMARY KEY, data {blob} NOT NULL, person TEXT NOT NULL, at_s BIGINT NOT NULL);
CREATE TABLE root(unit_root {blob} PRIMARY KEY, cti {blob} NOT NULL UNIQUE, status SMALLINT NOT NULL,
    posting {blob} NOT NULL, account TEXT NOT NULL, currency TEXT NOT NULL, amount BIGINT NOT NULL,
    at_s BIGINT NOT NULL, word {blob} NOT NULL);
CREATE TABLE receipt(unit_root {blob} PRIMARY KEY, data {blob} NOT NULL);
CREATE TABLE outgoing(id {blob} PRIMARY KEY, account TEXT NOT NULL, currency TEXT NOT NULL, amount BIGINT NOT NULL,
    fee BIGINT NOT NULL, address {blob} NOT NULL, state SMALLINT NOT NULL, at_s BIGINT NOT NULL, detail TEXT NOT NULL);
CREATE INDEX outgoing_open ON outgoing(at_s) WHERE state = 0;
CREATE TABLE burn(withdraw_ref {blob} PRIMARY KEY, token {blob} NOT NULL, account TEXT NOT NULL,
    currency TEXT NOT NULL, amount BIGINT NOT NULL, state SMALLINT NOT NULL, at_s BIGINT NOT NULL,
    frame {blob} NOT NULL, detail TEXT NOT NULL);
CREATE INDEX burn_open ON burn(at_s) WHERE state < 3;
CREATE TABLE redeeming(cti {blob} PRIMARY KEY, account TEXT NOT NULL, currency TEXT NOT NULL, amount BIGINT NOT NULL,
    issuer TEXT NOT NULL, beneficiary TEXT NOT NULL, posting BIGINT NOT NULL, state SMALLINT NOT NULL,
    at_s BIGINT NOT NULL, request {blob} NOT NULL, receipt {blob} NOT NULL, detail TEXT NOT NULL);
CREATE INDEX redeeming_open ON redeeming(at_s) WHERE state = 0;
CREATE TABLE subaddress(currency TEXT NOT NULL, name TEXT NOT NULL, account TEXT NOT NULL, address {blob} NOT NULL,
    PRIMARY KEY(currency, name));
CREATE INDEX subaddress_account ON subaddress(account);
CREATE TABLE event(subject {blob} NOT NULL, seq BIGINT NOT NULL, body {blob} NOT NULL, id {blob} NOT NULL UNIQUE,
    fact {blob} NOT NULL UNIQUE, evidence {blob} NOT NULL, signature {blob}, PRIMARY KEY(subject, seq));
CREATE TABLE checkpoint(size BIGINT PRIMARY KEY, note {blob} NOT NULL, root {blob} NOT NULL, at_us BIGINT NOT NULL);
CREATE TABLE anchored(size BIGINT PRIMARY KEY, at_us BIGINT NOT NULL);
CREATE TABLE note(name TEXT PRIMARY KEY, value {blob} NOT NULL);
"""

# SPEC BANK-2.2
APPEND_ONLY = ("posting", "leg", "deed", "policy", "root", "receipt", "checkpoint", "anchored", "subaddress")

_START = "00" * 32
HEAD = {
    "sqlite": f"INSERT INTO head VALUES (1, 0, X'{_START}', X'', 0, X'{_START}', 0, 0)",
    "postgresql": f"INSERT INTO head VALUES (1, 0, decode('{_START}', 'hex'), decode('', 'hex'), 0,"
    f" decode('{_START}', 'hex'), 0, 0)",
}


def statements(dialect: str) -> list[str]:
    """The statements that make the tables."""
    postgres = {"blob": "BYTEA", "fill": "WITH (fillfactor = 50)", "rowless": ""}
    words = postgres if dialect == "postgresql" else {"blob": "BLOB", "fill": "", "rowless": "WITHOUT ROWID"}
    return [statement.strip() for statement in TABLES.format(**words).split(";") if statement.strip()]
