"""The tables as the first revision makes them. Frozen: later changes are later revisions."""

TABLES = """
CREATE TABLE holder(id INTEGER PRIMARY KEY CHECK(id = 1), chain BLOB NOT NULL, genesis BLOB NOT NULL,
    tier TEXT NOT NULL, spend_sealed BLOB, view_sealed BLOB NOT NULL, birthday INTEGER NOT NULL,
    locked INTEGER NOT NULL DEFAULT 0, created_us INTEGER NOT NULL);
CREATE TABLE account(account INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE address(account INTEGER NOT NULL, place INTEGER NOT NULL, name TEXT NOT NULL, at_us INTEGER NOT NULL,
    PRIMARY KEY(account, place)) WITHOUT ROWID;
CREATE TABLE contact(name TEXT PRIMARY KEY, address BLOB NOT NULL);
CREATE TABLE progress(id INTEGER PRIMARY KEY CHECK(id = 1), height INTEGER NOT NULL, header BLOB NOT NULL,
    finality BLOB NOT NULL, min_age INTEGER NOT NULL DEFAULT 1);
CREATE TABLE extent(height INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, first INTEGER NOT NULL,
    hidden INTEGER NOT NULL, public INTEGER NOT NULL);
CREATE TABLE output(number INTEGER PRIMARY KEY, height INTEGER NOT NULL, time_ms INTEGER NOT NULL,
    kind INTEGER NOT NULL, ctx BLOB NOT NULL, data BLOB NOT NULL, one_time BLOB NOT NULL, mask BLOB NOT NULL,
    status TEXT NOT NULL, account INTEGER NOT NULL, place INTEGER NOT NULL, value INTEGER NOT NULL CHECK(value >= 0),
    image BLOB NOT NULL, memo BLOB NOT NULL, own INTEGER NOT NULL, spent_height INTEGER, spent_ms INTEGER,
    held BLOB);
CREATE INDEX output_one_time ON output(one_time);
CREATE INDEX output_image ON output(image);
CREATE INDEX output_held ON output(held) WHERE held IS NOT NULL;
CREATE TABLE expense(number INTEGER PRIMARY KEY, height INTEGER NOT NULL, time_ms INTEGER NOT NULL,
    kind INTEGER NOT NULL, account INTEGER NOT NULL, amount INTEGER NOT NULL, fee INTEGER NOT NULL,
    recipient BLOB NOT NULL, spent BLOB NOT NULL, ref BLOB);
CREATE TABLE tag(number INTEGER NOT NULL, tag TEXT NOT NULL, PRIMARY KEY(number, tag)) WITHOUT ROWID;
CREATE TABLE ring(number INTEGER PRIMARY KEY, class INTEGER NOT NULL, law INTEGER NOT NULL, members BLOB NOT NULL,
    entries BLOB NOT NULL);
CREATE TABLE payment(id BLOB PRIMARY KEY, key TEXT UNIQUE, asked BLOB NOT NULL, kind INTEGER NOT NULL,
    account INTEGER NOT NULL, amount INTEGER NOT NULL, fee INTEGER NOT NULL, state TEXT NOT NULL, envelope BLOB,
    envelope_id BLOB NOT NULL UNIQUE, tx_id BLOB NOT NULL, tx_public BLOB NOT NULL, leaf BLOB NOT NULL,
    images BLOB NOT NULL, expiry_height INTEGER NOT NULL, anchor INTEGER NOT NULL, at_us INTEGER NOT NULL,
    height INTEGER, position INTEGER, code TEXT, rule TEXT, note TEXT NOT NULL, ref BLOB);
CREATE INDEX payment_open ON payment(state) WHERE state NOT IN ('final', 'refused', 'expired');
CREATE TABLE payee(payment BLOB NOT NULL, place INTEGER NOT NULL, address BLOB NOT NULL, value INTEGER NOT NULL,
    anchor BLOB NOT NULL, data BLOB NOT NULL, own INTEGER NOT NULL, PRIMARY KEY(payment, place)) WITHOUT ROWID;
CREATE TABLE departure(ref BLOB PRIMARY KEY, kind INTEGER NOT NULL, number INTEGER NOT NULL,
    account INTEGER NOT NULL, value INTEGER NOT NULL, height INTEGER NOT NULL, rest INTEGER NOT NULL,
    state TEXT NOT NULL);
CREATE TABLE token(ref BLOB PRIMARY KEY, bank TEXT NOT NULL, name TEXT NOT NULL, salt BLOB NOT NULL,
    token BLOB NOT NULL)
"""


def statements() -> list[str]:
    """The statements that make the tables."""
    return [statement.strip() for statement in TABLES.split(";") if statement.strip()]
